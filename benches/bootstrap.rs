//! Bootstrap intervals of a paired mean against SciPy and NumPy, in one run: 10,000
//! resamples of 10,000 pairs, the sides in turn, and both intervals side by side.
//!
//!     PEERS_PYTHON=/path/to/python cargo bench --bench bootstrap
//!
//! The interpreter needs numpy and scipy. `PEERS` is the folder of the peers'
//! scripts, `../shared/peers` unless it is set. Without an interpreter only our side
//! is timed.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use steadfast::seed::{Stream, uniform};
use steadfast::stats::Limits;
use steadfast::stats::bootstrap::{bca_mean, means};
use steadfast::stats::distribution::normal_quantile;

const RESAMPLES: usize = 10_000;
const PAIRS: usize = 10_000;
const ROUNDS: usize = 3;
const THREADS: [usize; 2] = [1, 2];
/// Two-sided 95 %, as the peers have it.
const TAIL: f64 = 0.025;

/// What is compared: the peer's name for it, and our side.
const METHODS: [(&str, &str, Ours); 4] = [
    (
        "bca_difference",
        "BCa, scipy.stats.bootstrap of differences",
        Ours::Bca,
    ),
    (
        "bca_paired",
        "BCa, scipy.stats.bootstrap of two samples, paired",
        Ours::Bca,
    ),
    (
        "percentile_difference",
        "percentile, scipy.stats.bootstrap of differences",
        Ours::Percentile,
    ),
    (
        "numpy_multinomial_difference",
        "percentile, numpy multinomial counts by hand",
        Ours::Percentile,
    ),
];

/// SciPy on values that are all different, where no counts help.
const DISTINCT: &str = "
import json, sys, time
import numpy as np
from scipy import stats
x = np.fromfile(sys.argv[1])
def once():
    r = stats.bootstrap((x,), np.mean, n_resamples=int(sys.argv[2]), method='BCa',
                        batch=500, rng=np.random.default_rng(0))
    return [float(r.confidence_interval.low), float(r.confidence_interval.high)]
seconds = []
for _ in range(3):
    start = time.perf_counter()
    value = once()
    seconds.append(time.perf_counter() - start)
print(json.dumps({'median_s': sorted(seconds)[1], 'value': value}))
";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ours {
    Bca,
    Percentile,
}

impl Ours {
    fn limits(self, values: &[f64]) -> Limits {
        match self {
            Self::Bca => bca_mean(values, RESAMPLES, TAIL, 0, "bench"),
            Self::Percentile => {
                let mut means = means(values, RESAMPLES, 0, "bench");
                means.sort_by(f64::total_cmp);
                let at = |p: f64| {
                    let place = p * (means.len() - 1) as f64;
                    let low = place.floor() as usize;
                    let high = (low + 1).min(means.len() - 1);
                    means[low] + (place - low as f64) * (means[high] - means[low])
                };
                Limits {
                    lower: at(TAIL),
                    upper: at(1.0 - TAIL),
                }
            }
        }
    }

    /// Seconds, the median of so many runs on so many threads, and the limits.
    fn time(self, values: &[f64], threads: usize, runs: usize) -> Side {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        pool.install(|| {
            let mut limits = self.limits(values);
            let mut seconds: Vec<f64> = (0..runs)
                .map(|_| {
                    let started = Instant::now();
                    limits = self.limits(std::hint::black_box(values));
                    started.elapsed().as_secs_f64()
                })
                .collect();
            Side {
                seconds: median(&mut seconds),
                limits: [limits.lower, limits.upper],
            }
        })
    }
}

