//! A Rust closure as a model.

use ndarray::{Array2, ArrayViewD};

use super::{Description, Gives, Model, ModelError};

/// A model made from a closure by [`from_fn`].
pub struct FromFn<F> {
    gives: Gives,
    answer: F,
}

/// Makes a model of a closure from a batch (float32, first axis the batch) to
/// one row of answers an example.
///
/// ```
/// use ndarray::{Array2, ArrayViewD, Axis};
/// use steadfast::model::{Gives, Model, from_fn};
///
/// let brightness = from_fn(Gives::PositiveProbability, |batch: ArrayViewD<'_, f32>| {
///     let mean = |image: ArrayViewD<'_, f32>| image.mean().unwrap_or(0.0);
///     Array2::from_shape_fn((batch.len_of(Axis(0)), 1), |(i, _)| {
///         mean(batch.index_axis(Axis(0), i))
///     })
/// });
/// assert_eq!(brightness.describe().gives, Some(Gives::PositiveProbability));
/// ```
pub fn from_fn<F>(gives: Gives, answer: F) -> FromFn<F>
where
    F: Fn(ArrayViewD<'_, f32>) -> Array2<f32> + Send + Sync,
{
    FromFn { gives, answer }
}

impl<F> Model for FromFn<F>
where
    F: Fn(ArrayViewD<'_, f32>) -> Array2<f32> + Send + Sync,
{
    fn describe(&self) -> Description {
        Description {
            gives: Some(self.gives),
            ..Description::default()
        }
    }

    fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        Ok((self.answer)(inputs))
    }
}
