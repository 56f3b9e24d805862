//! Where the spread of a fully crossed table of scores comes from: models,
//! perturbations, replicates or what they do together.

use ndarray::ArrayView3;

/// One number for each source of variance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sources {
    /// Models.
    pub model: f64,
    /// Perturbations.
    pub perturbation: f64,
    /// Replicates (seeds).
    pub replicate: f64,
    /// Models that do differently well under different perturbations.
    pub model_perturbation: f64,
    /// Models that do differently well in different replicates.
    pub model_replicate: f64,
    /// Perturbations that are differently hard in different replicates.
    pub perturbation_replicate: f64,
    /// All three together, and whatever noise is left.
    pub rest: f64,
}

impl Sources {
    fn map(self, apply: impl Fn(f64) -> f64) -> Self {
        Self {
            model: apply(self.model),
            perturbation: apply(self.perturbation),
            replicate: apply(self.replicate),
            model_perturbation: apply(self.model_perturbation),
            model_replicate: apply(self.model_replicate),
            perturbation_replicate: apply(self.perturbation_replicate),
            rest: apply(self.rest),
        }
    }

    fn total(&self) -> f64 {
        self.model
            + self.perturbation
            + self.replicate
            + self.model_perturbation
            + self.model_replicate
            + self.perturbation_replicate
            + self.rest
    }
}

/// The analysis of variance of a crossed table, all sources random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Components {
    /// Sums of squares; they add up to that about the grand mean.
    pub sums: Sources,
    /// Sums of squares over their degrees of freedom.
    pub mean_squares: Sources,
    /// The components of variance that the mean squares are expected to hold, as
    /// they come out: a small one may be negative.
    pub raw: Sources,
}

/// The components of variance of `scores`, by model, perturbation and replicate,
/// one observation a cell, all finite. `None` where an axis has fewer than two
/// entries, whose spread is unknown.
///
/// Source: Searle, Casella & McCulloch 1992; statistics.md 6.
pub fn components(scores: ArrayView3<f64>) -> Option<Components> {
    let (models, perturbations, replicates) = scores.dim();
    if models < 2 || perturbations < 2 || replicates < 2 {
        return None;
    }
    let [a, p, s] = [models, perturbations, replicates].map(|length| length as f64);

    // Effects, each the mean of its cells less all effects below it.
    let grand = scores.sum() / (a * p * s);
    let mut model = vec![0.0; models];
    let mut perturbation = vec![0.0; perturbations];
    let mut replicate = vec![0.0; replicates];
    let mut model_perturbation = vec![0.0; models * perturbations];
    let mut model_replicate = vec![0.0; models * replicates];
    let mut perturbation_replicate = vec![0.0; perturbations * replicates];
    let mut largest = 0.0_f64;
    for ((i, j, k), &score) in scores.indexed_iter() {
        let distance = score - grand;
        largest = largest.max(score.abs());
        model[i] += distance / (p * s);
        perturbation[j] += distance / (a * s);
        replicate[k] += distance / (a * p);
        model_perturbation[i * perturbations + j] += distance / s;
        model_replicate[i * replicates + k] += distance / p;
        perturbation_replicate[j * replicates + k] += distance / a;
    }
    subtract(&mut model_perturbation, &model, &perturbation);
    subtract(&mut model_replicate, &model, &replicate);
    subtract(&mut perturbation_replicate, &perturbation, &replicate);
    let rest: f64 = scores
        .indexed_iter()
        .map(|((i, j, k), score)| {
            let residual = score
                - grand
                - model[i]
                - perturbation[j]
                - replicate[k]
                - model_perturbation[i * perturbations + j]
                - model_replicate[i * replicates + k]
                - perturbation_replicate[j * replicates + k];
            residual * residual
        })
        .sum();

    // What rounding leaves of equal scores is no variance.
    let rounding = a * p * s * (1e-14 * largest) * (1e-14 * largest);
    let sums = Sources {
        model: p * s * squares(&model),
        perturbation: a * s * squares(&perturbation),
        replicate: a * p * squares(&replicate),
        model_perturbation: s * squares(&model_perturbation),
        model_replicate: p * squares(&model_replicate),
        perturbation_replicate: a * squares(&perturbation_replicate),
        rest,
    }
    .map(|sum| if sum <= rounding { 0.0 } else { sum });
    let mean_squares = Sources {
        model: sums.model / (a - 1.0),
        perturbation: sums.perturbation / (p - 1.0),
        replicate: sums.replicate / (s - 1.0),
        model_perturbation: sums.model_perturbation / ((a - 1.0) * (p - 1.0)),
        model_replicate: sums.model_replicate / ((a - 1.0) * (s - 1.0)),
        perturbation_replicate: sums.perturbation_replicate / ((p - 1.0) * (s - 1.0)),
        rest: sums.rest / ((a - 1.0) * (p - 1.0) * (s - 1.0)),
    };
    let Sources {
        model_perturbation: ap,
        model_replicate: as_,
        perturbation_replicate: ps,
        rest: aps,
        ..
    } = mean_squares;
    Some(Components {
        sums,
        mean_squares,
        raw: Sources {
            model: (mean_squares.model - ap - as_ + aps) / (p * s),
            perturbation: (mean_squares.perturbation - ap - ps + aps) / (a * s),
            replicate: (mean_squares.replicate - as_ - ps + aps) / (a * p),
            model_perturbation: (ap - aps) / s,
            model_replicate: (as_ - aps) / p,
            perturbation_replicate: (ps - aps) / a,
            rest: aps,
        },
    })
}

