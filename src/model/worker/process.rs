//! One worker process: started, asked within time limits, and ended with everything
//! that it has started.
//!
//! Threads write to it, read from it and keep its stderr, so that neither side waits
//! for the other with a full pipe, and whoever asks waits for messages only, never
//! longer than its limit.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ndarray::ArrayViewD;

use super::failure::Failure;
use super::frame::{self, Frame, FrameError, Header, PROTOCOL, Told, Verb};
use super::{Request, group};

/// Set for the worker to the protocol that is spoken.
const VARIABLE: &str = "STEADFAST_WORKER";

/// How often a silent worker is looked at: it may have ended and left its stdout to
/// a child.
const LOOK: Duration = Duration::from_millis(20);

/// How long the rest of what an ended worker said is waited for.
const LAST: Duration = Duration::from_millis(500);

/// How long a killed process is waited for. One that the system does not let go (a
/// driver that hangs) is left.
const KILLED: Duration = Duration::from_secs(5);

/// How many events may wait to be heard: beyond that it is read no further.
const UNHEARD: usize = 4;

/// How much of stderr is kept, in bytes.
const KEPT: usize = 4096;

/// A running worker. Dropping it kills it, with its own children.
pub struct Process {
    child: Child,
    guard: Option<group::Guard>,
    /// To the thread that writes; it is closed by dropping this.
    outgoing: Option<Sender<Vec<u8>>>,
    /// The most elements that the next frame may have, for the thread that reads.
    most: Arc<AtomicUsize>,
    events: Receiver<Event>,
    /// The buffer that was written last.
    spare: Vec<u8>,
    words: Arc<Mutex<VecDeque<u8>>>,
    listener: Option<JoinHandle<()>>,
    /// The number of the last request.
    id: u64,
    killed: bool,
}

enum Event {
    Read(Result<Box<Frame>, FrameError>),
    Written(Vec<u8>),
    Unwritten(std::io::Error),
}

impl Process {
    /// Starts a worker and asks what it is.
    pub fn start(request: &Request) -> Result<(Self, Told), (Failure, String)> {
        let mut process = Self::spawn(request).map_err(|failure| (failure, String::new()))?;
        match process.describe(request.start) {
            Ok(told) => Ok((process, told)),
            Err(failure) => Err(process.end(failure)),
        }
    }

    fn spawn(request: &Request) -> Result<Self, Failure> {
        let (program, arguments) = request.command.split_first().ok_or(Failure::NoProgram)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&request.folder)
            .env(VARIABLE, PROTOCOL.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        group::lead(&mut command);
        let mut child = command.spawn().map_err(Failure::NotStarted)?;
        let guard = group::Guard::of(&child);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (outgoing, outbox) = channel();
        let most = Arc::default();
        let (sender, events) = sync_channel(UNHEARD);
        let words = Arc::default();
        let listener = match pipes {
            (Some(stdin), Some(stdout), Some(stderr)) => {
                group::widen(&stdin);
                group::widen(&stdout);
                let answers = sender.clone();
                thread::spawn(move || send(stdin, &outbox, &sender));
                let most = Arc::clone(&most);
                thread::spawn(move || receive(stdout, &most, &answers));
                let words = Arc::clone(&words);
                Some(thread::spawn(move || listen(stderr, &words)))
            }
            // All three are asked for above.
            _ => None,
        };
        Ok(Self {
            child,
            guard,
            outgoing: Some(outgoing),
            most,
            events,
            spare: Vec::new(),
            words,
            listener,
            id: 0,
            killed: false,
        })
    }

    fn describe(&mut self, within: Duration) -> Result<Told, Failure> {
        let answer = self.ask(Verb::Describe, None, 0, within)?;
        match (answer.header.protocol, answer.header.model) {
            (Some(PROTOCOL), Some(told)) => Ok(Told {
                engine: told.engine.map(|engine| crate::error::words(&engine)),
                ..told
            }),
            (Some(PROTOCOL), None) => Err(Failure::Undescribed),
            (theirs, _) => Err(Failure::Protocol(theirs)),
        }
    }

    /// Sends a request and waits for its answer, whose tensor may have `most` elements.
    pub fn ask(
        &mut self,
        verb: Verb,
        tensor: Option<ArrayViewD<'_, f32>>,
        most: usize,
        within: Duration,
    ) -> Result<Frame, Failure> {
        let asked = Instant::now();
        self.most.store(most, Ordering::Relaxed);
        self.send(verb, tensor);
        let (mut closed, mut unwritten, mut astray) = (None, None, None);
        // Shortened where nothing more is to come.
        let mut limit = within;
        while let Some(left) = limit.checked_sub(asked.elapsed()) {
            match self.events.recv_timeout(left.min(LOOK)) {
                Ok(Event::Written(buffer)) => {
                    self.spare = buffer;
                    continue;
                }
                // What comes late is of a request that is over.
                Ok(Event::Read(Ok(frame))) if (1..self.id).contains(&frame.header.id) => {
                    astray = Some(frame.header.id);
                    continue;
                }
                Ok(Event::Read(Ok(frame))) => return self.answer(*frame),
                Ok(Event::Read(Err(error @ (FrameError::Closed | FrameError::Truncated)))) => {
                    closed = Some(error);
                }
                Ok(Event::Read(Err(error))) => return Err(Failure::Frame(error)),
                // It may have said why.
                Ok(Event::Unwritten(error)) => unwritten = Some(error),
                Err(RecvTimeoutError::Timeout) if !self.has_ended() => continue,
                Err(RecvTimeoutError::Timeout) if closed.is_none() => {}
                Err(_) => break,
            }
            limit = limit.min(asked.elapsed() + LAST);
        }
        Err(match (closed, unwritten) {
            (Some(FrameError::Truncated), _) => Failure::Frame(FrameError::Truncated),
            _ if self.has_ended() => Failure::Ended { verb, status: None },
            (Some(error), _) => Failure::Frame(error),
            (None, Some(error)) => Failure::Unwritten(error),
            (None, None) if let Some(found) = astray => Failure::Astray {
                found,
                asked: self.id,
            },
            (None, None) => Failure::Silent {
                verb,
                seconds: within.as_secs_f64(),
            },
        })
    }

