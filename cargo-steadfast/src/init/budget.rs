//! The error budget: `suite.toml` with room for the first spec beside those that are there.

use std::path::Path;
use std::sync::Arc;

use steadfast::error::{Error, ErrorKind};
use steadfast::spec::{FOLDER, SUITE_FILE, Source, Spec, SpecError, Specs, Suite, ledger};
use steadfast::spec::{parse_spec, parse_suite};
use toml_edit::{DocumentMut, Item, Table, Value, value};

/// Capacities that are tried.
const STEPS: [u32; 12] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000,
];

/// A `suite.toml`, and what it makes of tests.
#[derive(Clone)]
pub struct Budget {
    /// The file.
    pub text: String,
    /// How many tests it is made for.
    pub capacity: u32,
    /// The alpha of a test that takes its share.
    pub alpha: f64,
}

impl Budget {
    /// That of a suite.
    ///
    /// # Errors
    /// Where `text` is none.
    pub fn of(text: String) -> Result<Self, Error> {
        let suite = suite(&text)?;
        Ok(Self {
            capacity: suite.capacity,
            alpha: suite.alpha.value() / f64::from(suite.capacity),
            text,
        })
    }

    /// The same, with the capacity raised where the tests of a spec that is to be written
    /// (its name and its text) do not fit beside those of the specs under `root`. Where
    /// alphas that specs write themselves leave no room it stays as it is.
    ///
    /// # Errors
    /// Where the spec is none.
    pub fn with_room(self, root: &Path, (name, spec): (&str, &str)) -> Result<Self, Error> {
        let specs = Specs::read(root, &steadfast::builtin::catalogue());
        let sources = specs.specs.iter();
        let mut sources: Vec<(&str, Arc<Source>)> = sources
            .map(|spec| (spec.name.as_str(), Arc::clone(&spec.source)))
            .collect();
        sources.push((name, source(format!("{name}.toml"), spec)));
        let has_room = |budget: &Self| -> Result<bool, Error> {
            let suite = suite(&budget.text)?;
            let specs = sources.iter().map(|(name, source)| {
                parse_spec(name, source, &suite, &steadfast::builtin::catalogue())
                    .map(Arc::new)
                    .map_err(invalid)
            });
            let specs = specs.collect::<Result<Vec<Arc<Spec>>, Error>>()?;
            Ok(ledger(&suite, &specs).balanced)
        };
        if has_room(&self)? {
            return Ok(self);
        }
        for capacity in STEPS.into_iter().filter(|&step| step > self.capacity) {
            let raised = Self::of(with_capacity(&self.text, capacity)?)?;
            if has_room(&raised)? {
                return Ok(raised);
            }
        }
        Ok(self)
    }
}

fn source(file: String, text: &str) -> Arc<Source> {
    Arc::new(Source {
        path: format!("{FOLDER}/{file}"),
        text: text.to_owned(),
    })
}

fn suite(text: &str) -> Result<Suite, Error> {
    let source = source(SUITE_FILE.to_owned(), text);
    parse_suite(&source, &steadfast::builtin::catalogue()).map_err(invalid)
}

fn invalid(error: SpecError) -> Error {
    Error::new(ErrorKind::Spec, error.page())
}

/// A suite with another capacity; all else, comments included, is as it was.
fn with_capacity(text: &str, capacity: u32) -> Result<String, Error> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error| Error::new(ErrorKind::Spec, format!("{FOLDER}/{SUITE_FILE}: {error}")))?;
    let family = document
        .entry("family")
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(family) = family.as_table_like_mut() else {
        return Ok(text.to_owned());
    };
    match family.get_mut("capacity").and_then(Item::as_value_mut) {
        Some(written) => {
            let decor = written.decor().clone();
            *written = Value::from(i64::from(capacity));
            *written.decor_mut() = decor;
        }
        None => {
            family.insert("capacity", value(i64::from(capacity)));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::with_capacity;

    #[test]
    fn a_capacity_is_changed_and_nothing_else() {
        for (before, after) in [
            (
                "# mine\n[family]\nalpha = 0.01  # strict\ncapacity = 20 # for now\n\n[defaults]\nmargin = 0.1\n",
                "# mine\n[family]\nalpha = 0.01  # strict\ncapacity = 50 # for now\n\n[defaults]\nmargin = 0.1\n",
            ),
            (
                "family = { alpha = 0.05, capacity = 20 } # both\n",
                "family = { alpha = 0.05, capacity = 50 } # both\n",
            ),
            (
                "[family]\nalpha = 0.01\n",
                "[family]\nalpha = 0.01\ncapacity = 50\n",
            ),
            ("# empty\n", "[family]\ncapacity = 50\n# empty\n"),
        ] {
            assert_eq!(with_capacity(before, 50).unwrap(), after);
        }
    }
}
