//! What a sheet is drawn on: pixels in memory, text in a bitmap font, PNG.

use std::convert::Infallible;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_6X10;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{
    DrawTarget, Drawable, OriginDimensions, Pixel, Point, RgbColor, Size,
};
use embedded_graphics::text::{Baseline, Text};

use super::picture::Picture;

/// The width of a letter, in pixels.
pub const LETTER: usize = 6;

/// The height of a line of text.
pub const LINE: usize = 12;

const PAPER: [u8; 3] = [255; 3];
const INK: Rgb888 = Rgb888::new(20, 20, 20);

/// A drawing.
pub struct Canvas {
    picture: Picture,
}

impl Canvas {
    /// An empty one.
    pub fn new(width: usize, height: usize) -> Self {
        let picture = Picture {
            width,
            height,
            pixels: vec![PAPER; width * height],
        };
        Self { picture }
    }

    /// Writes a line whose upper left corner is (`x`, `y`).
    pub fn text(&mut self, x: usize, y: usize, line: &str) {
        let style = MonoTextStyle::new(&FONT_6X10, INK);
        let place = Point::new(x as i32, y as i32);
        let Ok(_) = Text::with_baseline(line, place, style, Baseline::Top).draw(self);
    }

    /// Puts a picture in, its upper left corner at (`x`, `y`).
    pub fn picture(&mut self, x: usize, y: usize, picture: &Picture) {
        let rows = picture.pixels.chunks_exact(picture.width);
        for (row, pixels) in rows.enumerate() {
            let start = (y + row) * self.picture.width + x;
            self.picture.pixels[start..start + picture.width].copy_from_slice(pixels);
        }
    }

    /// The drawing as a PNG file.
    pub fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let Picture { width, height, .. } = self.picture;
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.picture.pixels.as_flattened())?;
        writer.finish()?;
        Ok(bytes)
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.picture.width as u32, self.picture.height as u32)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        let Picture { width, height, .. } = self.picture;
        for Pixel(place, colour) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(place.x), usize::try_from(place.y)) else {
                continue;
            };
            // What is beyond the paper is cut off, as the trait asks.
            if x < width && y < height {
                self.picture.pixels[y * width + x] = [colour.r(), colour.g(), colour.b()];
            }
        }
        Ok(())
    }
}
