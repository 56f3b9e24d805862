//! Images streamed from a folder through the engine: how many a second, and the most
//! memory that it took, which must not grow with their number.
//!
//!     cargo bench --bench streaming                       # 2,000 images of 224 pixels
//!     cargo bench --bench streaming -- --full             # 50,000
//!     cargo bench --bench streaming -- --images N --png
//!
//! The folder is written to a temporary one: at most 2,000 different images, and hard
//! links to them for the rest, each of which is opened, hashed and decoded as any other.
//! They are in the page cache when they are read. A quarter of the images and all of
//! them run in a process of their own, whose peak of resident memory (Linux's `VmHWM`)
//! is shown. The model does next to nothing.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use jpeg_encoder::{ColorType, Encoder};
use ndarray::{Array2, ArrayViewD, Axis};
use steadfast::engine::{Context, Registry, run};
use steadfast::model::{Gives, Model, from_fn};
use steadfast::seed::Stream;
use steadfast::spec::Specs;

const SIDE: &str = "STREAMING_FOLDER";
const PIXELS: usize = 224;
const DISTINCT: usize = 2_000;
/// The most resident memory that is allowed, in MB.
const MOST: f64 = 500.0;

const SPEC: &str = r#"schema = 1
seed = 1

[model]
registered = "mean"

[data]
path = "photos/labels.csv"
inputs = "file"
labels = "label"

[gate]
margin = 0.02

[[perturbation]]
kind = "identity"

[[perturbation]]
kind = "contrast"
severity = 3
"#;

fn main() -> ExitCode {
    if let Ok(folder) = std::env::var(SIDE) {
        return measure(Path::new(&folder));
    }
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str| arguments.iter().position(|argument| argument == name);
    let images = match given("--images") {
        Some(place) => arguments[place + 1].parse().expect("a number of images"),
        None if given("--full").is_some() => 50_000,
        None => 2_000,
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &[u8]| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("robustness-specs/photos.toml", SPEC.as_bytes());
    let mut bytes = 0;
    for image in 0..images {
        let name = |image: usize| format!("photos/{}/{}.img", image / 1000, image % 1000);
        if image < DISTINCT {
            let file = picture(image as u64, given("--png").is_some());
            bytes += file.len();
            write(&name(image), &file);
        } else {
            let link = folder.path().join(name(image));
            std::fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
            std::fs::hard_link(folder.path().join(name(image % DISTINCT)), link).expect("a link");
        }
    }
    let distinct = images.min(DISTINCT);
    println!(
        "{distinct} different images of {} kB; the others are links to them\n\n\
         | images | opened and hashed, s | images/s | MB/s | identity, images/s | contrast, images/s | peak, MB |\n|---|---|---|---|---|---|---|",
        bytes / distinct / 1000
    );
    for images in [images / 4, images] {
        let rows: String = (0..images)
            .map(|image| format!("{}/{}.img,{}\n", image / 1000, image % 1000, image % 2))
            .collect();
        write(
            "photos/labels.csv",
            format!("file,label\n{rows}").as_bytes(),
        );
        let status = Command::new(std::env::current_exe().expect("the path of this program"))
            .env(SIDE, folder.path())
            .status()
            .expect("this program again");
        if !status.success() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// A photo-like image: soft colours under some noise.
fn picture(seed: u64, png: bool) -> Vec<u8> {
    let mut words = vec![0; PIXELS * PIXELS + 12];
    Stream::new(seed, "picture@1", 0, "").fill(&mut words);
    let (shape, noise) = words.split_at(12);
    let waves: Vec<f64> = shape
        .iter()
        .map(|word| (word % 1000) as f64 / 1000.0)
        .collect();
    let mut levels = Vec::with_capacity(3 * PIXELS * PIXELS);
    for (place, word) in noise.iter().enumerate() {
        let (y, x) = ((place / PIXELS) as f64, (place % PIXELS) as f64);
        for wave in waves.chunks_exact(4) {
            let angle = (x * wave[0] + y * wave[1]) / 8.0 + 6.3 * wave[2];
            let level = 100.0 + 60.0 * angle.sin() + 30.0 * wave[3] + (word % 24) as f64;
            levels.push(level as u8);
        }
    }
    let mut bytes = Vec::new();
    let side = PIXELS as u32;
    if png {
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&levels).expect("pixels");
        writer.finish().expect("an end");
    } else {
        Encoder::new(&mut bytes, 85)
            .encode(&levels, side as u16, side as u16, ColorType::Rgb)
            .expect("a JPEG");
    }
    bytes
}

/// Runs the cases of the folder, and prints a row of the table.
fn measure(root: &Path) -> ExitCode {
    let mean = || {
        let model = from_fn(Gives::PositiveProbability, |batch: ArrayViewD<'_, f32>| {
            Array2::from_shape_fn((batch.len_of(Axis(0)), 1), |(row, _)| {
                batch.index_axis(Axis(0), row).mean().unwrap_or(0.0)
            })
        });
        Ok(Box::new(model) as Box<dyn Model>)
    };
    let mut registry = Registry::default();
    registry.models.insert("mean".to_owned(), Box::new(mean));
    let context = Context::new(root.to_owned(), registry);
    let cases = Specs::read(root, &steadfast::builtin::catalogue()).cases();

    let started = Instant::now();
    let data = context.dataset(&cases[0].spec).expect("the data");
    let opening = started.elapsed().as_secs_f64();
    let bytes: u64 = (0..data.len())
        .map(|image| root.join(format!("photos/{}/{}.img", image / 1000, image % 1000)))
        .map(|path| path.metadata().expect("a file").len())
        .sum();
    let rates: Vec<String> = cases
        .iter()
        .map(|case| {
            let started = Instant::now();
            run(case, &context, &|_, _| {}).expect("outcomes");
            format!("{:.0}", data.len() as f64 / started.elapsed().as_secs_f64())
        })
        .collect();
    let peak = peak();
    println!(
        "| {} | {opening:.2} | {:.0} | {:.0} | {} | {peak:.0} |",
        data.len(),
        data.len() as f64 / opening,
        bytes as f64 / 1e6 / opening,
        rates.join(" | "),
    );
    if peak > MOST {
        eprintln!("more than {MOST} MB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The peak of this process's resident memory in MB; none where the system does not say.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"))
        .and_then(|text| text.trim().parse::<f64>().ok())
        .map_or(f64::NAN, |kilobytes| kilobytes * 1.024 / 1000.0)
}
