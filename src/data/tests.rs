use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::ArrayD;
use proptest::prelude::*;

use super::testing::*;
use super::*;
use crate::error::{Error, ErrorKind};

mod folder;

fn request() -> Request {
    Request {
        path: PathBuf::from("/nowhere/toy.npz"),
        shown: "data/toy.npz".to_owned(),
        inputs: "x".to_owned(),
        labels: "y".to_owned(),
        ids: None,
        cluster: None,
        slice: None,
        range: (0.0, 1.0),
        unpacked_limit: 8 << 30,
        limit: None,
    }
}

/// Three examples of two values.
fn inputs() -> (&'static str, Vec<u8>) {
    ("x", float32(&[3, 2], &[0.0, 0.25, 0.5, 0.75, 1.0, 0.125]))
}

fn labels() -> (&'static str, Vec<u8>) {
    ("y", int64(&[2, 0, 1]))
}

fn read(arrays: &[(&str, Vec<u8>)], request: &Request) -> Result<Dataset, Problem> {
    decode_arrays(&npz(arrays), request)
}

/// The message of the failure that these arrays are.
fn message(arrays: &[(&str, Vec<u8>)], request: &Request) -> String {
    read(arrays, request).unwrap_err().to_string()
}

/// The message where only the inputs are other than in order.
fn inputs_message(inputs: Vec<u8>) -> String {
    message(&[("x", inputs), labels()], &request())
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[track_caller]
fn input(dataset: &Dataset, example: usize) -> CowArray<'_, f32, IxDyn> {
    dataset.example(example).unwrap()
}

#[track_caller]
fn values(dataset: &Dataset) -> Vec<f32> {
    (0..dataset.len())
        .flat_map(|example| {
            let values: Vec<f32> = input(dataset, example).iter().copied().collect();
            values
        })
        .collect()
}

