//! The digits network in plain Rust, from the weights in `models/*.safetensors`: a model
//! that no engine computes, to hold the ways in against each other.

use std::path::Path;

use ndarray::{Array1, Array2, Array3, ArrayView3, ArrayViewD, Axis, Ix4, s};

/// Two 3 × 3 convolutions, each with ReLU and 2 × 2 max-pooling, and two linear layers.
pub struct Digits {
    /// Weights, \[out, in\], of a convolution \[out, in · 9\], and biases.
    layers: [(Array2<f32>, Array1<f32>); 4],
}

impl Digits {
    /// Reads the weights.
    pub fn load(path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let bytes = std::fs::read(path)?;
        let (length, rest) = bytes.split_at_checked(8).ok_or("no safetensors")?;
        let length = u64::from_le_bytes(length.try_into()?) as usize;
        let (header, data) = rest.split_at_checked(length).ok_or("no safetensors")?;
        let header: serde_json::Value = serde_json::from_slice(header)?;
        let read = |name: &str| -> Result<Vec<f32>, Box<dyn std::error::Error>> {
            let [from, to]: [usize; 2] =
                serde_json::from_value(header[name]["data_offsets"].clone())?;
            let (numbers, _) = data.get(from..to).ok_or("cut off")?.as_chunks();
            Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
        };
        let layer = |name: &str| -> Result<_, Box<dyn std::error::Error>> {
            let bias = Array1::from_vec(read(&format!("{name}.bias"))?);
            let weight = read(&format!("{name}.weight"))?;
            let shape = (bias.len(), weight.len() / bias.len());
            Ok((Array2::from_shape_vec(shape, weight)?, bias))
        };
        Ok(Self {
            layers: [
                layer("conv1")?,
                layer("conv2")?,
                layer("fc1")?,
                layer("fc2")?,
            ],
        })
    }

    /// The logits, \[batch, 10\], of images of the shape \[batch, 1, 8, 8\].
    pub fn forward(&self, images: ArrayViewD<'_, f32>) -> Array2<f32> {
        let images = images
            .into_dimensionality::<Ix4>()
            .expect("a batch of images");
        let [conv1, conv2, fc1, fc2] = &self.layers;
        let mut logits = Array2::zeros((images.len_of(Axis(0)), fc2.1.len()));
        for (image, mut row) in images.outer_iter().zip(logits.outer_iter_mut()) {
            let x = convolve(image, conv1);
            let x = convolve(x.view(), conv2);
            let x = Array1::from_iter(x);
            let x = (fc1.0.dot(&x) + &fc1.1).mapv_into(|value| value.max(0.0));
            row.assign(&(fc2.0.dot(&x) + &fc2.1));
        }
        logits
    }
}

/// Convolution, ReLU, pooling: a product of the kernels and the 3 × 3 windows, laid out
/// as columns, then the largest of every 2 × 2.
fn convolve(
    image: ArrayView3<'_, f32>,
    (kernels, bias): &(Array2<f32>, Array1<f32>),
) -> Array3<f32> {
    let (channels, height, width) = image.dim();
    let mut padded = Array3::zeros((channels, height + 2, width + 2));
    padded
        .slice_mut(s![.., 1..=height, 1..=width])
        .assign(&image);
    let mut columns = Array2::zeros((channels * 9, height * width));
    for (place, mut column) in columns.outer_iter_mut().enumerate() {
        let (channel, down, right) = (place / 9, place / 3 % 3, place % 3);
        let window = padded.slice(s![channel, down..down + height, right..right + width]);
        column
            .iter_mut()
            .zip(window)
            .for_each(|(to, from)| *to = *from);
    }
    let answers = kernels.dot(&columns);
    Array3::from_shape_fn(
        (kernels.nrows(), height / 2, width / 2),
        |(kernel, y, x)| {
            let at = |down, right| answers[[kernel, (2 * y + down) * width + 2 * x + right]];
            let largest = at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1));
            (largest + bias[kernel]).max(0.0)
        },
    )
}
