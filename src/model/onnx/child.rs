//! The trial of a model in a process of its own, before this one has anything to do with it.
//!
//! A graph can end the process that runs it: it asks for more memory than there is, or goes
//! so deep that the stack ends; or it never answers. So the program that judges starts itself
//! anew, with [`VARIABLE`] set: that process, of limited memory, opens the file, asks it about
//! the examples, writes its gradients, says what came of it, and ends. A trial that passed is
//! remembered by all that it depends on.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ndarray::{ArrayD, IxDyn};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Request, Rounding};
use crate::digest::{Digest, Hasher};
use crate::file;
use crate::model::ModelError;
use crate::model::worker::last_lines;
use crate::provenance::{Environment, VERSION};
use crate::spec::OnnxEngine;
use crate::text::{Page, print, warn};

/// The variable by which a process knows that it is to try a model.
pub const VARIABLE: &str = "STEADFAST_TRIAL";

/// What a trial may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of memory; none are counted where an engine computes on an accelerator by CUDA,
    /// which reserves far more than it takes.
    pub memory: u64,
    /// How long.
    pub time: Duration,
    /// The folder in which those that passed are remembered, if they are.
    pub remembered: Option<PathBuf>,
}

/// Memory that is reserved for a thread, and hardly ever taken.
const OF_A_THREAD: u64 = 64 << 20;

/// The stack on which a model is tried: a part of the 2 MiB that the threads of a run have.
const STACK: usize = 3 << 19;

/// How long after its limit a process ends itself, whose parent may be gone.
const GRACE: Duration = Duration::from_secs(5);

/// The key under which a trial says what came of it; other lines of stdout are the program's.
const SAID: &str = "steadfast_trial";

/// The line by which a process says that it is about to try a model: one that ends without it
/// does not lend itself to that, and one that ends after it is the model's doing.
const BEGUN: &str = "steadfast: trying a model";

/// Bytes of its last words that are kept.
const KEPT: usize = 4096;

/// What the process is told, before the numbers of the examples.
#[derive(Serialize, Deserialize)]
struct Told {
    /// Its bytes, which may be no text.
    path: Vec<u8>,
    shown: String,
    input: Option<String>,
    output: Option<String>,
    engine: String,
    /// `None`: no gradients.
    straight_through: Option<bool>,
    memory: Option<u64>,
    seconds: f64,
    /// The shape of the examples.
    examples: Option<Vec<usize>>,
    batch: usize,
}

/// What came of a trial that a model passed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Passed {
    /// Whether the graph is to be run without rten's fusions.
    pub as_written: bool,
    /// Why there is no gradient, where one was asked for.
    pub gradient: Option<ModelError>,
}

/// What came of a trial.
type Outcome = Result<Passed, ModelError>;

/// Raised when a trial finds what an older one did not, so that older ones are forgotten.
const VERSION_OF_TRIAL: u32 = 1;

/// Whether this process is to try a model and to do nothing else.
pub fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Tries the model that stdin names, says what came of it, and ends the process.
pub fn serve() -> ! {
    print(&Page::of(BEGUN));
    let code = match tried() {
        Ok(outcome) => {
            print(&Page::json(&json!({ (SAID): outcome })));
            0
        }
        Err(error) => {
            warn(&Page::of(format_args!(
                "Error: the environment variable {VARIABLE} is steadfast's own, for the process in which it tries a model: unset it ({error})"
            )));
            1
        }
    };
    std::process::exit(code)
}

