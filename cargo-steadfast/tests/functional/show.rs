//! A contact sheet has the pixels that the model is shown, and what cannot be shown
//! is said.

use std::path::Path;

use ndarray::ArrayD;
use steadfast::catalogue::Parameters;
use steadfast::perturb::Depth;
use steadfast::seed::Stream;

use crate::repository::{Repository, npy, npz, source};

/// A picture: its width, and red, green and blue, row after row.
#[derive(Debug, PartialEq)]
struct Pixels {
    width: usize,
    values: Vec<[u8; 3]>,
}

impl Pixels {
    fn read(path: &Path) -> Self {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        let values = bytes
            .chunks_exact(3)
            .map(|pixel| [pixel[0], pixel[1], pixel[2]]);
        Self {
            width: info.width as usize,
            values: values.collect(),
        }
    }

    /// With each pixel a square of `factor` × `factor`.
    fn enlarged(&self, factor: usize) -> Self {
        let rows = self.values.chunks_exact(self.width).flat_map(|row| {
            let wide = row
                .iter()
                .flat_map(move |&pixel| std::iter::repeat_n(pixel, factor));
            let wide: Vec<[u8; 3]> = wide.collect();
            std::iter::repeat_n(wide, factor)
        });
        Self {
            width: self.width * factor,
            values: rows.flatten().collect(),
        }
    }

    /// Where `part` is in this picture: row and column of each upper left corner.
    fn places(&self, part: &Self) -> Vec<(usize, usize)> {
        let lines: Vec<_> = self.values.chunks_exact(self.width).collect();
        let wanted: Vec<_> = part.values.chunks_exact(part.width).collect();
        let mut found = Vec::new();
        for row in 0..=lines.len() - wanted.len() {
            for column in 0..=self.width - part.width {
                let same = |(offset, want): (usize, &&[[u8; 3]])| {
                    lines[row + offset][column..column + part.width] == **want
                };
                if wanted.iter().enumerate().all(same) {
                    found.push((row, column));
                }
            }
        }
        found
    }

    /// The one place of `part`.
    fn place(&self, part: &Self) -> (usize, usize) {
        let places = self.places(part);
        assert_eq!(places.len(), 1, "{places:?}");
        places[0]
    }
}

/// Four by four pixels: red rises by 16 from 0, green is 100, blue falls to 0.
fn known() -> [Vec<u8>; 3] {
    let red: Vec<u8> = (0..16).map(|place| place * 16).collect();
    let blue = red.iter().rev().copied().collect();
    [red, vec![100; 16], blue]
}

fn pixels(planes: &[Vec<u8>; 3]) -> Pixels {
    Pixels {
        width: 4,
        values: (0..16)
            .map(|place| [0, 1, 2].map(|plane: usize| planes[plane][place]))
            .collect(),
    }
}

/// A repository of two such images, the second black, called `rising` and `black`.
fn colours(perturbations: &str) -> Repository {
    let repository = Repository::digits();
    let mut inputs = known().concat();
    inputs.extend([0; 48]);
    let ids = ["rising", "black"].map(|id| {
        let mut id = id.as_bytes().to_vec();
        id.resize(6, 0);
        id
    });
    let arrays = vec![
        ("x.npy", npy("|u1", "(2, 3, 4, 4)".to_owned(), inputs)),
        ("y.npy", npy("<i8", "(2,)".to_owned(), vec![0; 16])),
        ("id.npy", npy("|S6", "(2,)".to_owned(), ids.concat())),
    ];
    repository.write("data/colours.npz", npz(arrays));
    repository.write(
        "robustness-specs/colours.toml",
        format!(
            "schema = 1\nseed = 9\nreplicates = 3\n[model]\nonnx = \"models/digits.onnx\"\ngives = \"logits\"\n\
             [data]\npath = \"data/colours.npz\"\ninputs = \"x\"\nlabels = \"y\"\nids = \"id\"\n\
             [gate]\nmargin = 0.1\n{perturbations}\n[[metric]]\nkind = \"accuracy\"\n"
        ),
    );
    repository
}

