//! Defocus blur: of a lens out of focus, which makes a disk of each point.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::border::Border;
use crate::perturb::image::filter::quadrant::Quadrant;
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::Stream;

/// The entry of [`DefocusBlur`] in the catalogue.
pub static DEFOCUS_BLUR: PerturbationKind = PerturbationKind {
    name: "defocus_blur",
    version: 1,
    about: "Replaces each value by the mean of those in a disk about it.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: false,
    parameters: &[
        Parameter {
            name: "radius",
            about: "The radius of the disk, in pixels; below 1 it is the pixel alone.",
            minimum: 0.0,
            maximum: 100.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "alias_blur",
            about: "The standard deviation of the Gaussian that softens the disk's edge, in pixels.",
            minimum: 0.0,
            maximum: 10.0,
            integer: false,
            default: None,
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[3.0, 0.1],
                &[4.0, 0.5],
                &[6.0, 0.5],
                &[8.0, 0.5],
                &[10.0, 0.5],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[0.3, 0.4],
                &[0.4, 0.5],
                &[0.5, 0.6],
                &[1.0, 0.2],
                &[1.5, 0.1],
            ],
        },
    ],
};

/// The mean over a disk with a softened edge; the image is mirrored about its outermost
/// pixels.
///
/// The disk lies on a grid that reaches 8 pixels to each side, or ⌊`radius`⌋ where it
/// is larger, and is all of the grid's points with x² + y² ≤ `radius`², of one weight
/// and 1 in all. It is then blurred by 3 × 3 (from a `radius` above 8: 5 × 5) points
/// of a Gaussian. That blur mirrors the grid about its outermost points, as the
/// reference's does: where the disk comes up to them, the weights sum to a little more
/// than 1, and the image becomes brighter (by 1.3 % for the radius 8, 1.1 % for 10).
pub struct DefocusBlur;

impl Perturbation for DefocusBlur {
    fn kind(&self) -> &'static PerturbationKind {
        &DEFOCUS_BLUR
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&DEFOCUS_BLUR, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let (radius, alias_blur) = (parameters.get("radius"), parameters.get("alias_blur"));
        let filter = Quadrant::new(&softened_disk(radius, alias_blur));
        with_planes(example, |mut planes| {
            filter.filter(&mut planes, Border::Mirror)
        });
    }
}

/// The weights `[y][x]` of the softened disk at x and y from zero on; they are the same
/// at -x and at -y.
fn softened_disk(radius: f64, alias_blur: f64) -> Vec<Vec<f64>> {
    let (grid, blur) = if radius <= 8.0 {
        (8, 1)
    } else {
        (radius as usize, 2)
    };
    // Where the grid goes on, it is empty, and remains so.
    let last = grid.min(radius as usize + 2 * blur);
    let bell = softening(alias_blur, blur);
    let softened = |row: &[f64], place: usize| -> f64 {
        let reach = -(blur as isize)..=blur as isize;
        let index = |i: isize| Border::Mirror.index(place as isize + i, last + 1);
        reach.map(|i| bell[i.unsigned_abs()] * row[index(i)]).sum()
    };
    // Along the rows, and by columns: twice, so that rows are rows again.
    let turned = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let column = |x| rows.iter().map(|row| softened(row, x)).collect();
        (0..=last).map(column).collect()
    };
    turned(&turned(&disk(radius, last)))
}

/// The disk before it is softened, up to `last` along both axes: its points have one
/// weight, and their weights sum to 1.
fn disk(radius: f64, last: usize) -> Vec<Vec<f64>> {
    let is_member = |x: usize, y: usize| (x * x + y * y) as f64 <= radius * radius;
    // Points off an axis stand for their mirror images too.
    let copies = |x: usize| if x == 0 { 1 } else { 2 };
    let row = |y: usize| (0..=last).filter(move |&x| is_member(x, y));
    let members: usize = (0..=last)
        .map(|y| copies(y) * row(y).map(copies).sum::<usize>())
        .sum();
    let weight = |x, y| {
        if is_member(x, y) {
            1.0 / members as f64
        } else {
            0.0
        }
    };
    (0..=last)
        .map(|y| (0..=last).map(|x| weight(x, y)).collect())
        .collect()
}

