//! Windows that tile an image: from each to the numbers that it covers, and back.

use super::site::Site;
use super::tensors::Size;
use super::window::Window;
use super::writer::{Attribute, Var, ints};

/// Windows over an image.
pub(super) struct Tiles {
    image: Vec<Size>,
    pooled: Vec<Size>,
    by: By,
}

/// How numbers come from windows to an image and back.
enum By {
    /// The matrix that repeats the numbers of a row of windows over the rows of the image
    /// that it covers. Multiplying by it is exact, and where windows are few it is faster
    /// than operators, by far in the embedded engine.
    Product {
        /// Windows in a row, and numbers in the rows that they cover.
        windows: usize,
        numbers: usize,
        /// The matrix, [windows, numbers], and its transpose.
        repeats: Var,
        gathers: Var,
    },
    /// What ONNX has for it: Resize and AveragePool.
    Operators { kernel: [usize; 2] },
}

impl Tiles {
    /// More windows in a row make a matrix that is large and slow.
    const FEW: usize = 32;

    pub(super) fn of(site: &mut Site<'_>, window: &Window) -> Result<Self, String> {
        let by = if window.to[1] <= Self::FEW {
            Self::product(site, window)
        } else {
            By::Operators {
                kernel: [window.kernel[0], window.kernel[1]],
            }
        };
        Ok(Self {
            image: site.shape(0)?,
            pooled: site.output_shape(0)?,
            by,
        })
    }

    fn product(site: &mut Site<'_>, window: &Window) -> By {
        let (rows, columns) = (window.kernel[0], window.from[1]);
        let (windows, numbers) = (window.to[1], rows * columns);
        let mut repeats = vec![0.0; windows * numbers];
        let mut gathers = vec![0.0; windows * numbers];
        for number in 0..numbers {
            let window = number % columns / window.kernel[1];
            repeats[window * numbers + number] = 1.0;
            gathers[number * windows + window] = 1.0;
        }
        By::Product {
            windows,
            numbers,
            repeats: site.constant_floats(&[windows, numbers], &repeats),
            gathers: site.constant_floats(&[numbers, windows], &gathers),
        }
    }

    /// Each number of a pooled image repeated over its window.
    pub(super) fn enlarge(&self, site: &mut Site<'_>, pooled: Var) -> Result<Var, String> {
        match self.by {
            By::Product {
                windows, repeats, ..
            } => {
                let enlarged = times(site, pooled, windows, repeats);
                site.reshape(enlarged, &self.image)
            }
            By::Operators { kernel } => {
                let scales = [1.0, 1.0, kernel[0] as f32, kernel[1] as f32];
                let scales = site.constant_floats(&[4], &scales);
                let none = site.none();
                let text = |name, text| (name, Attribute::Text(text));
                let attributes = [
                    text("mode", "nearest"),
                    text("coordinate_transformation_mode", "asymmetric"),
                    text("nearest_mode", "floor"),
                ];
                Ok(site.op_with("Resize", &[pooled, none, scales], &attributes))
            }
        }
    }

    /// The sum over each window.
    pub(super) fn sum(&self, site: &mut Site<'_>, image: Var) -> Result<Var, String> {
        match self.by {
            By::Product {
                numbers, gathers, ..
            } => {
                let sums = times(site, image, numbers, gathers);
                site.reshape(sums, &self.pooled)
            }
            By::Operators { kernel } => {
                let cells = kernel[0] * kernel[1];
                let kernel = ints(&kernel);
                let attributes = ["kernel_shape", "strides"];
                let attributes = attributes.map(|name| (name, Attribute::Ints(&kernel)));
                let means = site.op_with("AveragePool", &[image], &attributes);
                Ok(site.scaled(means, cells as f32))
            }
        }
    }
}

/// `tensor`, as rows of this many numbers, times a matrix. As one product: many small
/// ones are slow.
fn times(site: &mut Site<'_>, tensor: Var, columns: usize, matrix: Var) -> Var {
    let shape = site.list(&[-1, columns as i64]);
    let rows = site.op("Reshape", &[tensor, shape]);
    site.op("MatMul", &[rows, matrix])
}
