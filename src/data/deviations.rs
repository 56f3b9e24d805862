//! How far the numbers of each column are apart: the unit of noise where columns are of
//! different scales.

use ndarray::{ArrayD, Axis};

/// The standard deviation of each number of an example over all examples (first axis), the
/// last axis varying fastest; the mean squared distance from the mean is divided by their
/// number, as scikit-learn's `StandardScaler` does.
pub(super) fn deviations(inputs: &ArrayD<f32>) -> Vec<f64> {
    let count = inputs.len_of(Axis(0)) as f64;
    let size = inputs.len() / inputs.len_of(Axis(0)).max(1);
    let mut sums = vec![0.0; size];
    let mut add = |term: &dyn Fn(usize, f64) -> f64| {
        sums.fill(0.0);
        for example in inputs.outer_iter() {
            for (column, (sum, &value)) in sums.iter_mut().zip(example).enumerate() {
                *sum += term(column, f64::from(value));
            }
        }
        sums.iter().map(|sum| sum / count).collect()
    };
    let means: Vec<f64> = add(&|_, value| value);
    let squares: Vec<f64> = add(&|column, value| (value - means[column]).powi(2));
    squares.into_iter().map(f64::sqrt).collect()
}
