//! What an attacker writes into whatever field is theirs, and what no output may hold of
//! it. The generators make hostile files of good ones, one field at a time, so that a
//! field that is new is attacked as well.

pub mod onnx;

use std::ops::Range;

use serde_json::Value;

/// Words that would colour a terminal, begin a line of ours, command a CI system, reorder
/// what is read, and be HTML, an image, links and cells in Markdown.
pub const WORDS: &str = "MARK\u{1b}[31m\n::error ::MARK\r\n  ::stop-commands::MARK\n##[error]MARK ##vso[task.complete]MARK\nFORGED MARK\u{202e}\u{2066}\u{2028}\u{200b}\u{9b}\u{7f}<script>MARK</script>![MARK](https://mark.example)[MARK](https://mark.example)|MARK|";

/// The same for what may be a file's name.
pub fn name() -> String {
    WORDS.replace('/', "∕")[..200].to_owned()
}

/// What is wrong with an output of a program that was given hostile words.
pub fn faults(output: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let hidden = |letter: char| {
        letter.is_control() && letter != '\n'
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    for line in output.split('\n') {
        let begun = line.trim_start();
        let fault = if let Some(letter) = line.chars().find(|&letter| hidden(letter)) {
            format!("holds {letter:?}")
        } else if begun.starts_with("::") || begun.starts_with("FORGED") {
            "begins with others' words".to_owned()
        } else if line.contains("##[") || line.contains("##vso[") {
            "holds a command of Azure Pipelines".to_owned()
        } else {
            continue;
        };
        faults.push(format!("{fault}: {line:?}"));
    }
    faults
}

/// What is wrong, besides, with an output that is Markdown.
pub fn markdown_faults(output: &str) -> Vec<String> {
    let mut faults = faults(output);
    for construct in ["<script", "</script", "![MARK", "](http", "https://mark"] {
        for (place, _) in output.match_indices(construct) {
            if !output[..place].ends_with('\\') {
                let line = output[..place].lines().last().unwrap_or_default();
                faults.push(format!("{construct} is not text after {line:?}"));
            }
        }
    }
    faults
}

/// A JSON document with hostile words in each of its strings, one at a time; the place
/// says where, the words stand behind what was there or instead of it.
pub fn strings(document: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    find(document, String::new(), &mut places);
    let mut all = Vec::new();
    for place in places {
        for behind in [true, false] {
            let mut hostile = document.clone();
            let Some(Value::String(text)) = hostile.pointer_mut(&place) else {
                continue;
            };
            *text = if behind {
                format!("{text}{WORDS}")
            } else {
                WORDS.to_owned()
            };
            all.push((place.clone(), hostile));
        }
    }
    all
}

fn find(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::String(_) => places.push(place),
        Value::Array(items) => {
            // Long lists are alike.
            for (index, item) in items.iter().enumerate().take(2) {
                find(item, format!("{place}/{index}"), places);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                find(item, format!("{place}/{key}"), places);
            }
        }
        _ => {}
    }
}

/// A TOML document with hostile words in each of its values, its keys and its tables' names,
/// one at a time.
pub fn values(document: &str) -> Vec<String> {
    let quoted = format!("{WORDS:?}")
        .replace("\\u{1b}", "\\u001b")
        .replace("\\u{202e}", "\\u202e")
        .replace("\\u{2066}", "\\u2066")
        .replace("\\u{2028}", "\\u2028")
        .replace("\\u{200b}", "\\u200b")
        .replace("\\u{9b}", "\\u009b")
        .replace("\\u{7f}", "\\u007f");
    let mut all = Vec::new();
    let mut replaced = |range: Range<usize>, with: &str| {
        let mut hostile = document.to_owned();
        hostile.replace_range(range, with);
        all.push(hostile);
    };
    let mut start = 0;
    for line in document.split_inclusive('\n') {
        let end = start + line.trim_end().len();
        if let Some((key, _)) = line.split_once(" = ") {
            replaced(start + key.len() + 3..end, &quoted);
            replaced(start..start + key.len(), &quoted);
            replaced(end..end, &format!(" # {}", WORDS.replace('\n', " ")));
        } else if line.starts_with('[') {
            let header = line.trim_end();
            let name = header.trim_matches(['[', ']']);
            replaced(start..end, &header.replace(name, &quoted));
            replaced(end..end, &format!("\n{quoted} = 1"));
        }
        start += line.len();
    }
    // No TOML at all.
    all.push(format!("{document}\n{WORDS}\n"));
    all
}
