//! Requests with a deadline: how many at once, what is tried again and when, and a
//! token that goes to one server and into no message.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderValue, Request, Response, StatusCode};

use super::EndpointError;

/// The first pause before a request is sent again; each one after is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// No pause is longer, save one that the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// How much of a server's words is shown.
const WORDS: usize = 300;

/// The header that says how long the JSON before binary tensors is.
pub const JSON_LENGTH: &str = "Inference-Header-Content-Length";

/// What is asked.
pub enum Question<'a> {
    /// A page.
    Get,
    /// Tensors: JSON, and binary numbers behind it.
    Post {
        /// The JSON, then the numbers.
        body: &'a [u8],
        /// The JSON's length, where numbers follow it.
        json: Option<usize>,
    },
}

/// What came back.
pub struct Answer {
    /// All of the body.
    pub body: Vec<u8>,
    /// The length of the JSON, where binary tensors follow it.
    pub json: Option<usize>,
}

/// A way to one server.
pub struct Client {
    agent: Agent,
    token: Option<Token>,
    patience: Duration,
    retries: u32,
    gate: Gate,
}

impl Client {
    pub fn new(token: Option<Token>, patience: Duration, retries: u32, connections: usize) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // A token is for the server that the spec names, and for no other.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("steadfast/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self {
            agent,
            token,
            patience,
            retries,
            gate: Gate::new(connections),
        }
    }

    /// Asks until there is an answer, a refusal, or no time left.
    pub fn ask(&self, url: &str, question: &Question<'_>) -> Result<Answer, EndpointError> {
        let _turn = self.gate.enter();
        let start = Instant::now();
        let mut pause = PAUSE;
        let mut attempts = 0;
        loop {
            let left = self.patience.saturating_sub(start.elapsed());
            attempts += 1;
            let trouble = match self.once(url, question, left) {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(trouble)) => trouble,
            };
            let wait = trouble.wait.unwrap_or(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            let over = start.elapsed() + wait >= self.patience;
            if attempts > self.retries || over {
                let attempts = match attempts {
                    1 => "1 attempt".to_owned(),
                    many => format!("{many} attempts"),
                };
                return Err(EndpointError::Unreachable {
                    url: url.to_owned(),
                    seconds: self.patience.as_secs_f64(),
                    attempts,
                    last: trouble.words,
                });
            }
            std::thread::sleep(wait);
        }
    }

    fn once(&self, url: &str, question: &Question<'_>, left: Duration) -> Result<Answer, Failure> {
        let mut request = match question {
            Question::Get => Request::get(url),
            Question::Post { json: None, .. } => {
                Request::post(url).header("Content-Type", "application/json")
            }
            Question::Post {
                json: Some(length), ..
            } => Request::post(url)
                .header("Content-Type", "application/octet-stream")
                .header(JSON_LENGTH, length.to_string()),
        };
        if let Some(token) = &self.token {
            request = request.header("Authorization", token.header.clone());
        }
        let sent = match question {
            Question::Get => self.send(request.body(()), left),
            Question::Post { body, .. } => self.send(request.body(*body), left),
        };
        let (response, body) = sent.map_err(|error| self.transport(url, &error))?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let status = response.status();
        if status.is_success() {
            let json = header(JSON_LENGTH).and_then(|length| length.parse().ok());
            return Ok(Answer { body, json });
        }
        let words = self.words(&body);
        if matches!(status.as_u16(), 429 | 502 | 503 | 504) {
            let seconds = header("Retry-After").and_then(|text| text.trim().parse().ok());
            return Err(Failure::Passing(Trouble {
                words: format!("it answered {}: {words}", status.as_u16()),
                wait: seconds.map(Duration::from_secs),
            }));
        }
        Err(Failure::Final(EndpointError::Refused {
            url: url.to_owned(),
            status: status.as_u16(),
            words,
            cure: cure(status),
        }))
    }

    /// Sends a request, and reads all that comes back.
    fn send<B: ureq::AsSendBody>(
        &self,
        request: Result<Request<B>, ureq::http::Error>,
        left: Duration,
    ) -> Result<(Response<ureq::Body>, Vec<u8>), ureq::Error> {
        let request = self
            .agent
            .configure_request(request?)
            .timeout_global(Some(left.max(Duration::from_millis(1))))
            .build();
        let mut response = self.agent.run(request)?;
        let reader = response.body_mut().with_config().limit(LARGEST);
        let body = reader.read_to_vec()?;
        Ok((response, body))
    }

    /// What went wrong before there was an answer.
    fn transport(&self, url: &str, error: &ureq::Error) -> Failure {
        let words = self.redact(&crate::error::chain(error));
        match error {
            ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound => Failure::Passing(Trouble { words, wait: None }),
            // A server that goes away in the middle of its answer breaks the protocol.
            ureq::Error::Protocol(_) => Failure::Passing(Trouble { words, wait: None }),
            _ => Failure::Final(EndpointError::Answer {
                url: url.to_owned(),
                reason: format!("the request failed: {words}"),
            }),
        }
    }

    /// A server's words, short, on one line, without the token.
    pub fn words(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let text = self.redact(&text);
        let mut words: String = text
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(WORDS)
            .collect();
        words = words.trim().to_owned();
        match (words.is_empty(), text.chars().count() > WORDS) {
            (true, _) => "(nothing more)".to_owned(),
            (false, true) => format!("{words}…"),
            (false, false) => words,
        }
    }

    fn redact(&self, text: &str) -> String {
        match &self.token {
            Some(token) => text.replace(&token.text, "[the token]"),
            None => text.to_owned(),
        }
    }
}

/// What to do about a refusal.
fn cure(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "The server points elsewhere: put the URL that it means into model.endpoint",
        401 | 403 => {
            "Name the environment variable that holds the token in model.token_variable, and look whether the token is good"
        }
        404 => "Look whether the model has that name and is loaded",
        413 => "The batch is too large for the server: lower model.batch",
        400..=499 => "Look at model.input, model.output and the shape of the data",
        _ => "Look at the server's log",
    }
}

/// Why a request has no answer.
enum Failure {
    /// It may have one the next time.
    Passing(Trouble),
    Final(EndpointError),
}

struct Trouble {
    words: String,
    /// How long the server asks to wait.
    wait: Option<Duration>,
}

/// A bearer token. It has no `Debug`.
pub struct Token {
    text: String,
    header: HeaderValue,
}

impl Token {
    /// Reads the token from an environment variable.
    pub fn from_variable(name: &str) -> Result<Self, EndpointError> {
        let value = std::env::var(name).unwrap_or_default();
        let text = value.trim().to_owned();
        if text.is_empty() {
            return Err(EndpointError::Token(format!(
                "the environment variable {name} is not set. Set it to the bearer token, or remove the key"
            )));
        }
        let header = HeaderValue::try_from(format!("Bearer {text}"));
        let mut header = header.map_err(|_| {
            EndpointError::Token(format!(
                "what the environment variable {name} holds is no token: it has letters that no header takes"
            ))
        })?;
        header.set_sensitive(true);
        Ok(Self { text, header })
    }
}

/// Lets so many in at once.
struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Gate {
    fn new(places: usize) -> Self {
        Self {
            free: Mutex::new(places.max(1)),
            freed: Condvar::new(),
        }
    }

    fn enter(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Turn(self)
    }
}

/// A place that is given back when this is dropped.
struct Turn<'a>(&'a Gate);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free += 1;
        self.0.freed.notify_one();
    }
}