#[test]
fn a_data_set_is_what_was_saved() {
    let arrays = [inputs(), labels()];
    let stored = npz(&arrays);
    let dataset = decode_arrays(&stored, &request()).unwrap();
    assert_eq!(dataset.len(), 3);
    assert_eq!(dataset.shape(), [2]);
    assert_eq!(input(&dataset, 1).as_slice().unwrap(), [0.5, 0.75]);
    assert_eq!(dataset.labels(), [2, 0, 1]);
    assert_eq!(dataset.ids(), ["0", "1", "2"]);
    assert_eq!(dataset.clusters(), None);
    assert!(!dataset.quantised());
    assert_eq!(dataset.digest(), &Digest::of(&stored));
    assert_eq!(dataset.ids_digest(), &Digest::of(br#"["0","1","2"]"#));

    let compressed = decode_arrays(&npz_compressed(&arrays), &request()).unwrap();
    assert_eq!(values(&compressed), values(&dataset));
    assert_ne!(compressed.digest(), dataset.digest());
    assert_eq!(compressed.ids_digest(), dataset.ids_digest());

    fn shared<T: Send + Sync>() {}
    shared::<Dataset>();
}

#[test]
fn float64_is_rounded_to_float32() {
    let x = float64(&[3, 1], &[0.1, 1.0, 0.0]);
    assert_eq!(
        values(&read(&[("x", x), labels()], &request()).unwrap()),
        [0.1f32, 1.0, 0.0]
    );
}

#[test]
fn uint8_levels_stand_for_the_range() {
    let x = || {
        (
            "x",
            npy("|u1", false, &[3, 2], &[0, 51, 102, 153, 204, 255]),
        )
    };
    let dataset = read(&[x(), labels()], &request()).unwrap();
    assert!(dataset.quantised());
    // As NumPy's float32 division by 255 has it.
    assert_eq!(
        values(&dataset),
        [
            0.0,
            51.0 / 255.0,
            102.0 / 255.0,
            153.0 / 255.0,
            204.0 / 255.0,
            1.0
        ]
    );

    let range = (-1.0, 1.0);
    let dataset = read(&[x(), labels()], &Request { range, ..request() }).unwrap();
    for (value, expected) in values(&dataset)
        .iter()
        .zip([-1.0, -0.6, -0.2, 0.2, 0.6, 1.0])
    {
        assert!((value - expected).abs() < 1e-7, "{value} for {expected}");
    }
    // The ends are exact, so that clipping to the range changes nothing.
    assert_eq!(values(&dataset)[0], -1.0);
    assert_eq!(values(&dataset)[5], 1.0);
}

#[test]
fn fortran_order_and_big_endian_are_the_same_array() {
    // [[1, 2, 3], [4, 5, 6]] / 8, column by column.
    let columns = [0.125f32, 0.5, 0.25, 0.625, 0.375, 0.75];
    let expected = [0.125f32, 0.25, 0.375, 0.5, 0.625, 0.75];
    for (descr, data) in [
        ("<f4", bytes(&columns, |value| value.to_le_bytes())),
        (">f4", bytes(&columns, |value| value.to_be_bytes())),
        (
            "<f8",
            bytes(&columns, |value| f64::from(value).to_le_bytes()),
        ),
        (
            ">f8",
            bytes(&columns, |value| f64::from(value).to_be_bytes()),
        ),
    ] {
        let x = npy(descr, true, &[2, 3], &data);
        let dataset = read(&[("x", x), ("y", int64(&[0, 1]))], &request()).unwrap();
        assert_eq!(values(&dataset), expected, "{descr}");
        assert_eq!(
            input(&dataset, 1).iter().copied().collect::<Vec<_>>(),
            expected[3..]
        );
    }
}

#[test]
fn labels_of_every_integer_type() {
    let wanted = [2u8, 0, 1];
    let all: [(&str, Vec<u8>); 12] = [
        ("|u1", wanted.to_vec()),
        ("|i1", wanted.to_vec()),
        (
            "<u2",
            bytes(&wanted, |value| u16::from(value).to_le_bytes()),
        ),
        (
            "<i2",
            bytes(&wanted, |value| i16::from(value).to_le_bytes()),
        ),
        (
            "<u4",
            bytes(&wanted, |value| u32::from(value).to_le_bytes()),
        ),
        (
            "<i4",
            bytes(&wanted, |value| i32::from(value).to_le_bytes()),
        ),
        (
            "<u8",
            bytes(&wanted, |value| u64::from(value).to_le_bytes()),
        ),
        (
            "<i8",
            bytes(&wanted, |value| i64::from(value).to_le_bytes()),
        ),
        (
            ">u2",
            bytes(&wanted, |value| u16::from(value).to_be_bytes()),
        ),
        (
            ">i2",
            bytes(&wanted, |value| i16::from(value).to_be_bytes()),
        ),
        (
            ">u4",
            bytes(&wanted, |value| u32::from(value).to_be_bytes()),
        ),
        (
            ">i8",
            bytes(&wanted, |value| i64::from(value).to_be_bytes()),
        ),
    ];
    for (descr, data) in all {
        let dataset = read(
            &[inputs(), ("y", npy(descr, false, &[3], &data))],
            &request(),
        )
        .unwrap();
        assert_eq!(dataset.labels(), [2, 0, 1], "{descr}");
    }
    let truth = npy("|b1", false, &[3], &[1, 0, 1]);
    assert_eq!(
        read(&[inputs(), ("y", truth)], &request())
            .unwrap()
            .labels(),
        [1, 0, 1]
    );
}

#[test]
fn labels_that_are_no_classes_are_refused() {
    let with = |y| message(&[inputs(), ("y", y)], &request());
    assert_says(&with(int64(&[0, -1, 1])), &["`y[1]` is -1"]);
    assert_says(
        &with(npy("|i1", false, &[3], &[0, 0, 0x80])),
        &["`y[2]` is -128"],
    );
    assert_says(
        &with(npy(">i2", false, &[3], &[0, 1, 0xff, 0xfe, 0, 1])),
        &["`y[1]` is -2"],
    );
    assert_says(
        &with(float32(&[3], &[0.0, 1.0, 2.0])),
        &[
            "`y` holds float32",
            "data.labels takes integers",
            "y.astype(\"int64\")",
        ],
    );
    assert_says(
        &with(npy("<i8", false, &[3, 1], &[0; 24])),
        &["[3, 1]", "data.labels", ".reshape(-1)"],
    );

    let dataset = read(&[inputs(), labels()], &request()).unwrap();
    assert!(dataset.check_labels(3).is_ok());
    assert_says(
        &dataset.check_labels(2).unwrap_err().to_string(),
        &["data/toy.npz", "`y[0]` is 2", "2 classes"],
    );
}

#[test]
fn an_error_under_a_limit_names_the_row_in_the_file() {
    let x = ("x", float32(&[9, 1], &[0.5; 9]));
    let y = ("y", int64(&[0, 0, 0, 0, 0, 0, 0, 0, 7]));
    for seed in 0..50 {
        let limit = Some(Limit { examples: 4, seed });
        let dataset = read(&[x.clone(), y.clone()], &Request { limit, ..request() }).unwrap();
        if dataset.ids().contains(&"8".to_owned()) {
            let message = dataset.check_labels(7).unwrap_err().to_string();
            return assert_says(&message, &["`y[8]` is 7"]);
        }
    }
    panic!("row 8 is in none of 50 draws of 4 of 9");
}

#[test]
fn slices_are_numbered_as_they_appear_and_keep_their_names() {
    let arrays = [
        inputs(),
        labels(),
        ("site", unicode(&["north", "south", "north"])),
        ("device", npy("|u1", false, &[3], &[9, 4, 9])),
        ("short", int64(&[1, 2])),
    ];
    let with = |slice: Option<&str>| {
        let slice = slice.map(str::to_owned);
        read(&arrays, &Request { slice, ..request() })
    };
    for (array, names) in [("site", ["north", "south"]), ("device", ["9", "4"])] {
        let dataset = with(Some(array)).unwrap();
        assert_eq!(dataset.slices(), Some(&[0, 1, 0][..]));
        assert_eq!(dataset.slice_names(), names);
    }
    let none = with(None).unwrap();
    assert_eq!(none.slices(), None);
    assert!(none.slice_names().is_empty());
    let message = with(Some("short")).unwrap_err().to_string();
    assert!(message.contains("`short` (data.slice) has 2"), "{message}");
}

#[test]
fn ids_and_clusters_are_integers_or_strings() {
    let arrays = [
        inputs(),
        labels(),
        ("names", unicode(&["ä-1", "b", "longer 🦀"])),
        ("bytes", npy("|S2", false, &[3], b"a\0bbc\0")),
        ("numbers", int64(&[-5, 7, i64::MAX])),
        (
            "large",
            npy(
                "<u8",
                false,
                &[3],
                &bytes(&[u64::MAX, 0, 1], u64::to_le_bytes),
            ),
        ),
        ("small", npy("|u1", false, &[3], &[9, 4, 9])),
    ];
    let with = |ids: &str, cluster: &str| {
        let (ids, cluster) = (Some(ids.to_owned()), Some(cluster.to_owned()));
        read(
            &arrays,
            &Request {
                ids,
                cluster,
                ..request()
            },
        )
        .unwrap()
    };
    let dataset = with("names", "small");
    assert_eq!(dataset.ids(), ["ä-1", "b", "longer 🦀"]);
    assert_eq!(
        dataset.ids_digest(),
        &Digest::of("[\"ä-1\",\"b\",\"longer 🦀\"]".as_bytes())
    );
    assert_eq!(dataset.clusters(), Some(&[0, 1, 0][..]));
    let dataset = with("bytes", "names");
    assert_eq!(dataset.ids(), ["a", "bb", "c"]);
    assert_eq!(dataset.clusters(), Some(&[0, 1, 2][..]));
    assert_eq!(
        with("numbers", "bytes").ids(),
        ["-5", "7", "9223372036854775807"]
    );
    assert_eq!(
        with("large", "bytes").ids(),
        ["18446744073709551615", "0", "1"]
    );
}

#[test]
fn big_endian_strings_are_read_too() {
    let data: Vec<u8> = "abcdef"
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    let arrays = [inputs(), labels(), ("id", npy(">U2", false, &[3], &data))];
    let ids = Some("id".to_owned());
    assert_eq!(
        read(&arrays, &Request { ids, ..request() }).unwrap().ids(),
        ["ab", "cd", "ef"]
    );
}

#[test]
fn ids_that_cannot_name_examples_are_refused() {
    let with = |ids| {
        let named = Request {
            ids: Some("id".to_owned()),
            ..request()
        };
        message(&[inputs(), labels(), ("id", ids)], &named)
    };
    assert_says(
        &with(unicode(&["a", "b", "a"])),
        &["the id \"a\"", "`id[0]` and `id[2]`", "leave out data.ids"],
    );
    assert_says(
        &with(float64(&[3], &[0.0, 1.0, 2.0])),
        &["float64", "data.ids takes integers or strings"],
    );
    assert_says(
        &with(int64(&[1, 2])),
        &["`x` has 3 rows", "`id` (data.ids) has 2"],
    );
    // 0xd800 is half of a surrogate pair.
    let surrogate = bytes(&[97u32, 0xd800, 98], u32::to_le_bytes);
    assert_says(
        &with(npy("<U1", false, &[3], &surrogate)),
        &["`id[1]` is not valid Unicode"],
    );
    assert_says(
        &with(npy("|S1", false, &[3], b"ab\xff")),
        &["`id[2]` is not valid Unicode"],
    );
    assert_says(
        &with(npy("<U0", false, &[3], b"")),
        &["header of the array `id`"],
    );
}

#[test]
fn inputs_that_are_no_finite_numbers_are_refused() {
    let mut x = [0.5f32; 12];
    x[7] = f32::NAN;
    assert_says(
        &message(&[("x", float32(&[3, 2, 2], &x)), labels()], &request()),
        &["`x[1, 1, 1]` is NaN", "leave out"],
    );
    assert_says(
        &inputs_message(float64(&[3, 1], &[0.0, 0.0, f64::NEG_INFINITY])),
        &["`x[2, 0]` is -inf"],
    );
    // Finite, but not as a float32.
    assert_says(
        &inputs_message(float64(&[3, 1], &[1e300, 0.0, 0.0])),
        &["`x[0, 0]` is 1e300"],
    );
    // Stored by columns, named by rows: the second stored is x[1, 0].
    let columns = bytes(&[0.5f32, f32::NAN, 0.5, 0.5, 0.5, 0.5], f32::to_le_bytes);
    assert_says(
        &inputs_message(npy("<f4", true, &[3, 2], &columns)),
        &["`x[1, 0]` is NaN"],
    );
}

#[test]
fn inputs_outside_the_range_are_refused_exactly() {
    let with = |value: f64| float64(&[3, 1], &[0.5, 0.5, value]);
    assert_says(
        &inputs_message(with(255.0)),
        &["`x[2, 0]` is 255.0", "data.range = [0, 1]"],
    );
    assert_says(&inputs_message(with(-0.25)), &["`x[2, 0]` is -0.25"]);
    // One step of a float64 beyond is beyond, even if float32 cannot tell.
    assert_says(&inputs_message(with(1.0f64.next_up())), &["data.range"]);
    let one_step = float32(&[3, 1], &[0.5, 0.5, 1.0f32.next_up()]);
    assert_says(&inputs_message(one_step), &["data.range"]);

    // 0.1 as a float32 is above 0.1; clipped float32 data must still be accepted.
    let range = (-0.1, 0.1);
    let x = float32(&[3, 1], &[0.1, -0.1, 0.0]);
    read(&[("x", x), labels()], &Request { range, ..request() }).unwrap();
    for range in [
        (1.0, 0.0),
        (0.0, 0.0),
        (0.0, f64::NAN),
        (0.0, f64::INFINITY),
        (0.0, 1e300),
    ] {
        let message = message(&[inputs(), labels()], &Request { range, ..request() });
        assert_says(&message, &["data.range", "lower first"]);
    }
}

#[test]
fn inputs_of_other_types_and_shapes_are_refused() {
    for (descr, size, name) in [
        ("<f2", 2, "float16"),
        ("<i8", 8, "int64"),
        ("|b1", 1, "bool"),
        ("<c8", 8, "complex64"),
        ("<U1", 4, "strings"),
    ] {
        assert_says(
            &inputs_message(npy(descr, false, &[3, 1], &vec![0; 3 * size])),
            &[
                &format!("`x` holds {name},"),
                "data.inputs takes float32, float64 or uint8",
                "astype(\"float32\")",
            ],
        );
    }
    for shape in [&[][..], &[3], &[0, 2], &[3, 0]] {
        let count = shape.iter().product();
        let message = inputs_message(float32(shape, &vec![0.5; count]));
        assert_says(
            &message,
            &[&format!("{shape:?}"), "data.inputs", "at least one example"],
        );
    }
    assert_says(
        &message(&[inputs(), ("y", int64(&[0, 1]))], &request()),
        &["`x` has 3 rows", "`y` (data.labels) has 2"],
    );
    let clustered = Request {
        cluster: Some("c".to_owned()),
        ..request()
    };
    assert_says(
        &message(&[inputs(), labels(), ("c", int64(&[1; 4]))], &clustered),
        &["`c` (data.cluster) has 4"],
    );
}

#[test]
fn a_missing_array_is_named_with_those_that_there_are() {
    let asked = |labels: &str| {
        let request = Request {
            labels: labels.to_owned(),
            ..request()
        };
        message(&[inputs(), ("labels", int64(&[0, 1, 2]))], &request)
    };
    assert_says(
        &asked("lables"),
        &[
            "no array `lables`",
            "data.labels",
            "`x`, `labels`",
            "did you mean `labels`?",
        ],
    );
    assert_says(&asked("Labels"), &["did you mean `labels`?"]);
    assert!(!asked("target").contains("did you mean"));
    let far = Request {
        inputs: "x\n".to_owned(),
        ..request()
    };
    assert_says(&message(&[], &far), &["holds no array"]);
}

#[test]
fn only_the_arrays_asked_for_are_decoded() {
    let unused = (
        "junk",
        raw_npy(
            [1, 0],
            "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
            b"cos",
        ),
    );
    read(
        &[inputs(), labels(), unused, ("notes", b"hello".to_vec())],
        &request(),
    )
    .unwrap();
}

#[test]
fn pickled_and_structured_arrays_are_refused() {
    let with = |descr: &str| {
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3, 1), }}");
        inputs_message(raw_npy([1, 0], &header, &[0; 24]))
    };
    assert_says(
        &with("'|O'"),
        &[
            "`x` holds pickled Python objects",
            "`allow_pickle`",
            "plain array",
        ],
    );
    assert_says(
        &with("[('a', '<f4'), ('b', '<f4')]"),
        &["structured", "one array"],
    );
    for descr in [
        "''",
        "'<'",
        "'f4'",
        "'<f'",
        "'<f-4'",
        "'<é4'",
        "'é'",
        "'<M8[ns]'",
        "'<U4611686018427387904'",
        "'<f99999999999999999999'",
    ] {
        assert_says(&with(descr), &["header of the array `x` is not supported"]);
    }
}

