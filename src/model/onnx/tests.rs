//! What a user of an ONNX file notices, on small graphs and on real models.

use std::path::Path;
use std::sync::Arc;

use ndarray::{Array2, ArrayD, IxDyn};
use rten_onnx::onnx::{
    AttributeProto, DataLocation, DataType, GraphProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, ValueInfoProto,
};

use super::test_graph::*;
use super::*;

fn open(model: &ModelProto) -> Result<OnnxModel, ModelError> {
    open_bytes(&model.write_buf().unwrap(), None, None)
}

fn open_bytes(
    bytes: &[u8],
    input: Option<&str>,
    output: Option<&str>,
) -> Result<OnnxModel, ModelError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    load(&Request {
        path: file.path().to_owned(),
        shown: "models/m.onnx".to_owned(),
        input: input.map(str::to_owned),
        output: output.map(str::to_owned),
        engine: OnnxEngine::Rten,
        gradient: None,
        examples: None,
        batch: 64,
    })
}

pub(super) fn message(opened: Result<OnnxModel, ModelError>) -> String {
    match opened {
        Ok(_) => panic!("the model was opened"),
        Err(error) => crate::error::chain(&error),
    }
}

pub(super) fn batch(shape: &[usize], numbers: &[f32]) -> ArrayD<f32> {
    ArrayD::from_shape_vec(IxDyn(shape), numbers.to_vec()).unwrap()
}

/// Numbers in [0, 1) that follow no pattern.
pub(super) fn noise(shape: &[usize]) -> ArrayD<f32> {
    let mut state = 1_u64;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32
    })
}

/// A file among the shared assets; `None`, said on stderr, where there are none.
fn asset(name: &str) -> Option<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/assets/registry");
    let path = Path::new(folder).join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

fn open_asset(path: &Path) -> Result<OnnxModel, ModelError> {
    load(&request(path, OnnxEngine::Rten))
}

/// A file, called by its path, without gradients.
pub(super) fn request(path: &Path, engine: OnnxEngine) -> Request {
    Request {
        path: path.to_owned(),
        shown: path.display().to_string(),
        input: None,
        output: None,
        engine,
        gradient: None,
        examples: None,
        batch: 64,
    }
}

/// y = relu(x · w), from two numbers to two.
pub(super) fn dense() -> ModelProto {
    model(
        &[-1, 2],
        &[-1, 2],
        vec![
            node("MatMul", &["x", "w"], &["h"]),
            node("Relu", &["h"], &["y"]),
        ],
        vec![floats("w", &[2, 2], &[1.0, -1.0, 0.5, 2.0])],
    )
}

#[test]
fn the_engine_is_the_one_that_is_pinned() {
    let manifest = include_str!("../../../Cargo.toml");
    let manifest = toml::de::DeTable::parse(manifest).unwrap();
    let dependencies = manifest.get_ref()["dependencies"].get_ref();
    let version = |part: &str| {
        let pinned = dependencies[part].get_ref();
        let version = pinned
            .get("version")
            .map_or(pinned, |version| version.get_ref());
        version.as_str().unwrap().to_owned()
    };
    let pinned = version("rten");
    assert_eq!(
        Some(EMBEDDED),
        pinned
            .strip_prefix('=')
            .map(|version| format!("rten {version}"))
            .as_deref()
    );
    for part in ["rten-onnx", "rten-tensor"] {
        assert_eq!(version(part), pinned, "{part}");
    }
}

#[test]
fn a_graph_answers_and_describes_itself() {
    let opened = open(&dense()).unwrap();
    let answers = opened.predict(batch(&[2, 2], &[1.0, 2.0, -1.0, 0.0]).view());
    assert_eq!(answers.unwrap(), ndarray::array![[2.0, 3.0], [0.0, 1.0]]);
    let expected = Description {
        gives: None,
        classes: Some(2),
        input_shape: vec![Some(2)],
        engine: EMBEDDED.to_owned(),
        concurrent: true,
        at_once: None,
        version: None,
        gradient: false,
    };
    assert_eq!(opened.describe(), expected);
    let bytes = dense().write_buf().unwrap();
    assert_eq!(opened.digest(), &Digest::of(&bytes));
}

#[test]
fn a_batch_in_any_memory_order_is_read_by_its_indices() {
    let opened = open(&dense()).unwrap();
    let columns = batch(&[2, 2], &[1.0, -1.0, 2.0, 0.0]);
    let answers = opened.predict(columns.t()).unwrap();
    assert_eq!(answers, ndarray::array![[2.0, 3.0], [0.0, 1.0]]);
}

#[test]
fn an_answer_of_one_number_an_example_becomes_a_column() {
    for (operator, shape) in [("Squeeze", vec![-1]), ("Unsqueeze", vec![-1, 1, 1])] {
        let axis = ints("axis", &[1]);
        let graph = model(
            &[-1, 1],
            &shape,
            vec![node(operator, &["x", "axis"], &["y"])],
            vec![axis],
        );
        let answers = open(&graph)
            .unwrap()
            .predict(batch(&[2, 1], &[3.0, 4.0]).view());
        assert_eq!(
            answers.unwrap(),
            ndarray::array![[3.0], [4.0]],
            "{operator}"
        );
    }
}

#[test]
fn an_answer_that_is_no_table_names_its_shape() {
    let graph = model(
        &[-1, 2, 2],
        &[-1, 2, 2],
        vec![node("Relu", &["x"], &["y"])],
        vec![],
    );
    let opened = open_for(&[2, 2], &graph);
    assert!(matches!(opened, Err(ModelError::Tensor { .. })));
    let mut free = graph;
    graph_of(&mut free).input[0] = value("x", DataType::FLOAT, &[-1, -1, -1]);
    let asked = open(&free).unwrap().predict(noise(&[3, 2, 2]).view());
    for text in [message(opened), asked.unwrap_err().to_string()] {
        assert!(
            text.contains("[3, 2, 2]") && text.contains("[3, classes]"),
            "{text}"
        );
        assert!(text.contains("model.output"), "{text}");
    }
}

/// Opens a graph for random examples of a shape.
fn open_for(example: &[usize], model: &ModelProto) -> Result<OnnxModel, ModelError> {
    open_with(noise(&[&[2 * TRIED], example].concat()), model)
}

/// Opens a graph that is tried on some examples.
fn open_with(examples: ArrayD<f32>, model: &ModelProto) -> Result<OnnxModel, ModelError> {
    open_in_batches(64, examples, model)
}

/// Opens a graph that is tried on some examples and will be asked about so many at once.
fn open_in_batches(
    size: usize,
    examples: ArrayD<f32>,
    model: &ModelProto,
) -> Result<OnnxModel, ModelError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), model.write_buf().unwrap()).unwrap();
    load(&Request {
        path: file.path().to_owned(),
        shown: "models/m.onnx".to_owned(),
        input: None,
        output: None,
        engine: OnnxEngine::Rten,
        gradient: None,
        examples: Some(examples),
        batch: size,
    })
}

/// A gated recurrent unit over the steps of an example, of which rten has the variant
/// `linear_before_reset` only, and finds that out when it is run.
fn gated(steps: i64) -> ModelProto {
    let unit = NodeProto {
        name: None,
        ..node("GRU", &["steps", "w", "r"], &["", "state"])
    };
    let nodes = vec![
        node("Transpose", &["x"], &["steps"]).with("perm", list(&[1, 0, 2])),
        unit.with("hidden_size", int(1)),
        node("Squeeze", &["state", "first"], &["y"]),
    ];
    let weights = vec![
        floats("w", &[1, 3, 2], &[0.5; 6]),
        floats("r", &[1, 3, 1], &[0.5; 3]),
        ints("first", &[0]),
    ];
    model(&[-1, steps, 2], &[-1, 1], nodes, weights)
}

#[test]
fn what_the_engine_fails_at_when_it_runs_is_named_at_opening() {
    let exponent = node("Pow", &["x", "three"], &["y"]);
    let power = model(
        &[-1, 2],
        &[-1, 2],
        vec![exponent],
        vec![ints("three", &[3])],
    );
    let unit = "about examples of these data, of the shape [4, 2]: operator \"GRU (state)\" failed";
    for (opened, named) in [
        (open_for(&[4, 2], &gated(4)), unit),
        (open_for(&[4, 2], &gated(-1)), unit),
        (open_for(&[2], &power), "operator \"Pow (the_pow)\" failed"),
    ] {
        assert!(matches!(opened, Err(ModelError::Unsupported { .. })));
        let text = message(opened);
        eprintln!("{text}");
        assert!(text.contains(named), "{text}");
        assert!(text.contains("engine = \"ort\""), "{text}");
    }
    // Of whose examples nothing is known.
    assert!(open(&gated(-1)).is_ok());
}

