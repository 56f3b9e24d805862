//! Every built-in corruption at every severity of photos in a NumPy file, as NumPy
//! files: for looking at, and for comparing with other implementations.
//!
//!     cargo run --example corrupt -- PHOTOS.npy FOLDER [--scale cifar10_c] [--seed N]
//!         [--replicate N] [--only KIND]…
//!
//! PHOTOS is uint8 `[n, height, width, 3]`; FOLDER gets `<kind>_<severity>.npy`, of the
//! same shape. Photo 7 has the draws of the example whose id is 7.

mod photos;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use photos::{Photos, Workbench};
use steadfast::builtin::PERTURBATIONS;
use steadfast::catalogue::{Parameters, Scale};
use steadfast::file::write_atomically;
use steadfast::perturb::Perturbation;
use steadfast::seed::Stream;

struct Arguments {
    photos: PathBuf,
    folder: PathBuf,
    scale: Scale,
    seed: u64,
    replicate: u64,
    only: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut plain = Vec::new();
    let (mut scale, mut seed, mut replicate, mut only) = (Scale::ImagenetC, 0, 0, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--scale" => {
                let name = value()?;
                let known = Scale::ALL.into_iter().find(|scale| scale.name() == name);
                scale = known.ok_or(format!("no scale {name}: imagenet_c, cifar10_c"))?;
            }
            "--seed" => seed = number(value()?)?,
            "--replicate" => replicate = number(value()?)?,
            "--only" => only.push(value()?),
            other if other.starts_with("--") => return Err(format!("unknown argument {other}")),
            other => plain.push(PathBuf::from(other)),
        }
    }
    let [photos, folder] = plain
        .try_into()
        .map_err(|_| "give PHOTOS.npy and FOLDER".to_owned())?;
    Ok(Arguments {
        photos,
        folder,
        scale,
        seed,
        replicate,
        only,
    })
}

fn run() -> Result<(), String> {
    let arguments = arguments()?;
    let photos = Photos::read(&arguments.photos)?;
    for perturbation in PERTURBATIONS {
        let kind = perturbation.kind();
        let wanted = arguments.only.is_empty() || arguments.only.iter().any(|n| n == kind.name);
        let applies = perturbation
            .check(&[3, photos.height, photos.width])
            .is_ok();
        if !wanted || !applies {
            continue;
        }
        for severity in 1..=5 {
            // A kind without severities on this scale has nothing to show.
            let Some(parameters) = kind.at_severity(arguments.scale, f64::from(severity)) else {
                continue;
            };
            let bytes = corrupted(&arguments, &photos, perturbation, &parameters);
            let path = arguments
                .folder
                .join(format!("{}_{severity}.npy", kind.name));
            write(&path, &photos, &bytes)?;
        }
    }
    Ok(())
}

/// All photos under one perturbation.
fn corrupted(
    arguments: &Arguments,
    photos: &Photos,
    perturbation: &dyn Perturbation,
    parameters: &Parameters,
) -> Vec<u8> {
    let identity = perturbation.kind().identity();
    let mut bench = Workbench::new(photos.height, photos.width);
    let mut bytes = vec![0; photos.bytes.len()];
    let size = (photos.height * photos.width * 3).max(1);
    for (index, output) in bytes.chunks_exact_mut(size).enumerate() {
        let id = index.to_string();
        let mut stream = Stream::new(arguments.seed, &identity, arguments.replicate, &id);
        bench.perturb(
            photos.photo(index),
            perturbation,
            parameters,
            &mut stream,
            output,
        );
    }
    bytes
}

/// Writes bytes of the photos' shape as NumPy does.
fn write(path: &Path, photos: &Photos, bytes: &[u8]) -> Result<(), String> {
    let Photos {
        count,
        height,
        width,
        ..
    } = photos;
    let header = format!(
        "{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, {height}, {width}, 3), }}"
    );
    // The elements begin at a multiple of 64 bytes.
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{header:<117}\n").bytes());
    file.extend(bytes);
    write_atomically(path, &file).map_err(|error| format!("{}: {error}", path.display()))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("Error: {message}");
            ExitCode::FAILURE
        }
    }
}