#[test]
fn headers_are_read_as_python_has_them() {
    let data = bytes(&[0.0f32, 0.25, 0.5, 0.75, 1.0, 0.125], f32::to_le_bytes);
    for (version, header) in [
        (
            [1, 0],
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }",
        ),
        (
            [2, 0],
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }",
        ),
        (
            [3, 0],
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }",
        ),
        (
            [1, 0],
            "{\"shape\":(3,2),\"descr\":\"<f4\",\"fortran_order\":False}",
        ),
        (
            [1, 0],
            " { 'fortran_order' : False , 'shape' : ( 3 , 2 , ) , 'descr' : '<f4' } ",
        ),
    ] {
        let x = raw_npy(version, header, &data);
        let dataset = read(&[("x", x), labels()], &request()).unwrap();
        assert_eq!(
            values(&dataset),
            [0.0, 0.25, 0.5, 0.75, 1.0, 0.125],
            "{header}"
        );
    }
    for header in [
        "",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, -2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)} + 1",
        "{'descr': '<f4 , 'fortran_order': False, 'shape': (3, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 99999999999999999999)}",
    ] {
        let message = inputs_message(raw_npy([1, 0], header, &data));
        assert_says(&message, &["header of the array `x` is not supported"]);
    }
    let other_version = inputs_message(raw_npy([4, 0], "{}", &data));
    assert_says(&other_version, &["version"]);
    assert_says(
        &inputs_message(b"hello, hello".to_vec()),
        &["`x`", "no NumPy array"],
    );
    assert_says(&inputs_message(b"\x93NUM".to_vec()), &["`x` is truncated"]);
}

