//! Defocus blur: of a lens out of focus, which makes a disk of each point.

use ndarray::ArrayViewMutD;

use super::any_image;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::border::Border;
use crate::perturb::image::filter::quadrant::Quadrant;
use crate::perturb::image::with_planes;
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
/// than 1, and the image becomes brighter (by 1.3 % for the radius 8, 2.1 % for 10).
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
        let disk = Disk::new(parameters.get("radius"));
        let filter = Quadrant::new(&disk.softened(parameters.get("alias_blur")));
        with_planes(example, |mut planes| {
            filter.filter(&mut planes, Border::Mirror)
        });
    }
}

/// Weights on a square grid, of which the quarter with both coordinates at least zero
/// stands for all.
struct Disk {
    /// By y, then x.
    weights: Vec<Vec<f64>>,
    /// How far its blur reaches to each side.
    blur: isize,
}

impl Disk {
    fn new(radius: f64) -> Self {
        let (half, blur) = if radius <= 8.0 {
            (8, 1)
        } else {
            (radius as u32, 2)
        };
        let is_member = |x: u32, y: u32| f64::from(x * x + y * y) <= radius * radius;
        // Each point but those on the axes stands for its mirror images too.
        let copies = |x: u32| if x == 0 { 1.0 } else { 2.0 };
        let points = (0..=half).flat_map(|y| (0..=half).map(move |x| (x, y)));
        let members: f64 = points
            .filter(|&(x, y)| is_member(x, y))
            .map(|(x, y)| copies(x) * copies(y))
            .sum();
        let weight = |x: u32, y: u32| if is_member(x, y) { 1.0 / members } else { 0.0 };
        Self {
            weights: (0..=half)
                .map(|y| (0..=half).map(|x| weight(x, y)).collect())
                .collect(),
            blur,
        }
    }

    /// The weights after the blur by a Gaussian of `sigma`.
    fn softened(&self, sigma: f64) -> Vec<Vec<f64>> {
        let bell = |i: isize| match i {
            0 => 1.0,
            _ => libm::exp(-((i * i) as f64) / (2.0 * sigma * sigma)),
        };
        let reach = -self.blur..=self.blur;
        let total: f64 = reach.clone().map(bell).sum();
        // From the mirror image at the axis to the mirror image at the edge.
        let last = self.weights.len() - 1;
        let index = |place: isize| Border::Mirror.index(place, last + 1);
        let soften = |weight: &dyn Fn(usize) -> f64, at: usize| -> f64 {
            let shares = reach
                .clone()
                .map(|i| bell(i) / total * weight(index(at as isize + i)));
            shares.sum()
        };
        let along = |weights: &[Vec<f64>]| -> Vec<Vec<f64>> {
            // Columns of the result are rows of what was given: two turns are none.
            (0..=last)
                .map(|x| weights.iter().map(|row| soften(&|x| row[x], x)).collect())
                .collect()
        };
        along(&along(&self.weights))
    }
}
