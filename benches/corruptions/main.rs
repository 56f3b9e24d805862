//! Corruptions a second, one thread, beside imagecorruptions and albumentations on the
//! same photos in the same run.
//!
//!     cargo bench --bench corruptions -- [--peer PYTHON] [--only KIND]… [--budget SECONDS]
//!         [--size PIXELS]… [--photos FOLDER] [--peers FOLDER] [--write docs/performance.md]
//!
//! A call is one photo, from uint8 `[height, width, 3]` to uint8 `[height, width, 3]`:
//! onto the unit scale plane by plane, the stream of the photo, the corruption, clipping,
//! truncation to levels. Buffers are kept from call to call; reading the photos is not
//! counted. A cell is the median of its calls, which cycle through the photos, as the
//! peer's script has it. Both use ImageNet-C's severities at either size: the peer has
//! no others. Each corruption is timed here and there, twice in turn, and the faster of
//! the two counts on either side, so that what else the machine does hits both alike.
//! Nothing is written when others used much of the machine.

mod ours;
mod peer;
#[path = "../../examples/corrupt/photos.rs"]
mod photos;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use photos::Photos;
use steadfast::builtin::PERTURBATIONS;
use steadfast::catalogue::Scale;
use table::Row;

/// What was asked for.
struct Arguments {
    /// Python with the peer, if it is to be run.
    peer: Option<PathBuf>,
    peers: PathBuf,
    photos: PathBuf,
    only: Vec<String>,
    sizes: Vec<usize>,
    budget: f64,
    write: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        peer: None,
        peers: "../shared/peers".into(),
        photos: "../shared/assets/registry".into(),
        only: Vec::new(),
        sizes: Vec::new(),
        budget: 0.3,
        write: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--peer" => found.peer = Some(value()?.into()),
            "--peers" => found.peers = value()?.into(),
            "--photos" => found.photos = value()?.into(),
            "--only" => found.only.push(value()?),
            "--size" => found.sizes.push(number(&value()?)?),
            "--budget" => found.budget = number(&value()?)?,
            "--write" => found.write = Some(value()?.into()),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if found.sizes.is_empty() {
        found.sizes = vec![32, 224];
    }
    Ok(found)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// The share of the machine that others may use in a run that is written down.
const BUSY: f64 = 0.15;

/// The shorter time, cell by cell.
fn faster(first: [f64; 5], second: [f64; 5]) -> [f64; 5] {
    std::array::from_fn(|cell| first[cell].min(second[cell]))
}

fn run() -> Result<(), String> {
    let arguments = arguments()?;
    let mut photos = Vec::new();
    for size in &arguments.sizes {
        photos.push(Photos::read(
            &arguments.photos.join(format!("photos_{size}.npy")),
        )?);
    }
    let peer = match &arguments.peer {
        None => None,
        Some(python) => Some(peer::Peer {
            python: python.clone(),
            script: arguments.peers.join("corruptions.py"),
            photos: arguments.photos.clone(),
            sizes: arguments.sizes.clone(),
            budget: arguments.budget,
        }),
    };
    let albumentations = match &peer {
        None => peer::Rates::default(),
        Some(peer) => peer.albumentations()?,
    };
    let mut rows = Vec::new();
    let mut busy = albumentations.busy;
    for perturbation in PERTURBATIONS {
        let kind = perturbation.kind();
        let wanted = arguments.only.is_empty() || arguments.only.iter().any(|n| n == kind.name);
        if !wanted || kind.at_severity(Scale::ImagenetC, 1.0).is_none() {
            continue;
        }
        let time = || -> Vec<[Vec<f64>; 5]> {
            let sizes = photos.iter();
            sizes
                .map(|photos| ours::seconds(perturbation, photos, arguments.budget / 2.0))
                .collect()
        };
        let ask = || match &peer {
            Some(peer) if peer::NAMES.contains(&kind.name) => peer.imagecorruptions(kind.name),
            _ => Ok(peer::Rates::default()),
        };
        let (here, there) = (time(), ask()?);
        let (here_again, there_again) = (time(), ask()?);
        busy = busy.max(there.busy).max(there_again.busy);
        let cells = here.into_iter().zip(here_again);
        for (size, (first, second)) in arguments.sizes.iter().zip(cells) {
            let theirs = [there.of(*size, kind.name), there_again.of(*size, kind.name)];
            let row = Row {
                kind: kind.name,
                size: *size,
                ours: faster(first.map(ours::median), second.map(ours::median)),
                theirs: match theirs {
                    [Some(first), Some(second)] => Some(faster(first, second)),
                    [first, second] => first.or(second),
                },
                albumentations: albumentations.near(*size, kind.name),
            };
            eprintln!("{}", row.markdown());
            rows.push(row);
        }
    }
    let text = table::report(&arguments.sizes, &rows, busy);
    println!("{text}");
    match &arguments.write {
        None => Ok(()),
        Some(_) if busy > BUSY => Err(format!(
            "others used {:.0} % of the machine, so that nothing is written: wait until it is idle",
            100.0 * busy
        )),
        Some(path) => table::write(path, &text),
    }
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
