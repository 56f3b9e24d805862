//! A plane at another size: weighted sums along the rows and along the columns.
//!
//! Positions are measured from the plane's edge in pixels, so that the centre of the
//! first pixel is at 1/2, as in Pillow, OpenCV and torchvision.

use crate::perturb::wide;

/// The index that lies at `index` in the plane continued by its mirror images: at the
/// edge `c b a | a b c | c b a`. Half a pixel beyond the edge is the edge's own value,
/// so that enlarging needs no other rule.
///
/// As OpenCV's `BORDER_REFLECT`, SciPy's `reflect` and PyTorch's `reflection`
/// (`align_corners=False`). `size` must be positive.
pub fn mirror(index: i64, size: usize) -> usize {
    let size = size as i64;
    let place = index.rem_euclid(2 * size);
    place.min(2 * size - 1 - place) as usize
}

/// How one axis is resampled: each output is a sum of `taps` weighted inputs.
pub struct Weights {
    taps: usize,
    /// Where the inputs are, `taps` for each output.
    places: Vec<usize>,
    /// What they are multiplied by.
    weights: Vec<f32>,
}

impl Weights {
    /// Bilinear: `outputs` values that stand for the stretch of the input which begins
    /// at `start` and has `step` pixels for each of them. Where they are further apart
    /// than the inputs (`step` above 1), the triangle is as much wider, against
    /// aliasing, as Pillow's and torchvision's resizing have it.
    pub fn bilinear(inputs: usize, outputs: usize, start: f64, step: f64) -> Self {
        let reach = step.max(1.0);
        let taps = (2.0 * reach).ceil() as usize;
        Self::of(inputs, outputs, taps, |output| {
            let centre = start + (output as f64 + 0.5) * step;
            let first = (centre - reach - 0.5).ceil();
            (first as i64, move |place: f64| {
                (1.0 - (place + 0.5 - centre).abs() / reach).max(0.0)
            })
        })
    }

    /// Means over areas: the whole input is divided into `outputs` equal stretches.
    pub fn area(inputs: usize, outputs: usize) -> Self {
        let step = inputs as f64 / outputs as f64;
        let taps = step.ceil() as usize + 1;
        Self::of(inputs, outputs, taps, |output| {
            let start = output as f64 * step;
            (start as i64, move |place: f64| {
                let overlap = (place + 1.0).min(start + step) - place.max(start);
                overlap.max(0.0)
            })
        })
    }

    /// `kernel` gives the first place of an output, and the weight of every place.
    fn of<W: Fn(f64) -> f64>(
        inputs: usize,
        outputs: usize,
        taps: usize,
        kernel: impl Fn(usize) -> (i64, W),
    ) -> Self {
        let mut places = Vec::with_capacity(outputs * taps);
        let mut weights = Vec::with_capacity(outputs * taps);
        for output in 0..outputs {
            let (first, weight) = kernel(output);
            let taken = first..first + taps as i64;
            let sum: f64 = taken.clone().map(|place| weight(place as f64)).sum();
            for place in taken {
                places.push(mirror(place, inputs));
                weights.push((weight(place as f64) / sum) as f32);
            }
        }
        Self {
            taps,
            places,
            weights,
        }
    }

    /// How many outputs there are.
    fn outputs(&self) -> usize {
        self.places.len() / self.taps
    }

    /// The places and the weights of each output.
    fn each(&self) -> impl Iterator<Item = (&[usize], &[f32])> {
        let weights = self.weights.chunks_exact(self.taps);
        self.places.chunks_exact(self.taps).zip(weights)
    }
}

/// The plane of `width` columns, resampled along both axes. It has pixels.
pub fn resample(plane: &[f32], width: usize, rows: &Weights, columns: &Weights) -> Vec<f32> {
    let mut result = vec![0.0; rows.outputs() * columns.outputs()];
    let mut sums = vec![0.0; width];
    let targets = result.chunks_exact_mut(columns.outputs());
    for ((places, weights), target) in rows.each().zip(targets) {
        wide(
            #[inline(always)]
            || {
                sums.fill(0.0);
                for (&place, &weight) in places.iter().zip(weights) {
                    let row = &plane[place * width..][..width];
                    for (sum, &value) in sums.iter_mut().zip(row) {
                        *sum += weight * value;
                    }
                }
                along(&sums, columns, target);
            },
        );
    }
    result
}

