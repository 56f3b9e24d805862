//! Requests with a deadline: what is tried again, and when.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use ureq::http::{Request, Response, StatusCode};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, Timeout};

use super::EndpointError;
use super::token::Token;
use crate::spec::address::Address;

/// The first pause before a request is sent again; each one after is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// No pause is longer, save one that the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The largest answer with tensors that is read, in bytes.
const LARGEST_ANSWER: u64 = 1 << 28;

/// The largest description of a server or a model.
const LARGEST_PAGE: u64 = 1 << 24;

/// How much of a refusal is read.
const LARGEST_REFUSAL: u64 = 1 << 16;

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
    /// Whether a proxy is asked in place of the server.
    proxied: bool,
    token: Option<Token>,
    patience: Duration,
    retries: u32,
}

impl Client {
    /// A way to the server of `address`.
    pub fn new(
        wanted: &super::Request,
        token: Option<Token>,
        address: &Address,
    ) -> Result<Self, EndpointError> {
        let proxy = proxy(address);
        let proxied = proxy.is_some();
        let agent = Agent::config_builder()
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(roots()?).build())
            .http_status_as_error(false)
            // A token is for the server that the spec names, and for no other.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections_per_host(wanted.connections.max(1))
            .user_agent(concat!("steadfast/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            proxied,
            token,
            patience: wanted.answer,
            retries: wanted.retries,
        })
    }

    /// Asks until there is an answer, a refusal, or no time left.
    pub fn ask(&self, url: &str, question: &Question<'_>) -> Result<Answer, EndpointError> {
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
            let over = start.elapsed().saturating_add(wait) >= self.patience;
            if attempts > self.retries || over {
                let attempts = match attempts {
                    1 => "1 attempt".to_owned(),
                    many => format!("{many} attempts"),
                };
                let limit = match over {
                    true => format!("within {} s ({attempts})", self.patience.as_secs_f64()),
                    false => format!("in {attempts}"),
                };
                let asks = trouble
                    .wait
                    .filter(|_| over)
                    .map_or_else(String::new, |wait| {
                        format!(" (and asks to wait for {} s)", wait.as_secs())
                    });
                return Err(EndpointError::Unreachable {
                    url: url.to_owned(),
                    limit,
                    last: format!("{}{asks}", trouble.words),
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
            request = request.header("Authorization", token.header().clone());
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
            // A server that is not there may be back: half the time is kept for that.
            .timeout_connect(Some((left / 2).max(Duration::from_millis(1))))
            .build();
        let largest = match request.method() == ureq::http::Method::GET {
            true => LARGEST_PAGE,
            false => LARGEST_ANSWER,
        };
        let mut response = self.agent.run(request)?;
        let success = response.status().is_success();
        let reader = response.body_mut();
        if success {
            let body = reader.with_config().limit(largest).read_to_vec()?;
            return Ok((response, body));
        }
        // The status says enough where the words do not come through.
        let mut body = Vec::new();
        let mut words = reader.as_reader().take(LARGEST_REFUSAL);
        let _ = words.read_to_end(&mut body);
        Ok((response, body))
    }

    /// What went wrong before there was an answer.
    fn transport(&self, url: &str, error: &ureq::Error) -> Failure {
        let words = match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                "no connection came about".to_owned()
            }
            ureq::Error::Timeout(_) => "no whole answer came".to_owned(),
            _ => self.words(crate::error::chain(error).as_bytes()),
        };
        let passing = match error {
            ureq::Error::Io(error) => passes(error.kind()),
            ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => true,
            _ => false,
        };
        let words = match self.proxied {
            true => format!("{words} (by the proxy that the environment names)"),
            false => words,
        };
        if passing {
            return Failure::Passing(Trouble { words, wait: None });
        }
        let cure = match error {
            ureq::Error::Protocol(_) => {
                "What answers there does not speak HTTP: look at scheme and port in model.endpoint"
            }
            ureq::Error::BodyExceedsLimit(_) => {
                "No more is read: lower model.batch, or choose a smaller output with model.output"
            }
            ureq::Error::ConnectProxyFailed(_) => {
                "Look at the proxy that the environment names (HTTPS_PROXY, NO_PROXY)"
            }
            ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData => TLS,
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => TLS,
            _ => "Look at scheme, host and port in model.endpoint",
        };
        Failure::Final(EndpointError::Answer {
            url: url.to_owned(),
            reason: format!("the request failed: {words}. {cure}"),
        })
    }

    /// A server's words, short, on one line, without the token.
    pub fn words(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let text = self.redact(&text);
        let words = crate::error::words(&text);
        // A sentence follows.
        match words.trim_end_matches('.') {
            "" => "(nothing more)".to_owned(),
            words => words.to_owned(),
        }
    }

    /// A text without the token.
    pub fn redact(&self, text: &str) -> String {
        match &self.token {
            Some(token) => token.redact(text),
            None => text.to_owned(),
        }
    }
}

/// Whom a server's certificate must lead to: the authorities of the file that the
/// environment names, as OpenSSL, curl and Python have it, or Mozilla's.
fn roots() -> Result<RootCerts, EndpointError> {
    let Some(path) = std::env::var_os(AUTHORITIES).filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let wrong = |reason: String| EndpointError::Authorities {
        path: path.display().to_string(),
        reason,
    };
    let text = crate::file::read(Path::new(&path)).map_err(|error| wrong(error.to_string()))?;
    let items = parse_pem(&text).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(wrong(crate::error::chain(&error)))),
    });
    let found: Vec<_> = items.collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&found))
}

/// The proxy on the way, as the environment has it. There is none to a server on this
/// machine: a proxy would be asked for its own machine, and shown the token. `HTTPS_PROXY`
/// is not for http, as other tools have it.
fn proxy(address: &Address) -> Option<Proxy> {
    let any = Proxy::try_from_env().filter(|_| !address.local)?;
    if !address.open {
        return Some(any);
    }
    let direct = address
        .server
        .parse()
        .is_ok_and(|uri| any.is_no_proxy(&uri));
    let names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let mut named = names
        .into_iter()
        .filter_map(|name| std::env::var(name).ok());
    named
        .find_map(|proxy| Proxy::new(&proxy).ok())
        .filter(|_| !direct)
}

/// Whether a connection that failed like this may work the next time.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock
            | ErrorKind::Interrupted
    )
}

/// What to do where a server is not trusted, or speaks no TLS.
const TLS: &str = "Look at scheme and port in model.endpoint, and at the server's certificate: it must lead to one of Mozilla's authorities, or to one of the file that SSL_CERT_FILE names";

/// The environment variable with a file of authorities, in PEM.
const AUTHORITIES: &str = "SSL_CERT_FILE";

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
