//! The pixels of an input: grey or colour, of a size that can be looked at.

use ndarray::{ArrayViewD, Axis};

/// The longer side that small images are enlarged to, at most, in pixels.
const ENLARGED: usize = 96;

/// The longest side that is shown whole, in pixels.
const LARGEST: usize = 224;

/// An image in 8 bits a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green and blue, row after row.
    pub pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// The picture of an input of the shape `[height, width]` or `[1 or 3, height,
    /// width]` on `range`, of which the lower end is black.
    ///
    /// # Errors
    /// In words, where it is no such image.
    pub fn of(input: ArrayViewD<'_, f32>, range: (f64, f64)) -> Result<Self, String> {
        let shape = input.shape().to_vec();
        let image = if shape.len() == 2 {
            input.insert_axis(Axis(0))
        } else {
            input
        };
        let (channels, height, width) = match *image.shape() {
            [channels @ (1 | 3), height, width] if height > 0 && width > 0 => {
                (channels, height, width)
            }
            _ => {
                return Err(format!(
                    "`show` draws images, [height, width] or [1 or 3 channels, height, width], and an example here has the shape {shape:?}"
                ));
            }
        };
        let (low, high) = range;
        // Levels of 8 bits come back as they were; what lies between goes to the nearest.
        let level = |value: f32| ((f64::from(value) - low) / (high - low) * 255.0).round() as u8;
        let mut pixels = Vec::with_capacity(height * width);
        for row in 0..height {
            for column in 0..width {
                let of = |channel: usize| level(image[[channel.min(channels - 1), row, column]]);
                pixels.push([of(0), of(1), of(2)]);
            }
        }
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// Of a size that can be looked at: small images enlarged by a whole factor, of
    /// large ones every second, third, … pixel, so that each pixel that is shown is one
    /// of the input's. And what was done, in words.
    pub fn to_size(&self) -> (Self, String) {
        let longest = self.width.max(self.height);
        let size = format!("{}×{}", self.width, self.height);
        let factor = (ENLARGED / longest).max(1);
        let step = longest.div_ceil(LARGEST);
        let words = if factor > 1 {
            format!("{size}, enlarged {factor} times")
        } else if step > 1 {
            format!("one pixel in {step} of {size}, each way")
        } else {
            size
        };
        let (width, height) = match step {
            1 => (self.width * factor, self.height * factor),
            step => (self.width.div_ceil(step), self.height.div_ceil(step)),
        };
        let source = |place: usize| place / factor * step;
        let pixels = (0..height)
            .flat_map(|row| (0..width).map(move |column| (row, column)))
            .map(|(row, column)| self.pixels[source(row) * self.width + source(column)])
            .collect();
        let sized = Self {
            width,
            height,
            pixels,
        };
        (sized, words)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn array(shape: &[usize]) -> ArrayD<f32> {
        let size: usize = shape.iter().product();
        let values = (0..size).map(|place| place as f32 / 255.0).collect();
        ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()
    }

    #[test]
    fn levels_come_back_as_they_were_on_any_range() {
        let grey = array(&[1, 16, 16]);
        for range in [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-2.5, 0.3)] {
            let (low, width) = (range.0 as f32, (range.1 - range.0) as f32);
            let input = grey.mapv(|value| value * width + low);
            let picture = Picture::of(input.view(), range).unwrap();
            let levels: Vec<u8> = picture.pixels.iter().map(|pixel| pixel[0]).collect();
            assert_eq!(levels, (0..=255).collect::<Vec<u8>>(), "{range:?}");
            assert!(picture.pixels.iter().all(|[r, g, b]| r == g && g == b));
        }
    }

    #[test]
    fn planes_become_colours() {
        let picture = Picture::of(array(&[3, 2, 2]).view(), (0.0, 1.0)).unwrap();
        assert_eq!(
            picture.pixels,
            [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]
        );
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for shape in [&[7][..], &[2, 4, 4], &[4, 4, 3], &[1, 3, 4, 4], &[1, 0, 4]] {
            let message = Picture::of(array(shape).view(), (0.0, 1.0)).unwrap_err();
            assert!(message.contains(&format!("shape {shape:?}")), "{message}");
        }
    }

    #[test]
    fn small_images_grow_and_large_ones_are_thinned() {
        let picture = |shape: &[usize]| Picture::of(array(shape).view(), (0.0, 1e6)).unwrap();
        let (small, words) = picture(&[8, 4]).to_size();
        assert_eq!((small.width, small.height), (48, 96));
        assert_eq!(words, "4×8, enlarged 12 times");
        let (kept, words) = picture(&[224, 100]).to_size();
        assert_eq!((kept.width, kept.height), (100, 224));
        assert_eq!(words, "100×224");
        let (large, words) = picture(&[2, 449]).to_size();
        assert_eq!((large.width, large.height), (150, 1));
        assert_eq!(words, "one pixel in 3 of 449×2, each way");
    }
}
