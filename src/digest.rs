//! Content hashes: what a file, a set of ids or a JSON value is identified by.
//!
//! What goes into an identity is decided where the identity is; this module only
//! hashes.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of `bytes`.
    ///
    /// ```
    /// # use steadfast::digest::Digest;
    /// // FIPS 180-4, the one-block example "abc".
    /// assert!(Digest::of(b"abc").to_string().starts_with("sha256:ba7816bf8f01cfea"));
    /// ```
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of a regular file's bytes, read in pieces.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = crate::file::open(path)?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }

    /// The digest of a value's canonical JSON: keys sorted, no spaces, numbers as
    /// `serde_json` writes them.
    pub fn of_json(value: &Value) -> Self {
        Self::of(canonical_json(value).as_bytes())
    }

    /// The first twelve hexadecimal digits, enough to tell digests apart by eye.
    pub fn short(&self) -> &str {
        let start = "sha256:".len().min(self.0.len());
        let end = (start + 12).min(self.0.len());
        self.0.get(start..end).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A digest that is fed in pieces.
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    /// The digest of all that was added.
    pub fn finish(self) -> Digest {
        let mut text = String::from("sha256:");
        for byte in sha2::Digest::finalize(self.0) {
            text.push_str(&format!("{byte:02x}"));
        }
        Digest(text)
    }
}

/// Canonical JSON: the keys of every object sorted, no white space.
///
/// Keys are sorted here and not left to `serde_json`, whose order depends on the
/// features that other crates of a build ask for.
pub fn canonical_json(value: &Value) -> String {
    fn write(value: &Value, text: &mut String) {
        match value {
            Value::Array(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    write(item, text);
                }
                text.push(']');
            }
            Value::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort();
                text.push('{');
                for (index, key) in keys.into_iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    text.push_str(&Value::from(key.as_str()).to_string());
                    text.push(':');
                    write(&map[key], text);
                }
                text.push('}');
            }
            leaf => text.push_str(&leaf.to_string()),
        }
    }
    let mut text = String::new();
    write(value, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // FIPS 180-4 examples.
        assert_eq!(
            Digest::of(b"abc").to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
    }

    #[test]
    fn canonical_json_sorts_keys_at_every_depth() {
        let value: Value =
            serde_json::from_str(r#"{"b": [1, {"y": 0.08, "x": null}], "a": "é\n"}"#).unwrap();
        assert_eq!(
            canonical_json(&value),
            "{\"a\":\"é\\n\",\"b\":[1,{\"x\":null,\"y\":0.08}]}"
        );
    }
}
