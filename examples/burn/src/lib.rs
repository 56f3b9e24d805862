//! The digits network in burn: two convolutions and two linear layers.

use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, linear, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;

/// A classifier of 8 × 8 digits.
pub struct Digits {
    conv: [(Tensor<4>, Tensor<1>); 2],
    fc: [(Tensor<2>, Tensor<1>); 2],
}

/// What went wrong with the weights.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

impl Digits {
    /// Reads the weights from a safetensors file.
    pub fn load(path: &str, device: &Device) -> Result<Self, Error> {
        let bytes = std::fs::read(path)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let read = |name: &str| -> Result<TensorData, Error> {
            let weight = file.tensor(name)?;
            let numbers = weight.data().chunks_exact(4);
            let numbers: Vec<f32> = numbers
                .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
                .collect();
            Ok(TensorData::new(numbers, weight.shape().to_vec()))
        };
        let conv = |name: &str| -> Result<(Tensor<4>, Tensor<1>), Error> {
            Ok((
                Tensor::from_data(read(&format!("{name}.weight"))?, device),
                Tensor::from_data(read(&format!("{name}.bias"))?, device),
            ))
        };
        // PyTorch keeps [out, in], and burn multiplies by [in, out].
        let fc = |name: &str| -> Result<(Tensor<2>, Tensor<1>), Error> {
            let weight: Tensor<2> = Tensor::from_data(read(&format!("{name}.weight"))?, device);
            Ok((
                weight.transpose(),
                Tensor::from_data(read(&format!("{name}.bias"))?, device),
            ))
        };
        Ok(Self {
            conv: [conv("conv1")?, conv("conv2")?],
            fc: [fc("fc1")?, fc("fc2")?],
        })
    }

    /// The logits, [batch, 10], of images of the shape [batch, 1, 8, 8].
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = images;
        for (weight, bias) in self.conv.clone() {
            let padded = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
            x = relu(conv2d(x, weight, Some(bias), padded));
            x = max_pool2d(x, MaxPoolOptions::new([2, 2]));
        }
        let [first, second] = self.fc.clone();
        let x = relu(linear(x.flatten(1, 3), first.0, Some(first.1)));
        linear(x, second.0, Some(second.1))
    }
}
