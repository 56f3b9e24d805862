//! Frost as it grows on glass, drawn: five textures, each of which is the same on
//! every machine and is drawn once a process.
//!
//! A texture is a torus, so that it can be cropped anywhere and tiled. On a plasma
//! (uneven ice, and what is behind it) lie ice crystals, the large ones first:
//! needles that taper to a point, with one flank lit and the other in shade, alone or
//! as the stem of a fern whose barbs stand off at 60 degrees, as the lattice of ice
//! has it. The grey picture is then given the means and deviations of a frosted pane
//! in red, green and blue.

use std::sync::OnceLock;

use super::plasma::Plasma;
use crate::seed::{Stream, uniform};

/// How many textures there are.
pub const TEXTURES: usize = 5;

/// Pixels of a side.
pub const SIDE: usize = 512;

/// Levels 0 to 255 of red, green, blue and of their luma (ITU-R BT.601), each
/// `SIDE` rows of `SIDE`.
pub struct Texture(pub [Vec<u8>; 4]);

/// The texture `index` (modulo their number), drawn when it is first asked for.
pub fn texture(index: usize) -> &'static Texture {
    static DRAWN: [OnceLock<Texture>; TEXTURES] = [const { OnceLock::new() }; TEXTURES];
    let index = index % TEXTURES;
    DRAWN[index].get_or_init(|| draw(index))
}

/// What a texture is made of.
struct Recipe {
    /// Means of red, green and blue, as levels.
    mean: [f32; 3],
    /// Their standard deviations.
    deviation: [f32; 3],
    /// The plasma's contrast where a crystal's is 1, and its decay.
    ice: (f32, f32),
    /// How many crystals.
    crystals: usize,
    /// Lengths in pixels, from the first crystal to the last.
    length: (f32, f32),
    /// Half the width at the root, as a part of the length.
    breadth: f32,
    /// The darkest and the brightest crystal; the plasma is about 0.
    light: (f32, f32),
    /// The part of the crystals that are ferns.
    ferns: f32,
    /// How much of what is below a crystal hides.
    opacity: f32,
}

const RECIPES: [Recipe; TEXTURES] = [
    // A film of ice, wrinkled, against a blue sky.
    Recipe {
        mean: [78.0, 149.0, 166.0],
        deviation: [27.0, 16.0, 15.0],
        ice: (2.0, 1.35),
        crystals: 6_000,
        length: (60.0, 8.0),
        breadth: 0.03,
        light: (-1.0, 1.0),
        ferns: 0.0,
        opacity: 0.4,
    },
    // Broad white needles.
    Recipe {
        mean: [201.0, 205.0, 214.0],
        deviation: [21.0, 22.0, 23.0],
        ice: (2.2, 1.4),
        crystals: 1_800,
        length: (110.0, 15.0),
        breadth: 0.04,
        light: (-1.0, 1.0),
        ferns: 0.0,
        opacity: 0.5,
    },
    // The same, with ferns among them.
    Recipe {
        mean: [201.0, 205.0, 214.0],
        deviation: [21.0, 22.0, 23.0],
        ice: (2.6, 1.4),
        crystals: 1_500,
        length: (110.0, 15.0),
        breadth: 0.04,
        light: (-0.8, 1.0),
        ferns: 0.2,
        opacity: 0.5,
    },
    // Small crystals, close to each other.
    Recipe {
        mean: [138.0, 153.0, 165.0],
        deviation: [28.0, 28.0, 30.0],
        ice: (2.0, 1.4),
        crystals: 10_000,
        length: (30.0, 4.0),
        breadth: 0.08,
        light: (-1.0, 1.0),
        ferns: 0.0,
        opacity: 0.6,
    },
    // Ferns on dark glass.
    Recipe {
        mean: [112.0, 123.0, 135.0],
        deviation: [44.0, 43.0, 42.0],
        ice: (2.5, 1.4),
        crystals: 900,
        length: (110.0, 20.0),
        breadth: 0.02,
        light: (-0.3, 1.0),
        ferns: 1.0,
        opacity: 0.5,
    },
];

