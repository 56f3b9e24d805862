//! What JPEG (ITU-T T.81, baseline) loses: everything on the way to the coefficients
//! and back, in the integer arithmetic of libjpeg, to whose output it is equal. The
//! entropy coding in between loses nothing and is left out.
//!
//! `colour` is the way between pixels and planes of luminance and chrominance, `cosine`
//! the transform of blocks, `tables` what coefficients are divided by.

mod colour;
mod cosine;
mod tables;

pub use colour::{compress_colours, compress_grey};
pub use tables::Tables;