    fn send(&mut self, verb: Verb, tensor: Option<ArrayViewD<'_, f32>>) {
        self.id += 1;
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        let header = Header {
            id: self.id,
            ask: Some(verb),
            protocol: (verb == Verb::Describe).then_some(PROTOCOL),
            ..Header::default()
        };
        frame::write(&mut bytes, &header, tensor);
        if let Some(outgoing) = &self.outgoing {
            // A thread that has ended has said why.
            let _ = outgoing.send(bytes);
        }
    }

    fn answer(&self, frame: Frame) -> Result<Frame, Failure> {
        self.most.store(0, Ordering::Relaxed);
        let Header { id, error, .. } = &frame.header;
        match error {
            // What could not read the request does not know its number.
            Some(message) if [0, self.id].contains(id) => {
                Err(Failure::Refused(crate::error::words(message)))
            }
            None if *id == self.id => Ok(frame),
            _ => Err(Failure::Astray {
                found: *id,
                asked: self.id,
            }),
        }
    }

    /// Whether it waits for a request, as it should between two: it runs, and has said
    /// nothing unasked.
    pub fn waits(&mut self) -> bool {
        let mut silent = true;
        for event in self.events.try_iter() {
            match event {
                Event::Written(buffer) => self.spare = buffer,
                _ => silent = false,
            }
        }
        silent && !self.has_ended()
    }

    /// Whether it has ended by itself. It stays a zombie until it is dropped, so that
    /// its number belongs to nobody else.
    pub fn has_ended(&mut self) -> bool {
        group::has_ended(&mut self.child)
    }

    /// Asks it to end; it sees the end of its stdin too.
    pub fn dismiss(&mut self) {
        self.send(Verb::Close, None);
        self.outgoing = None;
    }

    /// The last lines it has written to stderr, as a message shows them.
    pub fn last_words(&self) -> String {
        // What it wrote before its answer is in the pipe already.
        thread::sleep(Duration::from_millis(20));
        last_words(&self.words)
    }

    /// Ends it for a failure, which is told how it ended, with its last words.
    pub fn end(mut self, failure: Failure) -> (Failure, String) {
        let status = self.kill();
        if let Some(listener) = &self.listener {
            wait_until(LAST, || listener.is_finished());
        }
        let failure = match failure {
            Failure::Ended { verb, .. } => Failure::Ended { verb, status },
            other => other,
        };
        (failure, last_words(&self.words))
    }

    /// Kills it and its children, and waits until it is gone.
    fn kill(&mut self) -> Option<ExitStatus> {
        self.killed = true;
        group::kill(&mut self.child);
        // Only now: had it been let go first, nobody would guard the worker.
        self.guard = None;
        let mut status = None;
        wait_until(KILLED, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.killed {
            self.kill();
        }
    }
}

/// Waits until `done`, for `limit` at most.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() && since.elapsed() < limit {
        thread::sleep(Duration::from_millis(1));
    }
}

fn send(mut stdin: ChildStdin, outbox: &Receiver<Vec<u8>>, events: &SyncSender<Event>) {
    for bytes in outbox {
        let event = match stdin.write_all(&bytes) {
            Ok(()) => Event::Written(bytes),
            Err(error) => Event::Unwritten(error),
        };
        let failed = matches!(event, Event::Unwritten(_));
        if events.send(event).is_err() || failed {
            return;
        }
    }
}

fn receive(stdout: ChildStdout, most: &AtomicUsize, events: &SyncSender<Event>) {
    let mut source = BufReader::new(stdout);
    let mut buffer = Vec::new();
    loop {
        let frame = frame::read(&mut source, || most.load(Ordering::Relaxed), &mut buffer);
        let failed = frame.is_err();
        if events.send(Event::Read(frame.map(Box::new))).is_err() || failed {
            return;
        }
    }
}

fn listen(mut stderr: ChildStderr, words: &Mutex<VecDeque<u8>>) {
    let mut chunk = [0; KEPT];
    while let Ok(count @ 1..) = stderr.read(&mut chunk) {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend(&chunk[..count]);
        let beyond = words.len().saturating_sub(KEPT);
        words.drain(..beyond);
    }
}

fn last_words(words: &Mutex<VecDeque<u8>>) -> String {
    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes: Vec<u8> = words.iter().copied().collect();
    super::failure::last_lines(&String::from_utf8_lossy(&bytes))
}
