//! A page of Markdown. What others wrote is text there: no HTML, no link, no image, no
//! mention of a person comes from it, and no cell of a table ends early. Headings, lists
//! and tables are made here, so that the words in them need not be looked at one by one.

use std::fmt::Display;

use super::Page;

/// Markdown, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markdown(Page);

impl Markdown {
    /// Without a line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a heading of a level, from 1.
    pub fn heading(&mut self, level: usize, words: impl Display) {
        let words = defused(&words.to_string());
        self.0.line(format_args!("{} {words}", "#".repeat(level)));
    }

    /// Adds a line of a paragraph.
    pub fn line(&mut self, words: impl Display) {
        self.0.line(begun(&defused(&words.to_string())));
    }

    /// Adds an empty line.
    pub fn space(&mut self) {
        self.0.line("");
    }

    /// Adds an item of a list, so many levels deep, from 0.
    pub fn item(&mut self, level: usize, words: impl Display) {
        let words = begun(&defused(&words.to_string()));
        self.0
            .line(format_args!("{:indent$}- {words}", "", indent = 2 * level));
    }

    /// Adds the head of a table.
    pub fn head(&mut self, cells: &[&str]) {
        self.row(cells);
        self.0.line(format_args!("|{}", "---|".repeat(cells.len())));
    }

    /// Adds a row of a table.
    pub fn row<T: AsRef<str>>(&mut self, cells: &[T]) {
        let cells: String = cells
            .iter()
            .map(|cell| match cell.as_ref() {
                "" => " |".to_owned(),
                words => format!(" {} |", cell_of(words)),
            })
            .collect();
        self.0.line(format_args!("|{cells}"));
    }

    /// Adds a table whose columns stand one below the other, so that a terminal shows it
    /// as well; all columns but those of `words` are numbers, and stand right.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>], words: &[usize]) {
        let head: Vec<String> = head.iter().map(|cell| cell_of(cell)).collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| cell_of(cell)).collect())
            .collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let cells = cells.map(|cell| cell.chars().count());
            cells
                .chain([head[column].chars().count(), 3])
                .max()
                .unwrap_or(3)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let mut line = |cells: &[String]| {
            let mut line = String::from("|");
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                let cell = if words.contains(&column) {
                    format!(" {cell}{padding} |")
                } else {
                    format!(" {padding}{cell} |")
                };
                line.push_str(&cell);
            }
            self.0.line(line);
        };
        line(&head);
        let rules: Vec<String> = widths
            .iter()
            .enumerate()
            .map(|(column, width)| {
                if words.contains(&column) {
                    "-".repeat(*width)
                } else {
                    format!("{}:", "-".repeat(width - 1))
                }
            })
            .collect();
        line(&rules);
        for row in &rows {
            line(row);
        }
    }

    /// Adds another piece of Markdown.
    pub fn markdown(&mut self, other: &Self) {
        self.0.page(&other.0);
    }

    /// As it is printed.
    pub fn page(&self) -> &Page {
        &self.0
    }
}

/// Words as they may stand in a cell.
fn cell_of(words: &str) -> String {
    defused(words).replace('|', "\\|")
}

/// Words at the start of a line or an item, where a mark would make a heading, a rule, a
/// quotation or a fence of them.
fn begun(words: &str) -> String {
    let mark = |letter: char| "#>+-=~|`".contains(letter);
    match words.starts_with(mark) {
        true => format!("\\{words}"),
        false => words.to_owned(),
    }
}

/// Words without a construct of Markdown that could do more than look odd. What is no
/// construct stays as it is: `[−0.1, 0.2]`, `p <0.01`, `digits::gaussian_noise`.
fn defused(words: &str) -> String {
    let mut text = String::new();
    let mut before = None;
    let mut letters = words.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let is_next = |test: &dyn Fn(char) -> bool| next.is_some_and(test);
        let is_mark = match letter {
            '\\' => is_next(&|next| next.is_ascii_punctuation()),
            '<' => is_next(&|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
            '&' => is_next(&|next| next == '#' || next.is_ascii_alphabetic()),
            '!' => next == Some('['),
            ']' => is_next(&|next| "([:".contains(next)),
            '*' | '_' | '~' => next == Some(letter) || before == Some(letter),
            // Three make a fence, two a span that ends elsewhere.
            '`' => next == Some('`') || before == Some('`'),
            // An address: `https://`, `www.`.
            '/' => before == Some(':') && next == Some('/'),
            '.' => text.to_ascii_lowercase().ends_with("www"),
            _ => false,
        };
        // GitHub looks for people after Markdown is read, so that no backslash helps.
        let names = |next: char| next.is_ascii_alphanumeric();
        let inside = |before: char| before.is_alphanumeric();
        if letter == '@' && is_next(&names) && !before.is_some_and(inside) {
            text.push('＠');
        } else {
            if is_mark {
                text.push('\\');
            }
            text.push(letter);
        }
        before = Some(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constructs_are_text() {
        for (words, shown) in [
            ("<script>alert(1)</script>", "\\<script>alert(1)\\</script>"),
            ("\\<b>", "\\\\\\<b>"),
            ("![x](https://evil)", "\\![x\\](https:\\//evil)"),
            ("[x]: y, [x][y]", "[x\\]: y, [x\\][y]"),
            ("www.evil.org", "www\\.evil.org"),
            ("&lt;b&gt;", "\\&lt;b\\&gt;"),
            ("**loud** __x__", "\\*\\*loud\\*\\* \\_\\_x\\_\\_"),
            ("by @everyone", "by ＠everyone"),
            ("a@b.org", "a@b.org"),
            ("```", "\\`\\`\\`"),
            (
                "[−0.1, 0.2] <1e-15 a_b `c` C:\\dir",
                "[−0.1, 0.2] <1e-15 a_b `c` C:\\dir",
            ),
        ] {
            assert_eq!(defused(words), shown);
        }
    }

    #[test]
    fn a_cell_ends_where_it_ends() {
        let mut markdown = Markdown::new();
        markdown.head(&["case", ""]);
        markdown.row(&["a | b\n| forged |", "c"]);
        markdown.item(1, "# no heading");
        assert_eq!(
            markdown.page().to_string(),
            "| case | |\n|---|---|\n| a \\| b\\n\\| forged \\| | c |\n  - \\# no heading\n"
        );
    }

    #[test]
    fn tables_are_aligned() {
        let rows = vec![
            vec!["digits".to_owned(), "−1".to_owned()],
            vec!["x".to_owned(), "10.25".to_owned()],
        ];
        let mut markdown = Markdown::new();
        markdown.table(&["case", "p"], &rows, &[0]);
        let expected = "\
| case   |     p |
| ------ | ----: |
| digits |    −1 |
| x      | 10.25 |
";
        assert_eq!(markdown.page().to_string(), expected);
    }
}
