//! Batches: rows perturbed one by one from their own streams, padded so that the
//! engine never sees a batch of one, and handed to the model.

use std::ops::Range;
use std::time::{Duration, Instant};

use ndarray::{Array1, Array2, ArrayD, ArrayViewMutD, Axis, CowArray, IxDyn};

use super::RunError;
use super::context::{LoadedModel, Turn};
use super::identity::Resolved;
use crate::data::Dataset;
use crate::model::{Gives, ModelError};
use crate::perturb::Depth;
use crate::perturb::identity::IDENTITY;
use crate::perturb::levels::truncate;
use crate::seed::Stream;
use crate::spec::SeedScope;

/// The smallest batch that a model is handed: inference engines take another
/// path for a single example, and its last bits differ.
pub const SMALLEST: usize = 2;

/// How long an example is looked for that a batch fails for.
const SEARCH: Duration = Duration::from_secs(10);

/// The rows of a case, example by example with the replicates of each together,
/// cut into batches.
pub struct Plan<'a> {
    /// The clean examples.
    pub data: &'a Dataset,
    /// Their range.
    pub range: (f64, f64),
    /// What is done to them.
    pub perturbation: &'a Resolved<'a>,
    /// The spec's seed.
    pub seed: u64,
    /// What one draw belongs to.
    pub seed_scope: SeedScope,
    /// Draws an example.
    pub replicates: usize,
    /// Rows a batch.
    pub size: usize,
}

