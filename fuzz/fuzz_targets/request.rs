//! Opens data that were written to a folder, the first file, and reads all of them.

use steadfast::data::{Request, open as open_data};

pub fn open(files: &[(&str, &[u8])]) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    let data = open_data(&Request {
        path: folder.path().join(files[0].0),
        shown: files[0].0.to_owned(),
        inputs: "x".to_owned(),
        labels: "y".to_owned(),
        ids: None,
        cluster: None,
        slice: None,
        range: (0.0, 1.0),
        unpacked_limit: 64 << 20,
        limit: None,
    });
    match data {
        Ok(data) => (0..data.len().min(4)).for_each(|row| drop(data.example(row))),
        Err(error) => drop(error.to_string()),
    }
}