/// rten takes a table that is put under itself for one whose rows are repeated, and stops
/// at a bias of one number for several columns.
#[test]
fn what_rten_fuses_wrongly_is_run_as_written() {
    let tiled = model(
        &[-1, 2, 2],
        &[-1, 12],
        vec![
            node("Unsqueeze", &["x", "one"], &["apart"]),
            node("Expand", &["apart", "three"], &["copies"]),
            node("Reshape", &["copies", "table"], &["under"]),
            node("Flatten", &["under"], &["y"]),
        ],
        vec![
            ints("one", &[1]),
            ints("three", &[1, 3, 1, 1]),
            ints("table", &[-1, 6, 2]),
        ],
    );
    let biased = model(
        &[-1, 2],
        &[-1, 2],
        vec![
            node("MatMul", &["x", "w"], &["product"]),
            node("Add", &["product", "bias"], &["y"]),
        ],
        vec![
            floats("w", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
            floats("bias", &[1], &[0.5]),
        ],
    );
    let table = [1.0, 2.0, 3.0, 4.0];
    let more = table.map(|number| number + 0.5);
    for (graph, shape, specified) in [
        (&tiled, &[1, 2, 2][..], [table; 3].concat()),
        (&biased, &[2, 2], more.to_vec()),
    ] {
        let opened = open_for(&shape[1..], graph).unwrap();
        let answers = opened.predict(batch(shape, &table).view()).unwrap();
        assert_eq!(answers.into_raw_vec_and_offset().0, specified);
        let engine = opened.describe().engine;
        assert!(engine.ends_with("without fusions"), "{engine}");
    }
    let engine = open_for(&[2], &dense()).unwrap().describe().engine;
    assert_eq!(engine, EMBEDDED);
}

/// They would be filled up, whatever is asked.
#[test]
fn vast_batches_are_refused() {
    let nodes = || vec![node("Relu", &["x"], &["y"])];
    for shape in [[1_000_000_000, 2], [60_000, 5_000]] {
        let text = message(open(&model(&shape, &shape, nodes(), vec![])));
        assert!(text.contains("dynamic batch axis"), "{text}");
    }
    assert!(open(&model(&[64, 5_000], &[64, 5_000], nodes(), vec![])).is_ok());
}

#[test]
fn an_answer_that_depends_on_its_neighbours_is_refused() {
    let centred = vec![
        node("ReduceMean", &["x"], &["mean"]).with("axes", list(&[0])),
        node("Sub", &["x", "mean"], &["y"]),
    ];
    // Over the batch in place of the steps, backwards: on what comes later only.
    let recurrent = vec![
        node("Unsqueeze", &["x", "first"], &["steps"]),
        node("LSTM", &["steps", "w", "r"], &["states"])
            .with("hidden_size", int(2))
            .with("direction", text("reverse")),
        node("Squeeze", &["states", "middle"], &["y"]),
    ];
    let recurrent = model(
        &[-1, 2],
        &[-1, 2],
        recurrent,
        vec![
            floats("w", &[1, 8, 2], noise(&[16]).as_slice().unwrap()),
            floats("r", &[1, 8, 2], noise(&[16]).as_slice().unwrap()),
            ints("first", &[1]),
            ints("middle", &[1, 2]),
        ],
    );
    let whole = |nodes| model(&[-1, 2], &[-1, 2], nodes, vec![]);
    // By the place in the batch, and by how many there are.
    let running = vec![
        node("Constant", &[], &["axis"]).with("value_int", int(0)),
        node("CumSum", &["x", "axis"], &["y"]),
    ];
    let counted = vec![
        node("Shape", &["x"], &["shape"]).with("end", int(1)),
        node("Cast", &["shape"], &["count"]).with("to", int(1)),
        node("Div", &["x", "count"], &["y"]),
    ];
    let backwards = model(
        &[-1, 2],
        &[-1, 2],
        vec![node(
            "Slice",
            &["x", "last", "before", "first", "back"],
            &["y"],
        )],
        vec![
            ints("last", &[-1]),
            ints("before", &[i64::MIN]),
            ints("first", &[0]),
            ints("back", &[-1]),
        ],
    );
    let softmax = vec![node("Softmax", &["x"], &["y"]).with("axis", int(0))];
    // The largest of all, without an axis.
    let largest = vec![
        node("ReduceMax", &["x"], &["largest"]).with("keepdims", int(0)),
        node("Div", &["x", "largest"], &["y"]),
    ];
    for (mut mixes, operator) in [
        (whole(centred), "Sub (node \"the_sub\")"),
        (whole(softmax), "Softmax (node \"the_softmax\")"),
        (recurrent, "LSTM (node \"the_lstm\")"),
        (whole(largest), "Div (node \"the_div\")"),
        (whole(running), "CumSum (node \"the_cumsum\")"),
        (whole(counted), "Div (node \"the_div\")"),
        (backwards, "Slice (node \"the_slice\")"),
    ] {
        // Each example is larger than those before it.
        let growing =
            Array2::from_shape_fn((3 * TRIED, 2), |(row, column)| (2 * row + column) as f32);
        let opened = open_with(growing.into_dyn(), &mixes);
        assert!(
            matches!(opened, Err(ModelError::Mixes { .. })),
            "{operator}"
        );
        let text = message(opened);
        for words in ["models/m.onnx", operator, "model.eval()"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        // In batches of one there are no neighbours.
        graph_of(&mut mixes).input[0] = value("x", DataType::FLOAT, &[1, 2]);
        graph_of(&mut mixes).output[0] = value("y", DataType::FLOAT, &[1, 2]);
        assert!(open_for(&[2], &mixes).is_ok());
    }
    // 0 / 0: of what is no number nothing can be said.
    let none = vec![
        node("Sub", &["x", "x"], &["zero"]),
        node("Div", &["zero", "zero"], &["y"]),
    ];
    assert!(open_for(&[2], &whole(none)).is_ok());
}

/// In a batch of more than sixteen the numbers are negated: a few beside each other do not
/// show it, those that are asked about do.
#[test]
fn a_model_is_tried_in_batches_as_large_as_it_will_be_asked_about() {
    let nodes = vec![
        node("Shape", &["x"], &["shape"]),
        node("Gather", &["shape", "first"], &["count"]),
        node("Greater", &["count", "sixteen"], &["condition"]),
        chosen("condition"),
    ];
    let weights = vec![ints("first", &[0]), ints("sixteen", &[16])];
    let whole = model(&[-1, 2], &[-1, 2], nodes, weights);
    let opened = |size| open_in_batches(size, noise(&[64, 2]), &whole);
    for size in [17, 64, usize::MAX] {
        let text = message(opened(size));
        assert!(text.contains("beside other examples"), "{text}");
    }
    for size in [1, 2, 16] {
        assert!(opened(size).is_ok(), "{size}");
    }
}

/// What a trial takes is bounded by what the gate takes: a graph that fails in larger batches
/// than it will be asked about is opened.
#[test]
fn no_trial_is_larger_than_what_will_be_asked() {
    let nodes = vec![
        node("Shape", &["x"], &["shape"]),
        node("Gather", &["shape", "first"], &["count"]),
        // Out of the table from a fourth example on.
        node("Gather", &["table", "count"], &["one"]),
        node("Mul", &["x", "one"], &["y"]),
    ];
    let weights = vec![ints("first", &[0]), floats("table", &[4], &[1.0; 4])];
    let whole = model(&[-1, 2], &[-1, 2], nodes, weights);
    let opened = |size| open_in_batches(size, noise(&[64, 2]), &whole);
    for size in [2, 3] {
        assert!(opened(size).is_ok(), "{size}");
    }
    assert!(matches!(opened(4), Err(ModelError::Unsupported { .. })));
}

/// Years from 1990 on, looked up: other numbers are in no row.
#[test]
fn a_model_is_tried_on_its_own_data() {
    let years = model(
        &[-1, 1],
        &[-1, 2],
        vec![
            node("Cast", &["x"], &["year"]).with("to", int(7)),
            node("Squeeze", &["year", "column"], &["flat"]),
            node("Sub", &["flat", "start"], &["row"]),
            node("Gather", &["table", "row"], &["y"]),
        ],
        vec![
            ints("column", &[1]),
            ints("start", &[1990]),
            floats("table", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ],
    );
    let on = |numbers: &[f32]| open_with(batch(&[numbers.len(), 1], numbers), &years);
    assert!(on(&[1990.0, 1991.0, 1992.0]).is_ok());
    assert!(on(&[1990.0]).is_ok());
    let text = message(on(&[0.5, 0.25]));
    assert!(text.contains("Are they the model's data?"), "{text}");
}

#[test]
fn an_example_of_another_shape_is_told_from_what_the_graph_takes() {
    let error = open(&dense())
        .unwrap()
        .predict(noise(&[4, 3]).view())
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("(3)") && text.contains("(2)") && text.contains("`x`"),
        "{text}"
    );
}

#[test]
fn a_graph_of_one_batch_size_is_run_in_that_size() {
    let inputs = noise(&[7, 2]);
    let expected = open(&dense()).unwrap().predict(inputs.view()).unwrap();
    for size in [1, 2, 3, 16] {
        let mut fixed = dense();
        let graph = fixed.graph.as_mut().unwrap();
        graph.input[0] = value("x", DataType::FLOAT, &[size, 2]);
        graph.output[0] = value("y", DataType::FLOAT, &[size, 2]);
        let answers = open(&fixed).unwrap().predict(inputs.view()).unwrap();
        assert_eq!(answers.dim(), (7, 2));
        let far = (&answers - &expected)
            .mapv(f32::abs)
            .into_iter()
            .fold(0.0, f32::max);
        assert!(far < 1e-6, "batches of {size}: {far}");
    }
}

#[test]
fn dropout_outside_of_training_changes_nothing() {
    let graph = |inputs: &[&str], initializers| {
        let dropout = node("Dropout", inputs, &["y"]);
        model(&[-1, 2], &[-1, 2], vec![dropout], initializers)
    };
    let ratio = floats("ratio", &[], &[0.9]);
    let inputs = noise(&[3, 2]);
    let harmless = [
        graph(&["x"], vec![]),
        graph(&["x", "ratio"], vec![ratio.clone()]),
        graph(
            &["x", "ratio", "mode"],
            vec![ratio.clone(), bools("mode", &[false])],
        ),
    ];
    for model in harmless {
        let answers = open(&model).unwrap().predict(inputs.view()).unwrap();
        assert_eq!(answers.into_dyn(), inputs);
    }
    let training = graph(&["x", "ratio", "mode"], vec![ratio, bools("mode", &[true])]);
    assert!(message(open(&training)).contains("training mode"));
}

#[test]
fn a_missing_file_and_what_is_no_onnx_are_told_apart() {
    let missing = load(&Request {
        path: PathBuf::from("/nowhere/m.onnx"),
        shown: "models/m.onnx".to_owned(),
        input: None,
        output: None,
        engine: OnnxEngine::Rten,
        gradient: None,
        examples: None,
        batch: 64,
    });
    assert!(matches!(missing, Err(ModelError::Unreadable { .. })));
    let whole = dense().write_buf().unwrap();
    let cases: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "LFS pointer",
        ),
        (b"PK\x03\x04 a zip archive, say", "at byte"),
        (&[8, 8], "no graph"),
        (&whole[..whole.len() / 2], "after the end of its message"),
    ];
    for (bytes, expected) in cases {
        let opened = open_bytes(bytes, None, None);
        assert!(
            matches!(opened, Err(ModelError::NotOnnx { .. })),
            "{expected}"
        );
        let text = message(opened);
        assert!(
            text.contains(expected) && text.contains("models/m.onnx"),
            "{text}"
        );
    }
}