fn tried() -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let head = bytes.iter().position(|&byte| byte == b'\n');
    let (head, numbers) = bytes.split_at(head.ok_or("stdin has no line")?);
    let told: Told = serde_json::from_slice(head)?;
    let examples = told.examples.map(|shape| {
        let numbers = numbers[1..].as_chunks().0.iter();
        let numbers = numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect();
        ArrayD::from_shape_vec(IxDyn(&shape), numbers)
    });
    let request = Request {
        path: path_of(told.path)?,
        shown: told.shown,
        input: told.input,
        output: told.output,
        engine: OnnxEngine::from_text(&told.engine).ok_or("no such engine")?,
        gradient: told.straight_through.map(|through| match through {
            true => Rounding::StraightThrough,
            false => Rounding::Refused,
        }),
        examples: examples.transpose()?,
        batch: told.batch,
    };
    // Who started it may be gone by the time that it should be ended.
    let time = Duration::try_from_secs_f64(told.seconds)?;
    thread::spawn(move || {
        thread::sleep(time + GRACE);
        std::process::exit(1);
    });
    limit(told.memory);
    // A run has begun to use the stack of its thread.
    let outcome = thread::Builder::new().stack_size(STACK).spawn(move || {
        let outcome = outcome(&request);
        serde_json::to_value(outcome)
    });
    let outcome = outcome?.join().map_err(|_| "it panicked")?;
    Ok(outcome?)
}

/// What comes of a trial in this process.
fn outcome(request: &Request) -> Outcome {
    let (mut opened, gradient) = super::open(request, None)?;
    let gradient = gradient.and_then(|gradient| opened.add(gradient, request).err());
    Ok(Passed {
        as_written: opened.engine.is_as_written(),
        gradient,
    })
}

/// Holds this process to so many bytes of memory.
#[cfg(unix)]
fn limit(memory: Option<u64>) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let to = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    // A system that does not hold to it is as it was without.
    let _ = setrlimit(Resource::Core, to(0));
    if let Some(memory) = memory {
        let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
        let reserved = OF_A_THREAD.saturating_mul(2 * threads + 8);
        let _ = setrlimit(Resource::As, to(memory.saturating_add(reserved)));
    }
}

#[cfg(not(unix))]
fn limit(_: Option<u64>) {}

/// What comes of the trial of a model in a process of its own; `None`: this program does not
/// lend itself to that.
///
/// # Errors
/// What the model is refused for, and where the process ended before it said anything.
pub(super) fn apart(request: &Request, limits: &Limits) -> Result<Option<Passed>, ModelError> {
    if is_asked() {
        // A program that opens models before it looks whether it is the one apart.
        return Ok(None);
    }
    let remembered = limits.remembered.as_ref().and_then(|folder| {
        let key = key(request, limits)?.to_string().replace(':', "-");
        Some(folder.join(format!("{key}.json")))
    });
    if let Some(path) = &remembered
        && path.exists()
        // What a commit brought is nothing that was tried here.
        && !file::is_committed(path)
        && let Ok(bytes) = file::read(path)
        && let Ok(passed) = serde_json::from_slice(&bytes)
    {
        return Ok(Some(passed));
    }
    let Some(passed) = ask(request, limits)? else {
        return Ok(None);
    };
    if let (Ok(passed), Some(path)) = (&passed, &remembered)
        && let Ok(text) = serde_json::to_string(passed)
    {
        // Where it cannot be remembered it is tried again.
        let _ = file::write_atomically(path, text.as_bytes());
    }
    passed.map(Some)
}

/// All that a trial depends on; `None` where the file cannot be read.
fn key(request: &Request, limits: &Limits) -> Option<Digest> {
    let model = Digest::of_file(&request.path).ok()?;
    let engine = super::available(request.engine).ok()?;
    let told = (&request.input, &request.output, request.batch);
    let environment = Environment::of_engine(&engine);
    let head = json!([
        VERSION,
        VERSION_OF_TRIAL,
        model,
        told,
        environment,
        gradient_of(request),
        limits.memory,
        limits.time.as_secs_f64(),
    ]);
    let mut hasher = Hasher::default();
    hasher.update(head.to_string().as_bytes());
    if let Some(examples) = &request.examples {
        hasher.update(format!("{:?}", examples.shape()).as_bytes());
        examples
            .iter()
            .for_each(|number| hasher.update(&number.to_le_bytes()));
    }
    Some(hasher.finish())
}

fn gradient_of(request: &Request) -> Option<bool> {
    let gradient = request.gradient.as_ref();
    gradient.map(|rounding| *rounding == Rounding::StraightThrough)
}