impl Plan<'_> {
    /// Number of batches.
    pub fn batches(&self) -> usize {
        (self.data.len() * self.replicates).div_ceil(self.size.max(1))
    }

    /// The rows of a batch.
    pub fn rows(&self, batch: usize) -> Range<usize> {
        let start = batch * self.size;
        start..(start + self.size).min(self.data.len() * self.replicates)
    }

    /// Example and replicate of a row.
    pub fn place(&self, row: usize) -> (usize, usize) {
        (row / self.replicates, row % self.replicates)
    }

    /// A row in words.
    pub fn words(&self, row: usize) -> String {
        let (example, replicate) = self.place(row);
        let id = &self.data.ids()[example];
        if self.replicates == 1 {
            format!("example {id}")
        } else {
            format!("example {id}, replicate {replicate}")
        }
    }

    /// The model's answers to a batch, one row each; `None` where they are not `wanted`
    /// any more when it is the batch's turn.
    pub fn predict(
        &self,
        batch: usize,
        model: &LoadedModel,
        wanted: impl Fn() -> bool,
    ) -> Result<Option<Array2<f32>>, RunError> {
        let rows = self.rows(batch);
        let inputs = self.inputs(rows.clone())?;
        let turn = model.turn();
        if !wanted() {
            return Ok(None);
        }
        let answers = turn
            .predict(inputs.view())
            .map_err(|error| self.blame(error, &rows, &inputs, &turn))?;
        let asked = inputs.len_of(Axis(0));
        let declared = match model.gives {
            Gives::PositiveProbability => None,
            _ => model.description.classes,
        };
        let reason = if answers.nrows() != asked {
            format!(
                "the model answered {} rows to a batch of {asked}: one row an example is needed",
                answers.nrows()
            )
        } else if let Some(classes) = declared.filter(|&classes| classes != answers.ncols()) {
            format!(
                "the model answered {} numbers an example, and it declares {classes} classes",
                answers.ncols()
            )
        } else {
            return Ok(Some(answers));
        };
        Err(RunError::Answer {
            place: self.words_of(&rows),
            reason,
        })
    }

    /// Several rows in words.
    pub fn words_of(&self, rows: &Range<usize>) -> String {
        if rows.len() == 1 {
            return self.words(rows.start);
        }
        format!("{} to {}", self.words(rows.start), self.words(rows.end - 1))
    }

    /// The error of a batch, with the example that brings it about, where one can: each
    /// is tried by itself, paired with its own copy, as long as there is time.
    fn blame(
        &self,
        error: ModelError,
        rows: &Range<usize>,
        inputs: &ArrayD<f32>,
        turn: &Turn<'_>,
    ) -> RunError {
        let whole = |place: String, error: ModelError| RunError::Answer {
            place,
            reason: error.to_string(),
        };
        if !error.may_be_of_one_example() {
            return whole(self.words_of(rows), error);
        }
        let alone = |row: usize| {
            let one = inputs.index_axis(Axis(0), row - rows.start);
            let pair = ndarray::stack(Axis(0), &[one.view(), one.view()]).ok()?;
            turn.predict(pair.view()).err()
        };
        let start = Instant::now();
        for row in rows.clone() {
            if start.elapsed() > SEARCH {
                return whole(format!("the batch of {}", self.words_of(rows)), error);
            }
            let Some(own) = alone(row) else { continue };
            // Where the last one fails as the first does, no example is to blame.
            let last = rows.end - 1;
            return match row == rows.start && row < last && alone(last).is_some() {
                true => whole(self.words_of(rows), own),
                false => whole(self.words(row), own),
            };
        }
        let batch = format!(
            "the batch of {} (each alone is answered)",
            self.words_of(rows)
        );
        whole(batch, error)
    }

    /// The perturbed inputs of some rows, padded with copies of the last one.
    fn inputs(&self, rows: Range<usize>) -> Result<ArrayD<f32>, RunError> {
        let mut shape = vec![rows.len().max(SMALLEST)];
        shape.extend(self.data.shape());
        let mut inputs = ArrayD::zeros(IxDyn(&shape));
        // The replicates of an example stand together: an image is decoded once for them.
        let mut last: Option<(usize, CowArray<'_, f32, IxDyn>)> = None;
        for (index, row) in rows.clone().enumerate() {
            let (example, replicate) = self.place(row);
            let clean = match last {
                Some((same, clean)) if same == example => clean,
                _ => self.clean(example)?,
            };
            let mut target = inputs.index_axis_mut(Axis(0), index);
            target.assign(&clean);
            self.perturb(target, example, replicate);
            last = Some((example, clean));
        }
        for index in rows.len()..shape[0] {
            let last = inputs.index_axis(Axis(0), rows.len() - 1).to_owned();
            inputs.index_axis_mut(Axis(0), index).assign(&last);
        }
        Ok(inputs)
    }

    /// What the model is shown of one example in one replicate.
    pub fn example(&self, example: usize, replicate: usize) -> Result<ArrayD<f32>, RunError> {
        let mut input = self.clean(example)?.into_owned();
        self.perturb(input.view_mut(), example, replicate);
        Ok(input)
    }

    fn clean(&self, example: usize) -> Result<CowArray<'_, f32, IxDyn>, RunError> {
        self.data
            .example(example)
            .map_err(|error| RunError::Example {
                id: self.data.ids()[example].clone(),
                error,
            })
    }

    /// Perturbs one example in place: onto the unit scale, changed, clipped, and
    /// back onto the data's range; 8-bit data become 8-bit data, truncated as the
    /// benchmarks do.
    fn perturb(&self, mut target: ArrayViewMutD<'_, f32>, example: usize, replicate: usize) {
        let algorithm = self.perturbation.algorithm;
        if std::ptr::eq(algorithm.kind(), &IDENTITY) {
            return;
        }
        let id = match self.seed_scope {
            SeedScope::Example => self.data.ids()[example].as_str(),
            SeedScope::Shared => "",
        };
        let mut stream = Stream::new(self.seed, &self.perturbation.identity, replicate as u64, id);
        let (low, high) = self.range;
        let (low, width) = (low as f32, (high - low) as f32);
        let unit = low == 0.0 && width == 1.0;
        let depth = match self.data.quantised() {
            true => Depth::EightBit,
            false => Depth::Continuous,
        };
        let parameters = &self.perturbation.parameters;
        let mut apply = |mut values: ArrayViewMutD<'_, f32>| {
            if let Some(deviations) = &self.perturbation.deviations {
                // Noise that does not depend on the value is drawn at zero, so that small
                // columns lose no digits on the way.
                let mut noise = ArrayD::zeros(values.raw_dim());
                algorithm.apply(noise.view_mut(), parameters, Depth::Continuous, &mut stream);
                let shifts = noise.iter().zip(deviations);
                for (value, (noise, &deviation)) in values.iter_mut().zip(shifts) {
                    *value = (*value + noise * deviation as f32).clamp(low, high as f32);
                }
                if depth == Depth::Continuous {
                    return;
                }
            }
            if !unit {
                values.mapv_inplace(|value| (value - low) / width);
            }
            if self.perturbation.deviations.is_none() {
                algorithm.apply(values.view_mut(), parameters, depth, &mut stream);
            }
            settle(values.view_mut(), depth);
            if !unit {
                values.mapv_inplace(|value| value * width + low);
            }
        };
        match self.perturbation.columns {
            None => apply(target),
            Some(columns) => {
                let mut chosen: Array1<f32> =
                    columns.iter().map(|&column| target[[column]]).collect();
                apply(chosen.view_mut().into_dyn());
                for (&column, &value) in columns.iter().zip(&chosen) {
                    target[[column]] = value;
                }
            }
        }
    }
}