#[test]
fn sizes_are_not_believed() {
    // A header of 4 GiB.
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    assert_says(&inputs_message(long), &["longer than 64 KiB"]);
    // Shapes beyond the file, beyond memory, and beyond 64 bits.
    for shape in [
        &[4, 2][..],
        &[2, 2],
        &[1 << 40, 1 << 10],
        &[usize::MAX, usize::MAX],
        &[usize::MAX, 0],
        &[usize::MAX],
    ] {
        let message = inputs_message(npy("<f4", false, shape, &[0; 24]));
        assert_says(
            &message,
            &["header of the array `x` describes", "152 for it"],
        );
    }
    let ids = Request {
        ids: Some("id".to_owned()),
        ..request()
    };
    let wide = npy("<U1152921504606846975", false, &[3], &[0; 12]);
    assert_says(
        &message(&[inputs(), labels(), ("id", wide)], &ids),
        &["describes"],
    );
}

/// The header and the zip's directory agree on four gigabytes; the bytes of the
/// member cannot hold them.
#[test]
fn a_zip_bomb_is_refused_before_it_is_unpacked() {
    let small = npy("|u1", false, &[4, 1 << 30], &[0; 24]);
    let mut file = npz_compressed(&[("x", small.clone())]);
    let claimed = (small.len() - 24 + (4 << 30)) as u64;
    // Every copy of the true size, in 8 bytes (zip64) or 4, becomes the claim.
    let old = (small.len() as u64).to_le_bytes();
    let mut found = 0;
    for start in 0..file.len() - 8 {
        if file[start..start + 8] == old {
            file[start..start + 8].copy_from_slice(&claimed.to_le_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "the archive has no zip64 sizes");
    let problem = decode_arrays(&file, &request()).unwrap_err();
    assert!(matches!(problem, Problem::SizeMismatch { .. }), "{problem}");
}

/// Twenty-four bytes of inputs and as many of labels.
#[test]
fn arrays_that_would_be_too_large_are_refused_before_they_are_unpacked() {
    let within = |unpacked_limit| {
        let request = Request {
            unpacked_limit,
            ..request()
        };
        read(&[inputs(), labels()], &request)
    };
    assert!(within(48).is_ok());
    for (limit, array, bytes) in [(47, "y", 48), (23, "x", 24)] {
        let problem = within(limit).unwrap_err();
        assert!(
            matches!(&problem, Problem::TooLarge { array: of, bytes: all, .. } if of == array && *all == bytes),
            "{problem}"
        );
        assert_says(&problem.to_string(), &["[data] unpacked_limit"]);
    }
    // Levels of 8 bits take a byte in the file, and four in memory.
    let levels = ("x", npy("|u1", false, &[3, 2], &[0; 6]));
    let request = Request {
        unpacked_limit: 23,
        ..request()
    };
    let problem = read(&[levels, labels()], &request).unwrap_err();
    assert!(
        matches!(problem, Problem::TooLarge { bytes: 24, .. }),
        "{problem}"
    );
}

#[test]
fn files_that_are_no_archives_are_told_apart() {
    let message = |bytes: &[u8]| decode_arrays(bytes, &request()).unwrap_err().to_string();
    assert_says(&message(b""), &["empty"]);
    assert_says(&message(&inputs().1), &["single array", "numpy.savez"]);
    assert_says(
        &message(b"version https://git-lfs.github.com/spec/v1\n"),
        &["git lfs pull"],
    );
    assert_says(&message(b"x,y\n1,2\n"), &["not an .npz archive"]);
    assert_says(&message(b"PK"), &["truncated or damaged"]);
}

#[test]
fn encrypted_and_oddly_compressed_members_are_refused() {
    let file = npz(&[inputs(), labels()]);
    // Of every header, the flags (local: byte 6, central: byte 8) or the method after them.
    let changed = |offset: usize, value: u8| {
        let mut file = file.clone();
        for start in 0..file.len() - 4 {
            let flags = match &file[start..start + 4] {
                b"PK\x03\x04" => 6,
                b"PK\x01\x02" => 8,
                _ => continue,
            };
            file[start + flags + offset] |= value;
        }
        decode_arrays(&file, &request()).unwrap_err().to_string()
    };
    assert_says(&changed(0, 1), &["`x` is encrypted", "numpy.savez"]);
    assert_says(&changed(2, 12), &["`x` is compressed by another method"]);
}

#[test]
fn a_limit_is_a_draw_of_the_seed_in_file_order() {
    let count = 40;
    let x: Vec<f32> = (0..count).map(|row| row as f32 / 64.0).collect();
    let y: Vec<i64> = (0..count).collect();
    let arrays = [
        ("x", float32(&[count as usize, 1], &x)),
        ("y", int64(&y)),
        ("c", int64(&y.iter().map(|row| -row).collect::<Vec<_>>())),
    ];
    let draw = |examples, seed| {
        let limit = Some(Limit { examples, seed });
        let cluster = Some("c".to_owned());
        read(
            &arrays,
            &Request {
                limit,
                cluster,
                ..request()
            },
        )
    };
    let some = draw(10, 1).unwrap();
    assert_eq!(some.len(), 10);
    assert!(some.labels().is_sorted_by(|a, b| a < b));
    for row in 0..10 {
        let label = some.labels()[row];
        assert_eq!(input(&some, row)[[0]], label as f32 / 64.0);
        assert_eq!(some.ids()[row], label.to_string());
    }
    assert_eq!(some.clusters().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(draw(10, 1).unwrap().labels(), some.labels());
    assert_ne!(draw(10, 2).unwrap().labels(), some.labels());

    let all = draw(40, 1).unwrap();
    assert_eq!(all.labels(), (0..40).collect::<Vec<_>>());
    assert_eq!(all.digest(), some.digest());
    assert_ne!(all.ids_digest(), some.ids_digest());
    for examples in [0, 41] {
        let message = draw(examples, 1).unwrap_err().to_string();
        assert_says(
            &message,
            &[&format!("data.limit = {examples}"), "40 examples"],
        );
    }
}

#[test]
fn every_subset_is_as_likely() {
    // 6,000 draws of 2 of 4: each of the six pairs 1,000 times, standard deviation 29.
    let mut counts = std::collections::HashMap::new();
    for seed in 0..6_000 {
        let rows = super::draw(Limit { examples: 2, seed }, 4).unwrap();
        *counts.entry(rows).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 6);
    assert!(
        counts.values().all(|count| (850..1150).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn errors_name_the_file_and_are_unavailable() {
    let missing = open(&request()).unwrap_err();
    assert_says(
        &missing.to_string(),
        &["failed to read the data set data/toy.npz: "],
    );
    assert!(matches!(*missing.problem, Problem::Unreadable(_)));
    assert_eq!(Error::from(missing).kind(), ErrorKind::Unavailable);

    let path = PathBuf::from("/nowhere/toy.parquet");
    let other = open(&Request { path, ..request() }).unwrap_err();
    assert!(matches!(*other.problem, Problem::UnknownFormat));
}

/// Whatever happens to the file: an error, or the very same examples with a digest
/// that tells the files apart. Never a panic, never other examples.
#[test]
fn a_damaged_file_is_an_error_or_the_same_examples() {
    let arrays = [
        inputs(),
        labels(),
        ("id", unicode(&["a", "b", "c"])),
        ("unused", int64(&[1])),
    ];
    let request = Request {
        ids: Some("id".to_owned()),
        cluster: Some("y".to_owned()),
        ..request()
    };
    for (file, found) in [(npz(&arrays), 3), (npz_compressed(&arrays), 0)] {
        let whole = decode_arrays(&file, &request).unwrap();
        let try_decode = |file: &[u8], what: &str| {
            catch_unwind(AssertUnwindSafe(|| decode_arrays(file, &request)))
                .unwrap_or_else(|_| panic!("panicked: {what}"))
        };
        for length in 0..file.len() {
            let what = format!("cut to {length} of {} bytes", file.len());
            assert!(try_decode(&file[..length], &what).is_err(), "read: {what}");
        }
        // Where the arrays that are read lie, if they lie there as they are.
        let read = arrays.iter().take(3).filter_map(|(_, bytes)| {
            let start = file
                .windows(bytes.len())
                .position(|window| window == bytes)?;
            Some(start..start + bytes.len())
        });
        let read: Vec<_> = read.collect();
        assert_eq!(read.len(), found);
        let mut survived = 0;
        for bit in 0..8 * file.len() {
            let mut file = file.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            let what = format!("bit {bit} turned");
            if let Ok(dataset) = try_decode(&file, &what) {
                survived += 1;
                assert!(
                    !read.iter().any(|range| range.contains(&(bit / 8))),
                    "{what}"
                );
                assert_eq!(values(&dataset), values(&whole), "{what}");
                assert_eq!(dataset.labels(), whole.labels(), "{what}");
                assert_eq!(dataset.ids(), whole.ids(), "{what}");
                assert_eq!(dataset.shape(), whole.shape(), "{what}");
                assert_ne!(dataset.digest(), whole.digest(), "{what}");
            }
        }
        // The date of a member and the array that is not read, say.
        assert!(survived > 0);
    }
}

proptest! {
    #[test]
    fn what_is_saved_is_read(
        shape in prop::collection::vec(1usize..5, 2..5),
        fortran: bool,
        compressed: bool,
        seed: u64,
    ) {
        let count: usize = shape.iter().product();
        let mut words = vec![0; count];
        Stream::new(seed, "test@1", 0, "").fill(&mut words);
        let numbers: Vec<f32> = words.iter().map(|&word| crate::seed::uniform(word) as f32).collect();
        let array = ArrayD::from_shape_vec(shape.clone(), numbers).unwrap();
        // In Fortran order the reversed axes vary as in C order.
        let stored: Vec<f32> = match fortran {
            true => array.t().iter().copied().collect(),
            false => array.iter().copied().collect(),
        };
        let rows: Vec<i64> = (0..shape[0] as i64).collect();
        let x = npy("<f4", fortran, &shape, &bytes(&stored, f32::to_le_bytes));
        let write = if compressed { npz_compressed } else { npz };
        let dataset = decode_arrays(&write(&[("x", x), ("y", int64(&rows))]), &request()).unwrap();
        prop_assert_eq!(values(&dataset), array.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(dataset.shape(), &shape[1..]);
        prop_assert_eq!(dataset.len(), shape[0]);
    }

    /// Random bytes in place of a header never panic.
    #[test]
    fn any_header_is_an_error_or_an_array(header in "[{}'a-zU<|>0-9, :()FTO]{0,80}", data: Vec<u8>) {
        let _ = read(&[("x", raw_npy([1, 0], &header, &data)), labels()], &request());
    }
}

/// A real file: what was read by Python's `zipfile` and `struct` from the same.
fn real(file: &str) -> Option<Dataset> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/assets/registry/");
    let path = PathBuf::from(folder).join(file);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(open(&Request { path, ..request() }).unwrap())
}

#[test]
fn the_real_digits_are_read() {
    let Some(dataset) = real("digits_test.npz") else {
        return;
    };
    assert_eq!((dataset.len(), dataset.shape()), (500, &[1, 8, 8][..]));
    assert_eq!(dataset.labels()[..10], [0, 9, 6, 9, 8, 4, 5, 8, 1, 6]);
    assert_eq!(dataset.labels()[497..], [7, 7, 8]);
    assert_eq!(
        values(&dataset).into_iter().map(f64::from).sum::<f64>(),
        9743.375
    );
    assert_eq!(
        input(&dataset, 499)
            .iter()
            .skip(20)
            .take(4)
            .copied()
            .collect::<Vec<_>>(),
        [0.75, 0.6875, 0.0, 0.0]
    );
    assert_eq!(
        dataset.digest().to_string(),
        "sha256:48236d8918f5dfcac3e9c314034c079eb6bf512b87bf94b72958aca7a4753e46"
    );
    assert!(dataset.check_labels(10).is_ok());
}

#[test]
fn the_real_census_is_read() {
    let Some(dataset) = real("tabular-adult-dice/adult_test.npz") else {
        return;
    };
    assert_eq!((dataset.len(), dataset.shape()), (16_281, &[29][..]));
    assert_eq!(dataset.labels().iter().sum::<usize>(), 3846);
    let sum: f64 = values(&dataset).into_iter().map(f64::from).sum();
    assert!((sum - 109_085.076_383_215_38).abs() < 1e-6, "{sum}");
    assert_eq!(
        dataset.digest().to_string(),
        "sha256:7b7309d52c22b5cafdb36a27e15e2d318c718eb3f7dcf83a9a61554f698e8ec5"
    );
}