/// Starts the process and waits for what it says; `None`: it ended well and said nothing.
fn ask(request: &Request, limits: &Limits) -> Result<Option<Outcome>, ModelError> {
    let not_begun = |error: std::io::Error| ModelError::Trial {
        path: request.shown.clone(),
        how: format!("could not be begun: {error}"),
        words: String::new(),
    };
    let program = std::env::current_exe().map_err(not_begun)?;
    let mut child = Command::new(program)
        .env(VARIABLE, "1")
        // Its last words are to say what ended it, and not where.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_begun)?;
    let told = Told {
        path: bytes_of(&request.path).map_err(not_begun)?,
        shown: request.shown.clone(),
        input: request.input.clone(),
        output: request.output.clone(),
        engine: request.engine.text().to_owned(),
        straight_through: gradient_of(request),
        memory: (request.engine != OnnxEngine::OrtCuda).then_some(limits.memory),
        seconds: limits.time.as_secs_f64(),
        examples: request.examples.as_ref().map(|rows| rows.shape().to_vec()),
        batch: request.batch,
    };
    let told = serde_json::to_vec(&told).map_err(std::io::Error::other);
    let mut bytes = told.map_err(not_begun)?;
    bytes.push(b'\n');
    let numbers = request.examples.iter().flatten();
    bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
    let said = listen(&mut child, bytes);
    let said = said.recv_timeout(limits.time);
    let in_time = said.is_ok();
    if !in_time {
        let _ = child.kill();
    }
    let status = child.wait();
    let (stdout, stderr) = said.unwrap_or_default();
    if let Some(outcome) = outcome_in(&stdout) {
        return Ok(Some(outcome));
    }
    if in_time && !stdout.lines().any(|line| line == BEGUN) {
        return Ok(None);
    }
    let how = match (in_time, status) {
        (false, _) => format!(
            "was not through within {} s and was ended. If it needs longer, raise [model] open_seconds",
            limits.time.as_secs_f64()
        ),
        (true, Ok(status)) => format!(
            "came to its end by {status}. If it needs more than {} of memory, raise [model] open_memory",
            size(limits.memory)
        ),
        (true, Err(error)) => format!("cannot be waited for: {error}"),
    };
    Err(ModelError::Trial {
        path: request.shown.clone(),
        how,
        words: last_lines(&stderr),
    })
}

/// What the process says at the end of its stdout, after whatever the program says.
fn outcome_in(stdout: &str) -> Option<Outcome> {
    let begin = format!("{{\n  \"{SAID}\"");
    let said = &stdout[stdout.rfind(&begin)?..];
    let mut said: serde_json::Value = serde_json::from_str(said).ok()?;
    serde_json::from_value(said.get_mut(SAID)?.take()).ok()
}

/// Gives the process `bytes`, and what it says on stdout and, last, on stderr once it has
/// ended.
fn listen(child: &mut Child, bytes: Vec<u8>) -> mpsc::Receiver<(String, String)> {
    let (sender, receiver) = mpsc::channel();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::spawn(move || {
        // One that ends early does not read all of it.
        let _ = stdin.map(|mut stdin| stdin.write_all(&bytes));
    });
    let last = thread::spawn(move || {
        let mut kept = Vec::new();
        let mut chunk = [0; KEPT];
        let Some(mut stderr) = stderr else {
            return kept;
        };
        while let Ok(count @ 1..) = stderr.read(&mut chunk) {
            kept.extend_from_slice(&chunk[..count]);
            kept.drain(..kept.len().saturating_sub(KEPT));
        }
        kept
    });
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stdout.map(|mut stdout| stdout.read_to_end(&mut said));
        let last = last.join().unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let _ = sender.send((text(&said), text(&last)));
    });
    receiver
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    Ok(path.as_os_str().as_bytes().to_vec())
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> std::io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let text = path.to_str().map(|text| text.as_bytes().to_vec());
    text.ok_or_else(|| std::io::Error::other("the path of the model is no text"))
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> std::io::Result<PathBuf> {
    String::from_utf8(bytes)
        .map(PathBuf::from)
        .map_err(std::io::Error::other)
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} B"),
        mebibytes if bytes.is_multiple_of(1 << 30) => format!("{} GiB", mebibytes >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    }
}
