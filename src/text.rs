//! How words reach a terminal, a log or a Markdown file: through a [`Page`], line by line.
//!
//! A message holds words of others: ids, names of files, a reason, what a worker said. A
//! page takes one line at a time, and whatever stands in that line stays in it: line
//! breaks, control characters and letters that reorder or hide text are shown as escapes,
//! a CI system finds no command in it, and its length is bounded. Only a page has several
//! lines, and only pages are printed, so that nothing that others wrote begins a line.
//!
//! JSON keeps every value; there the same letters are JSON's own escapes.

pub mod markdown;

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;
use std::ops::Deref;

/// What stands before a line that others wrote, where it is shown as a line: a worker's
/// last words. Words may bring such lines along, since each says whose it is.
pub const QUOTE: &str = "\n  | ";

/// The letters of a line that are shown: of its beginning, and of its end.
const SHOWN: (usize, usize) = (6000, 1000);

/// Lines, fit to be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page(String);

impl Page {
    /// Without a line.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one line.
    pub fn of(words: impl Display) -> Self {
        let mut page = Self::new();
        page.line(words);
        page
    }

    /// With `words` before the first line of `page`.
    pub fn headed(words: impl Display, page: &Self) -> Self {
        let (first, rest) = page.0.split_once('\n').unwrap_or((&page.0, ""));
        let mut headed = Self::of(format_args!("{words}{first}"));
        headed.0.push_str(rest);
        headed
    }

    /// Adds one line.
    pub fn line(&mut self, words: impl Display) {
        let words = words.to_string();
        for (index, part) in words.split(QUOTE).enumerate() {
            if index > 0 {
                self.0.push_str(&QUOTE[1..]);
            }
            self.0.push_str(&escaped(part));
            self.0.push('\n');
        }
    }

    /// Adds the lines of a text of ours. What others wrote in it is [`escaped`] before.
    pub fn ours(&mut self, text: &str) {
        for line in text.lines() {
            self.0.push_str(&escaped(line));
            self.0.push('\n');
        }
    }

    /// Adds the lines of another page.
    pub fn page(&mut self, page: &Self) {
        self.0.push_str(&page.0);
    }

    /// Adds the lines of another page, each behind so many spaces.
    pub fn indented(&mut self, by: usize, page: &Self) {
        for line in page.0.lines() {
            let _ = writeln!(self.0, "{:by$}{line}", "");
        }
    }

    /// A JSON document, over several lines.
    pub fn json(value: &serde_json::Value) -> Self {
        let mut text = String::new();
        for letter in format!("{value:#}").chars() {
            if letter != '\n' && is_unsafe(letter) {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            } else {
                text.push(letter);
            }
        }
        Self(without_commands(&text, "\\u0023") + "\n")
    }
}