/// Clips perturbed values to the unit scale; 8-bit data become 8-bit data again.
fn settle(mut values: ArrayViewMutD<'_, f32>, depth: Depth) {
    values.mapv_inplace(|value| value.clamp(0.0, 1.0));
    if depth == Depth::EightBit {
        match values.as_slice_memory_order_mut() {
            Some(values) => truncate(values),
            None => values
                .iter_mut()
                .for_each(|value| truncate(std::slice::from_mut(value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Parameters;
    use crate::data::open;
    use crate::data::testing::{arrays, float32, int64, npy, npz};
    use crate::model::{Model, from_fn};
    use crate::perturb::noise::gaussian::GaussianNoise;
    use crate::perturb::noise::impulse::ImpulseNoise;

    /// Every level of 8 bits, in two examples.
    fn levels(folder: &std::path::Path, range: (f64, f64)) -> Dataset {
        let values: Vec<u8> = (0..=255).collect();
        let inputs = npy("|u1", false, &[2, 1, 16, 8], &values);
        let path = folder.join("levels.npz");
        std::fs::write(&path, npz(&[("x", inputs), ("y", int64(&[0, 1]))])).unwrap();
        open(&arrays(path, range)).unwrap()
    }

    fn identity() -> Resolved<'static> {
        Resolved {
            algorithm: &crate::perturb::identity::Identity,
            identity: "identity@1".to_owned(),
            parameters: Parameters::default(),
            columns: None,
            deviations: None,
            scale: None,
        }
    }

    fn plan<'a>(
        data: &'a Dataset,
        range: (f64, f64),
        perturbation: &'a Resolved<'a>,
        size: usize,
    ) -> Plan<'a> {
        Plan {
            data,
            range,
            perturbation,
            seed: 1,
            seed_scope: SeedScope::Example,
            replicates: 1,
            size,
        }
    }

    #[test]
    fn a_perturbation_of_no_strength_keeps_every_level_on_any_range() {
        let folder = tempfile::tempdir().unwrap();
        for range in [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-2.5, 0.3)] {
            let data = levels(folder.path(), range);
            let perturbation = Resolved {
                algorithm: &ImpulseNoise,
                identity: "impulse_noise@1".to_owned(),
                parameters: Parameters(vec![("amount".to_owned(), 0.0)]),
                columns: None,
                deviations: None,
                scale: None,
            };
            let plan = plan(&data, range, &perturbation, 2);
            let inputs = plan.inputs(0..2).unwrap();
            // Half a level is far more than rounding, and far less than a level lost.
            let half = ((range.1 - range.0) / 510.0) as f32;
            let examples = [data.example(0).unwrap(), data.example(1).unwrap()];
            for (found, clean) in inputs.iter().zip(examples.iter().flatten()) {
                assert!(
                    (found - clean).abs() < half,
                    "{range:?}: {found} and {clean}"
                );
            }
        }
    }

    /// Two columns of scales that are a million apart, and one of one value.
    fn columns(folder: &std::path::Path) -> Dataset {
        let rows = 400;
        let values = (0..rows).flat_map(|row| {
            let sign = if row % 2 == 0 { -1.0 } else { 1.0 };
            [500.0 + 100.0 * sign, 0.5 + 1e-4 * sign, 7.0]
        });
        let values: Vec<f32> = values.collect();
        let path = folder.join("columns.npz");
        let inputs = float32(&[rows, 3], &values);
        std::fs::write(&path, npz(&[("x", inputs), ("y", int64(&vec![0; rows]))])).unwrap();
        open(&arrays(path, (0.0, 1000.0))).unwrap()
    }

    /// Noise of 1/10 of each column's deviation: its standard error over 400 draws is
    /// 1/√800 of it; bounds at 4.5 of them.
    #[test]
    fn noise_is_a_share_of_what_each_column_deviates_by() {
        let folder = tempfile::tempdir().unwrap();
        let data = columns(folder.path());
        let deviations = data.deviations().unwrap().to_vec();
        for (found, by_hand) in deviations.iter().zip([100.0, 1e-4, 0.0]) {
            assert!((found - by_hand).abs() <= 1e-3 * by_hand, "{deviations:?}");
        }
        let perturbation = Resolved {
            algorithm: &GaussianNoise,
            identity: "gaussian_noise@2".to_owned(),
            parameters: Parameters(vec![("std".to_owned(), 0.1)]),
            columns: None,
            deviations: Some(deviations),
            scale: None,
        };
        let plan = plan(&data, (0.0, 1000.0), &perturbation, 2);
        let mut squares = [0.0; 3];
        for example in 0..data.len() {
            let noisy = plan.example(example, 0).unwrap();
            let clean = data.example(example).unwrap();
            for (column, square) in squares.iter_mut().enumerate() {
                *square += f64::from(noisy[[column]] - clean[[column]]).powi(2);
            }
        }
        for (square, expected) in squares.into_iter().zip([10.0, 1e-5]) {
            let found = (square / 400.0_f64).sqrt();
            let bound = 4.5 * expected / 800.0_f64.sqrt();
            assert!((found - expected).abs() < bound, "{found} and {expected}");
        }
        assert_eq!(squares[2], 0.0);
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let data = levels(folder.path(), (0.0, 1.0));
        let perturbation = identity();
        let plan = plan(&data, (0.0, 1.0), &perturbation, 2);
        let model = model(None, |batch| Array2::zeros((batch.len_of(Axis(0)), 2)));
        assert!(plan.predict(0, &model, || false).unwrap().is_none());
        let answers = plan.predict(0, &model, || true).unwrap().unwrap();
        assert_eq!(answers.dim(), (2, 2));
    }

    /// A model that answers as `answer` says.
    fn model(
        classes: Option<usize>,
        answer: impl Fn(ndarray::ArrayViewD<'_, f32>) -> Array2<f32> + Send + Sync + 'static,
    ) -> LoadedModel {
        let model = from_fn(Gives::Logits, answer);
        let description = crate::model::Description {
            classes,
            ..model.describe()
        };
        LoadedModel::new(Box::new(model), description, Gives::Logits)
    }

    #[test]
    fn an_example_is_named_where_it_fails_alone_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let data = levels(folder.path(), (0.0, 1.0));
        let perturbation = identity();
        let plan = plan(&data, (0.0, 1.0), &perturbation, 2);
        let message = |fails: fn(ndarray::ArrayViewD<'_, f32>) -> bool| {
            let model = model(None, move |batch| {
                assert!(!fails(batch.view()), "out of range");
                Array2::zeros((batch.len_of(Axis(0)), 2))
            });
            plan.predict(0, &model, || true).unwrap_err().to_string()
        };
        // The second example is the brighter one.
        let bright = message(|batch| batch.iter().any(|&value| value > 0.9));
        assert!(
            bright.starts_with("example 1: ") && bright.contains("out of range"),
            "{bright}"
        );
        let always = message(|_| true);
        assert!(always.starts_with("example 0 to example 1: "), "{always}");
        let both = message(|batch| batch.index_axis(Axis(0), 0) != batch.index_axis(Axis(0), 1));
        assert!(both.contains("(each alone is answered)"), "{both}");
    }

    #[test]
    fn answers_have_the_declared_classes() {
        let folder = tempfile::tempdir().unwrap();
        let data = levels(folder.path(), (0.0, 1.0));
        let perturbation = identity();
        let plan = plan(&data, (0.0, 1.0), &perturbation, 2);
        let model = model(Some(3), |batch| Array2::zeros((batch.len_of(Axis(0)), 2)));
        let message = plan.predict(0, &model, || true).unwrap_err().to_string();
        let expected = "the model answered 2 numbers an example, and it declares 3 classes";
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_row_alone_is_padded_to_two() {
        let folder = tempfile::tempdir().unwrap();
        let data = levels(folder.path(), (0.0, 1.0));
        let perturbation = identity();
        let plan = plan(&data, (0.0, 1.0), &perturbation, 1);
        assert_eq!(plan.batches(), 2);
        let inputs = plan.inputs(1..2).unwrap();
        assert_eq!(inputs.shape(), [2, 1, 16, 8]);
        for row in inputs.outer_iter() {
            assert_eq!(row, data.example(1).unwrap());
        }
    }
}
