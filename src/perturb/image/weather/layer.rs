//! A layer of independent normal values over an image, one random word a pixel.

use crate::perturb::{draw, wide};
use crate::seed::Stream;

/// The random words of a layer, row after row.
pub struct Layer {
    width: usize,
    words: Vec<u32>,
}

impl Layer {
    /// Takes a word for each pixel of an image.
    pub fn new(height: usize, width: usize, stream: &mut Stream) -> Self {
        let mut words = vec![0; height * width];
        stream.fill(&mut words);
        Self { width, words }
    }

    /// Fills `row` with the values of the layer's row `y` from column `x` on.
    pub fn row(&self, y: usize, x: usize, mean: f32, std: f32, row: &mut [f32]) {
        let words = &self.words[y * self.width + x..][..row.len()];
        wide(
            #[inline(always)]
            || {
                for (value, &word) in row.iter_mut().zip(words) {
                    *value = mean + std * draw::normal_f32(word);
                }
            },
        );
    }
}