/// Runs the command, which succeeds, and reads its sheet.
fn sheet(repository: &Repository, arguments: &[&str]) -> (Pixels, String) {
    let output = repository.root().join("out/sheet.png");
    let mut all = vec!["show"];
    all.extend(arguments);
    all.extend(["--output", "out/sheet.png"]);
    let ran = repository.steadfast(&all);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.ends_with("out/sheet.png\n"), "{}", ran.all());
    (Pixels::read(&output), ran.stdout)
}

#[test]
fn the_sheet_has_the_pixels_that_the_model_is_shown() {
    let repository = colours(
        "[[perturbation]]\nkind = \"contrast\"\nfactor = 0.5\n\
         [[perturbation]]\nkind = \"contrast\"\nname = \"none\"\nfactor = 0.0\n",
    );
    let (sheet, _) = sheet(&repository, &["colours", "--example", "rising"]);
    let [red, green, blue] = known();
    // The means are 120, 100 and 120: a distance to them is halved, or nothing.
    let halved = |plane: &[u8]| plane.iter().map(|value| 60 + value / 2).collect();
    let clean = sheet.place(&pixels(&[red.clone(), green.clone(), blue.clone()]).enlarged(24));
    let half = sheet.place(&pixels(&[halved(&red), green, halved(&blue)]).enlarged(24));
    let none = sheet.place(&pixels(&[vec![120; 16], vec![100; 16], vec![120; 16]]).enlarged(24));
    assert!(
        clean.0 < half.0 && half.0 < none.0,
        "{clean:?} {half:?} {none:?}"
    );
    assert!(
        clean.1 == half.1 && half.1 == none.1,
        "{clean:?} {half:?} {none:?}"
    );
}

#[test]
fn severities_stand_side_by_side_and_a_replicate_is_its_own_draw() {
    let repository = Repository::digits();
    let request = steadfast::data::Request {
        path: source("data/digits-test.npz"),
        shown: "digits".to_owned(),
        inputs: "x".to_owned(),
        labels: "y".to_owned(),
        ids: None,
        cluster: None,
        slice: None,
        range: (0.0, 1.0),
        unpacked_limit: 8 << 30,
        limit: None,
    };
    let data = steadfast::data::open(&request).unwrap();
    // CIFAR-10-C's severities 1 and 5, with the draws of files.md: by seed, algorithm,
    // replicate and example.
    let drawn = |std: f64, replicate: u64| {
        let mut image: ArrayD<f32> = data.example(17).unwrap().into_owned();
        let kind = steadfast::builtin::perturbation("gaussian_noise").unwrap();
        let depth = match data.quantised() {
            true => Depth::EightBit,
            false => Depth::Continuous,
        };
        let parameters = Parameters(vec![("std".to_owned(), std)]);
        let mut stream = Stream::new(7, &kind.kind().identity(), replicate, "17");
        kind.apply(image.view_mut(), &parameters, depth, &mut stream);
        let level = |value: &f32| {
            let level = f64::from(value.clamp(0.0, 1.0)) * 255.0;
            [if data.quantised() {
                level.floor()
            } else {
                level.round()
            } as u8; 3]
        };
        let picture = Pixels {
            width: 8,
            values: image.iter().map(level).collect(),
        };
        picture.enlarged(12)
    };
    let (first, _) = sheet(&repository, &["digits", "--example", "17"]);
    let (second, _) = sheet(
        &repository,
        &["digits", "--example", "17", "--replicate", "1"],
    );
    for (sheet, replicate) in [(&first, 0), (&second, 1)] {
        let [weak, strong] = [0.04, 0.1].map(|std| sheet.place(&drawn(std, replicate)));
        assert!(
            weak.0 == strong.0 && weak.1 < strong.1,
            "{weak:?} {strong:?}"
        );
    }
    assert!(first.places(&drawn(0.1, 1)).is_empty());
}

