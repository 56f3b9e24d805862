//! What a perturbation is, and the built-in ones: `identity`, `noise` (inputs of
//! any shape), `image`. What uniforms are turned into is `draw`; `levels` are those of
//! 8 bits; `wide` runs a loop on the processor's widest vectors.
//!
//! A perturbation is a pure function of (example, parameters, stream). Batches,
//! ranges of the data and column selection are the engine's.

pub mod draw;
pub mod identity;
pub mod image;
pub mod levels;
pub mod noise;
#[cfg(test)]
mod testing;

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameters, PerturbationKind};
use crate::seed::Stream;

pub use crate::wide::wide;

/// What the values of an example can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Any number.
    Continuous,
    /// Multiples of 1/255, as the data are uint8. The engine truncates the result to
    /// such levels; a kind needs this only where its definition truncates in between.
    EightBit,
}

/// One kind of change to an input.
pub trait Perturbation: Send + Sync {
    /// Its entry in the catalogue.
    fn kind(&self) -> &'static PerturbationKind;

    /// Whether examples of this shape (without the batch axis) can be perturbed:
    /// an image is `[channels, height, width]`, a row of a table `[columns]`.
    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError>;

    /// Changes one example, whose values are on the unit scale [0, 1] (the
    /// engine maps the data's own range to it, and clips and truncates the result).
    ///
    /// A stochastic kind draws a fixed number of words an element from `stream`,
    /// whatever the parameters, so that severities share their draws.
    ///
    /// # Panics
    ///
    /// May panic where `check` refuses the shape: an example that is left as it
    /// was would pass for a robust answer.
    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        depth: Depth,
        stream: &mut Stream,
    );
}

/// Why a perturbation cannot be applied to a data set.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PerturbationError {
    /// The examples have the wrong shape.
    #[error("{kind} needs {needs}, and an example here has the shape {shape:?}")]
    Shape {
        /// The kind's name.
        kind: &'static str,
        /// The shape that it needs, in words.
        needs: &'static str,
        /// The shape that was met.
        shape: Vec<usize>,
    },
}