fn draw(index: usize) -> Texture {
    let recipe = &RECIPES[index];
    let mut stream = Stream::new(0, "frost_texture@1", 0, &index.to_string());
    let (contrast, decay) = recipe.ice;
    let ice = Plasma::new(SIDE, decay, &mut stream);
    let mut canvas = Canvas {
        levels: (0..SIDE)
            .flat_map(|row| ice.row(row).iter().map(|height| contrast * (height - 0.5)))
            .collect(),
    };
    let mut words = [0; 6];
    for crystal in 0..recipe.crystals {
        stream.fill(&mut words);
        let [x, y, angle, light, size, form] = words.map(|word| uniform(word) as f32);
        let age = crystal as f32 / recipe.crystals as f32;
        let (first, last) = recipe.length;
        let length = first * libm::powf(last / first, age) * (0.6 + 0.8 * size);
        let stem = Needle {
            from: [x * SIDE as f32, y * SIDE as f32],
            angle: angle * std::f32::consts::TAU,
            length,
            breadth: length * recipe.breadth,
            light: recipe.light.0 + light * (recipe.light.1 - recipe.light.0),
            opacity: recipe.opacity,
        };
        if form < recipe.ferns {
            fern(&mut canvas, &stem, &mut stream);
        } else {
            canvas.draw(&stem);
        }
    }
    colour(&canvas.levels, recipe)
}

/// A stem, and barbs on both its sides, shorter towards its point.
fn fern(canvas: &mut Canvas, stem: &Needle, stream: &mut Stream) {
    const LATTICE: f32 = std::f32::consts::FRAC_PI_3;
    const SPACING: f32 = 5.0;
    let barbs = (stem.length / SPACING) as usize;
    for barb in 1..barbs {
        let along = barb as f32 * SPACING;
        for turn in [-LATTICE, LATTICE] {
            let mut word = [0];
            stream.fill(&mut word);
            let vigour = uniform(word[0]) as f32;
            let length = vigour * 0.6 * (stem.length - along).min(0.5 * stem.length);
            canvas.draw(&Needle {
                from: stem.at(along),
                angle: stem.angle + turn,
                length,
                breadth: (0.05 * length).max(0.6),
                light: stem.light + 0.4 * (vigour - 0.5),
                ..*stem
            });
        }
    }
    canvas.draw(&Needle {
        light: stem.light + 0.5,
        ..*stem
    });
}

/// A crystal that tapers from its root to a point.
struct Needle {
    /// The root, in pixels.
    from: [f32; 2],
    /// Where it points to, in radians.
    angle: f32,
    /// In pixels.
    length: f32,
    /// Half the width at the root, in pixels.
    breadth: f32,
    /// How bright it is.
    light: f32,
    /// How much of what is below it is hidden.
    opacity: f32,
}

impl Needle {
    /// The point `distance` pixels from the root.
    fn at(&self, distance: f32) -> [f32; 2] {
        [
            self.from[0] + distance * libm::cosf(self.angle),
            self.from[1] + distance * libm::sinf(self.angle),
        ]
    }
}

/// A grey picture on a torus.
struct Canvas {
    levels: Vec<f32>,
}

impl Canvas {
    /// Draws a needle: one flank is brighter by a half, the other darker.
    fn draw(&mut self, needle: &Needle) {
        const FLANK: f32 = 0.5;
        let (cosine, sine) = (libm::cosf(needle.angle), libm::sinf(needle.angle));
        // Steps of one pixel along the nearer axis, and strips across it along the other.
        let steep = sine.abs() > cosine.abs();
        let (major, minor) = if steep {
            (sine, cosine)
        } else {
            (cosine, sine)
        };
        let [x, y] = needle.from;
        let (start, side) = if steep { (y, x) } else { (x, y) };
        let steps = (needle.length * major.abs()) as i32;
        for step in 0..=steps {
            let distance = step as f32 / major.abs();
            let half = needle.breadth * (1.0 - distance / needle.length) + 0.25;
            let centre = side + distance * minor;
            let along = start as i32 + if major < 0.0 { -step } else { step };
            let reach = half / major.abs() + 1.0;
            for across in (centre - reach) as i32..=(centre + reach) as i32 {
                let off = (across as f32 - centre) * major.abs();
                let cover =
                    (half + 0.5 - off.abs()).clamp(0.0, 1.0).min(2.0 * half) * needle.opacity;
                let level = needle.light + FLANK * (off / half).clamp(-1.0, 1.0);
                let (x, y) = if steep {
                    (across, along)
                } else {
                    (along, across)
                };
                let wrap = |place: i32| place.rem_euclid(SIDE as i32) as usize;
                let pixel = &mut self.levels[wrap(y) * SIDE + wrap(x)];
                *pixel += cover * (level - *pixel);
            }
        }
    }
}

