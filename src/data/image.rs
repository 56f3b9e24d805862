//! One image file: what its header says, and its pixels.
//!
//! A file is known by its first bytes, not by its name. Only what has one meaning is
//! read: 8-bit grey or RGB. The pixels are those that are stored: colour profiles,
//! gamma and the orientation of a camera are not applied, as Pillow does not.
//! Where files lie is `folder`'s business.

use std::fmt::Display;
use std::io::Cursor;

use png::{BitDepth, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::ImageFault;

/// The most pixels of an image, 4096 × 4096: nothing is allocated for more.
const MOST_PIXELS: usize = 1 << 24;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";

type PngReader<'a> = png::Reader<Cursor<&'a [u8]>>;
type JpegReader<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// `[channels, height, width]`; one channel is grey, three are RGB.
pub(super) type Shape = [usize; 3];

/// The shape of the image that `bytes` are, of which only the header is read.
pub(super) fn shape(bytes: &[u8]) -> Result<Shape, ImageFault> {
    if bytes.starts_with(PNG) {
        Ok(open_png(bytes)?.1)
    } else if bytes.starts_with(JPEG) {
        Ok(open_jpeg(bytes)?.1)
    } else {
        Err(unrecognised(bytes))
    }
}

/// The levels of the image that `bytes` are, pixel by pixel, each with its channels.
pub(super) fn decode(bytes: &[u8]) -> Result<(Vec<u8>, Shape), ImageFault> {
    if bytes.starts_with(PNG) {
        let (mut reader, shape) = open_png(bytes)?;
        let mut levels = vec![0; shape.iter().product()];
        if reader.output_buffer_size() != Some(levels.len()) {
            return Err(damaged("its rows are not as long as its header says"));
        }
        reader.next_frame(&mut levels).map_err(png_fault)?;
        // The checksum and the end of the image come after its pixels.
        reader.finish().map_err(png_fault)?;
        Ok((levels, shape))
    } else if bytes.starts_with(JPEG) {
        let (mut decoder, shape) = open_jpeg(bytes)?;
        let mut levels = vec![0; shape.iter().product()];
        decoder.decode_into(&mut levels).map_err(jpeg_fault)?;
        Ok((levels, shape))
    } else {
        Err(unrecognised(bytes))
    }
}

fn open_png(bytes: &[u8]) -> Result<(PngReader<'_>, Shape), ImageFault> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    let header = decoder.read_header_info().map_err(png_fault)?;
    let (width, height) = (header.width as usize, header.height as usize);
    check_size(width, height)?;
    let deep = header.bit_depth == BitDepth::Sixteen;
    let alpha = matches!(
        header.color_type,
        png::ColorType::Rgba | png::ColorType::GrayscaleAlpha
    );
    let grey = matches!(
        header.color_type,
        png::ColorType::Grayscale | png::ColorType::GrayscaleAlpha
    );
    if deep {
        return Err(ImageFault::Unsupported {
            found: "has 16 bits a channel",
            cure: "save it with 8",
        });
    }
    let reader = decoder.read_info().map_err(png_fault)?;
    if alpha || reader.info().trns.is_some() {
        return Err(ImageFault::Unsupported {
            found: "has transparent pixels (alpha)",
            cure: "lay it on a background and save grey or RGB, as Pillow's convert(\"RGB\") does",
        });
    }
    if reader.info().is_animated() {
        return Err(ImageFault::Unsupported {
            found: "is animated",
            cure: "save the frame that is meant",
        });
    }
    Ok((reader, [if grey { 1 } else { 3 }, height, width]))
}

fn open_jpeg(bytes: &[u8]) -> Result<(JpegReader<'_>, Shape), ImageFault> {
    // Strict: what is missing at the end is an error and not grey.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(jpeg_fault)?;
    let (width, height, components) = decoder
        .info()
        .map(|info| (info.width.into(), info.height.into(), info.components))
        .ok_or_else(|| damaged("it has no header"))?;
    check_size(width, height)?;
    let (channels, colours) = match components {
        1 => (1, ColorSpace::Luma),
        3 => (3, ColorSpace::RGB),
        _ => {
            return Err(ImageFault::Unsupported {
                found: "is neither grey nor of three colours (CMYK, say)",
                cure: "save it as RGB, as Pillow's convert(\"RGB\") does",
            });
        }
    };
    if !ends(bytes) {
        return Err(damaged("it ends early"));
    }
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    Ok((decoder, [channels, height, width]))
}

/// Whether the marker of a JPEG's end is there, and no scan begins behind it (that of a
/// thumbnail's end is before the image): the decoder does without. In between neither
/// marker can occur (ITU-T T.81, B.1.1.2).
fn ends(bytes: &[u8]) -> bool {
    let is = |marker| move |two: &[u8]| two == [0xff, marker];
    let end = bytes.windows(2).rposition(is(0xd9));
    end.is_some_and(|end| !bytes[end..].windows(2).any(is(0xda)))
}

fn check_size(width: usize, height: usize) -> Result<(), ImageFault> {
    if width == 0 || height == 0 {
        return Err(damaged("it has no pixels"));
    }
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MOST_PIXELS => Ok(()),
        _ => Err(ImageFault::TooManyPixels { width, height }),
    }
}

fn damaged(reason: impl Display) -> ImageFault {
    let reason = reason.to_string();
    ImageFault::Damaged(reason.trim().trim_matches('"').to_owned())
}

/// The decoder writes the kind of a chunk as Rust does: `ChunkType { type: IDAT, … }`.
fn png_fault(error: png::DecodingError) -> ImageFault {
    let text = error.to_string();
    let text = text.trim_end_matches('.');
    let named = text.split_once("ChunkType {").and_then(|(before, rest)| {
        let (fields, after) = rest.split_once('}')?;
        let (_, fields) = fields.split_once("type: ")?;
        let name = fields.split(',').next()?.trim().trim_matches('"');
        Some(format!("{before}{name}{after}"))
    });
    damaged(named.as_deref().unwrap_or(text))
}

fn jpeg_fault(error: DecodeErrors) -> ImageFault {
    match error {
        DecodeErrors::Unsupported(_) | DecodeErrors::SofError(_) => ImageFault::Unsupported {
            found: "is a JPEG of a rare kind (12 bits, or lossless)",
            cure: "save it as a baseline or progressive JPEG, or as PNG",
        },
        error => damaged(error),
    }
}

/// What `bytes`, neither a PNG nor a JPEG, are instead.
fn unrecognised(bytes: &[u8]) -> ImageFault {
    let known: [(&[u8], &str); 7] = [
        (b"GIF8", "a GIF image"),
        (b"RIFF", "a WebP image"),
        (b"BM", "a BMP image"),
        (b"II*\0", "a TIFF image"),
        (b"MM\0*", "a TIFF image"),
        (b"version https://git-lfs", "a Git LFS pointer"),
        (b"<", "a page or SVG image"),
    ];
    if bytes.is_empty() {
        return ImageFault::Empty;
    }
    let found = known.iter().find(|(start, _)| bytes.starts_with(start));
    ImageFault::Unrecognised {
        found: found.map_or("something else", |(_, what)| what),
        cure: match found {
            Some((_, "a Git LFS pointer")) => "fetch the files with `git lfs pull`",
            _ => "convert it to PNG",
        },
    }
}