/// The lines, each with its end.
impl Display for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Deref for Page {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A message of several lines is an error's own where its module makes it one.
impl std::error::Error for Page {}

/// Prints a page; a reader that went away (`… | head`) is no error.
pub fn print(page: &Page) {
    let _ = std::io::stdout().write_all(page.0.as_bytes());
}

/// Prints a page to stderr.
pub fn warn(page: &Page) {
    let _ = std::io::stderr().write_all(page.0.as_bytes());
}

/// Asks something on stdout, and leaves the rest of the line for the answer.
///
/// # Errors
/// When stdout is closed.
pub fn ask(question: &'static str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(question.as_bytes())?;
    stdout.flush()
}

/// Words on one line, with escapes for what moves a cursor, ends a line, or reorders or
/// hides text: `\n`, `\u{1b}`. A long text is cut in its middle. A CI system finds no
/// command in it: `::error` at its start, `##[error]` and `##vso[…]` anywhere.
pub fn escaped(words: &str) -> String {
    let letters = words.chars().count();
    let (first, last) = SHOWN;
    let words = if letters <= first + last {
        plain(words.chars())
    } else {
        let left_out = letters - first - last;
        let end = plain(words.chars().skip(first + left_out));
        let start = plain(words.chars().take(first));
        format!("{start} … ({left_out} characters left out) … {end}")
    };
    let words = without_commands(&words, "\\u{23}");
    let begun = words.len() - words.trim_start().len();
    match words[begun..].strip_prefix("::") {
        Some(rest) => format!("{}\\u{{3a}}:{rest}", &words[..begun]),
        None => words,
    }
}

fn plain(letters: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    for letter in letters {
        if is_unsafe(letter) {
            text.extend(letter.escape_default());
        } else {
            text.push(letter);
        }
    }
    text
}

/// Whether a letter is not shown as itself: control characters, line and paragraph
/// separators, letters of direction, and those that have no width.
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text with `escape` for the `#` that begins `##[` or `##word[`.
fn without_commands(text: &str, escape: &str) -> String {
    let mut safe = String::new();
    let mut rest = text;
    while let Some(place) = rest.find("##") {
        let after = &rest[place + 2..];
        let word = after.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
        safe.push_str(&rest[..place]);
        safe.push_str(if word.starts_with('[') { escape } else { "#" });
        rest = &rest[place + 1..];
    }
    safe + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_whatever_stands_in_it() {
        for (words, shown) in [
            ("plain — ähnlich ☃ 日本", "plain — ähnlich ☃ 日本\n"),
            ("a\nb\r\tc", "a\\nb\\r\\tc\n"),
            (
                "\u{1b}[31mred\u{7f}\u{9b}",
                "\\u{1b}[31mred\\u{7f}\\u{9b}\n",
            ),
            (
                "x\u{202e}y\u{2028}z\u{200b}",
                "x\\u{202e}y\\u{2028}z\\u{200b}\n",
            ),
            ("::error ::x", "\\u{3a}:error ::x\n"),
            ("  ::stop-commands::x", "  \\u{3a}:stop-commands::x\n"),
            ("digits::identity", "digits::identity\n"),
            ("a ##[error]b", "a \\u{23}#[error]b\n"),
            ("a ###vso[x]", "a #\\u{23}#vso[x]\n"),
            ("## A against B", "## A against B\n"),
        ] {
            assert_eq!(Page::of(words).to_string(), shown);
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let page = Page::of(format!("{}END", "é".repeat(100_000)));
        assert!(page.chars().count() < 7100);
        assert!(page.contains("(93003 characters left out)") && page.ends_with("END\n"));
    }

    #[test]
    fn quoted_lines_are_lines_and_others_are_not() {
        let words = format!("it said{QUOTE}one{QUOTE}::two\nthree");
        assert_eq!(
            Page::of(words).to_string(),
            "it said\n  | one\n  | \\u{3a}:two\\nthree\n"
        );
    }

    #[test]
    fn pages_are_put_together() {
        let mut page = Page::headed("Error: ", &Page::of("one"));
        let mut two = Page::of("two");
        two.line("three");
        page.indented(4, &two);
        page.page(&Page::headed("x: ", &two));
        assert_eq!(
            page.to_string(),
            "Error: one\n    two\n    three\nx: two\nthree\n"
        );
    }

    #[test]
    fn json_keeps_the_value() {
        let value = serde_json::json!({ "a\u{202e}": "\u{1b}[1m\n::error\u{85}\u{e0041}##[x]" });
        let page = Page::json(&value);
        assert!(
            page.chars()
                .all(|letter| letter == '\n' || !is_unsafe(letter)),
            "{page}"
        );
        assert!(!page.contains("##["), "{page}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&page).unwrap(),
            value
        );
    }

    proptest::proptest! {
        #[test]
        fn no_words_make_a_second_line_or_a_command(words in "\\PC*|[:# \\[a\n\r\u{1b}\u{202e}\u{2029}]*") {
            let page = Page::of(&words);
            let [line] = page.lines().collect::<Vec<_>>()[..] else {
                // Quoted lines say so.
                assert!(page.lines().skip(1).all(|line| line.starts_with("  | ")));
                return Ok(());
            };
            assert!(!line.chars().any(is_unsafe));
            assert!(!line.trim_start().starts_with("::") && !line.contains("##["));
        }
    }
}