/// Takes the two main effects out of the effects of their pairs.
fn subtract(pairs: &mut [f64], rows: &[f64], columns: &[f64]) {
    for (pairs, row) in pairs.chunks_mut(columns.len()).zip(rows) {
        for (pair, column) in pairs.iter_mut().zip(columns) {
            *pair -= row + column;
        }
    }
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

impl Components {
    /// The components with negative ones at 0.
    pub fn clipped(&self) -> Sources {
        self.raw.map(|component| component.max(0.0))
    }

    /// The share of each clipped component in their sum: they add up to 1, or are
    /// all 0 where nothing varies.
    pub fn shares(&self) -> Sources {
        let clipped = self.clipped();
        let total = clipped.total();
        if total > 0.0 {
            clipped.map(|component| component / total)
        } else {
            Sources::default()
        }
    }

    /// The variance of the difference of two models on the same `perturbations` and
    /// `replicates` (at least one each): 2 [σ²(ap) / P + σ²(as) / S + σ²(aps) / (PS)],
    /// with clipped components. What both models meet alike cancels.
    ///
    /// Source: Brennan 2001 (decision study).
    pub fn difference_variance(&self, perturbations: usize, replicates: usize) -> f64 {
        let [p, s] = [perturbations, replicates].map(|count| count.max(1) as f64);
        let clipped = self.clipped();
        2.0 * (clipped.model_perturbation / p
            + clipped.model_replicate / s
            + clipped.rest / (p * s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};
    use ndarray::Array3;
    use proptest::prelude::*;

    fn listed(sources: &Sources) -> [(&'static str, f64); 7] {
        [
            ("a", sources.model),
            ("p", sources.perturbation),
            ("s", sources.replicate),
            ("ap", sources.model_perturbation),
            ("as_", sources.model_replicate),
            ("ps", sources.perturbation_replicate),
            ("aps", sources.rest),
        ]
    }

    #[test]
    fn agree_with_the_reference() {
        let group = group("variance_components_axpxs");
        let table = group["y_axpxs"].as_array().unwrap();
        let scores = Array3::from_shape_fn((4, 6, 5), |(i, j, k)| table[i][j][k].as_f64().unwrap());
        let found = components(scores.view()).unwrap();
        for (sources, key) in [
            (found.sums, "SS"),
            (found.mean_squares, "MS"),
            (found.raw, "raw_components_unclipped"),
        ] {
            for (name, value) in listed(&sources) {
                let expected = group[key][name].as_f64().unwrap();
                // The numbers are small: relative to the largest of their kind.
                assert!(
                    (value - expected).abs() < 1e-13,
                    "{key} {name}: {value} {expected}"
                );
            }
        }
        // The reference's model × replicate and perturbation × replicate are negative.
        assert!(found.raw.model_replicate < 0.0 && found.raw.perturbation_replicate < 0.0);
        let shares = found.shares();
        assert_eq!(shares.model_replicate, 0.0);
        assert_eq!(shares.perturbation_replicate, 0.0);
        let kept = found.raw.model
            + found.raw.perturbation
            + found.raw.replicate
            + found.raw.model_perturbation
            + found.raw.rest;
        for (share, raw) in listed(&shares).into_iter().zip(listed(&found.raw)) {
            assert!(close(share.1, raw.1.max(0.0) / kept), "{share:?} {raw:?}");
        }
        let by_hand = 2.0 * (found.raw.model_perturbation / 3.0 + found.raw.rest / 6.0);
        assert!((found.difference_variance(3, 2) / by_hand - 1.0).abs() < 1e-12);
    }

    /// Each source alone, in a table without any other: effects of ±1 give known
    /// sums of squares, and nothing else.
    #[test]
    fn every_source_is_found_alone() {
        let sign = |index: usize| if index.is_multiple_of(2) { 1.0 } else { -1.0 };
        type Cell = Box<dyn Fn(usize, usize, usize) -> f64>;
        let alone: [Cell; 7] = [
            Box::new(move |i, _, _| sign(i)),
            Box::new(move |_, j, _| sign(j)),
            Box::new(move |_, _, k| sign(k)),
            Box::new(move |i, j, _| sign(i) * sign(j)),
            Box::new(move |i, _, k| sign(i) * sign(k)),
            Box::new(move |_, j, k| sign(j) * sign(k)),
            Box::new(move |i, j, k| sign(i) * sign(j) * sign(k)),
        ];
        for (which, cell) in alone.iter().enumerate() {
            let scores = Array3::from_shape_fn((2, 4, 6), |(i, j, k)| 0.3 + cell(i, j, k));
            let found = components(scores.view()).unwrap();
            for (place, (name, sum)) in listed(&found.sums).into_iter().enumerate() {
                let expected = if place == which { 48.0 } else { 0.0 };
                assert!((sum - expected).abs() < 1e-9, "{which} {name}: {sum}");
            }
            let degrees = [1.0, 3.0, 5.0, 3.0, 5.0, 15.0, 15.0][which];
            let mean_square = listed(&found.mean_squares)[which].1;
            assert!(close(mean_square, 48.0 / degrees), "{which}: {mean_square}");
        }
    }

    #[test]
    fn each_part_of_a_difference_shrinks_with_its_own_count() {
        let only = |raw: Sources| Components {
            sums: Sources::default(),
            mean_squares: Sources::default(),
            raw,
        };
        let cases = [
            (
                Sources {
                    model_perturbation: 1.0,
                    ..Default::default()
                },
                2.0 / 5.0,
            ),
            (
                Sources {
                    model_replicate: 1.0,
                    ..Default::default()
                },
                2.0 / 3.0,
            ),
            (
                Sources {
                    rest: 1.0,
                    ..Default::default()
                },
                2.0 / 15.0,
            ),
            (
                Sources {
                    perturbation: 1.0,
                    replicate: 1.0,
                    perturbation_replicate: 1.0,
                    ..Default::default()
                },
                0.0,
            ),
        ];
        for (raw, expected) in cases {
            assert!(close(only(raw).difference_variance(5, 3), expected));
        }
        assert!(only(cases[2].0).difference_variance(0, 0) == 2.0);
    }

    #[test]
    fn degenerate_tables_are_defined() {
        for shape in [(1, 3, 3), (3, 1, 3), (3, 3, 1), (0, 0, 0)] {
            assert_eq!(components(Array3::zeros(shape).view()), None);
        }
        let equal = components(Array3::from_elem((3, 4, 5), 0.1).view()).unwrap();
        assert_eq!(equal.sums, Sources::default());
        assert_eq!(equal.shares(), Sources::default());
        assert_eq!(equal.difference_variance(1, 1), 0.0);
        assert!(components(Array3::zeros((2, 2, 2)).view()).is_some());
        // Rounding is relative: large equal scores have no variance, tiny ones that
        // differ have.
        let large = components(Array3::from_elem((3, 5, 7), 1e9 / 3.0).view()).unwrap();
        assert_eq!(large.sums, Sources::default());
        // A billionth of the scores is no rounding: half of it to either side, 8 times.
        let slight = Array3::from_shape_fn((2, 2, 2), |(i, _, _)| 1.0 + 1e-9 * i as f64);
        let slight = components(slight.view()).unwrap();
        assert!((slight.sums.model / (8.0 * 0.25e-18) - 1.0).abs() < 1e-5);
        let ramp = |scale: f64| {
            let scores = Array3::from_shape_fn((3, 5, 7), |(i, j, k)| {
                scale * (i * j + 2 * k + i * j * k) as f64
            });
            components(scores.view()).unwrap().shares()
        };
        for (one, other) in listed(&ramp(1.0)).into_iter().zip(listed(&ramp(1e-12))) {
            assert!(close(one.1, other.1) && ramp(1.0).model > 0.0);
        }
    }

    proptest! {
        #[test]
        fn sums_add_up_and_mean_squares_are_expected(
            values in prop::collection::vec(-1.0..1.0f64, 2 * 3 * 4), shift in -5.0..5.0f64,
        ) {
            let scores = Array3::from_shape_vec((2, 3, 4), values).unwrap();
            let found = components(scores.view()).unwrap();
            let mean = scores.sum() / 24.0;
            let total: f64 = scores.iter().map(|score| (score - mean) * (score - mean)).sum();
            prop_assert!((found.sums.total() - total).abs() < 1e-10);
            // The components give the mean squares back.
            let (raw, ms) = (found.raw, found.mean_squares);
            let ap = raw.rest + 4.0 * raw.model_perturbation;
            let as_ = raw.rest + 3.0 * raw.model_replicate;
            let ps = raw.rest + 2.0 * raw.perturbation_replicate;
            prop_assert!((ms.model_perturbation - ap).abs() < 1e-10);
            prop_assert!((ms.model_replicate - as_).abs() < 1e-10);
            prop_assert!((ms.perturbation_replicate - ps).abs() < 1e-10);
            prop_assert!((ms.model - (ap + as_ - raw.rest + 12.0 * raw.model)).abs() < 1e-10);
            prop_assert!((ms.perturbation - (ap + ps - raw.rest + 8.0 * raw.perturbation)).abs() < 1e-10);
            prop_assert!((ms.replicate - (as_ + ps - raw.rest + 6.0 * raw.replicate)).abs() < 1e-10);
            let moved = components((&scores + shift).view()).unwrap();
            for ((_, one), (_, other)) in listed(&found.sums).into_iter().zip(listed(&moved.sums)) {
                prop_assert!((one - other).abs() < 1e-10);
            }
        }
    }
}
