//! Nothing that others wrote speaks in our voice: whatever hostile words stand in their
//! fields, no output has a control character, a line or a command of theirs.

use std::path::Path;

use serde_json::Value;
use steadfast::baseline::{self, BaselineFile};

use crate::hostile::{self, WORDS};
use crate::repository::{Ran, Repository, SPEC, npy, npz};
use crate::server::{Reply, Server};

/// Asserts that the output is ours, and says whether it speaks of the hostile words.
fn ours(what: &str, ran: &Ran) -> bool {
    for output in [&ran.stdout, &ran.stderr] {
        let faults = hostile::faults(output);
        assert!(faults.is_empty(), "{what}: {faults:#?}\n{output}");
    }
    assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.all());
    ran.all().contains("MARK")
}

/// The same of Markdown.
fn ours_in_markdown(what: &str, ran: &Ran) -> bool {
    let faults = hostile::markdown_faults(&ran.stdout);
    assert!(faults.is_empty(), "{what}: {faults:#?}\n{}", ran.stdout);
    ours(what, ran)
}

/// Every verb that only reads; the outputs that spoke of the hostile words.
fn read_by_all(what: &str, repository: &Repository, spec: &str) -> usize {
    let mut spoke = 0;
    for verb in [
        &["list"][..],
        &["list", "--check"],
        &["status"],
        &["power"],
        &["doctor", spec],
        &["show", spec, "--example", "nobody"],
        &["selftest", "--models", "2"],
        &["selftest", "--models", "2", "--format", "json"],
        &["bless", "no::such", "--reason", "x"],
    ] {
        let ran = repository.steadfast(verb);
        spoke += usize::from(ours(&format!("{what}: {verb:?}"), &ran));
    }
    for verb in [
        &["report"][..],
        &["selftest", "--models", "2", "--format", "markdown"],
    ] {
        let ran = repository.steadfast(verb);
        spoke += usize::from(ours_in_markdown(&format!("{what}: {verb:?}"), &ran));
    }
    spoke
}

/// Texts as an array of NumPy's.
fn texts(texts: &[String]) -> Vec<u8> {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap();
    let letters = texts.iter().flat_map(|text| {
        let letters = text.chars().map(|letter| letter as u32);
        letters.chain(std::iter::repeat(0)).take(width)
    });
    let bytes = letters.flat_map(u32::to_le_bytes).collect();
    npy(&format!("<U{width}"), format!("({},)", texts.len()), bytes)
}

/// A table whose examples have hostile ids and slices, by a hostile author for a hostile
/// reason, accepted; then with a worse model.
fn accepted() -> Repository {
    let count = 600;
    let repository = Repository::table(
        count,
        2,
        "margin = 0.1",
        "[[metric]]\nkind = \"accuracy\"\n\n[[metric]]\nkind = \"worst_slice_accuracy\"\n",
    );
    let inputs = (0..count).flat_map(|row| [row as f32, 0.0]);
    let inputs = inputs.flat_map(f32::to_le_bytes).collect();
    let named = |row: usize| format!("{row} {WORDS}");
    let ids: Vec<String> = (0..count).map(named).collect();
    let sides: Vec<String> = (0..count).map(|row| named(row % 2)).collect();
    repository.write(
        "data/rows.npz",
        npz(vec![
            ("x.npy", npy("<f4", format!("({count}, 2)"), inputs)),
            (
                "y.npy",
                npy("<i8", format!("({count},)"), vec![0; 8 * count]),
            ),
            ("id.npy", texts(&ids)),
            ("side.npy", texts(&sides)),
        ]),
    );
    repository.edit(
        "robustness-specs/table.toml",
        "labels = \"y\"",
        "labels = \"y\"\nids = \"id\"\nslice = \"side\"",
    );
    repository.wrong(count, &[vec![1], vec![]]);
    repository.git(&["config", "user.name", WORDS]);
    let first = repository.test(&[]);
    ours("the first run", &first);
    let ran = repository.steadfast(&["bless", "--reason", WORDS]);
    assert_eq!(ran.code, 0, "{}{}", ran.all(), first.all());
    ours("bless", &ran);
    repository.wrong(count, &[(0..190).collect(), (5..240).collect()]);
    repository
}

