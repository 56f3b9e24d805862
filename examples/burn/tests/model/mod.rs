//! A burn model as steadfast's `Model`, with its input gradients.

use burn::tensor::{Device, Tensor, TensorData};
use digits_burn::Digits;
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD};
use steadfast::model::{Description, Gives, Gradients, Model, ModelError};

/// The model with the weights of this repository's digits.
pub fn open() -> Result<Burn, ModelError> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/digits.safetensors"
    );
    let device = Device::flex().autodiff();
    let digits = Digits::load(path, &device);
    let digits = digits.map_err(|error| ModelError::Failed(error.to_string()))?;
    Ok(Burn { digits, device })
}

pub struct Burn {
    digits: Digits,
    device: Device,
}

impl Burn {
    /// A batch as burn's tensor.
    fn tensor<const RANK: usize>(&self, batch: ArrayViewD<'_, f32>) -> Tensor<RANK> {
        let numbers: Vec<f32> = batch.iter().copied().collect();
        Tensor::from_data(
            TensorData::new(numbers, batch.shape().to_vec()),
            &self.device,
        )
    }
}

/// The numbers of a tensor.
fn numbers<const RANK: usize>(tensor: Tensor<RANK>) -> Result<Vec<f32>, ModelError> {
    let numbers = tensor.into_data().try_to_vec::<f32>();
    numbers.map_err(|error| ModelError::Failed(format!("{error:?}")))
}

/// Logits as an array.
fn array(logits: Tensor<2>) -> Result<Array2<f32>, ModelError> {
    let [rows, columns] = logits.dims();
    Array2::from_shape_vec((rows, columns), numbers(logits)?)
        .map_err(|error| ModelError::Failed(error.to_string()))
}

impl Model for Burn {
    fn describe(&self) -> Description {
        Description {
            gives: Some(Gives::Logits),
            classes: Some(10),
            input_shape: vec![Some(1), Some(8), Some(8)],
            engine: "burn 0.22".to_owned(),
            gradient: true,
            ..Description::default()
        }
    }

    fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        array(self.digits.forward(self.tensor(inputs)))
    }

    fn gradient(
        &self,
        inputs: ArrayViewD<'_, f32>,
        cotangents: &dyn Fn(ArrayView2<'_, f32>) -> Array2<f32>,
    ) -> Result<Gradients, ModelError> {
        let shape = inputs.raw_dim();
        let inputs: Tensor<4> = self.tensor::<4>(inputs).require_grad();
        let logits = self.digits.forward(inputs.clone());
        let answers = array(logits.clone())?;
        // The loss enters as its derivative by the logits.
        let cotangents = self.tensor::<2>(cotangents(answers.view()).view().into_dyn());
        let gradients = (logits * cotangents).sum().backward();
        let gradient = inputs
            .grad(&gradients)
            .ok_or_else(|| ModelError::Failed("the logits ignore the input".to_owned()))?;
        let inputs = ArrayD::from_shape_vec(shape, numbers(gradient)?)
            .map_err(|error| ModelError::Failed(error.to_string()))?;
        Ok(Gradients { answers, inputs })
    }
}
