//! A model asked outside of a case, as the engine asks: in batches of two or more, as
//! many at once as it takes, with panics made errors.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayViewD, Axis, CowArray, concatenate};

use super::batch::SMALLEST;
use super::guard::guarded;
use super::threads::on_each;
use crate::model::{Model, ModelError, onnx};

/// The answers to `inputs` (first axis the examples), asked in batches of `size`: one
/// row an example.
///
/// # Errors
/// The model's own, and where it does not give one row an example, each of the same
/// number of columns.
pub fn answers(
    model: &dyn Model,
    inputs: ArrayViewD<'_, f32>,
    size: usize,
) -> Result<Array2<f32>, ModelError> {
    let parts = inputs.axis_chunks_iter(Axis(0), size.max(SMALLEST));
    let parts: Vec<Array2<f32>> = parts
        .map(|batch| answer(model, batch))
        .collect::<Result<_, _>>()?;
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    let widths: Vec<usize> = parts.iter().map(Array2::ncols).collect();
    concatenate(Axis(0), &views).map_err(|_| {
        ModelError::Failed(format!(
            "its answers to several batches have {widths:?} numbers an example: every answer must have as many"
        ))
    })
}

/// The answers to one batch; an example alone is asked about twice.
fn answer(model: &dyn Model, batch: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
    let count = batch.len_of(Axis(0));
    let batch: CowArray<'_, f32, _> = match count {
        1 => batch.select(Axis(0), &[0; SMALLEST]).into(),
        _ => batch.into(),
    };
    let asked = batch.len_of(Axis(0));
    let answers = guarded(|| model.predict(batch.view()))
        .unwrap_or_else(|message| Err(ModelError::Panicked(message)))?;
    if answers.nrows() != asked {
        return Err(ModelError::Failed(format!(
            "it answered {} rows to a batch of {asked}: one row an example is needed",
            answers.nrows()
        )));
    }
    Ok(answers.slice_axis_move(Axis(0), (..count).into()))
}

/// How fast something is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls a second, of all threads together.
    pub calls: f64,
    /// Threads that called at once.
    pub threads: usize,
}

/// How often a second `call` can be made, tried for about `time`: on as many threads as
/// the model is `bound` to, or on those of the inference engine, after one call of each
/// that does not count. Before it a call is made alone; where that takes longer than
/// `time` it is the answer, so that a large model takes the memory of one call.
///
/// # Errors
/// The first error of a call; a panic is one.
pub fn rate(
    time: Duration,
    bound: Option<usize>,
    call: &(dyn Fn() -> Result<(), ModelError> + Sync),
) -> Result<Rate, ModelError> {
    let call = || guarded(call).unwrap_or_else(|message| Err(ModelError::Panicked(message)));
    let alone = Instant::now();
    match bound {
        Some(_) => call()?,
        None => onnx::on_threads(call)?,
    }
    if alone.elapsed() > time {
        return Ok(Rate {
            calls: 1.0 / alone.elapsed().as_secs_f64(),
            threads: 1,
        });
    }
    let made = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let first = on_each(bound, call);
    first.into_iter().collect::<Result<(), _>>()?;
    let start = Instant::now();
    let ended = on_each(bound, || -> Result<(), ModelError> {
        while start.elapsed() < time && !failed.load(Ordering::Relaxed) {
            call().inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            made.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let threads = ended.len();
    ended.into_iter().collect::<Result<(), _>>()?;
    Ok(Rate {
        calls: made.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64(),
        threads,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ndarray::{ArrayD, IxDyn};

    use super::*;
    use crate::model::{Gives, from_fn};

    #[test]
    fn examples_are_asked_in_batches_of_two_or_more_and_answered_in_order() {
        let sizes = std::sync::Arc::new(Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&sizes);
        let model = from_fn(Gives::Logits, move |inputs: ArrayViewD<'_, f32>| {
            seen.lock().unwrap().push(inputs.len_of(Axis(0)));
            inputs.into_owned().into_dimensionality().unwrap()
        });
        let inputs = ArrayD::from_shape_fn(IxDyn(&[9, 2]), |at| (at[0] * 2 + at[1]) as f32);
        let given = answers(&model, inputs.view(), 4).unwrap();
        assert_eq!(given.into_dyn(), inputs);
        assert_eq!(*sizes.lock().unwrap(), [4, 4, 2]);
    }

    #[test]
    fn too_few_rows_and_panics_are_errors() {
        let inputs = ArrayD::zeros(IxDyn(&[4, 2]));
        let model = from_fn(Gives::Logits, |_: ArrayViewD<'_, f32>| {
            Array2::zeros((1, 2))
        });
        let error = answers(&model, inputs.view(), 4).unwrap_err().to_string();
        assert!(error.contains("1 rows to a batch of 4"), "{error}");
        let model = from_fn(Gives::Logits, |_: ArrayViewD<'_, f32>| panic!("no answer"));
        let error = answers(&model, inputs.view(), 4).unwrap_err().to_string();
        assert!(error.contains("no answer"), "{error}");
    }

    #[test]
    fn a_rate_counts_the_calls_of_all_threads() {
        let made = AtomicUsize::new(0);
        let counted = || {
            made.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        };
        for bound in [None, Some(3)] {
            let rate = rate(Duration::from_millis(50), bound, &counted).unwrap();
            // Each thread calls at most 200 times a second, and the last call may be late.
            assert!(rate.calls > 0.0 && rate.calls < 201.0 * rate.threads as f64);
            assert!(made.swap(0, Ordering::Relaxed) > rate.threads);
            assert_eq!(rate.threads, bound.unwrap_or(rate.threads));
        }
        let failing = || Err(ModelError::Failed("no".to_owned()));
        assert!(super::rate(Duration::from_millis(50), None, &failing).is_err());
    }
}
