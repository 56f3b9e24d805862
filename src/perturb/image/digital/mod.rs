//! Changes that the imaging chain makes: of light and of colour (`brightness`,
//! `contrast`, `saturate`), of geometry (`elastic_transform`) and of what is stored
//! (`pixelate`, `jpeg_compression`).
//!
//! What is here is theirs in common: an image as the three planes of its colours, and pixels with their channels side by side, which what moves whole
//! pixels works on.

pub mod brightness;
pub mod contrast;
mod cosines;
pub mod elastic_transform;
mod jpeg;
pub mod jpeg_compression;
pub mod pixelate;
pub mod saturate;

use super::Planes;

/// The planes of red, green and blue; `None` where there are not three planes with
/// pixels in them.
fn colours<'a>(planes: &'a mut Planes<'_>) -> Option<[&'a mut [f32]; 3]> {
    let mut each = planes.each();
    let colours = [each.next()?, each.next()?, each.next()?];
    each.next().is_none().then_some(colours)
}

/// Channels that lie side by side in a pixel; those that an image has not are zero.
const LANES: usize = 4;

/// The channels of one pixel.
type Pixel = [f32; LANES];

/// The row of pixels that starts at `start` of each of up to four planes.
#[inline(always)]
fn interleave(planes: &[&mut [f32]], start: usize, row: &mut [Pixel]) {
    let width = row.len();
    if let [red, green, blue] = planes {
        let rows = [red, green, blue].map(|plane| &plane[start..start + width]);
        for (at, pixel) in row.iter_mut().enumerate() {
            *pixel = [rows[0][at], rows[1][at], rows[2][at], 0.0];
        }
        return;
    }
    for (lane, plane) in planes.iter().enumerate() {
        for (pixel, value) in row.iter_mut().zip(&plane[start..start + width]) {
            pixel[lane] = *value;
        }
    }
}

/// The way back.
#[inline(always)]
fn deinterleave(row: &[Pixel], planes: &mut [&mut [f32]], start: usize) {
    for (lane, plane) in planes.iter_mut().enumerate() {
        for (pixel, value) in row.iter().zip(&mut plane[start..start + row.len()]) {
            *value = pixel[lane];
        }
    }
}
