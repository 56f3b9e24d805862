//! The report, in Markdown.

use std::path::Path;

const BEGIN: &str = "<!-- corruptions:begin -->";
const END: &str = "<!-- corruptions:end -->";

/// One corruption at one size; times in seconds a call.
pub struct Row {
    /// Its name.
    pub kind: &'static str,
    /// The side of the photos in pixels.
    pub size: usize,
    /// Severities 1 to 5.
    pub ours: [f64; 5],
    /// Likewise, of imagecorruptions, where it ran.
    pub theirs: Option<[f64; 5]>,
    /// Images a second, of what albumentations has that is near.
    pub albumentations: Option<f64>,
}

impl Row {
    /// How many times faster ours is, severity by severity.
    fn ratios(&self) -> Vec<f64> {
        let theirs = self.theirs.iter().flatten();
        theirs
            .zip(self.ours)
            .map(|(theirs, ours)| theirs / ours)
            .collect()
    }

    /// As a line of the table.
    pub fn markdown(&self) -> String {
        let cells: Vec<String> = (0..5)
            .map(|severity| {
                let ours = rate(1.0 / self.ours[severity]);
                match self.theirs {
                    None => ours,
                    Some(theirs) => format!(
                        "{ours} / {} ({:.1}×)",
                        rate(1.0 / theirs[severity]),
                        theirs[severity] / self.ours[severity]
                    ),
                }
            })
            .collect();
        let ratios = self.ratios();
        let mean = match ratios.is_empty() {
            true => String::new(),
            false => format!("{:.1}×", geometric_mean(&ratios)),
        };
        format!(
            "| {} | {} | {mean} | {} |",
            self.kind,
            cells.join(" | "),
            self.albumentations.map_or(String::new(), rate)
        )
    }
}

/// Images a second, with a comma at thousands.
fn rate(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let from_end = |place: usize| digits.len() - place;
    digits
        .char_indices()
        .flat_map(|(place, digit)| {
            let comma = place > 0 && from_end(place) % 3 == 0;
            comma.then_some(',').into_iter().chain([digit])
        })
        .collect()
}

fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// All of it. `busy` is the largest share of the machine that others used during it:
/// long calls are interrupted more often than short ones.
pub fn report(sizes: &[usize], rows: &[Row], busy: f64) -> String {
    let mut text = format!(
        "At its busiest, others used {:.0} % of the machine just before a run.\n\n",
        busy * 100.0
    );
    for size in sizes {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.size == *size).collect();
        text.push_str(&format!(
            "### {size} pixels\n\nImages a second at severities 1 to 5: ours / imagecorruptions (how many times faster); the geometric mean of the five; albumentations' nearest operation at about severity 3.\n\n\
             | corruption | 1 | 2 | 3 | 4 | 5 | mean | albumentations |\n|---|---|---|---|---|---|---|---|\n"
        ));
        for row in &rows {
            text.push_str(&row.markdown());
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&summary(&rows));
    }
    text
}

/// What all cells that both have come to.
fn summary(rows: &[&Row]) -> String {
    let both: Vec<(&Row, [f64; 5])> = rows
        .iter()
        .filter_map(|row| Some((*row, row.theirs?)))
        .collect();
    let ratios: Vec<f64> = both.iter().flat_map(|(row, _)| row.ratios()).collect();
    let least = both
        .iter()
        .flat_map(|(row, _)| row.ratios().into_iter().map(|ratio| (ratio, row.kind)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let Some((least, kind)) = least else {
        return String::new();
    };
    let ours: f64 = both.iter().flat_map(|(row, _)| row.ours).sum();
    let theirs: f64 = both.iter().flat_map(|(_, theirs)| theirs).sum();
    format!(
        "One image through all {} cells: {:.1} ms, imagecorruptions {:.0} ms, 1/{:.0} of the time. Geometric mean over the cells {:.1}×, least {least:.1}× ({kind}).\n\n",
        ratios.len(),
        ours * 1e3,
        theirs * 1e3,
        theirs / ours,
        geometric_mean(&ratios),
    )
}

/// Puts the report between the markers of a file. Relative paths are from the
/// package's root, which is where cargo runs benches.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let shown = path.display();
    let old = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let parts = old.split_once(BEGIN).and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(END)?;
        Some((head, tail))
    });
    let Some((head, tail)) = parts else {
        return Err(format!("{shown} has no markers {BEGIN} and {END}"));
    };
    let new = format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", text.trim());
    steadfast::file::write_atomically(path, new.as_bytes())
        .map_err(|error| format!("{shown}: {error}"))
}
