//! The digits network in candle: two convolutions and two linear layers.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Linear, Module, VarBuilder, conv2d, linear};

/// A classifier of 8 × 8 digits.
pub struct Digits {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
}

impl Digits {
    /// Reads the weights from a safetensors file.
    pub fn load(path: &str) -> Result<Self> {
        let bytes = std::fs::read(path)?;
        let weights = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)?;
        let padded = Conv2dConfig {
            padding: 1,
            ..Conv2dConfig::default()
        };
        Ok(Self {
            conv1: conv2d(1, 16, 3, padded, weights.pp("conv1"))?,
            conv2: conv2d(16, 32, 3, padded, weights.pp("conv2"))?,
            fc1: linear(128, 64, weights.pp("fc1"))?,
            fc2: linear(64, 10, weights.pp("fc2"))?,
        })
    }

    /// The logits, [batch, 10], of images of the shape [batch, 1, 8, 8].
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let x = pool(&self.conv1.forward(images)?.relu()?)?;
        let x = pool(&self.conv2.forward(&x)?.relu()?)?;
        let x = self.fc1.forward(&x.flatten_from(1)?)?.relu()?;
        self.fc2.forward(&x)
    }
}

/// Max-pooling, 2 × 2. `Tensor::max_pool2d` answers the same, and its gradient in candle 0.9
/// is a quarter of what it is to be: it divides by the size of the window where the number
/// of equal maxima is meant.
fn pool(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let x = x.reshape((batch, channels, height / 2, 2, width))?;
    let x = x.narrow(3, 0, 1)?.maximum(&x.narrow(3, 1, 1)?)?;
    let x = x.reshape((batch, channels, height / 2, width / 2, 2))?;
    let x = x.narrow(4, 0, 1)?.maximum(&x.narrow(4, 1, 1)?)?;
    x.reshape((batch, channels, height / 2, width / 2))
}
