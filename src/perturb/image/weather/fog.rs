//! Fog: light scattered on its way, in drifts.

use ndarray::ArrayViewMutD;

use super::extremes::range;
use super::plasma::Plasma;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{Planes, any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Fog`] in the catalogue.
pub static FOG: PerturbationKind = PerturbationKind {
    name: "fog",
    version: 1,
    about: "Adds a plasma fractal to the image, and rescales the sum to the image's own brightness.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; plasma: Fournier, Fussell & Carpenter (1982)",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "amount",
            about: "The thickest fog, on the unit scale of the data.",
            minimum: 0.0,
            maximum: 10.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "wibble_decay",
            about: "What the fog's unevenness is divided by at each halving of the step; less is rougher.",
            minimum: 1.0,
            maximum: 10.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "map",
            about: "Side of the fog's map in pixels, raised to a power of two that holds the image. The whole map is made for every image: its cost grows with the square of the side.",
            minimum: 1.0,
            maximum: 4096.0,
            integer: true,
            default: Some(256.0),
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[1.5, 2.0, 256.0],
                &[2.0, 2.0, 256.0],
                &[2.5, 1.7, 256.0],
                &[2.5, 1.5, 256.0],
                &[3.0, 1.4, 256.0],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[0.2, 3.0, 32.0],
                &[0.5, 3.0, 32.0],
                &[0.75, 2.5, 32.0],
                &[1.0, 2.0, 32.0],
                &[1.5, 1.75, 32.0],
            ],
        },
    ],
};

/// (x + c p) m / (m + c) with c = `amount`, p the plasma at the pixel, the same in
/// all channels, and m the largest value of the image.
///
/// The plasma's map is a torus, which an image of more than 4,096 pixels a side goes
/// through again; the reference makes ever larger maps. How many words are drawn
/// depends on the size of the map alone.
pub struct Fog;

/// The largest map.
const LARGEST: usize = 4_096;

impl Perturbation for Fog {
    fn kind(&self) -> &'static PerturbationKind {
        &FOG
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&FOG, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let amount = parameters.get("amount") as f32;
        let decay = parameters.get("wibble_decay") as f32;
        let map = parameters.get("map") as usize;
        with_planes(example, |mut planes| {
            if planes.values.is_empty() {
                return;
            }
            let size = map.max(planes.height).max(planes.width).min(LARGEST);
            let size = size.next_power_of_two();
            let plasma = Plasma::new(size, decay, stream);
            wide(
                #[inline(always)]
                || cover(&mut planes, &plasma, amount),
            );
        });
    }
}

/// Lays fog of the thickness `amount * plasma` over the image.
#[inline(always)]
fn cover(planes: &mut Planes<'_>, plasma: &Plasma, amount: f32) {
    let (_, brightest) = range(planes.values);
    let sum = brightest + amount;
    let scale = if sum > 0.0 { brightest / sum } else { 1.0 };
    let width = planes.width;
    for plane in planes.each() {
        for (row, values) in plane.chunks_exact_mut(width).enumerate() {
            let heights = plasma.row(row % plasma.size);
            for values in values.chunks_mut(plasma.size) {
                for (value, height) in values.iter_mut().zip(heights) {
                    *value = (*value + amount * height) * scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Axis};

    use super::*;
    use crate::perturb::testing::{assert_rows, parameters, perturbed};

    #[test]
    fn the_severities_are_the_published_ones() {
        let rows: [&[f64]; 5] = [
            &[1.5, 2.0, 256.0],
            &[2.0, 2.0, 256.0],
            &[2.5, 1.7, 256.0],
            &[2.5, 1.5, 256.0],
            &[3.0, 1.4, 256.0],
        ];
        assert_rows(&FOG, Scale::ImagenetC, rows);
        let rows: [&[f64]; 5] = [
            &[0.2, 3.0, 32.0],
            &[0.5, 3.0, 32.0],
            &[0.75, 2.5, 32.0],
            &[1.0, 2.0, 32.0],
            &[1.5, 1.75, 32.0],
        ];
        assert_rows(&FOG, Scale::Cifar10C, rows);
    }

    fn with(amount: f64, map: f64, value: f32, shape: [usize; 3]) -> ndarray::ArrayD<f32> {
        let image = Array::from_elem(shape, value).into_dyn();
        let parameters = parameters(&[("amount", amount), ("wibble_decay", 2.0), ("map", map)]);
        perturbed(&Fog, &image, &parameters, "0")
    }

    /// m (m + c p) / (m + c) with 0 <= p <= 1, both of which a map of 32 has.
    #[test]
    fn an_even_image_lies_between_dimmed_and_itself() {
        for value in [0.25_f32, 1.0] {
            let found = with(1.5, 32.0, value, [3, 32, 32]);
            let lowest = found.iter().copied().fold(f32::INFINITY, f32::min);
            let highest = found.iter().copied().fold(0.0, f32::max);
            assert!((lowest - value * value / (value + 1.5)).abs() < 1e-6);
            assert!((highest - value).abs() < 1e-6);
        }
        assert!(
            with(1.5, 32.0, 0.0, [3, 32, 32])
                .iter()
                .all(|&value| value == 0.0)
        );
        assert!(
            with(0.0, 32.0, 0.5, [3, 32, 32])
                .iter()
                .all(|&value| value == 0.5)
        );
    }

    #[test]
    fn all_channels_stand_in_the_same_fog() {
        let found = with(1.5, 32.0, 0.5, [5, 20, 30]);
        for channel in found.outer_iter() {
            assert_eq!(channel, found.index_axis(Axis(0), 0));
        }
    }

    #[test]
    fn a_map_holds_the_image() {
        // Raised to 64 for either image, and to 32 from 17.
        assert_eq!(
            with(1.0, 8.0, 0.5, [1, 40, 2]),
            with(1.0, 64.0, 0.5, [1, 40, 2])
        );
        assert_eq!(
            with(1.0, 8.0, 0.5, [1, 2, 40]),
            with(1.0, 64.0, 0.5, [1, 2, 40])
        );
        assert_eq!(
            with(1.0, 17.0, 0.5, [1, 9, 9]),
            with(1.0, 32.0, 0.5, [1, 9, 9])
        );
    }

    #[test]
    fn the_largest_map_is_gone_through_again() {
        let found = with(1.0, 1.0, 0.5, [1, 1, 5_000]);
        let (again, _) = found.as_slice().unwrap().split_at(5_000 - 4_096);
        assert_eq!(again, &found.as_slice().unwrap()[4_096..]);
        assert_ne!(again[0], again[1]);
    }

    /// (found (m + c) / m - m) / c is the plasma, whatever the amount.
    #[test]
    fn severities_share_their_plasma() {
        let plasma = |amount: f64| {
            let c = amount as f32;
            with(amount, 64.0, 0.5, [1, 64, 64]).mapv(|value| (value * (0.5 + c) / 0.5 - 0.5) / c)
        };
        for (one, other) in plasma(1.5).iter().zip(&plasma(3.0)) {
            assert!((one - other).abs() < 1e-5);
        }
    }
}
