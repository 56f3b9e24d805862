//! The contact sheet: a title, the clean image, a row a perturbation, a column a
//! setting, with words above each picture.

use super::canvas::{Canvas, LETTER, LINE};
use super::picture::Picture;

/// Space around pictures, in pixels.
const GAP: usize = 8;

/// The narrowest column, in letters: most names fit into it.
const NARROWEST: usize = 18;

/// One picture with what is written above it.
pub struct Cell {
    /// The perturbation, as the spec calls it.
    pub label: String,
    /// How strongly.
    pub setting: String,
    /// What the model is shown.
    pub picture: Picture,
}

impl Cell {
    /// The words above the picture, in lines of at most `letters` letters.
    fn lines(&self, letters: usize) -> Vec<String> {
        let words = [&self.label, &self.setting];
        words
            .into_iter()
            .flat_map(|text| wrap(text, letters))
            .collect()
    }
}

/// Cuts `text` into lines of at most `letters` letters.
fn wrap(text: &str, letters: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(letters.max(1))
        .map(|line| line.iter().collect())
        .collect()
}

/// Puts parts into lines of at most `letters` letters, as many into each as fit.
fn fill<'a>(parts: impl Iterator<Item = &'a String>, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + part.chars().count() <= letters => {
                line.push_str("  ");
                line.push_str(part);
            }
            _ => lines.extend(wrap(part, letters)),
        }
    }
    lines
}

/// What is put together.
pub struct Sheet {
    /// What it is headed with, part by part.
    pub title: Vec<String>,
    /// The example itself.
    pub clean: Picture,
    /// One a perturbation, each with its settings in order.
    pub rows: Vec<Vec<Cell>>,
}

impl Sheet {
    /// The sheet as a PNG file.
    pub fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let (clean, size) = self.clean.to_size();
        let column = clean.width.max(NARROWEST * LETTER);
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let across = GAP + columns * (column + GAP);
        let head = fill(
            self.title.iter().chain([&size]),
            (across - 2 * GAP) / LETTER,
        );
        // The clean image is a row of its own, the first.
        let mut rows = vec![vec![(vec!["clean".to_owned()], clean)]];
        rows.extend(self.rows.iter().map(|cells| {
            let cells = cells.iter();
            cells
                .map(|cell| (cell.lines(column / LETTER), cell.picture.to_size().0))
                .collect()
        }));
        let words = |row: &[(Vec<String>, Picture)]| {
            row.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0) * LINE
        };
        let height = |row: &[(Vec<String>, Picture)]| {
            row.iter()
                .map(|(_, picture)| picture.height)
                .max()
                .unwrap_or(0)
        };
        let down: usize = rows.iter().map(|row| words(row) + height(row) + GAP).sum();

        let mut canvas = Canvas::new(across, GAP + head.len() * LINE + GAP + down);
        let mut y = GAP;
        for line in &head {
            canvas.text(GAP, y, line);
            y += LINE;
        }
        y += GAP;
        for row in &rows {
            for (place, (lines, picture)) in row.iter().enumerate() {
                let x = GAP + place * (column + GAP);
                for (number, line) in lines.iter().enumerate() {
                    canvas.text(x, y + number * LINE, line);
                }
                canvas.picture(x, y + words(row), picture);
            }
            y += words(row) + height(row) + GAP;
        }
        canvas.png()
    }
}
