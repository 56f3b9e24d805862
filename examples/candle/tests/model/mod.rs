//! A candle model as steadfast's `Model`, with its input gradients.

use candle_core::{Device, Tensor, Var};
use digits_candle::Digits;
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD};
use steadfast::model::{Description, Gives, Gradients, Model, ModelError};

/// The model with the weights of this repository's digits.
pub fn open() -> Result<Candle, ModelError> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/digits.safetensors"
    );
    Digits::load(path).map(Candle).map_err(failed)
}

pub struct Candle(Digits);

fn failed(error: candle_core::Error) -> ModelError {
    ModelError::Failed(error.to_string())
}

/// A batch as candle's tensor.
fn tensor(batch: ArrayViewD<'_, f32>) -> candle_core::Result<Tensor> {
    let numbers: Vec<f32> = batch.iter().copied().collect();
    Tensor::from_vec(numbers, batch.shape(), &Device::Cpu)
}

/// Logits as an array.
fn array(logits: &Tensor) -> candle_core::Result<Array2<f32>> {
    let (rows, columns) = logits.dims2()?;
    let numbers = logits.flatten_all()?.to_vec1()?;
    Array2::from_shape_vec((rows, columns), numbers).map_err(candle_core::Error::wrap)
}

impl Model for Candle {
    fn describe(&self) -> Description {
        Description {
            gives: Some(Gives::Logits),
            classes: Some(10),
            input_shape: vec![Some(1), Some(8), Some(8)],
            engine: "candle 0.9".to_owned(),
            gradient: true,
            ..Description::default()
        }
    }

    fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        let answer = || array(&self.0.forward(&tensor(inputs)?)?);
        answer().map_err(failed)
    }

    fn gradient(
        &self,
        inputs: ArrayViewD<'_, f32>,
        cotangents: &dyn Fn(ArrayView2<'_, f32>) -> Array2<f32>,
    ) -> Result<Gradients, ModelError> {
        let shape = inputs.raw_dim();
        let answer = || {
            let inputs = Var::from_tensor(&tensor(inputs)?)?;
            let logits = self.0.forward(&inputs)?;
            let answers = array(&logits)?;
            // The loss enters as its derivative by the logits.
            let cotangents = tensor(cotangents(answers.view()).view().into_dyn())?;
            let gradients = (logits * cotangents)?.sum_all()?.backward()?;
            let gradient = gradients
                .get(&inputs)
                .ok_or_else(|| candle_core::Error::Msg("the logits ignore the input".to_owned()))?;
            let numbers = gradient.flatten_all()?.to_vec1()?;
            let inputs =
                ArrayD::from_shape_vec(shape, numbers).map_err(candle_core::Error::wrap)?;
            Ok(Gradients { answers, inputs })
        };
        answer().map_err(failed)
    }
}
