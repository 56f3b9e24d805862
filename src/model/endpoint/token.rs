//! A bearer token, which goes to one server: where a server's words hold a part of it,
//! they go into no message. (One without letters and digits cannot be looked for.)

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use ureq::http::HeaderValue;

use super::EndpointError;

/// So many letters and digits in a row that stand in the token too are a part of it.
const PART: usize = 8;

/// How often what stands for another letter is undone: it may be written so twice.
const DEPTH: usize = 3;

/// What stands in place of words that hold the token.
const INSTEAD: &str = "[not shown: the token is in it]";

/// A bearer token. It has no `Debug`.
pub struct Token {
    header: HeaderValue,
    /// The letters and digits in a row that give it away: of itself, and of its base64
    /// and hexadecimal forms. All of them are of one length.
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
        let own = letters(text);
        // A short one is looked for as a whole, and as it is: parts of its other forms
        // are in many words.
        let (length, forms) = match own.len() {
            0 => (1, Vec::new()),
            short if short < PART => (short, vec![own]),
            _ => (PART, forms(text)),
        };
        let parts = forms.iter().flat_map(|form| form.windows(length));
        Some(Self {
            header,
            parts: parts.map(<[u8]>::to_vec).collect(),
        })
    }

    /// The value of `Authorization`.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// `text`, unless a part of the token is in it: with letters written as JSON, HTML and
    /// URLs may have them, in other case, or apart.
    pub fn redact(&self, text: &str) -> String {
        let mut plain = text.to_owned();
        for _ in 0..=DEPTH {
            if self.is_in(&letters(&plain)) {
                return INSTEAD.to_owned();
            }
            plain = undone(&plain);
        }
        text.to_owned()
    }

    fn is_in(&self, letters: &[u8]) -> bool {
        let length = self.parts.iter().next().map_or(1, Vec::len);
        let mut parts = letters.windows(length);
        parts.any(|part| self.parts.contains(part))
    }
}

/// The letters and digits of a text, in lower case.
fn letters(text: &str) -> Vec<u8> {
    let bytes = text.bytes().filter(u8::is_ascii_alphanumeric);
    bytes.map(|byte| byte.to_ascii_lowercase()).collect()
}

/// The letters and digits of the token, of its hexadecimal form, and of its base64 form
/// wherever in what is encoded it stands.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let hexadecimal: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![letters(text), hexadecimal.into_bytes()];
    for before in 0..3 {
        let bytes = [&[0; 3][..before], text.as_bytes()].concat();
        // The letters that hold bits of the token alone.
        let own = (8 * before).div_ceil(6)..8 * bytes.len() / 6;
        for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
            forms.extend(engine.encode(&bytes).get(own.clone()).map(letters));
        }
    }
    forms
}

/// `text` with what stands for another letter as that letter: `\u002b` and `\x2b`, `%2B`,
/// `&#43;` and `&#x2b;`.
fn undone(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (letter, length) = escaped(rest).unwrap_or((first, first.len_utf8()));
        plain.push(letter);
        rest = &rest[length..];
    }
    plain
}

/// The letter that the beginning of a text stands for, and how long that is.
fn escaped(text: &str) -> Option<(char, usize)> {
    let letter = |digits: &str, base| {
        let code = u32::from_str_radix(digits, base).ok()?;
        char::from_u32(code)
    };
    for (mark, digits) in [("\\u", 4), ("\\x", 2), ("%", 2)] {
        if let Some(rest) = text.strip_prefix(mark) {
            let digits = rest.get(..digits)?;
            return Some((letter(digits, 16)?, mark.len() + digits.len()));
        }
    }
    // Backslashes that were escaped themselves.
    if text.starts_with("\\\\") {
        return Some(('\\', 2));
    }
    let number = text.strip_prefix("&#")?;
    let end = number.find(';')?;
    let number = number.get(..end)?;
    let letter = match number.strip_prefix(['x', 'X']) {
        Some(digits) => letter(digits, 16),
        None => letter(number, 10),
    };
    Some((letter?, "&#;".len() + end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_found_however_it_is_written() {
        let text = "q9+Zk3/Lw7=Xb2-t0ken<&\"'";
        let token = Token::new(text).unwrap();
        let each = |write: fn(u32) -> String| -> String {
            text.chars().map(|letter| write(letter as u32)).collect()
        };
        let json = serde_json::Value::from(text).to_string();
        for written in [
            text.to_owned(),
            json.clone(),
            serde_json::Value::from(json).to_string(),
            each(|code| format!("\\u{code:04x}")),
            each(|code| format!("\\\\u{code:04X}")),
            each(|code| format!("%{code:02X}")),
            each(|code| format!("%25{code:02x}")),
            each(|code| format!("&#{code};")),
            each(|code| format!("&#x{code:X};")),
            each(|code| format!("{code:02x}")),
            text.to_uppercase(),
            // Python: html.escape.
            "q9+Zk3/Lw7=Xb2-t0ken&lt;&amp;&quot;&#x27;".to_owned(),
            // Cut off, on either side.
            text[..13].to_owned(),
            text[9..].to_owned(),
            text.chars().map(|letter| format!("{letter} ")).collect(),
        ] {
            let words = format!("bad: {written}, sorry");
            assert_eq!(token.redact(&words), INSTEAD, "{words}");
        }
        for words in ["nothing of it: q9+Zk3", "%zz &#; &#99999999; \\u12 é", ""] {
            assert_eq!(token.redact(words), words);
        }
    }

    #[test]
    fn a_short_token_is_looked_for_as_a_whole() {
        let token = Token::new("ab3").unwrap();
        assert_eq!(token.redact("it was a-b3"), INSTEAD);
        assert_eq!(token.redact("it was ab"), "it was ab");
        // Of signs alone there is nothing to look for.
        assert_eq!(Token::new("+").unwrap().redact("a+b"), "a+b");
    }

    proptest! {
        /// Nor can it be read from base64 of anything that it stands in.
        #[test]
        fn base64_of_a_token_is_found(
            token in "[A-Za-z0-9]{16,40}",
            before in "[ -~]{0,9}",
            after in "[ -~]{0,9}",
        ) {
            // Without the signs that are no letters, which would part it.
            let encoded = BASE64_STANDARD_NO_PAD.encode(format!("{before}{token}{after}"));
            prop_assert_eq!(Token::new(&token).unwrap().redact(&encoded), INSTEAD);
        }

        #[test]
        fn any_text_is_shown_or_not(token in "[!-~]{1,20}", text in ".{0,60}") {
            let token = Token::new(&token).unwrap();
            let shown = token.redact(&text);
            prop_assert!(shown == text || shown == INSTEAD);
        }
    }
}
