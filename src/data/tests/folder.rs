//! Folders of images: written by other encoders than what is tested, damaged in every
//! way.

use std::fs;
use std::path::Path;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::super::image;
use super::*;

/// Grey or RGB levels, pixel by pixel, that a seed draws; smooth enough for a JPEG.
fn levels(width: usize, height: usize, channels: usize, seed: u64) -> Vec<u8> {
    let mut words = vec![0; width * height * channels];
    Stream::new(seed, "test@1", 0, "").fill(&mut words);
    words
        .iter()
        .enumerate()
        .map(|(place, word)| (place / channels * 3 % 200) as u8 + (word % 56) as u8)
        .collect()
}

fn png_as(
    (width, height): (usize, usize),
    (colour, depth): (png::ColorType, png::BitDepth),
    data: &[u8],
    more: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    more(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A PNG of 8 bits, grey or RGB by the number of levels.
fn png(width: usize, height: usize, levels: &[u8]) -> Vec<u8> {
    let colour = match levels.len() == width * height {
        true => png::ColorType::Grayscale,
        false => png::ColorType::Rgb,
    };
    png_as(
        (width, height),
        (colour, png::BitDepth::Eight),
        levels,
        |_| {},
    )
}

fn jpeg_as(
    width: usize,
    height: usize,
    levels: &[u8],
    colour: ColorType,
    sampling: SamplingFactor,
    progressive: bool,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(sampling);
    encoder.set_progressive(progressive);
    encoder
        .encode(levels, width as u16, height as u16, colour)
        .unwrap();
    bytes
}

fn jpeg(width: usize, height: usize, levels: &[u8]) -> Vec<u8> {
    let colour = match levels.len() == width * height {
        true => ColorType::Luma,
        false => ColorType::Rgb,
    };
    jpeg_as(
        width,
        height,
        levels,
        colour,
        SamplingFactor::R_4_2_0,
        false,
    )
}

/// A folder with these files and a labels file.
struct Photos {
    folder: tempfile::TempDir,
}

impl Photos {
    fn new(labels: &str, files: &[(&str, &[u8])]) -> Self {
        let photos = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        photos.write("labels.csv", labels.as_bytes());
        for (path, bytes) in files {
            photos.write(path, bytes);
        }
        photos
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn request(&self) -> Request {
        Request {
            path: self.path().join("labels.csv"),
            shown: "photos/labels.csv".to_owned(),
            inputs: "file".to_owned(),
            labels: "label".to_owned(),
            ..request()
        }
    }

    fn open(&self) -> Dataset {
        open(&self.request()).unwrap()
    }

    fn message(&self) -> String {
        self.message_of(&self.request())
    }

    fn message_of(&self, request: &Request) -> String {
        open(request).unwrap_err().to_string()
    }
}

/// The message where only the image on line 3 is other than in order.
#[track_caller]
fn image_message(bytes: &[u8]) -> String {
    let good = png(3, 2, &[0; 6]);
    let photos = Photos::new(
        "file,label\na.png,0\nb.png,1\n",
        &[("a.png", &good), ("b.png", bytes)],
    );
    let message = photos.message();
    assert_says(&message, &["photos/labels.csv: line 3: the image b.png "]);
    message
}

#[test]
fn a_folder_is_what_its_labels_file_says() {
    let pixels = [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6];
    let first = png(2, 2, &pixels);
    let second = jpeg(2, 2, &[77; 12]);
    let photos = Photos::new(
        "label,site,file,name\r\n2,north,deep/er/a.png,p1\r\n\r\n0,\"south, east\",./b.jpg,p2\r\n1,north,deep/er/a.png,p3\r\n",
        &[("deep/er/a.png", &first), ("b.jpg", &second)],
    );
    let request = Request {
        ids: Some("name".to_owned()),
        cluster: Some("file".to_owned()),
        slice: Some("site".to_owned()),
        ..photos.request()
    };
    let dataset = open(&request).unwrap();
    assert_eq!(dataset.len(), 3);
    assert_eq!(dataset.shape(), [3, 2, 2]);
    assert_eq!(dataset.labels(), [2, 0, 1]);
    assert_eq!(dataset.ids(), ["p1", "p2", "p3"]);
    assert_eq!(dataset.clusters(), Some(&[0, 1, 0][..]));
    assert_eq!(dataset.slices(), Some(&[0, 1, 0][..]));
    assert_eq!(dataset.slice_names(), ["north", "south, east"]);
    assert!(dataset.quantised());
    // Colour by colour, row by row.
    let planes = [0, 153, 1, 4, 51, 204, 2, 5, 102, 255, 3, 6];
    let expected: Vec<f32> = planes.iter().map(|&level| level as f32 / 255.0).collect();
    assert_eq!(input(&dataset, 0).as_slice().unwrap(), expected);
    assert_eq!(input(&dataset, 2).as_slice().unwrap(), expected);
    // A grey of one level is what a JPEG keeps exactly, but for rounding of colours.
    for &value in &input(&dataset, 1) {
        assert!((value * 255.0 - 77.0).abs() < 1.5, "{value}");
    }
    // Where the file lies, counted with empty lines and either end of line.
    assert_says(
        &dataset.check_labels(2).unwrap_err().to_string(),
        &["photos/labels.csv: the label on line 2 is 2", "2 classes"],
    );
    assert_eq!(photos.open().ids(), ["0", "1", "2"]);
}

#[test]
fn the_digest_is_of_the_labels_file_and_of_the_images_in_order() {
    let (a, b) = (png(1, 1, &[7]), png(1, 1, &[8]));
    let text = "file,label\na,0\nb,1\n";
    let photos = Photos::new(text, &[("a", &a), ("b", &b)]);
    let digest = |text: &str, files: &[&[u8]]| {
        let files = files.iter().map(|bytes| Digest::of(bytes).to_string());
        let all: String = [Digest::of(text.as_bytes()).to_string()]
            .into_iter()
            .chain(files)
            .collect();
        Digest::of(all.as_bytes())
    };
    assert_eq!(*photos.open().digest(), digest(text, &[&a, &b]));
    // The draw of a limit is of the same data.
    let limit = Some(Limit {
        examples: 1,
        seed: 1,
    });
    let drawn = open(&Request {
        limit,
        ..photos.request()
    })
    .unwrap();
    assert_eq!(drawn.len(), 1);
    assert_eq!(*drawn.digest(), digest(text, &[&a, &b]));
    photos.write("b", &a);
    assert_eq!(*photos.open().digest(), digest(text, &[&a, &a]));
}

#[test]
fn a_limit_draws_the_images_that_it_draws_of_an_array() {
    let count = 40u8;
    let rows: String = (0..count).map(|row| format!("{row}.png,{row}\n")).collect();
    let photos = Photos::new(&format!("file,label\n{rows}"), &[]);
    for row in 0..count {
        photos.write(&format!("{row}.png"), &png(1, 1, &[row]));
    }
    let limit = Some(Limit {
        examples: 10,
        seed: 1,
    });
    let images = open(&Request {
        limit,
        ..photos.request()
    })
    .unwrap();
    let levels: Vec<u8> = (0..count).collect();
    let arrays = [
        ("x", npy("|u1", false, &[40, 1, 1, 1], &levels)),
        ("y", npy("|u1", false, &[40], &levels)),
    ];
    let array = read(&arrays, &Request { limit, ..request() }).unwrap();
    assert_eq!(images.ids(), array.ids());
    assert_eq!(images.labels(), array.labels());
    assert_eq!(values(&images), values(&array));
    let message = images.check_labels(1).unwrap_err().to_string();
    let first = images.labels()[0];
    assert_says(&message, &[&format!("on line {} is {first}", first + 2)]);
}

#[test]
fn levels_stand_for_the_range_as_those_of_an_array_do() {
    let levels: Vec<u8> = (0..=255).collect();
    let photos = Photos::new("file,label\na.png,0\n", &[("a.png", &png(16, 16, &levels))]);
    for range in [(0.0, 1.0), (-1.0, 1.0), (-2.5, 0.3), (0.0, 255.0)] {
        let images = open(&Request {
            range,
            ..photos.request()
        })
        .unwrap();
        let arrays = [
            ("x", npy("|u1", false, &[1, 1, 16, 16], &levels)),
            ("y", int64(&[0])),
        ];
        let array = read(&arrays, &Request { range, ..request() }).unwrap();
        assert_eq!(values(&images), values(&array), "{range:?}");
        assert_eq!(images.quantised(), array.quantised());
    }
    let range = (1.0, 0.0);
    assert_says(
        &photos.message_of(&Request {
            range,
            ..photos.request()
        }),
        &["data.range", "lower first"],
    );
}

#[test]
fn pngs_of_palettes_few_bits_and_interlaced_rows_are_read() {
    use png::{BitDepth, ColorType};
    let of = |bytes: &[u8]| image::decode(bytes).unwrap();
    let palette = png_as(
        (3, 1),
        (ColorType::Indexed, BitDepth::Two),
        &[0b10_00_01_00],
        |encoder| {
            encoder.set_palette(&[1, 2, 3, 40, 50, 60, 7, 8, 9][..]);
        },
    );
    assert_eq!(image::shape(&palette).unwrap(), [3, 1, 3]);
    assert_eq!(
        of(&palette),
        (vec![7, 8, 9, 1, 2, 3, 40, 50, 60], [3, 1, 3])
    );
    let bits = png_as(
        (4, 1),
        (ColorType::Grayscale, BitDepth::One),
        &[0b0110_0000],
        |_| {},
    );
    assert_eq!(of(&bits), (vec![0, 255, 255, 0], [1, 1, 4]));
    let four = png_as(
        (2, 1),
        (ColorType::Grayscale, BitDepth::Four),
        &[0x3f],
        |_| {},
    );
    assert_eq!(of(&four), (vec![0x33, 0xff], [1, 1, 2]));
}

#[test]
fn images_that_mean_something_else_are_refused() {
    use png::{BitDepth, ColorType};
    let eight = BitDepth::Eight;
    let size = (3, 2);
    let alpha = png_as(size, (ColorType::Rgba, eight), &[9; 24], |_| {});
    assert_says(
        &image_message(&alpha),
        &["has transparent pixels", "convert(\"RGB\")"],
    );
    let alpha = png_as(size, (ColorType::GrayscaleAlpha, eight), &[9; 12], |_| {});
    assert_says(&image_message(&alpha), &["has transparent pixels"]);
    let clear = png_as(size, (ColorType::Grayscale, eight), &[9; 6], |encoder| {
        encoder.set_trns(&[0, 9][..]);
    });
    assert_says(&image_message(&clear), &["has transparent pixels"]);
    let deep = png_as(
        size,
        (ColorType::Grayscale, BitDepth::Sixteen),
        &[9; 12],
        |_| {},
    );
    assert_says(
        &image_message(&deep),
        &["has 16 bits a channel", "save it with 8"],
    );
    let mut film = Vec::new();
    let mut encoder = png::Encoder::new(&mut film, 3, 2);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1; 6]).unwrap();
    writer.write_image_data(&[2; 6]).unwrap();
    writer.finish().unwrap();
    assert_says(&image_message(&film), &["is animated", "save the frame"]);
    let cmyk = jpeg_as(
        3,
        2,
        &[9; 24],
        jpeg_encoder::ColorType::Cmyk,
        SamplingFactor::R_4_4_4,
        false,
    );
    assert_says(&image_message(&cmyk), &["CMYK", "convert(\"RGB\")"]);

    assert_says(&image_message(b""), &["is an empty file"]);
    assert_says(
        &image_message(b"GIF89a..."),
        &["a GIF image; convert it to PNG"],
    );
    assert_says(
        &image_message(b"version https://git-lfs.github.com/spec/v1\n"),
        &["git lfs pull"],
    );
    assert_says(
        &image_message(b"hello, hello"),
        &["neither PNG nor JPEG but something else"],
    );
}

#[test]
fn images_are_known_by_their_content() {
    let photos = Photos::new(
        "file,label\na.jpg,0\nb,1\n",
        &[
            ("a.jpg", &png(8, 8, &[5; 64])),
            ("b", &jpeg(8, 8, &[5; 64])),
        ],
    );
    let dataset = photos.open();
    assert_eq!(dataset.shape(), [1, 8, 8]);
    assert_eq!(values(&dataset), [5.0 / 255.0; 128]);
}

#[test]
fn images_of_several_sizes_or_colours_are_refused_by_name() {
    let (small, large) = (png(3, 2, &[0; 6]), png(2, 3, &[0; 6]));
    let colour = png(3, 2, &[0; 18]);
    let labels = "file,label\na.png,0\nb.png,1\nc.png,1\n";
    let photos = Photos::new(
        labels,
        &[("a.png", &small), ("b.png", &small), ("c.png", &large)],
    );
    assert_says(
        &photos.message(),
        &["line 4: the image c.png has 2 × 3 pixels, grey, but a.png has 3 × 2 pixels, grey"],
    );
    photos.write("b.png", &colour);
    assert_says(
        &photos.message(),
        &["line 3: the image b.png has 3 × 2 pixels, RGB, but a.png"],
    );
}

#[test]
fn sizes_of_images_are_not_believed() {
    let huge = |side: u32| {
        let mut bytes = png(3, 2, &[0; 6]);
        // The header's length and name are before, its checksum behind the sizes.
        bytes[16..20].copy_from_slice(&side.to_be_bytes());
        bytes[20..24].copy_from_slice(&side.to_be_bytes());
        let mut table = flate_crc(&bytes[12..29]).to_be_bytes();
        bytes[29..33].swap_with_slice(&mut table);
        bytes
    };
    assert_says(
        &image_message(&huge(60_000)),
        &["has 60000 × 60000 pixels", "4096 × 4096"],
    );
    assert_says(
        &image_message(&huge(2_000_000_000)),
        &["has 2000000000 × 2000000000"],
    );
    assert_says(&image_message(&huge(0)), &["is truncated or damaged"]);

    let mut jpeg = jpeg(3, 2, &[0; 6]);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    assert_says(&image_message(&jpeg), &["has 60000 × 60000 pixels"]);

    let photos = Photos::new("file,label\na.png,0\n", &[("a.png", b"")]);
    let file = fs::File::create(photos.path().join("a.png")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_says(&photos.message(), &["has 1099511627776 bytes", "64 MiB"]);
}

/// The checksum of a PNG's chunk (PNG specification, annex D).
fn flate_crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

#[test]
fn paths_stay_in_the_folder() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    let absolute = outside.path().to_str().unwrap();
    for path in ["../a.png", "b/../a.png", absolute, "/"] {
        let photos = Photos::new(
            &format!("file,label\n{path},0\n"),
            &[("a.png", &png(1, 1, &[0]))],
        );
        assert_says(
            &photos.message(),
            &["line 2", path, "outside the folder", "without `..`"],
        );
    }
    let photos = Photos::new("file,label\nsub,0\n", &[("sub/a.png", b"")]);
    assert_says(&photos.message(), &["the image sub is no file"]);
    let photos = Photos::new("file,label\nA.png,0\n", &[]);
    assert_says(
        &photos.message(),
        &["the image A.png is not there; ", "relative to the folder"],
    );
    let photos = Photos::new(
        "file,label\na.png,0\nb.png,0\nc.png,0\nd.png,0\n",
        &[("a.png", &png(1, 1, &[0])), ("c.png", b"")],
    );
    assert_says(
        &photos.message(),
        &["line 3: the image b.png is not there, and 1 more are not; "],
    );
}

#[test]
fn labels_files_that_are_in_disorder_are_refused_by_line() {
    let a = png(1, 1, &[0]);
    let with = |text: &[u8]| {
        let photos = Photos::new("", &[("a", &a), ("b", &a)]);
        photos.write("labels.csv", text);
        photos.message()
    };
    assert_says(&with(b""), &["the file is empty", "header row"]);
    assert_says(&with(b"file,label\n"), &["no row below the header"]);
    assert_says(
        &with(b"version https://git-lfs.github.com/spec/v1\n"),
        &["git lfs pull"],
    );
    assert_says(
        &with(b"file,labels,site\na,0,x\n"),
        &[
            "no column `label`",
            "data.labels",
            "`file`, `labels`, `site`",
            "did you mean `labels`?",
        ],
    );
    // Semicolons show in the names that there are.
    assert_says(
        &with(b"file;label\na;0\n"),
        &[
            "no column `file`",
            "holds `file;label`. Values are separated by commas",
        ],
    );
    assert_says(
        &with(b"file,label,label\na,0,0\n"),
        &["two columns are called `label`"],
    );
    assert_says(
        &with(b"file,label\na,0\nb,1,2\n"),
        &["the header has 2 columns, and line 3 has 3"],
    );
    assert_says(
        &with(b"file,label\r\n\r\n\r\na,0\r\nb\r\n"),
        &["and line 5 has 1;"],
    );
    assert_says(
        &with(b"file\tlabel\na\t0\n"),
        &["holds `file\\tlabel`. Values are separated by commas"],
    );
    // Lines that a carriage return ends.
    assert_says(&with(b"file,label\ra,0\r\rb\r"), &["and line 4 has 1;"]);
    assert_says(
        &with(b"file,label\na,0\n,1\n"),
        &["line 3 has no value in the column `file` (data.inputs)"],
    );
    assert_says(
        &with(b"file,label\na,0\n\nb, \n"),
        &["line 4 has no value in the column `label`"],
    );
    assert_says(
        &with(b"file,label\na,0\nb,\xff\n"),
        &["line 3 is not valid UTF-8"],
    );
    for label in ["cat", "-1", "1.0", "99999999999999999999"] {
        assert_says(
            &with(format!("file,label\na,0\n\"b\",{label}\n").as_bytes()),
            &["the label on line 3", &format!("\"{label}\""), "0, 1, 2"],
        );
    }
    let photos = Photos::new(
        "file,label,id\na,0,x\nb,0,y\na,1,x\n",
        &[("a", &a), ("b", &a)],
    );
    let ids = Some("id".to_owned());
    assert_says(
        &photos.message_of(&Request {
            ids,
            ..photos.request()
        }),
        &["the id \"x\" is given to both line 2 and line 4"],
    );
    let ids = Some("ids".to_owned());
    assert_says(
        &photos.message_of(&Request {
            ids,
            ..photos.request()
        }),
        &[
            "no column `ids`, which data.ids asks for",
            "did you mean `id`?",
        ],
    );
}

#[test]
fn a_labels_file_may_begin_with_a_mark_and_have_spaces_and_quotes() {
    let a = png(1, 1, &[0]);
    let text = "\u{feff}file , label\n\"a \"\"1\"\".png\" ,  3\nä.png,0";
    let photos = Photos::new(text, &[("a \"1\".png", &a), ("ä.png", &a)]);
    assert_eq!(photos.open().labels(), [3, 0]);
}

#[test]
fn an_image_that_changed_since_is_an_error() {
    let (a, b) = (png(1, 1, &[7]), png(1, 1, &[8]));
    let photos = Photos::new(
        "file,label\na.png,0\nb.png,1\n",
        &[("a.png", &a), ("b.png", &b)],
    );
    let dataset = photos.open();
    let whole = values(&dataset);
    photos.write("b.png", &a);
    let message = dataset.example(1).unwrap_err().to_string();
    assert_says(
        &message,
        &["photos/labels.csv: line 3: the image b.png was changed while it was in use"],
    );
    fs::remove_file(photos.path().join("b.png")).unwrap();
    assert_says(
        &dataset.example(1).unwrap_err().to_string(),
        &["b.png is not there"],
    );
    assert!(dataset.example(0).is_ok());
    photos.write("b.png", &b);
    assert_eq!(values(&dataset), whole);
}

/// What is only found when the pixels are decoded, and of what header stands.
#[test]
fn a_truncated_image_is_an_error_at_every_length() {
    let small = levels(9, 7, 3, 1);
    let jpegs = [false, true].map(|progressive| {
        jpeg_as(
            9,
            7,
            &small,
            ColorType::Rgb,
            SamplingFactor::R_4_2_0,
            progressive,
        )
    });
    for (file, what) in [
        (png(9, 7, &small), "PNG"),
        (jpegs[0].clone(), "JPEG"),
        (jpegs[1].clone(), "progressive JPEG"),
    ] {
        let whole = image::decode(&file).unwrap();
        let mut opened = 0;
        for length in 0..file.len() {
            let cut = &file[..length];
            let place = format!("{what} cut to {length} of {}", file.len());
            let decoded = catch_unwind(|| (image::shape(cut), image::decode(cut)));
            let (shape, decoded) = decoded.unwrap_or_else(|_| panic!("panicked: {place}"));
            assert!(decoded.is_err(), "read: {place}");
            if let Ok(shape) = shape {
                assert_eq!(shape, whole.1, "{place}");
                opened += 1;
            }
        }
        assert_eq!(opened > 0, what == "PNG", "{what}: {opened}");
    }
    // Bits of a PNG are checked, and what is said of them is in words.
    let file = png(9, 7, &small);
    let data = file.windows(4).position(|four| four == b"IDAT").unwrap();
    let length = u32::from_be_bytes(file[data - 4..data].try_into().unwrap()) as usize;
    let mut broken = file.clone();
    broken[data + 4 + length] ^= 1;
    let fault = image::decode(&broken).unwrap_err().to_string();
    assert!(
        fault.contains("CRC error") && fault.contains("while decoding IDAT chunk); write"),
        "{fault}"
    );
    let file = png(9, 7, &small);
    let whole = image::decode(&file).unwrap();
    for bit in 0..8 * file.len() {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        let decoded = catch_unwind(|| image::decode(&file)).unwrap_or_else(|_| panic!("bit {bit}"));
        if let Ok(decoded) = decoded {
            assert_eq!(decoded, whole, "bit {bit} turned");
        }
    }
}

/// Whatever vectors a CPU has, the pixels of a JPEG are the same.
#[test]
fn jpegs_are_decoded_alike_with_and_without_vectors() {
    let plain = |bytes: &[u8]| {
        let options = DecoderOptions::default().set_use_unsafe(false);
        let cursor = ZCursor::new(bytes);
        JpegDecoder::new_with_options(cursor, options)
            .decode()
            .unwrap()
    };
    for (width, height) in [(224, 224), (97, 61), (16, 8), (1, 1), (33, 9)] {
        for sampling in [
            SamplingFactor::R_4_4_4,
            SamplingFactor::R_4_2_2,
            SamplingFactor::R_4_4_0,
            SamplingFactor::R_4_2_0,
            SamplingFactor::R_4_1_1,
        ] {
            for progressive in [false, true] {
                let levels = levels(width, height, 3, width as u64);
                let bytes = jpeg_as(
                    width,
                    height,
                    &levels,
                    ColorType::Rgb,
                    sampling,
                    progressive,
                );
                let (decoded, _) = image::decode(&bytes).unwrap();
                assert_eq!(
                    decoded,
                    plain(&bytes),
                    "{width}x{height} {sampling:?} {progressive}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_saved_as_png_is_read(width in 1usize..40, height in 1usize..40, colour: bool, seed: u64) {
        let channels = if colour { 3 } else { 1 };
        let levels = levels(width, height, channels, seed);
        let bytes = png(width, height, &levels);
        prop_assert_eq!(image::shape(&bytes).unwrap(), [channels, height, width]);
        prop_assert_eq!(image::decode(&bytes).unwrap(), (levels, [channels, height, width]));
    }

    /// A JPEG of good quality and full colour is near to what was saved.
    #[test]
    fn what_is_saved_as_jpeg_is_near(width in 1usize..40, height in 1usize..40, seed: u64) {
        let flat = vec![(seed % 256) as u8; 3 * width * height];
        let bytes = jpeg_as(width, height, &flat, ColorType::Rgb, SamplingFactor::R_4_4_4, seed % 2 == 0);
        let (decoded, shape) = image::decode(&bytes).unwrap();
        prop_assert_eq!(shape, [3, height, width]);
        for (found, saved) in decoded.iter().zip(&flat) {
            prop_assert!(found.abs_diff(*saved) <= 2);
        }
    }

    /// Any bytes behind a magic number are an error or an image, never a panic.
    #[test]
    fn any_bytes_are_an_error_or_an_image(start in 0usize..3, data: Vec<u8>) {
        let starts: [&[u8]; 3] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b""];
        let bytes = [starts[start], &data].concat();
        let _ = image::shape(&bytes);
        let _ = image::decode(&bytes);
    }

    /// Any text is an error or rows.
    #[test]
    fn any_labels_file_is_an_error_or_rows(text in "[a,\"\r\n 0-9]{0,60}") {
        let photos = Photos::new(&format!("file,label\n{text}"), &[("a", &png(1, 1, &[0]))]);
        let _ = open(&photos.request());
    }
}
