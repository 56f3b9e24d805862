//! A bearer token, which goes to one server and into no message: what a server says is
//! searched for it first.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use ureq::http::HeaderValue;

use super::EndpointError;

/// So many letters in a row that stand in the token too are a part of it, however the
/// others are written, or wherever it was cut off.
const PART: usize = 8;

/// What stands in a text for the token.
const INSTEAD: &str = "[the token]";

/// A bearer token. It has no `Debug`.
pub struct Token {
    header: HeaderValue,
    /// The ways in which it may be written as a whole.
    spellings: Vec<String>,
    /// Every [`PART`] bytes in a row of them.
    parts: HashSet<Vec<u8>>,
}

impl Token {
    /// Reads the token from an environment variable.
    pub fn from_variable(name: &str) -> Result<Self, EndpointError> {
        let value = std::env::var(name).unwrap_or_default();
        let text = value.trim();
        if text.is_empty() {
            return Err(EndpointError::Token(format!(
                "the environment variable {name} is not set. Set it to the bearer token, or remove the key"
            )));
        }
        Self::new(text).ok_or_else(|| {
            EndpointError::Token(format!(
                "what the environment variable {name} holds is no token: it has letters that no header takes"
            ))
        })
    }

    /// `None` where no header takes it.
    fn new(text: &str) -> Option<Self> {
        let mut header = HeaderValue::try_from(format!("Bearer {text}")).ok()?;
        header.set_sensitive(true);
        let spellings = spellings(text);
        let parts = spellings.iter().flat_map(|spelling| {
            let parts = spelling.as_bytes().windows(PART);
            parts.map(<[u8]>::to_vec)
        });
        Some(Self {
            header,
            parts: parts.collect(),
            spellings,
        })
    }

    /// The value of `Authorization`.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// `text` without the token, in whatever way that is written, and without parts of it.
    pub fn redact(&self, text: &str) -> String {
        let whole = self
            .spellings
            .iter()
            .fold(without_escapes(text), |text, spelling| {
                text.replace(spelling, INSTEAD)
            });
        let mut hidden = vec![false; whole.len()];
        for (start, part) in whole.as_bytes().windows(PART).enumerate() {
            if self.parts.contains(part) {
                hidden[start..start + PART].fill(true);
            }
        }
        let mut shown = String::new();
        let mut last = false;
        for (start, letter) in whole.char_indices() {
            match hidden[start] {
                false => shown.push(letter),
                true if last => {}
                true => shown.push_str(INSTEAD),
            }
            last = hidden[start];
        }
        shown
    }
}

/// The token as it is; in JSON with and without the escapes that are optional; in a URL;
/// in HTML; and in base64, wherever in what is encoded it stands.
fn spellings(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_matches('"').to_owned();
    let slashes = json.replace('/', "\\/");
    let percent = |upper: bool| {
        let byte = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other if upper => format!("%{other:02X}"),
            other => format!("%{other:02x}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let html = |quote: &str, single: &str| {
        let plain = text.replace('&', "&amp;");
        let plain = plain.replace('<', "&lt;").replace('>', "&gt;");
        plain.replace('"', quote).replace('\'', single)
    };
    let mut all = vec![
        text.to_owned(),
        json,
        slashes,
        percent(true),
        percent(false),
        html("&quot;", "&#x27;"),
        html("&quot;", "&#39;"),
        html("&#34;", "&#39;"),
    ];
    for before in 0..3 {
        let bytes = [&[0; 3][..before], text.as_bytes()].concat();
        for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes);
            // The letters that hold bits of the token alone.
            let (first, last) = ((8 * before).div_ceil(6), 8 * bytes.len() / 6);
            all.extend(encoded.get(first..last).map(str::to_owned));
        }
    }
    all.retain(|spelling| !spelling.is_empty());
    // What is part of another is looked for after it.
    all.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
    all.dedup();
    all
}

/// `text` with the letters that JSON may write as `\u002b` as themselves: libraries
/// escape different ones.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let letter = part
            .get(..4)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|byte| (b' '..=b'~').contains(byte));
        match letter {
            Some(letter) => {
                plain.push(char::from(letter));
                plain.push_str(&part[4..]);
            }
            None => {
                plain.push_str("\\u");
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_of_printable_letters_are_undone() {
        assert_eq!(
            without_escapes(r"Bearer a\u002Bb\u003d\u003D \u00e9 \u12 \u"),
            r"Bearer a+b== \u00e9 \u12 \u"
        );
    }

    #[test]
    fn a_token_is_found_however_it_is_written() {
        let token = Token::new("s3cret/t0ken+\"'<&==").unwrap();
        for text in [
            "bad: s3cret/t0ken+\"'<&==, sorry",
            r#"bad: s3cret\/t0ken+\"'<&==, sorry"#,
            r#"bad: s3cret\/t0ken\u002B\"\u0027\u003C\u0026==, sorry"#,
            "bad: s3cret%2Ft0ken%2B%22%27%3C%26%3D%3D, sorry",
            // Python: html.escape.
            "bad: s3cret/t0ken+&quot;&#x27;&lt;&amp;==, sorry",
        ] {
            assert_eq!(token.redact(text), "bad: [the token], sorry", "{text}");
        }
        assert_eq!(token.redact("nothing of it: s3cre"), "nothing of it: s3cre");
    }

    #[test]
    fn a_part_of_a_token_is_found() {
        let token = Token::new("eyJhbGciOiJIUzI1NiJ9.abcdefgh").unwrap();
        for (text, shown) in [
            ("it was eyJhbGciOiJIU", "it was [the token]"),
            ("…IUzI1NiJ9.abcdefgh is old", "…[the token] is old"),
            (
                "é eyJhbGciOi&#x2d;JIUzI1NiJ9 é",
                "é [the token]&#x2d;[the token] é",
            ),
        ] {
            assert_eq!(token.redact(text), shown);
        }
    }

    proptest! {
        /// Nor can it be read from base64 of anything that it stands in.
        #[test]
        fn base64_shows_no_token(
            token in "[!-~]{16,40}",
            before in "[ -~]{0,9}",
            after in "[ -~]{0,9}",
            url_safe: bool,
        ) {
            let engine = match url_safe {
                true => BASE64_URL_SAFE_NO_PAD,
                false => BASE64_STANDARD_NO_PAD,
            };
            let encoded = engine.encode(format!("{before}{token}{after}"));
            let shown = Token::new(&token).unwrap().redact(&encoded);
            let left: usize = shown.split(INSTEAD).map(str::len).sum();
            // At most the letters that hold bits of what stands around it too.
            prop_assert!(left <= (before.len() + after.len()) * 8 / 6 + 4, "{shown}");
        }

        #[test]
        fn any_text_is_redacted(token in "[!-~]{1,20}", text in ".{0,60}") {
            let redacted = Token::new(&token).unwrap().redact(&format!("{text}{token}{text}"));
            prop_assert!(token.len() < 3 || INSTEAD.contains(&token) || !redacted.contains(&token), "{redacted}");
        }
    }
}