#[test]
fn ids_slices_authors_and_reasons_stay_in_their_lines() {
    let repository = accepted();
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(ours("test", &ran), "{}", ran.all());
    let nextest = [
        ("NEXTEST_EXECUTION_MODE", "process-per-test"),
        ("NEXTEST_RUN_ID", WORDS),
    ];
    assert!(ours("nextest", &repository.test_with(&nextest, &[])));
    assert!(read_by_all("accepted", &repository, "table") > 0);
    let ran = repository.steadfast(&["show", "table", "--example", "0"]);
    assert!(ours("show", &ran), "{}", ran.all());
    let ran = repository.steadfast(&["bless", "--reason", WORDS]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    ours("bless", &ran);
    let ran = repository.steadfast(&["bless", "--overdraw", "--reason", WORDS]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ours("bless", &ran), "{}", ran.all());
    ours("drifted", &repository.test(&[]));
    let records = repository.files("state");
    for (path, bytes) in records {
        let path = path.strip_prefix(repository.root().join("state")).unwrap();
        repository.write(&format!("{}/{}", hostile::name(), path.display()), bytes);
    }
    let ran = repository.steadfast(&["compare", "state", &hostile::name()]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ours_in_markdown("compare", &ran));
    let ran = repository.steadfast(&["compare", "state", &hostile::name(), "--json"]);
    ours("compare --json", &ran);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(
        document.to_string().contains("MARK\\u001b"),
        "JSON keeps the value"
    );
    ours("reject", &repository.steadfast(&["reject", "table"]));
}

/// A table of one case.
fn table() -> Repository {
    Repository::table(400, 1, "margin = 0.1", "[[metric]]\nkind = \"accuracy\"\n")
}

#[test]
fn every_string_of_a_baseline_stays_in_its_line() {
    let repository = table();
    repository.wrong(400, &[vec![1]]);
    repository.bless_all();
    repository.wrong(400, &[(0..90).collect()]);
    let path = "baselines/table/custom/cell/cell_0.json";
    let good = repository.read(path);
    let (mut spoke, mut sealed) = (0, 0);
    for (place, hostile) in hostile::strings(&serde_json::from_str(&good).unwrap()) {
        match serde_json::from_value::<BaselineFile>(hostile.clone()) {
            Ok(mut file) => {
                file.seal();
                repository.write(path, baseline::render(&file));
                sealed += 1;
            }
            Err(_) => repository.write(path, hostile.to_string()),
        }
        spoke += usize::from(ours(&place, &repository.test(&[])));
        for verb in ["status", "power"] {
            spoke += usize::from(ours(
                &format!("{place}: {verb}"),
                &repository.steadfast(&[verb]),
            ));
        }
        let ran = repository.steadfast(&["report"]);
        spoke += usize::from(ours_in_markdown(&format!("{place}: report"), &ran));
        let verb = ["bless", "--reason", "x", "--retrain"];
        spoke += usize::from(ours(
            &format!("{place}: bless"),
            &repository.steadfast(&verb),
        ));
    }
    assert!(
        sealed > 5 && spoke > 10,
        "{sealed} are sealed, {spoke} spoke"
    );
}

#[test]
fn every_string_of_a_record_stays_in_its_line() {
    let repository = table();
    repository.wrong(400, &[vec![1]]);
    repository.bless_all();
    repository.wrong(400, &[(0..90).collect()]);
    repository.test(&[]);
    let path = "state/records/table/custom/cell/cell_0.json";
    let good = repository.read(path);
    for (path, bytes) in repository.files("state") {
        let path = path.strip_prefix(repository.root().join("state")).unwrap();
        repository.write(&format!("other/{}", path.display()), bytes);
    }
    let mut spoke = 0;
    for (place, hostile) in hostile::strings(&serde_json::from_str(&good).unwrap()) {
        repository.write(path, hostile.to_string());
        for verb in [
            &["status"][..],
            &["power"],
            &["bless", "--reason", "x"],
            &["compare", "state", "other", "--json"],
        ] {
            let ran = repository.steadfast(verb);
            spoke += usize::from(ours(&format!("{place}: {verb:?}"), &ran));
        }
        for verb in [&["report"][..], &["compare", "state", "other"]] {
            let ran = repository.steadfast(verb);
            spoke += usize::from(ours_in_markdown(&format!("{place}: {verb:?}"), &ran));
        }
    }
    assert!(spoke > 10, "{spoke} spoke");
}

/// Specs of each kind of model, with keys of every section.
fn specs() -> [String; 4] {
    let keys = |model: &str| {
        SPEC.replace("onnx = \"models/digits.onnx\"\ngives = \"logits\"", model)
            .replace(
                "schema = 1\n",
                "schema = 1\ndescription = \"digits\"\nowner = \"@team\"\n",
            )
            .replace("labels = \"y\"\n", "labels = \"y\"\nids = \"no_ids\"\n")
            .replace(
                "kind = \"contrast\"\n",
                "kind = \"contrast\"\nname = \"grey\"\n",
            )
            .replace(
                "kind = \"accuracy\"\n",
                "kind = \"accuracy\"\nname = \"share\"\nmargin = \"1/20\"\n",
            )
    };
    [
        keys(
            "onnx = \"models/digits.onnx\"\ngives = \"logits\"\ninput = \"input\"\nengine = \"rten\"",
        ),
        keys("worker = [\"no-such-program\", \"x\"]\nfiles = [\"model.py\"]"),
        keys(
            "endpoint = \"http://127.0.0.1:9/v2/models/x\"\ngives = \"logits\"\nretries = 0\ntoken_variable = \"TOKEN\"",
        ),
        keys("registered = \"good\"\nfiles = [\"models/digits.onnx\"]"),
    ]
}

#[test]
fn every_value_of_a_spec_stays_in_its_line() {
    let repository = Repository::digits();
    std::fs::remove_file(repository.root().join("robustness-specs/digits.toml")).unwrap();
    let mut count = 0;
    for spec in specs() {
        for hostile in hostile::values(&spec) {
            repository.write(&format!("robustness-specs/s{count}.toml"), hostile);
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
    for verb in ["list", "status"] {
        assert!(ours(verb, &repository.steadfast(&[verb])));
    }
    assert!(ours(
        "list --check",
        &repository.steadfast(&["list", "--check"])
    ));
    assert!(ours_in_markdown(
        "report",
        &repository.steadfast(&["report"])
    ));
    assert!(ours("test", &repository.test(&[])));
    let suite = "[family]\nalpha = 0.05\ncapacity = 100\n\n[defaults]\nreplicates = 2\n";
    for hostile in hostile::values(suite) {
        repository.write("robustness-specs/suite.toml", hostile);
        assert!(ours("suite", &repository.steadfast(&["list"])));
    }
}

#[test]
fn names_of_files_stay_in_their_lines() {
    let name = hostile::name();
    let repository = Repository::digits();
    repository.write(&format!("robustness-specs/{name}.toml"), SPEC);
    repository.write(&format!("baselines/{name}/{name}.json"), "{}");
    repository.write(&format!("models/{name}.onnx"), "no model");
    repository.write(&format!("{name}/records/{name}.json"), "{}");
    assert!(ours("test", &repository.test(&[])));
    assert!(ours("test --list", &repository.test(&["--list"])));
    assert!(read_by_all("names", &repository, &name) > 3);
    let model = format!("models/{name}.onnx");
    assert!(ours("doctor", &repository.steadfast(&["doctor", &model])));
    assert!(ours(
        "compare",
        &repository.steadfast(&["compare", &name, "state"])
    ));
    ours("a filter", &repository.steadfast(&["status", &name]));
    assert!(ours("an argument", &repository.steadfast(&[&name])));
    let ran = repository.steadfast_with(&[(&format!("STEADFAST_{WORDS}"), "x")], &["list"]);
    assert!(ours("a variable", &ran));
    let ran = repository.steadfast_with(&[("STEADFAST_DIR", &name)], &["status"]);
    ours("the state folder", &ran);
    let init = ["init", "--onnx", &model, "--data", "data/digits-test.npz"];
    ours("init", &repository.steadfast(&init));
}

#[test]
fn what_a_worker_says_stays_in_its_line() {
    let repository = Repository::digits();
    let spec = SPEC
        .replace(
            "onnx = \"models/digits.onnx\"",
            "worker = [\"python3\", \"model.py\"]",
        )
        .replace("gives = \"logits\"\n", "");
    repository.write("robustness-specs/digits.toml", spec);
    let quoted = serde_json::to_string(WORDS).unwrap();
    for says in [
        format!("sys.stderr.write({quoted}); sys.exit(3)"),
        format!("sys.stdout.write({quoted}); sys.stdout.flush(); sys.exit(3)"),
        format!("raise ValueError({quoted})"),
    ] {
        repository.write("model.py", format!("import sys\n{says}\n"));
        let ran = repository.test(&["--exact", "digits::identity"]);
        assert!(ours(&says, &ran), "{}", ran.all());
        assert!(ours(&says, &repository.steadfast(&["doctor", "digits"])));
        assert!(ours(&says, &repository.steadfast(&["list", "--check"])));
    }
}

#[test]
fn what_a_server_says_stays_in_its_line() {
    for reply in [
        || Reply::Say(400, Vec::new(), WORDS.as_bytes().to_vec()),
        || Reply::json(&serde_json::json!({ "error": WORDS })),
        || {
            Reply::json(&serde_json::json!({
                "name": WORDS, "versions": [WORDS], "platform": WORDS,
                "inputs": [{ "name": WORDS, "datatype": "FP32", "shape": [-1, 1, 8, 8] }],
                "outputs": [{ "name": WORDS, "datatype": WORDS, "shape": [-1, 10] }],
            }))
        },
        || Reply::Raw(WORDS.as_bytes().to_vec()),
    ] {
        let server = Server::digits(false, move |_| Some(reply()));
        let repository = Repository::digits();
        repository.edit(
            "robustness-specs/digits.toml",
            "onnx = \"models/digits.onnx\"",
            &format!("endpoint = \"{}\"\nretries = 0", server.model()),
        );
        for verb in [
            &["test", "--exact", "digits::identity"][..],
            &["doctor", "digits"],
            &["list", "--check"],
        ] {
            ours(&format!("{verb:?}"), &repository.steadfast(verb));
        }
    }
}

#[test]
fn names_within_models_and_data_stay_in_their_lines() {
    let repository = Repository::digits();
    // A name of the same length leaves the file whole.
    let model = std::fs::read(repository.root().join("models/digits.onnx")).unwrap();
    for (name, hostile) in [
        (&b"conv1.weight"[..], &b"\x1b[1m\n::error"[..]),
        (b"conv2.weight", b"\x1b[1m\n::error"),
        (b"/Relu_output_0", b"\n::error ::MAR"),
        (b"Relu", b"\n::e"),
        (b"Conv", b"\x1b::e"),
        (b"pytorch", b"\n::err\x1b"),
    ] {
        let bytes = replaced(&model, name, hostile);
        assert!(bytes != model, "{name:?}");
        repository.write("models/digits.onnx", bytes);
        ours("test", &repository.test(&["--exact", "digits::identity"]));
        ours(
            "doctor",
            &repository.steadfast(&["doctor", "models/digits.onnx"]),
        );
        ours("list", &repository.steadfast(&["list", "--check"]));
    }
    repository.write("models/digits.onnx", model);
    let floats = npy("<f4", "(2, 2)".to_owned(), vec![0; 16]);
    let array = format!("{WORDS}.npy");
    repository.write("data/digits-test.npz", npz(vec![(&array, floats.clone())]));
    let ran = repository.test(&["--exact", "digits::identity"]);
    assert!(ours("an array", &ran), "{}", ran.all());
    let kind = npy(WORDS, "(2, 2)".to_owned(), vec![0; 16]);
    repository.write(
        "data/digits-test.npz",
        npz(vec![("x.npy", kind), ("y.npy", floats)]),
    );
    let ran = repository.test(&["--exact", "digits::identity"]);
    ours("a type", &ran);
    // The labels of a folder of images.
    let quoted = format!("\"{WORDS}\"");
    repository.edit(
        "robustness-specs/digits.toml",
        "path = \"data/digits-test.npz\"\ninputs = \"x\"\nlabels = \"y\"",
        "path = \"data/photos/labels.csv\"\ninputs = \"file\"\nlabels = \"label\"",
    );
    for labels in [
        format!("{quoted},label\nx,1\n"),
        format!("file,label\n{quoted},1\n"),
        format!("file,label\nx.png,{quoted}\n"),
        format!("file,label,{quoted}\nx.png\n"),
    ] {
        repository.write("data/photos/labels.csv", &labels);
        let ran = repository.test(&["--exact", "digits::identity"]);
        ours(&labels, &ran);
        ours(&labels, &repository.steadfast(&["list", "--check"]));
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places = 0..bytes.len() - from.len();
    for place in places {
        if &bytes[place..place + from.len()] == from {
            bytes[place..place + from.len()].copy_from_slice(to);
        }
    }
    bytes
}

#[test]
fn the_hostile_words_are_faults_themselves() {
    assert!(hostile::faults(WORDS).len() > 4);
    assert!(hostile::markdown_faults(WORDS).len() > 8);
    assert!(Path::new(&hostile::name()).components().count() == 1);
}