#[test]
fn operators_that_the_engine_lacks_are_named_with_their_node() {
    let mut lacking = dense();
    let graph = lacking.graph.as_mut().unwrap();
    graph.node[1] = node("Hardmax", &["h"], &["y"]);
    let text = message(open(&lacking));
    assert!(
        text.contains("Hardmax") && text.contains("the_hardmax"),
        "{text}"
    );
    assert!(text.contains("engine = \"ort\""), "{text}");

    graph_of(&mut lacking).node[1].domain = Some("my.company".to_owned());
    let text = message(open(&lacking));
    assert!(text.contains("my.company"), "{text}");
}

fn graph_of(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().unwrap()
}

#[test]
fn a_function_of_the_file_is_not_mistaken_for_an_operator() {
    // `functions` (field 25): a FunctionProto of name (1) "Relu", domain (10) "".
    let mut bytes = dense().write_buf().unwrap();
    bytes.extend([0xca, 0x01, 6, 0x0a, 4, b'R', b'e', b'l', b'u']);
    let text = message(open_bytes(&bytes, None, None));
    assert!(
        text.contains("the_relu") && text.contains("Inline"),
        "{text}"
    );
}

#[test]
fn weights_in_another_file_and_old_operator_sets_are_refused() {
    let mut external = dense();
    let weights = &mut graph_of(&mut external).initializer[0];
    weights.raw_data = None;
    weights.data_location = Some(DataLocation::EXTERNAL);
    weights.external_data = vec![StringStringEntryProto {
        key: Some("location".to_owned()),
        value: Some("m.bin".to_owned()),
    }];
    let text = message(open(&external));
    assert!(
        text.contains("\"w\"") && text.contains("one file"),
        "{text}"
    );

    let mut old = dense();
    old.opset_import = vec![OperatorSetIdProto {
        domain: Some("ai.onnx".to_owned()),
        version: Some(6),
    }];
    assert!(message(open(&old)).contains("set 6"));
    old.opset_import.clear();
    assert!(message(open(&old)).contains("operator set"));
}