/// One side of one round.
#[derive(Clone, Copy, Debug)]
struct Side {
    seconds: f64,
    limits: [f64; 2],
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let python = std::env::var_os("PEERS_PYTHON").map(PathBuf::from);
    let peers = std::env::var_os("PEERS").map_or_else(
        || {
            let root = env!("CARGO_MANIFEST_DIR");
            PathBuf::from(root).join("../shared/peers")
        },
        PathBuf::from,
    );
    println!(
        "{RESAMPLES} resamples of {PAIRS} pairs, 95 %; seconds are medians of {ROUNDS} rounds in turn.\n"
    );
    let Some(python) = python else {
        alone();
        return ExitCode::SUCCESS;
    };
    let script = peers.join("stats.py");
    if !script.is_file() {
        eprintln!(
            "Error: {} is not there; PEERS names the folder of the peers' scripts",
            script.display()
        );
        return ExitCode::FAILURE;
    }
    match compare(&python, &script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("Error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Paired outcomes: `harm` rows became wrong, `gain` right.
fn differences(harm: usize, gain: usize) -> Vec<f64> {
    let mut values = vec![0.0; PAIRS];
    values[..harm].fill(-1.0);
    values[harm..harm + gain].fill(1.0);
    values
}

/// Skewed values, all different.
fn distinct() -> Vec<f64> {
    let mut stream = Stream::new(0, "bootstrap_bench@1", 0, "");
    let mut words = vec![0; PAIRS];
    stream.fill(&mut words);
    words
        .into_iter()
        .map(|word| libm::exp(0.5 * normal_quantile(uniform(word))) - 1.0)
        .collect()
}

fn alone() {
    println!("| values | ours | threads | seconds | 95 % interval |\n|---|---|---|---|---|");
    let cases = [
        ("−1, 0, 1", differences(300, 150), 9),
        ("10,000 distinct", distinct(), 3),
    ];
    for (what, values, runs) in &cases {
        for ours in [Ours::Bca, Ours::Percentile] {
            for threads in THREADS {
                let side = ours.time(values, threads, *runs);
                println!(
                    "| {what} | {ours:?} | {threads} | {:.5} | {} |",
                    side.seconds,
                    interval(side.limits)
                );
            }
        }
    }
    println!(
        "\nPEERS_PYTHON is not set: set it to a Python that has numpy and scipy to time SciPy in the same run."
    );
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("[{low:+.5}, {high:+.5}]")
}

/// The last line of a command's output, as JSON.
fn json(command: &mut Command) -> Result<serde_json::Value, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    match serde_json::from_str(line) {
        Ok(value) if output.status.success() => Ok(value),
        _ => Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn side(value: &serde_json::Value) -> Result<Side, String> {
    let number = |value: &serde_json::Value| value.as_f64();
    let read = || {
        Some(Side {
            seconds: number(&value["median_s"])?,
            limits: [number(&value["value"][0])?, number(&value["value"][1])?],
        })
    };
    read().ok_or_else(|| format!("not a result: {value}"))
}

fn compare(python: &PathBuf, script: &PathBuf) -> Result<(), String> {
    let peer = |threads: usize| {
        let mut command = Command::new(python);
        command.arg(script).args(["--repeats", "3", "--only"]);
        command.args(METHODS.map(|(name, ..)| name));
        command.args(["--threads", &threads.to_string()]);
        json(&mut command)
    };
    let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let all_different = distinct();
    let bytes: Vec<u8> = all_different
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    std::fs::write(file.path(), bytes).map_err(|error| error.to_string())?;
    let peer_distinct = |threads: usize| {
        let mut command = Command::new(python);
        command.args(["-c", DISTINCT]).arg(file.path());
        command.arg(RESAMPLES.to_string());
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(variable, threads.to_string());
        }
        side(&json(&mut command)?)
    };

    println!(
        "| what the peer does | threads | peer, s | ours, s | ratio (least–most) | peer's interval | ours |\n|---|---|---|---|---|---|---|"
    );
    let mut versions = serde_json::Value::Null;
    for threads in THREADS {
        // By method, the rounds of both sides.
        let mut rounds: Vec<Vec<(Side, Side)>> = vec![Vec::new(); METHODS.len() + 1];
        for _ in 0..ROUNDS {
            let theirs = peer(threads)?;
            let table = &theirs["point"]["mcnemar_table"];
            let count = |value: &serde_json::Value| value.as_u64().map(|count| count as usize);
            let (Some(harm), Some(gain)) = (count(&table[0][1]), count(&table[1][0])) else {
                return Err(format!("no table of flips: {table}"));
            };
            let values = differences(harm, gain);
            for (at, (name, _, ours)) in METHODS.into_iter().enumerate() {
                let theirs = side(&theirs["results"][name])?;
                rounds[at].push((theirs, ours.time(&values, threads, 9)));
            }
            let ours = Ours::Bca.time(&all_different, threads, 3);
            rounds[METHODS.len()].push((peer_distinct(threads)?, ours));
            versions = theirs["versions"].clone();
        }
        let names = METHODS.map(|(_, about, _)| about).into_iter();
        let names = names.chain(["BCa, scipy.stats.bootstrap of 10,000 distinct values"]);
        for (about, rounds) in names.zip(&rounds) {
            row(about, threads, rounds);
        }
    }
    let version = |name: &str| versions[name].as_str().unwrap_or("?").to_owned();
    println!(
        "\nPython {}, numpy {}, scipy {}. A ratio is the peer's seconds over ours, by round. Both draw at random: from seed to seed the limits move by about two hundredths of the interval's width.",
        version("python"),
        version("numpy"),
        version("scipy")
    );
    Ok(())
}

/// A ratio to two digits.
fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 1.0 => format!("{ratio:.2}"),
        ratio if ratio < 10.0 => format!("{ratio:.1}"),
        ratio => format!("{ratio:.0}"),
    }
}

fn row(about: &str, threads: usize, rounds: &[(Side, Side)]) {
    let middle = |of: &dyn Fn(&(Side, Side)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        median(&mut values)
    };
    let ratio = |(peer, ours): &(Side, Side)| peer.seconds / ours.seconds;
    let ratios = || rounds.iter().map(ratio);
    println!(
        "| {about} | {threads} | {:.4} | {:.5} | {} ({}–{}) | {} | {} |",
        middle(&|(peer, _)| peer.seconds),
        middle(&|(_, ours)| ours.seconds),
        times(middle(&ratio)),
        times(ratios().fold(f64::INFINITY, f64::min)),
        times(ratios().fold(0.0, f64::max)),
        interval(rounds[0].0.limits),
        interval(rounds[0].1.limits)
    );
}
