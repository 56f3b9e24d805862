//! Photos as NumPy has them, uint8 `[n, height, width, 3]`, and one of them perturbed
//! as the engine does it: onto the unit scale, changed, clipped, truncated to levels.
//! Shared by the example `corrupt` and the bench `corruptions`.

use std::path::Path;

use ndarray::ArrayViewMut3;
use steadfast::catalogue::Parameters;
use steadfast::perturb::levels::level;
use steadfast::perturb::{Depth, Perturbation, wide};
use steadfast::seed::Stream;

/// What a NumPy file begins with, in version 1.0 of the format.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// The level that a value becomes. A cast of a float to a byte is not vectorised; the
/// lowest bits of a whole number plus 2²³ are that number.
#[inline(always)]
fn byte(value: f32) -> u8 {
    (level(value) + 8_388_608.0).to_bits() as u8
}

/// Photos of one size.
pub struct Photos {
    /// How many.
    pub count: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Photo after photo, row after row, red, green and blue together.
    pub bytes: Vec<u8>,
}

impl Photos {
    /// Reads an `.npy` file of uint8 `[n, height, width, 3]`.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let file = std::fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
        let wanted = || format!("{shown} is not uint8 [n, height, width, 3], saved by numpy.save");
        let rest = file.strip_prefix(MAGIC).ok_or_else(wanted)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(wanted)?;
        let (header, bytes) = rest
            .split_at_checked(usize::from(u16::from_le_bytes(*length)))
            .ok_or_else(wanted)?;
        let header = String::from_utf8_lossy(header);
        let shape = header
            .split_once("'shape': (")
            .and_then(|(_, rest)| rest.split_once(')'));
        let shape: Vec<usize> = shape
            .map(|(shape, _)| {
                shape
                    .split(',')
                    .filter_map(|side| side.trim().parse().ok())
                    .collect()
            })
            .unwrap_or_default();
        match *shape {
            [count, height, width, 3]
                if header.contains("'|u1'")
                    && header.contains("'fortran_order': False")
                    && bytes.len() == count * height * width * 3 =>
            {
                Ok(Self {
                    count,
                    height,
                    width,
                    bytes: bytes.to_vec(),
                })
            }
            _ => Err(wanted()),
        }
    }

    /// The bytes of one photo.
    pub fn photo(&self, index: usize) -> &[u8] {
        let size = self.height * self.width * 3;
        &self.bytes[index * size..(index + 1) * size]
    }
}

/// What one photo is perturbed in; kept from photo to photo.
pub struct Workbench {
    height: usize,
    width: usize,
    planes: Vec<f32>,
}

impl Workbench {
    /// For photos of this size.
    pub fn new(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            planes: vec![0.0; 3 * height * width],
        }
    }

    /// Perturbs `photo` into `output`, both `[height, width, 3]`.
    pub fn perturb(
        &mut self,
        photo: &[u8],
        kind: &dyn Perturbation,
        parameters: &Parameters,
        stream: &mut Stream,
        output: &mut [u8],
    ) {
        let size = self.height * self.width;
        let (red, rest) = self.planes.split_at_mut(size);
        let (green, blue) = rest.split_at_mut(size);
        wide(
            #[inline(always)]
            || {
                let planes = red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut());
                for (((red, green), blue), pixel) in planes.zip(photo.chunks_exact(3)) {
                    *red = f32::from(pixel[0]) / 255.0;
                    *green = f32::from(pixel[1]) / 255.0;
                    *blue = f32::from(pixel[2]) / 255.0;
                }
            },
        );
        let shape = (3, self.height, self.width);
        let image = ArrayViewMut3::from_shape(shape, &mut self.planes).expect("three planes");
        kind.apply(image.into_dyn(), parameters, Depth::EightBit, stream);
        let (red, rest) = self.planes.split_at(size);
        let (green, blue) = rest.split_at(size);
        wide(
            #[inline(always)]
            || {
                let pixels = output.chunks_exact_mut(3);
                for (((red, green), blue), pixel) in red.iter().zip(green).zip(blue).zip(pixels) {
                    pixel[0] = byte(*red);
                    pixel[1] = byte(*green);
                    pixel[2] = byte(*blue);
                }
            },
        );
    }
}