/// rten answers all the same, whatever a newer operator means.
#[test]
fn versions_that_the_engine_was_not_held_against_are_refused_with_the_newest_that_it_was() {
    let of = |opset, ir| {
        let mut newer = dense();
        newer.opset_import[0].version = Some(opset);
        newer.ir_version = Some(ir);
        open(&newer)
    };
    assert!(of(23, 11).is_ok());
    for (opened, found) in [
        (of(24, 11), "set 24"),
        (of(99, 99), "set 99"),
        (of(23, 12), "IR version 12"),
    ] {
        assert!(matches!(opened, Err(ModelError::Unsupported { .. })));
        let text = message(opened);
        eprintln!("{text}");
        for words in [found, "23", "11", "Export the model", "engine = \"ort\""] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

/// Graphs in which a tensor (the second of each pair) has two definitions. The checker of
/// ONNX and ONNX Runtime refuse them; rten runs one of the two.
pub(super) fn defined_twice() -> Vec<(ModelProto, &'static str)> {
    let branch = |nodes| {
        subgraph(GraphProto {
            node: nodes,
            output: vec![value("b", DataType::FLOAT, &[-1, 2])],
            ..GraphProto::default()
        })
    };
    let chosen = node("If", &["condition"], &["y"])
        .with("then_branch", branch(vec![node("Neg", &["x"], &["b"])]))
        .with(
            "else_branch",
            branch(vec![
                node("Relu", &["x"], &["b"]),
                node("Neg", &["x"], &["b"]),
            ]),
        );
    let cases = [
        (
            vec![
                node("Relu", &["x"], &["h"]),
                node("Neg", &["x"], &["h"]),
                node("Identity", &["h"], &["y"]),
            ],
            "h",
        ),
        (
            vec![
                node("Relu", &["x"], &["w"]),
                node("Add", &["x", "w"], &["y"]),
            ],
            "w",
        ),
        (
            vec![node("Relu", &["x"], &["x"]), node("Neg", &["x"], &["y"])],
            "x",
        ),
        (vec![node("Split", &["x"], &["y", "y"])], "y"),
        (vec![chosen], "b"),
    ];
    let weights = vec![floats("w", &[2], &[1.0, 2.0]), bools("condition", &[true])];
    cases
        .map(|(nodes, tensor)| (model(&[-1, 2], &[-1, 2], nodes, weights.clone()), tensor))
        .into()
}

#[test]
fn a_tensor_that_is_defined_twice_is_refused_by_name() {
    for (twice, tensor) in defined_twice() {
        let opened = open(&twice);
        assert!(
            matches!(opened, Err(ModelError::NotOnnx { .. })),
            "{tensor}"
        );
        let text = message(opened);
        assert!(
            text.contains(&format!("the tensor {tensor:?} is defined twice")),
            "{text}"
        );
    }
    // Old files list weights among the inputs.
    let mut old = dense();
    let listed = value("w", DataType::FLOAT, &[2, 2]);
    graph_of(&mut old).input.push(listed);
    assert!(open(&old).is_ok());
}

/// Two inputs (`left`, `right`) and two outputs (`sum`, `copy` of left).
fn two_sided() -> ModelProto {
    let mut both = dense();
    let graph = graph_of(&mut both);
    graph.node = vec![
        node("Add", &["left", "right"], &["sum"]),
        node("Relu", &["left"], &["copy"]),
    ];
    graph.input = ["left", "right"]
        .map(|name| value(name, DataType::FLOAT, &[-1, 2]))
        .into();
    graph.output = ["sum", "copy"]
        .map(|name| value(name, DataType::FLOAT, &[-1, 2]))
        .into();
    both
}

#[test]
fn tensors_are_chosen_by_name() {
    let bytes = two_sided().write_buf().unwrap();
    let text = |input, output| message(open_bytes(&bytes, input, output));
    let several = text(None, None);
    assert!(
        several.contains("`left`, `right`") && several.contains("`model.input`"),
        "{several}"
    );
    let several = text(Some("left"), None);
    assert!(
        several.contains("`sum`, `copy`") && several.contains("`model.output`"),
        "{several}"
    );
    let unknown = text(Some("lft"), Some("copy"));
    assert!(unknown.contains("did you mean `left`"), "{unknown}");
    let unknown = text(Some("left"), Some("logits"));
    assert!(
        unknown.contains("`sum`, `copy`") && !unknown.contains("did you mean"),
        "{unknown}"
    );
    let needed = text(Some("left"), Some("sum"));
    assert!(needed.contains("also needs `right`"), "{needed}");
    let apart = text(Some("right"), Some("copy"));
    assert!(apart.contains("does not depend"), "{apart}");

    let opened = open_bytes(&bytes, Some("left"), Some("copy")).unwrap();
    let answers = opened.predict(batch(&[2, 2], &[1.0, -1.0, 0.0, 2.0]).view());
    assert_eq!(answers.unwrap(), ndarray::array![[1.0, 0.0], [0.0, 2.0]]);
}

#[test]
fn inputs_that_no_example_fits_are_refused() {
    let mut whole = dense();
    graph_of(&mut whole).input[0] = value("x", DataType::INT64, &[-1, 2]);
    assert!(message(open(&whole)).contains("INT64"));
    graph_of(&mut whole).input[0] = value("x", DataType::FLOAT, &[-1]);
    assert!(message(open(&whole)).contains("batch axis"));
    graph_of(&mut whole).input[0] = value("x", DataType::FLOAT, &[0, 2]);
    assert!(message(open(&whole)).contains("dynamic batch axis"));
}

#[test]
fn an_answer_does_not_depend_on_the_batch_or_the_threads() {
    let models = [
        ("digits_cnn.onnx", vec![1, 8, 8], 1),
        ("digits32_cnn.onnx", vec![1, 32, 32], 3),
        ("tabular-adult-dice/adult_model_a.onnx", vec![29], 1),
        ("tabular-adult-dice/dice_adult.onnx", vec![29], 1),
        ("resnet20.onnx", vec![3, 32, 32], 13),
    ];
    for (name, example, step) in models {
        let Some(path) = asset(name) else { continue };
        same_in_every_batch(name, open_asset(&path).unwrap(), &example, step);
    }
    same_in_every_batch("attention", open(&attention()).unwrap(), &[5, 8], 1);
    same_in_every_batch("recurrent", open(&recurrent()).unwrap(), &[5, 8], 1);
}

fn same_in_every_batch(name: &str, mut opened: OnnxModel, example: &[usize], step: usize) {
    let inputs = noise(&[&[64], example].concat());
    let expected = opened.predict(inputs.view()).unwrap();
    assert_ne!(
        expected.row(0),
        expected.row(1),
        "{name} tells examples apart"
    );
    for threads in [1, 2] {
        match &mut opened.graph {
            engine::Graph::Rten(graph) => {
                graph.threads = Arc::new(rten::ThreadPool::with_num_threads(threads));
            }
            #[cfg(feature = "ort")]
            engine::Graph::Ort(_) => unreachable!("it computes on the thread that asks"),
        }
        for size in (2..=64).step_by(step) {
            // Another offset for every size, so that an example stands at many
            // positions.
            let start = (size * 5) % (65 - size);
            let rows = ndarray::Slice::from(start..start + size);
            let answers: Array2<f32> = opened.predict(inputs.slice_axis(Axis(0), rows)).unwrap();
            let alone = expected.slice_axis(Axis(0), rows);
            assert!(
                answers
                    .iter()
                    .zip(alone)
                    .all(|(a, b)| a.to_bits() == b.to_bits()),
                "{name}: batch of {size} from {start}, {threads} threads"
            );
        }
    }
}

/// Self-attention of five places with a learned projection, averaged.
pub(super) fn attention() -> ModelProto {
    let nodes = vec![
        node("MatMul", &["x", "w"], &["query"]),
        node("Transpose", &["x"], &["key"]).with("perm", list(&[0, 2, 1])),
        node("MatMul", &["query", "key"], &["scores"]),
        node("Softmax", &["scores"], &["shares"]).with("axis", int(-1)),
        node("MatMul", &["shares", "x"], &["mixed"]),
        node("LayerNormalization", &["mixed", "one"], &["normal"]),
        node("ReduceMean", &["normal"], &["y"])
            .with("axes", list(&[1]))
            .with("keepdims", int(0)),
    ];
    let w = noise(&[64]).into_raw_vec_and_offset().0;
    let weights = vec![floats("w", &[8, 8], &w), floats("one", &[8], &[1.0; 8])];
    model(&[-1, 5, 8], &[-1, 8], nodes, weights)
}

/// A long short-term memory over five steps, its last state.
pub(super) fn recurrent() -> ModelProto {
    let nodes = vec![
        node("Transpose", &["x"], &["steps"]).with("perm", list(&[1, 0, 2])),
        node("LSTM", &["steps", "w", "r"], &["", "state"]).with("hidden_size", int(6)),
        node("Squeeze", &["state", "first"], &["y"]),
    ];
    let numbers = noise(&[24 * 14]).into_raw_vec_and_offset().0;
    let (w, r) = numbers.split_at(24 * 8);
    let weights = vec![
        floats("w", &[1, 24, 8], w),
        floats("r", &[1, 24, 6], r),
        ints("first", &[0]),
    ];
    model(&[-1, 5, 8], &[-1, 6], nodes, weights)
}

#[test]
fn a_call_on_the_threads_of_the_engine_begins_no_other_on_top_of_it() {
    use rayon::prelude::*;
    use std::cell::Cell;
    thread_local! { static OPEN: Cell<usize> = const { Cell::new(0) } }

    let opened = open(&dense()).unwrap();
    let inputs = noise(&[4, 2]);
    let expected = opened.predict(inputs.view()).unwrap();
    on_threads(|| {
        (0..64).into_par_iter().for_each(|_| {
            assert_eq!(OPEN.replace(1), 0, "within another call");
            assert_eq!(opened.predict(inputs.view()).unwrap(), expected);
            OPEN.set(0);
        });
    });
}

#[test]
fn the_digits_network_is_as_accurate_as_it_was_trained_to_be() {
    let (Some(path), Some(data)) = (asset("digits_cnn.onnx"), asset("digits_test.npz")) else {
        return;
    };
    let digits = crate::data::open(&crate::data::testing::arrays(data, (0.0, 1.0))).unwrap();
    let examples: Vec<_> = (0..digits.len())
        .map(|example| digits.example(example).unwrap())
        .collect();
    let views: Vec<_> = examples.iter().map(|example| example.view()).collect();
    let inputs = ndarray::stack(ndarray::Axis(0), &views).unwrap();
    let answers = open_asset(&path).unwrap().predict(inputs.view()).unwrap();
    let right = answers
        .rows()
        .into_iter()
        .zip(digits.labels())
        .filter(|(scores, label)| {
            let mut best = 0;
            for class in 1..scores.len() {
                if scores[class] > scores[best] {
                    best = class;
                }
            }
            best == **label
        });
    // assets/registry/manifest.json: 0.988, of 500, in PyTorch.
    assert_eq!(right.count(), 494);
}

#[test]
fn a_model_with_a_state_is_refused_by_naming_what_it_needs() {
    let Some(path) = asset("audio-silero-vad/silero_vad_16k_op15.onnx") else {
        return;
    };
    let opened = load(&Request {
        input: Some("input".to_owned()),
        output: Some("output".to_owned()),
        ..Request {
            shown: path.display().to_string(),
            path,
            input: None,
            output: None,
            engine: OnnxEngine::Rten,
            gradient: None,
            examples: None,
            batch: 64,
        }
    });
    let text = message(opened);
    eprintln!("{text}");
    assert!(text.contains("`state`"), "{text}");
}

#[test]
fn models_that_nobody_here_made_load_or_are_refused_by_the_operators_name() {
    let engines = [OnnxEngine::Rten, OnnxEngine::Ort];
    let engines = engines.iter().filter(|engine| available(**engine).is_ok());
    for folder in ["registry", "reference"] {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/assets");
        let folder = assets.join(folder);
        if !folder.is_dir() {
            eprintln!("skipped: {} is absent", folder.display());
            continue;
        }
        let files = onnx_files(&folder);
        assert!(files.len() > 2, "{files:?}");
        for (path, engine) in files.iter().flat_map(|path| {
            let engines = engines.clone();
            engines.map(move |engine| (path, *engine))
        }) {
            let opened = load(&request(path, engine));
            eprintln!(
                "{}: {}: {:?}",
                path.display(),
                engine.text(),
                opened.as_ref().map(|_| ())
            );
            match opened {
                Ok(_) => {}
                Err(ModelError::Untrusted { operator, .. }) => assert!(!operator.is_empty()),
                // A model with a state: which tensor, and what to set.
                Err(ModelError::Tensor { reason, .. }) => assert!(reason.contains("input")),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(onnx_files(&path));
        } else if path.extension().is_some_and(|kind| kind == "onnx") {
            found.push(path);
        }
    }
    found
}

#[test]
fn damaged_files_are_refused_and_never_panic() {
    let Some(path) = asset("digits_cnn.onnx") else {
        return;
    };
    let whole = std::fs::read(&path).unwrap();
    // Every length near the ends, where the structure is, and some between.
    let near = 200.min(whole.len());
    let between = (near..whole.len() - near).step_by(whole.len() / 150);
    for length in (0..near)
        .chain(between)
        .chain(whole.len() - near..whole.len())
    {
        let opened = open_bytes(&whole[..length], None, None);
        assert!(
            matches!(opened, Err(ModelError::NotOnnx { .. })),
            "{length} bytes"
        );
    }
    let digest = Digest::of(&whole);
    let mut accepted = 0;
    let mut damaged = whole.clone();
    let flips = (0..whole.len()).filter(|byte| *byte < 600 || byte % 331 == 0);
    for (index, byte) in flips.enumerate() {
        damaged[byte] ^= 1 << (index % 8);
        if let Ok(opened) = open_bytes(&damaged, None, None) {
            assert_ne!(opened.digest(), &digest);
            accepted += 1;
        }
        damaged[byte] = whole[byte];
    }
    assert!(accepted > 0, "a flipped weight is another model");
}

/// What rten answers when nobody holds it back.
fn ungated(model: &ModelProto, inputs: &ArrayD<f32>) -> Vec<f32> {
    let loaded = rten::ModelOptions::with_all_ops()
        .load(model.write_buf().unwrap())
        .unwrap();
    let data = inputs.as_slice().unwrap();
    let batch = rten::ValueView::from_shape(inputs.shape(), data).unwrap();
    match loaded.run_one(batch.into(), None).unwrap() {
        rten::Value::FloatTensor(tensor) => tensor.into_data(),
        other => panic!("{:?}", other.dtype()),
    }
}

/// A graph that must be refused, an input, and the answer by the specification.
pub(super) struct Wrong {
    /// What is refused of it.
    pub(super) operator: String,
    pub(super) model: ModelProto,
    pub(super) inputs: ArrayD<f32>,
    pub(super) specified: Vec<f32>,
}

pub(super) fn wrong_answers() -> Vec<Wrong> {
    let one =
        |node: NodeProto, initializers, shape: &[usize], numbers: &[f32], specified: &[f32]| {
            let mut free: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
            free[0] = -1;
            Wrong {
                operator: node.op_type.clone().unwrap(),
                model: model(&free, &[], vec![node], initializers),
                inputs: batch(shape, numbers),
                specified: specified.to_vec(),
            }
        };
    let resize = |mode: &str, coordinates: &str| {
        node("Resize", &["x", "", "scales"], &["y"])
            .with("mode", text(mode))
            .with("coordinate_transformation_mode", text(coordinates))
    };
    let scales = |scale: f32| vec![floats("scales", &[4], &[1.0, 1.0, 1.0, scale])];
    let pool = node("MaxPool", &["x"], &["y"])
        .with("kernel_shape", list(&[1, 2]))
        .with("strides", list(&[1, 1]))
        .with("auto_pad", text("SAME_LOWER"));
    // The one padded column goes before the others.
    let steps = one(
        node("MaxPool", &["x"], &["y"])
            .with("kernel_shape", list(&[1, 3]))
            .with("strides", list(&[1, 2]))
            .with("auto_pad", text("SAME_LOWER")),
        vec![],
        &[1, 1, 1, 4],
        &[1.0, 4.0, 2.0, 3.0],
        &[4.0, 4.0],
    );
    let mut old = one(
        node("Softmax", &["x"], &["y"]).with("axis", int(1)),
        vec![],
        &[2, 2, 2],
        &[0.0; 8],
        // All four numbers of an example together.
        &[0.25; 8],
    );
    old.model.opset_import[0].version = Some(12);
    let mut cast = one(
        node("Cast", &["x"], &["truth"]).with("to", int(9)),
        vec![],
        &[2, 2],
        &[0.0, 0.5, 1.0, 2.0],
        &[0.0, 1.0, 1.0, 1.0],
    );
    graph_of(&mut cast.model)
        .node
        .push(node("Cast", &["truth"], &["y"]).with("to", int(1)));
    // One box that two classes claim.
    let mut classes = one(
        node("NonMaxSuppression", &["boxes", "x", "most"], &["chosen"]),
        vec![
            floats("boxes", &[1, 1, 4], &[0.0, 0.0, 1.0, 1.0]),
            ints("most", &[1]),
        ],
        &[1, 2, 1],
        &[0.9, 0.8],
        &[0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    );
    graph_of(&mut classes.model)
        .node
        .push(node("Cast", &["chosen"], &["y"]).with("to", int(1)));
    // A recurrent unit without weights whose state goes from 0.8 to 0.4 to 0.2:
    // with z = 1/2 and h = 0, a step halves it. One step is asked for, of two.
    let recurrent = one(
        node("GRU", &["x", "w", "r", "", "lengths", "state"], &["", "y"])
            .with("hidden_size", int(1))
            .with("linear_before_reset", int(1)),
        vec![
            floats("w", &[1, 3, 1], &[0.0; 3]),
            floats("r", &[1, 3, 1], &[0.0; 3]),
            int32s("lengths", &[1]),
            floats("state", &[1, 1, 1], &[0.8]),
        ],
        &[2, 1, 1],
        &[0.0; 2],
        &[0.4],
    );
    let memory = one(
        node(
            "LSTM",
            &["x", "w", "r", "", "lengths", "", "state"],
            &["", "", "y"],
        )
        .with("hidden_size", int(1)),
        vec![
            floats("w", &[1, 4, 1], &[0.0; 4]),
            floats("r", &[1, 4, 1], &[0.0; 4]),
            int32s("lengths", &[1]),
            floats("state", &[1, 1, 1], &[0.8]),
        ],
        &[2, 1, 1],
        &[0.0; 2],
        &[0.4],
    );
    // One scale a row, by which 1 is 2 levels and half a level, rounded to 0.
    let mut quantise = one(
        node("QuantizeLinear", &["x", "s", "z"], &["levels"]),
        vec![floats("s", &[2], &[0.5, 2.0]), uint8s("z", &[2], &[0, 0])],
        &[1, 2, 2],
        &[1.0; 4],
        &[1.0, 1.0, 0.0, 0.0],
    );
    graph_of(&mut quantise.model)
        .node
        .push(node("DequantizeLinear", &["levels", "s", "z"], &["y"]).with("axis", int(1)));
    let mut mean = one(
        node("ReduceMean", &["x", "none"], &["y"]).with("noop_with_empty_axes", int(1)),
        vec![ints("none", &[])],
        &[2, 2],
        &[1.0, 2.0, 3.0, 4.0],
        &[1.0, 2.0, 3.0, 4.0],
    );
    mean.model.opset_import[0].version = Some(18);
    // Of two equal numbers the first, unless the last is asked for.
    let [most, least] = ["ArgMax", "ArgMin"].map(|operator| {
        let mut chosen = one(
            node(operator, &["x"], &["place"]).with("axis", int(1)),
            vec![],
            &[1, 2],
            &[1.0, 1.0],
            &[0.0],
        );
        graph_of(&mut chosen.model)
            .node
            .push(node("Cast", &["place"], &["y"]).with("to", int(1)));
        chosen
    });
    // Halfway between two numbers of float16 and less is rounded down.
    let mut half = one(
        node("Cast", &["x"], &["half"]).with("to", int(10)),
        vec![],
        &[1, 1],
        &[1.0 + 1.0 / 4096.0],
        &[1.0],
    );
    graph_of(&mut half.model)
        .node
        .push(node("Cast", &["half"], &["y"]).with("to", int(1)));
    // An image of zeros, whose level is 1, within padding; a channel alone comes out right.
    let mut integers = one(
        node("ConvInteger", &["levels", "w", "z"], &["sums"])
            .with("kernel_shape", list(&[1, 3]))
            .with("strides", list(&[1, 1]))
            .with("dilations", list(&[1, 1]))
            .with("pads", list(&[0, 1, 0, 1])),
        vec![
            floats("s", &[], &[1.0]),
            uint8s("z", &[], &[1]),
            uint8s("w", &[1, 2, 1, 3], &[1; 6]),
        ],
        &[1, 2, 1, 2],
        &[0.0; 4],
        &[0.0; 2],
    );
    let nodes = &mut graph_of(&mut integers.model).node;
    nodes.insert(0, node("QuantizeLinear", &["x", "s", "z"], &["levels"]));
    nodes.push(node("Cast", &["sums"], &["y"]).with("to", int(1)));
    // Twice the sum of each row, less the largest of it.
    let mut product = one(
        node("MatMul", &["x", "v"], &["products"]),
        vec![floats("v", &[2], &[2.0, 2.0])],
        &[2, 2, 2],
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        &[4.0, 10.0, 16.0, 22.0],
    );
    let largest = node("ReduceMax", &["x"], &["largest"]).with("axes", list(&[2]));
    let nodes = &mut graph_of(&mut product.model).node;
    nodes.push(largest.with("keepdims", int(0)));
    nodes.push(node("Sub", &["products", "largest"], &["y"]));
    vec![
        one(
            node("Sign", &["x"], &["y"]),
            vec![],
            &[3, 1],
            &[-2.0, 0.0, 3.0],
            &[-1.0, 0.0, 1.0],
        ),
        // ONNX node test `resize_upsample_scales_cubic`'s rule in one row: the
        // kernel of a = -0.75 at offsets 1/4 and 3/4.
        one(
            resize("cubic", "half_pixel"),
            scales(2.0),
            &[1, 1, 1, 4],
            &[0.0, 0.0, 1.0, 0.0],
            &[
                0.0,
                -0.035_156_25,
                -0.105_468_75,
                0.261_718_75,
                0.878_906_25,
                0.878_906_25,
                0.261_718_75,
                -0.105_468_75,
            ],
        ),
        // ONNX node test `resize_downsample_scales_linear_align_corners`.
        one(
            resize("linear", "align_corners"),
            scales(0.6),
            &[1, 1, 1, 4],
            &[1.0, 2.0, 3.0, 4.0],
            &[1.0, 3.142_857_2],
        ),
        one(
            pool,
            vec![],
            &[1, 1, 1, 3],
            &[1.0, 3.0, 2.0],
            &[1.0, 3.0, 3.0],
        ),
        steps,
        old,
        cast,
        classes,
        recurrent,
        memory,
        quantise,
        mean,
        most,
        least,
        half,
        integers,
        product,
    ]
}

#[test]
fn what_is_refused_is_answered_wrongly() {
    for case in wrong_answers() {
        let operator = case.operator;
        let answers = ungated(&case.model, &case.inputs);
        let right = answers.len() == case.specified.len()
            && answers
                .iter()
                .zip(&case.specified)
                .all(|(a, b)| (a - b).abs() < 1e-5);
        eprintln!(
            "{operator}: {answers:?}, by the specification {:?}",
            case.specified
        );
        assert!(!right, "{operator} can be trusted now: its rule can go");
        match open(&case.model) {
            Err(ModelError::Untrusted {
                operator: named,
                node,
                reason,
                ..
            }) => {
                assert!(reason.contains("Export the model"), "{reason}");
                assert_eq!(named, operator);
                assert_eq!(node, format!("the_{}", operator.to_lowercase()));
            }
            other => panic!("{operator}: {:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn what_draws_or_looks_at_neighbours_is_refused_wherever_it_stands() {
    let training = node("BatchNormalization", &["x", "w", "w", "w", "w"], &["y"]);
    let nodes = [
        node("RandomNormalLike", &["x"], &["y"]),
        node("DynamicQuantizeLinear", &["x"], &["y", "scale", "zero"]),
        node("MaxUnpool", &["x", "x", "shape"], &["y"]),
        training.clone().with("training_mode", int(1)),
        NodeProto {
            output: ["y", "mean", "variance"].map(str::to_owned).into(),
            ..training
        },
        node("Sign", &["x"], &["y"]),
    ];
    for inner in nodes {
        let operator = inner.op_type.clone();
        let branch = |node: NodeProto| {
            subgraph(GraphProto {
                node: vec![node],
                output: vec![value("y", DataType::FLOAT, &[-1, 2])],
                ..GraphProto::default()
            })
        };
        let outer = node("If", &["condition"], &["y"])
            .with("then_branch", branch(node("Relu", &["x"], &["y"])))
            .with("else_branch", branch(inner.clone()));
        let weights = vec![floats("w", &[2], &[1.0, 1.0]), bools("condition", &[true])];
        for node in [inner, outer] {
            let whole = model(&[-1, 2], &[-1, 2], vec![node], weights.clone());
            match open(&whole) {
                Err(ModelError::Untrusted {
                    operator: named, ..
                }) => {
                    assert_eq!(Some(named), operator);
                }
                other => panic!("{operator:?}: {:?}", other.map(|_| ())),
            }
        }
    }
}

#[test]
fn in_batches_of_one_there_are_no_neighbours() {
    let nodes = vec![
        node("DynamicQuantizeLinear", &["x"], &["q", "scale", "zero"]),
        node("DequantizeLinear", &["q", "scale", "zero"], &["y"]),
    ];
    let opened = |batch| open(&model(&[batch, 2], &[batch, 2], nodes.clone(), vec![]));
    assert!(message(opened(2)).contains("DynamicQuantizeLinear"));
    let alone = opened(1).unwrap();
    let answers = alone.predict(batch(&[2, 2], &[0.0, 1.0, 0.0, 255.0]).view());
    let answers = answers.unwrap();
    // Each by its own scale, which has 255 steps.
    assert!((answers[[0, 1]] - 1.0).abs() < 1e-6 && (answers[[1, 1]] - 255.0).abs() < 1e-4);
}

/// A branch, or a body, of these nodes and outputs.
fn body(
    inputs: Vec<ValueInfoProto>,
    nodes: Vec<NodeProto>,
    outputs: Vec<ValueInfoProto>,
) -> AttributeProto {
    subgraph(GraphProto {
        node: nodes,
        input: inputs,
        output: outputs,
        ..GraphProto::default()
    })
}

/// y = −x where `condition` holds, else relu(x).
fn chosen(condition: &str) -> NodeProto {
    let rows = || vec![value("b", DataType::FLOAT, &[-1, 2])];
    let branch = |operator| body(vec![], vec![node(operator, &["x"], &["b"])], rows());
    node("If", &[condition], &["y"])
        .with("then_branch", branch("Neg"))
        .with("else_branch", branch("Relu"))
}

/// y = x, doubled in each step; `goes_on` says in the body whether there is a next.
fn repeated(steps: &str, condition: &str, goes_on: NodeProto) -> NodeProto {
    let row = |name| value(name, DataType::FLOAT, &[-1, 2]);
    let truth = |name| value(name, DataType::BOOL, &[]);
    let inputs = vec![
        value("i", DataType::INT64, &[]),
        truth("before"),
        row("carried"),
    ];
    let mut nodes = vec![node("Add", &["carried", "carried"], &["twice"])];
    if goes_on.op_type.as_deref() == Some("Less") {
        nodes.push(node("ReduceMax", &["twice"], &["most"]).with("keepdims", int(0)));
    }
    nodes.push(goes_on);
    let body = body(inputs, nodes, vec![truth("next"), row("twice")]);
    node("Loop", &[steps, condition, "x"], &["y"]).with("body", body)
}

/// rten and ONNX Runtime take the branch of the whole batch: beside an example whose largest
/// number is above one, the others are negated too.
#[test]
fn a_choice_that_examples_make_for_the_whole_batch_is_refused_by_its_node() {
    let most = node("ReduceMax", &["x"], &["most"]).with("keepdims", int(0));
    let above = node("Greater", &["most", "one"], &["condition"]);
    let same = || node("Identity", &["before"], &["next"]);
    // How many numbers are not 0 is a shape, and no less of the numbers.
    let counted = vec![
        node("NonZero", &["x"], &["places"]),
        node("Size", &["places"], &["count"]),
    ];
    let varying = [
        (vec![most.clone(), above.clone(), chosen("condition")], "If"),
        (
            vec![most.clone(), above, repeated("three", "condition", same())],
            "Loop",
        ),
        (
            [counted, vec![repeated("count", "", same())]].concat(),
            "Loop",
        ),
        (
            vec![repeated(
                "three",
                "",
                node("Less", &["most", "one"], &["next"]),
            )],
            "Loop",
        ),
    ];
    // By the shape, which is the same for all.
    let columns = vec![
        node("Relu", &["x"], &["h"]),
        node("Shape", &["h"], &["shape"]),
        node("Gather", &["shape", "second"], &["columns"]),
    ];
    let equal = node("Equal", &["columns", "three"], &["condition"]);
    let fixed = [
        (
            [columns.clone(), vec![equal, chosen("condition")]].concat(),
            0.5,
        ),
        (
            [columns, vec![repeated("columns", "", same())]].concat(),
            2.0,
        ),
        (vec![repeated("three", "", same())], 4.0),
    ];
    let scalar = |name: &str, number: i64| TensorProto {
        dims: vec![],
        ..ints(name, &[number])
    };
    let weights = || {
        vec![
            floats("one", &[], &[1.0]),
            scalar("three", 3),
            scalar("second", 1),
        ]
    };
    let whole = |size, nodes| model(&[size, 2], &[size, 2], nodes, weights());
    for (nodes, operator) in varying {
        match open(&whole(-1, nodes.clone())) {
            Err(ModelError::Untrusted {
                operator: named,
                node,
                reason,
                ..
            }) => {
                assert_eq!(
                    (named.as_str(), node),
                    (operator, format!("the_{}", operator.to_lowercase()))
                );
                assert!(
                    reason.contains("neighbours") && reason.contains("batches of one"),
                    "{reason}"
                );
            }
            other => panic!("{operator}: {:?}", other.map(|_| ())),
        }
        // There are no neighbours.
        let alone = open(&whole(1, nodes)).unwrap();
        let answers = alone.predict(batch(&[2, 2], &[0.5, 0.25, 2.0, 3.0]).view());
        assert!(answers.is_ok(), "{operator}: {answers:?}");
    }
    for (nodes, first) in fixed {
        let opened = open(&whole(-1, nodes)).unwrap();
        let answers = opened
            .predict(batch(&[2, 2], &[0.5, 0.25, 2.0, 3.0]).view())
            .unwrap();
        assert_eq!(answers[[0, 0]], first);
    }
}

#[test]
fn what_the_output_does_not_need_is_not_refused() {
    let nodes = vec![
        node("Relu", &["x"], &["scores"]),
        node("ArgMax", &["scores"], &["label"]).with("axis", int(1)),
    ];
    let mut whole = model(&[-1, 2], &[-1, 2], nodes, vec![]);
    graph_of(&mut whole).output = vec![
        value("scores", DataType::FLOAT, &[-1, 2]),
        value("label", DataType::INT64, &[-1, 1]),
    ];
    let bytes = whole.write_buf().unwrap();
    assert!(open_bytes(&bytes, None, Some("scores")).is_ok());
    assert!(message(open_bytes(&bytes, None, Some("label"))).contains("ArgMax"));
}

#[test]
fn what_is_answered_rightly_is_not_refused() {
    let pool = node("MaxPool", &["x"], &["y"])
        .with("kernel_shape", list(&[1, 3]))
        .with("strides", list(&[1, 1]))
        .with("auto_pad", text("SAME_LOWER"));
    let steps = node("MaxPool", &["x"], &["y"])
        .with("kernel_shape", list(&[1, 2]))
        .with("strides", list(&[1, 2]))
        .with("auto_pad", text("SAME_LOWER"));
    let resize = |inputs: &[&str]| {
        node("Resize", inputs, &["y"])
            .with("mode", text("linear"))
            .with("coordinate_transformation_mode", text("align_corners"))
    };
    let row = [1.0, 4.0, 2.0, 3.0];
    // By the specification: output `o` of `m` is read at o (4 - 1) / (m - 1).
    let aligned = |size: i64, expected: &[f32]| {
        let nodes = vec![
            node("Shape", &["x"], &["shape"]),
            node("Gather", &["shape", "zero"], &["batch"]),
            node("Concat", &["batch", "rest"], &["sizes"]).with("axis", int(0)),
            resize(&["x", "", "", "sizes"]),
        ];
        let constants = vec![ints("zero", &[0]), ints("rest", &[1, 1, size])];
        (nodes, constants, expected.to_vec())
    };
    // Half a level is rounded to the even one.
    let quantised = (
        vec![
            node("QuantizeLinear", &["x", "s", "z"], &["levels"]),
            node("DequantizeLinear", &["levels", "s", "z"], &["y"]),
        ],
        vec![floats("s", &[], &[2.0]), uint8s("z", &[], &[0])],
        vec![0.0, 4.0, 2.0, 4.0],
    );
    // A scale of no axes that is computed, the root of 4.
    let computed = (
        vec![
            node("Sqrt", &["four"], &["s"]),
            node("QuantizeLinear", &["x", "s", "z"], &["levels"]),
            node("DequantizeLinear", &["levels", "s", "z"], &["y"]),
        ],
        vec![floats("four", &[], &[4.0]), uint8s("z", &[], &[0])],
        vec![0.0, 4.0, 2.0, 4.0],
    );
    let cases = [
        quantised,
        computed,
        (vec![pool], vec![], vec![4.0, 4.0, 4.0, 3.0]),
        // Steps of two over four columns: nothing is padded.
        (vec![steps], vec![], vec![4.0, 3.0]),
        aligned(2, &[1.0, 3.0]),
        aligned(3, &[1.0, 3.0, 3.0]),
        aligned(7, &[1.0, 2.5, 4.0, 3.0, 2.0, 2.5, 3.0]),
        (
            vec![resize(&["x", "", "scales"])],
            vec![floats("scales", &[4], &[1.0, 1.0, 1.0, 2.0])],
            (0..8)
                .map(|place| {
                    let (from, along) = (place * 3 / 7, (place * 3 % 7) as f32 / 7.0);
                    row[from] + along * (row.get(from + 1).unwrap_or(&0.0) - row[from])
                })
                .collect(),
        ),
    ];
    for (nodes, constants, expected) in cases {
        let shape = [-1, 1, 1, expected.len() as i64];
        let flatten = node("Flatten", &["y"], &["flat"]);
        let mut whole = model(&[-1, 1, 1, 4], &shape, nodes, constants);
        let graph = graph_of(&mut whole);
        graph.node.push(flatten);
        graph.output = vec![value("flat", DataType::FLOAT, &[-1, expected.len() as i64])];
        graph.value_info = vec![value("s", DataType::FLOAT, &[])];
        let inputs = batch(&[2, 1, 1, 4], &[row, row].concat());
        let answers = open(&whole).unwrap().predict(inputs.view()).unwrap();
        for answer in answers.rows() {
            let near = answer
                .iter()
                .zip(&expected)
                .all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(near, "{answer}, expected {expected:?}");
        }
    }
}

#[test]
fn what_a_window_leaves_to_its_defaults_is_run() {
    // Steps of one, no padding: by hand.
    let pool = node("MaxPool", &["x"], &["windows"]).with("kernel_shape", list(&[2, 2]));
    let spread = node("ConvTranspose", &["x", "w"], &["windows"]);
    let weights = vec![floats("w", &[1, 1, 2, 2], &[1.0; 4])];
    for (window, weights, side, expected) in [
        (pool, vec![], 3, vec![5.0, 6.0, 8.0, 9.0]),
        (
            spread,
            weights,
            2,
            vec![1.0, 3.0, 2.0, 4.0, 10.0, 6.0, 3.0, 7.0, 4.0],
        ),
    ] {
        let flatten = node("Flatten", &["windows"], &["y"]);
        let whole = model(
            &[-1, 1, side, side],
            &[-1, expected.len() as i64],
            vec![window, flatten],
            weights,
        );
        let side = side as usize;
        let image: Vec<f32> = (1..=side * side).map(|number| number as f32).collect();
        let inputs = batch(&[2, 1, side, side], &[image.clone(), image].concat());
        let answers = open(&whole).unwrap().predict(inputs.view()).unwrap();
        for answer in answers.rows() {
            assert_eq!(answer.to_vec(), expected);
        }
    }
}

/// A graph, a batch and the answers by the textbook: attention over three positions
/// of four features, with heads of its own for keys and values or with grouped ones.
pub(super) fn attentions() -> Vec<(ModelProto, ArrayD<f32>, Array2<f32>)> {
    [(2, 2), (4, 2)]
        .map(|(heads, groups)| {
            let size = 4 / heads;
            let width = size * groups;
            let weights = noise(&[4, width]);
            let nodes = vec![
                node("MatMul", &["x", "w"], &["k"]),
                node("Attention", &["x", "k", "k"], &["a"])
                    .with("q_num_heads", int(heads as i64))
                    .with("kv_num_heads", int(groups as i64)),
                node("Flatten", &["a"], &["y"]),
            ];
            let weight = floats("w", &[4, width as i64], weights.as_slice().unwrap());
            let mut whole = model(&[-1, 3, 4], &[-1, 12], nodes, vec![weight]);
            whole.opset_import[0].version = Some(23);
            let inputs = noise(&[5, 3, 4]);
            let (x, w) = (
                |at: [usize; 3]| f64::from(inputs[at]),
                |at: [usize; 2]| f64::from(weights[at]),
            );
            // Key and value of a position: grouped heads share the one of their group.
            let key = |example, position, column| -> f64 {
                (0..4)
                    .map(|feature| x([example, position, feature]) * w([feature, column]))
                    .sum()
            };
            let answers = Array2::from_shape_fn((5, 12), |(example, place)| {
                let (position, column) = (place / 4, place % 4);
                let (head, own) = (column / size, column % size);
                let start = head / (heads / groups) * size;
                let odds = [0, 1, 2].map(|other| {
                    let product: f64 = (0..size)
                        .map(|at| {
                            x([example, position, head * size + at])
                                * key(example, other, start + at)
                        })
                        .sum();
                    (product / (size as f64).sqrt()).exp()
                });
                let weighed = (0..3).map(|other| odds[other] * key(example, other, start + own));
                (weighed.sum::<f64>() / odds.iter().sum::<f64>()) as f32
            });
            (whole, inputs, answers)
        })
        .into()
}

/// Holds a model's answers to those of the textbook, in a batch and in part of it.
pub(super) fn assert_answers(opened: &OnnxModel, inputs: &ArrayD<f32>, expected: &Array2<f32>) {
    let answers = opened.predict(inputs.view()).unwrap();
    let mut pairs = answers.iter().zip(expected);
    assert!(
        pairs.all(|(a, b)| (a - b).abs() < 1e-5),
        "{answers}, expected {expected}"
    );
    let rows = ndarray::Slice::from(2..);
    let part = opened.predict(inputs.slice_axis(Axis(0), rows)).unwrap();
    assert_eq!(part, answers.slice_axis(Axis(0), rows));
}

#[test]
fn attention_is_the_textbooks() {
    for (whole, inputs, expected) in attentions() {
        assert_answers(&open(&whole).unwrap(), &inputs, &expected);
    }
}

#[test]
fn an_old_softmax_over_one_axis_is_the_same_as_a_new_one() {
    let table = ints("table", &[-1, 2, 3]);
    let reshape = node("Reshape", &["x", "table"], &["h"]);
    // As an exporter writes it that keeps the batch free.
    let counted = vec![
        node("Shape", &["x"], &["shape"]),
        node("Gather", &["shape", "first"], &["batch"]),
        node("Concat", &["batch", "rest"], &["sizes"]).with("axis", int(0)),
        node("Reshape", &["x", "sizes"], &["h"]),
    ];
    let counts = vec![ints("first", &[0]), ints("rest", &[2, 3])];
    // The scores of attention: each of two positions to each.
    let attention = vec![
        reshape.clone(),
        node("Transpose", &["h"], &["t"]).with("perm", list(&[0, 2, 1])),
        node("MatMul", &["h", "t"], &["scores"]),
    ];
    let image = vec![
        node("Unsqueeze", &["x"], &["image"]).with("axes", list(&[2, 3])),
        node("Conv", &["image", "w"], &["h"]),
    ];
    let kernels = vec![floats("w", &[5, 6, 1, 1], &[1.0; 30])];
    let dense = vec![node("Gemm", &["x", "eye"], &["h"])];
    let eye = vec![floats("eye", &[6, 2], &[1.0; 12])];
    let same = [
        (vec![reshape.clone()], vec![table.clone()], "h", Some(2), 3),
        (counted, counts, "h", Some(2), 3),
        (attention, vec![table.clone()], "scores", Some(2), 2),
        // Axes of size 1 behind it add nothing.
        (image.clone(), kernels.clone(), "h", Some(1), 5),
        (dense.clone(), eye.clone(), "h", None, 2),
        (dense.clone(), eye.clone(), "h", Some(1), 2),
        (dense, eye, "h", Some(-1), 2),
    ];
    // Over rows and columns together; over the columns alone in place of both.
    let other = [
        (vec![reshape.clone()], vec![table.clone()], "h", Some(1), 6),
        (vec![reshape], vec![table], "h", None, 6),
        (image, kernels, "h", None, 5),
    ];
    let open =
        |(mut nodes, weights, tensor, axis, _): (Vec<NodeProto>, _, &str, Option<i64>, _)| {
            let softmax = node("Softmax", &[tensor], &["p"]);
            nodes.push(match axis {
                Some(axis) => softmax.with("axis", int(axis)),
                None => softmax,
            });
            nodes.push(node("Flatten", &["p"], &["y"]));
            let mut whole = model(&[-1, 6], &[-1, -1], nodes, weights);
            whole.opset_import[0].version = Some(11);
            open(&whole)
        };
    for case in same {
        let count = case.4;
        let answers = open(case)
            .unwrap()
            .predict(batch(&[2, 6], &[0.5; 12]).view());
        // What is equal shares one.
        for number in answers.unwrap() {
            assert!(
                (number - 1.0 / count as f32).abs() < 1e-6,
                "{number}, {count}"
            );
        }
    }
    for case in other {
        assert!(message(open(case)).contains("operator set 13"));
    }
}

#[test]
fn a_table_times_a_vector_is_run_where_its_shape_follows_from_the_graph() {
    let nodes = vec![
        node("Flatten", &["x"], &["table"]),
        node("Relu", &["table"], &["h"]),
        node("MatMul", &["h", "w"], &["y"]),
    ];
    let weights = vec![floats("w", &[2], &[1.0, 10.0])];
    let whole = model(&[-1, 2, 1], &[-1], nodes, weights);
    let answers = open(&whole)
        .unwrap()
        .predict(batch(&[2, 2, 1], &[1.0, 2.0, 3.0, -4.0]).view());
    assert_eq!(answers.unwrap(), ndarray::array![[21.0], [3.0]]);
}

#[test]
fn a_cast_of_a_comparison_is_trusted() {
    let nodes = vec![
        node("Greater", &["x", "w"], &["more"]),
        node("Cast", &["more"], &["truth"]).with("to", int(9)),
        node("Cast", &["truth"], &["y"]).with("to", int(1)),
    ];
    let whole = model(
        &[-1, 2],
        &[-1, 2],
        nodes,
        vec![floats("w", &[2], &[0.5, 0.5])],
    );
    let answers = open(&whole)
        .unwrap()
        .predict(batch(&[2, 2], &[0.0, 1.0, 9.0, 0.5]).view());
    assert_eq!(answers.unwrap(), ndarray::array![[0.0, 1.0], [1.0, 0.0]]);
}