#[test]
fn what_cannot_be_shown_is_said_and_the_rest_is_shown() {
    let repository = colours(
        "[[perturbation]]\nkind = \"custom::roll\"\nby = 2\n\
         [[perturbation]]\nkind = \"contrast\"\nfactor = 0.0\n",
    );
    let (sheet, said) = sheet(&repository, &["colours", "--example", "black"]);
    assert!(
        said.contains(
            "not shown: colours::custom::roll::by_2 (custom::roll is in the program of your tests"
        ),
        "{said}"
    );
    let black = pixels(&[vec![0; 16], vec![0; 16], vec![0; 16]]).enlarged(24);
    assert_eq!(
        sheet.places(&black).len(),
        2,
        "clean, and black without contrast"
    );
}

#[test]
fn without_an_output_it_is_in_the_state_folder() {
    let repository = Repository::digits();
    let ran = repository.steadfast(&["show", "digits", "--example", "3"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.stdout, "state/show/digits-3-0.png\n");
    Pixels::read(&repository.root().join("state/show/digits-3-0.png"));
}

#[test]
fn ids_that_look_alike_as_names_of_files_have_files_of_their_own() {
    let repository = colours("[[perturbation]]\nkind = \"identity\"\n");
    let mut ids: Vec<u8> = ["a.b", "a/b"].concat().into_bytes();
    ids.resize(6, 0);
    let mut inputs = known().concat();
    inputs.extend([0; 48]);
    let arrays = vec![
        ("x.npy", npy("|u1", "(2, 3, 4, 4)".to_owned(), inputs)),
        ("y.npy", npy("<i8", "(2,)".to_owned(), vec![0; 16])),
        ("id.npy", npy("|S3", "(2,)".to_owned(), ids)),
    ];
    repository.write("data/colours.npz", npz(arrays));
    let [one, other] = ["a.b", "a/b"].map(|id| {
        let ran = repository.steadfast(&["show", "colours", "--example", id]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran.stdout
    });
    assert!(one.starts_with("state/show/colours-a_b-"), "{one}");
    assert_ne!(one, other);
}

#[test]
fn what_is_not_there_is_named() {
    let repository = colours("[[perturbation]]\nkind = \"identity\"\n");
    repository.write("robustness-specs/broken.toml", "schema = 1\nsead = 2\n");
    for (arguments, code, words) in [
        (
            &["colour", "--example", "rising"][..],
            2,
            "no spec `colour`; did you mean `colours`?",
        ),
        (&["broken", "--example", "rising"], 3, "sead"),
        (
            &["colours", "--example", "raising"],
            2,
            "no example has the id `raising`: there are rising, black; did you mean `rising`?",
        ),
        (
            &["digits", "--example", "500"],
            2,
            "no example has the id `500`: there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … 499 (500 in all)",
        ),
        (
            &["colours", "--example", "black", "--replicate", "3"],
            2,
            "there is no replicate 3: colours draws 3, counted from 0",
        ),
        (
            &["colours", "--example", "black", "--output", "data"],
            6,
            "failed to write data",
        ),
    ] {
        let mut all = vec!["show"];
        all.extend(arguments);
        let ran = repository.steadfast(&all);
        assert_eq!(ran.code, code, "{}", ran.all());
        assert!(ran.stderr.contains(words), "{}", ran.all());
    }
}

#[test]
fn a_table_is_no_image() {
    let repository = Repository::table(10, 1, "margin = 0.1", "");
    let ran = repository.steadfast(&["show", "table", "--example", "0"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(
        ran.stderr.contains("`show` draws images, [height, width] or [1 or 3 channels, height, width], and an example here has the shape [2]"),
        "{}",
        ran.all()
    );
}