/// The row, resampled.
#[inline(always)]
fn along(row: &[f32], columns: &Weights, target: &mut [f32]) {
    // The usual numbers of taps have a loop of their own, without one inside it.
    match columns.taps {
        2 => unrolled::<2>(row, columns, target),
        3 => unrolled::<3>(row, columns, target),
        4 => unrolled::<4>(row, columns, target),
        _ => {
            for (target, (places, weights)) in target.iter_mut().zip(columns.each()) {
                *target = 0.0;
                for (&place, &weight) in places.iter().zip(weights) {
                    *target += weight * row[place];
                }
            }
        }
    }
}

#[inline(always)]
fn unrolled<const TAPS: usize>(row: &[f32], columns: &Weights, target: &mut [f32]) {
    let (places, _) = columns.places.as_chunks::<TAPS>();
    let (weights, _) = columns.weights.as_chunks::<TAPS>();
    for ((target, places), weights) in target.iter_mut().zip(places).zip(weights) {
        let mut sum = 0.0;
        for (&place, &weight) in places.iter().zip(weights) {
            sum += weight * row[place];
        }
        *target = sum;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Resamples one row.
    fn row(values: &[f32], weights: &Weights) -> Vec<f32> {
        resample(values, values.len(), &Weights::area(1, 1), weights)
    }

    #[test]
    fn the_mirror_stands_at_the_edge() {
        let seen: Vec<usize> = (-4..7).map(|index| mirror(index, 3)).collect();
        assert_eq!(seen, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert!((-9..9).all(|index| mirror(index, 1) == 0));
    }

    #[test]
    fn areas_are_averaged() {
        let values = [1.0, 3.0, 5.0, 7.0, 2.0, 4.0];
        assert_eq!(row(&values, &Weights::area(6, 3)), [2.0, 6.0, 3.0]);
        // Stretches of 1.5 pixels: a pixel and a half.
        let found = row(&values, &Weights::area(6, 4));
        for (found, expected) in found.iter().zip([5.0, 13.0, 16.0, 10.0]) {
            assert!((found - expected / 3.0).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn between_two_pixels_the_line_is_followed() {
        // Twice as many: quarters of the way between the centres, the edges' own beyond.
        let found = row(&[0.0, 4.0, 8.0], &Weights::bilinear(3, 6, 0.0, 0.5));
        assert_eq!(found, [0.0, 1.0, 3.0, 5.0, 7.0, 8.0]);
        // Half as many: a triangle over four pixels, 1 3 3 1 eighths.
        let found = row(&[0.0, 8.0, 0.0, 0.0], &Weights::bilinear(4, 2, 0.0, 2.0));
        assert_eq!(found, [3.0, 1.0]);
    }

    proptest! {
        #[test]
        fn what_is_even_stays_even(
            inputs in 1_usize..40,
            outputs in 1_usize..40,
            start in -50.0..50.0,
            step in 0.1..5.0,
        ) {
            let even = vec![0.7; inputs];
            for value in row(&even, &Weights::bilinear(inputs, outputs, start, step)) {
                prop_assert!((value - 0.7).abs() < 1e-6);
            }
            for value in row(&even, &Weights::area(inputs, outputs)) {
                prop_assert!((value - 0.7).abs() < 1e-6);
            }
        }

        #[test]
        fn areas_keep_the_mean(
            values in proptest::collection::vec(0.0_f32..1.0, 1..40),
            outputs in 1_usize..40,
        ) {
            let found = row(&values, &Weights::area(values.len(), outputs));
            let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
            prop_assert!((mean(&found) - mean(&values)).abs() < 1e-5);
        }
    }
}