/// Gives grey levels the recipe's means and deviations.
fn colour(levels: &[f32], recipe: &Recipe) -> Texture {
    let count = levels.len() as f64;
    let mean = levels.iter().map(|&level| f64::from(level)).sum::<f64>() / count;
    let square = |&level: &f32| (f64::from(level) - mean) * (f64::from(level) - mean);
    let deviation = (levels.iter().map(square).sum::<f64>() / count).sqrt();
    let standard: Vec<f32> = levels
        .iter()
        .map(|&level| ((f64::from(level) - mean) / deviation) as f32)
        .collect();
    let plane = |mean: f32, spread: f32| {
        let level = |&level: &f32| (mean + spread * level).round() as u8;
        standard.iter().map(level).collect::<Vec<u8>>()
    };
    let [red, green, blue] = [0, 1, 2].map(|c| plane(recipe.mean[c], recipe.deviation[c]));
    let luma = red.iter().zip(&green).zip(&blue).map(|((&r, &g), &b)| {
        ((299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b) + 500) / 1000) as u8
    });
    let luma = luma.collect();
    Texture([red, green, blue, luma])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(plane: &[u8]) -> Vec<f64> {
        plane.iter().map(|&level| f64::from(level)).collect()
    }

    fn mean(values: impl Iterator<Item = f64>) -> f64 {
        values.sum::<f64>() / (SIDE * SIDE) as f64
    }

    /// Means and deviations of red, green and blue in the five photographs of
    /// imagecorruptions 1.1.2, from `numpy.mean` and `numpy.std`.
    #[test]
    fn brightness_and_contrast_are_those_of_photographs() {
        let photographs = [
            ([78.0, 149.0, 166.0], [27.0, 16.0, 15.0]),
            ([201.0, 205.0, 214.0], [21.0, 22.0, 23.0]),
            ([201.0, 205.0, 214.0], [21.0, 22.0, 23.0]),
            ([138.0, 153.0, 165.0], [28.0, 28.0, 30.0]),
            ([112.0, 123.0, 135.0], [44.0, 43.0, 42.0]),
        ];
        for (index, (means, deviations)) in photographs.into_iter().enumerate() {
            for (channel, (expected, deviation)) in means.into_iter().zip(deviations).enumerate() {
                let levels = levels(&texture(index).0[channel]);
                let found = mean(levels.iter().copied());
                assert!((found - expected).abs() < 1.5, "{index} {channel}: {found}");
                let found = mean(levels.iter().map(|level| (level - found).powi(2))).sqrt();
                assert!(
                    (found - deviation).abs() < 1.5,
                    "{index} {channel}: {found}"
                );
            }
        }
    }

    /// The mean square of the difference of pixels that are 1, 4 and 16 apart, in
    /// variances: in the photographs (green, along rows and columns) it is 0.27 to 0.44,
    /// 0.6 to 1.0, and 0.77 to 1.17.
    #[test]
    fn structure_has_the_sizes_that_it_has_in_photographs() {
        for index in 0..TEXTURES {
            let levels = levels(&texture(index).0[1]);
            let centre = mean(levels.iter().copied());
            let variance = mean(levels.iter().map(|level| (level - centre).powi(2)));
            let apart = |distance: usize| {
                let pairs = (0..SIDE * SIDE).map(|place| {
                    let (y, x) = (place / SIDE, place % SIDE);
                    let right = levels[y * SIDE + (x + distance) % SIDE];
                    let below = levels[(y + distance) % SIDE * SIDE + x];
                    let difference = |other: f64| (levels[place] - other).powi(2);
                    0.5 * (difference(right) + difference(below))
                });
                mean(pairs) / variance
            };
            let [near, middle, far] = [1, 4, 16].map(apart);
            assert!((0.2..0.6).contains(&near), "{index}: {near}");
            assert!((0.45..1.3).contains(&middle), "{index}: {middle}");
            assert!((0.6..1.5).contains(&far), "{index}: {far}");
        }
    }

    /// No seam shows: over it, pixels differ as they do elsewhere.
    #[test]
    fn a_texture_can_be_tiled() {
        for index in 0..TEXTURES {
            let levels = levels(&texture(index).0[1]);
            let across = |from: usize, to: usize| -> f64 {
                let rows =
                    (0..SIDE).map(|y| (levels[y * SIDE + from] - levels[y * SIDE + to]).abs());
                let columns =
                    (0..SIDE).map(|x| (levels[from * SIDE + x] - levels[to * SIDE + x]).abs());
                rows.chain(columns).sum()
            };
            let elsewhere = (0..SIDE - 1)
                .map(|line| across(line, line + 1))
                .fold(0.0, f64::max);
            assert!(across(SIDE - 1, 0) <= elsewhere, "{index}");
        }
    }

    #[test]
    fn the_luma_is_that_of_the_colours() {
        let Texture([red, green, blue, luma]) = texture(0);
        for (((red, green), blue), luma) in red.iter().zip(green).zip(blue).zip(luma) {
            let expected =
                0.299 * f64::from(*red) + 0.587 * f64::from(*green) + 0.114 * f64::from(*blue);
            assert!((f64::from(*luma) - expected).abs() <= 0.5);
        }
    }
}