/// The Gaussian of `sigma` at the distances 0, …, `reach`, whose 2 `reach` + 1 points
/// sum to 1.
fn softening(sigma: f64, reach: usize) -> Vec<f64> {
    let bell = |i: usize| match i {
        0 => 1.0,
        _ => libm::exp(-((i * i) as f64) / (2.0 * sigma * sigma)),
    };
    let total = 1.0 + 2.0 * (1..=reach).map(bell).sum::<f64>();
    (0..=reach).map(|i| bell(i) / total).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{assert_rows, parameters, perturbed, ramp};

    fn with(radius: f64, alias_blur: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        let amount = parameters(&[("radius", radius), ("alias_blur", alias_blur)]);
        perturbed(&DefocusBlur, image, &amount, "0")
    }

    /// The kernel of the reference on its whole grid, step by step.
    fn kernel(radius: f64, alias_blur: f64) -> Vec<Vec<f64>> {
        let (grid, reach) = if radius <= 8.0 {
            (8_i32, 1_i32)
        } else {
            (radius as i32, 2)
        };
        let side = 2 * grid as usize + 1;
        let disk: Vec<Vec<f64>> = (-grid..=grid)
            .map(|y| {
                let row = (-grid..=grid).map(|x| f64::from(x * x + y * y) <= radius * radius);
                row.map(|member| f64::from(u8::from(member))).collect()
            })
            .collect();
        let members: f64 = disk.iter().flatten().sum();
        let mirrored = |place: i32| {
            let place = if place < 0 { -place } else { place };
            let last = side as i32 - 1;
            (if place > last {
                2 * last - place
            } else {
                place
            }) as usize
        };
        let bell = |i: i32| (-f64::from(i * i) / (2.0 * alias_blur * alias_blur)).exp();
        let total: f64 = (-reach..=reach).map(bell).sum();
        let at = |y: i32, x: i32| {
            let mut sum = 0.0;
            for i in -reach..=reach {
                for j in -reach..=reach {
                    sum += bell(i) * bell(j) * disk[mirrored(y + i)][mirrored(x + j)];
                }
            }
            sum / (total * total * members)
        };
        let side = side as i32;
        (0..side)
            .map(|y| (0..side).map(|x| at(y, x)).collect())
            .collect()
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        assert_rows(
            &DEFOCUS_BLUR,
            Scale::ImagenetC,
            [
                &[3.0, 0.1],
                &[4.0, 0.5],
                &[6.0, 0.5],
                &[8.0, 0.5],
                &[10.0, 0.5],
            ],
        );
        assert_rows(
            &DEFOCUS_BLUR,
            Scale::Cifar10C,
            [
                &[0.3, 0.4],
                &[0.4, 0.5],
                &[0.5, 0.6],
                &[1.0, 0.2],
                &[1.5, 0.1],
            ],
        );
    }

    /// Gauss's circle problem: how many whole points a disk has.
    #[test]
    fn a_disk_has_as_many_members_as_whole_points() {
        for (radius, members) in [
            (0.5, 1),
            (1.0, 5),
            (1.5, 9),
            (3.0, 29),
            (4.0, 49),
            (6.0, 113),
            (8.0, 197),
            (10.0, 317),
        ] {
            let mut impulse = ArrayD::zeros(vec![25, 25]);
            impulse[[12, 12]] = 1.0;
            let blurred = with(radius, 0.0, &impulse);
            let found: Vec<f32> = blurred
                .iter()
                .copied()
                .filter(|&value| value > 1e-6)
                .collect();
            assert_eq!(found.len(), members, "{radius}");
            for weight in found {
                assert!(
                    (weight * members as f32 - 1.0).abs() < 1e-5,
                    "{radius}: {weight}"
                );
            }
        }
    }

    #[test]
    fn an_impulse_becomes_the_kernel() {
        for (radius, alias_blur) in [
            (0.3, 0.4),
            (1.0, 0.2),
            (3.0, 0.1),
            (4.0, 0.5),
            (8.0, 0.5),
            (10.0, 0.5),
        ] {
            let mut impulse = ArrayD::zeros(vec![25, 25]);
            impulse[[12, 12]] = 1.0;
            let blurred = with(radius, alias_blur, &impulse);
            let kernel = kernel(radius, alias_blur);
            let margin = 12 - kernel.len() / 2;
            for (y, row) in kernel.iter().enumerate() {
                for (x, weight) in row.iter().enumerate() {
                    let found = f64::from(blurred[[margin + y, margin + x]]);
                    assert!((found - weight).abs() < 1e-7, "{radius} {y} {x}");
                }
            }
        }
    }

    /// Where the disk does not come up to its grid, a constant image stays.
    #[test]
    fn what_is_even_stays_even_or_grows_brighter_by_what_the_kernel_sums_to() {
        let even = ArrayD::from_elem(vec![30, 20], 0.5_f32);
        for (radius, sum) in [(3.0, 1.0), (6.0, 1.0), (8.0, 1.012_975), (10.0, 1.010_786)] {
            for value in &with(radius, 0.5, &even) {
                assert!(
                    (f64::from(*value) - 0.5 * sum).abs() < 1e-6,
                    "{radius}: {value}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_the_correlation_with_the_kernel(
            (height, width) in (1_usize..12, 1_usize..80),
            radius in 0.0..12.0,
            alias_blur in 0.05..1.0,
        ) {
            let image = ramp(&[height, width]);
            let blurred = with(radius, alias_blur, &image);
            let kernel = kernel(radius, alias_blur);
            let half = kernel.len() as isize / 2;
            let mirrored = |mut place: isize, length: usize| {
                let last = length as isize - 1;
                while last > 0 && !(0..=last).contains(&place) {
                    place = if place < 0 { -place } else { 2 * last - place };
                }
                if last == 0 { 0 } else { place as usize }
            };
            for y in 0..height {
                for x in [0, width / 2, width - 1] {
                    let mut sum = 0.0;
                    for (down, row) in (-half..).zip(&kernel) {
                        for (right, weight) in (-half..).zip(row) {
                            let y = mirrored(y as isize + down, height);
                            let x = mirrored(x as isize + right, width);
                            sum += weight * f64::from(image[[y, x]]);
                        }
                    }
                    prop_assert!((f64::from(blurred[[y, x]]) - sum).abs() < 1e-5);
                }
            }
        }
    }
}
