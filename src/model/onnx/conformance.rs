//! The node tests of the ONNX specification: whatever an engine is let run it
//! answers rightly, and what it can run is on a list.
//!
//! The tests are data in the Python package `onnx`; `ONNX_NODE_TESTS` names their
//! folder, and where it is not set they are skipped. `.ci/run` fetches them.
//! `ONNX_NODE_TESTS_ACCEPT=1` writes the lists anew, for the diff to be looked at.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use rten_onnx::onnx::{DataType, NodeProto, TensorProto, ValueInfoProto};
use rten_onnx::protobuf::{DecodeMessage, ValueReader};

use super::engine::Numbers;
use super::shapes::Shapes;
use super::*;

/// The version of the package whose tests the lists are about.
const PACKAGE: &str = standard::RELEASE;

const FOLDER: &str = "ONNX_NODE_TESTS";
const ACCEPT: &str = "ONNX_NODE_TESTS_ACCEPT";

/// Types whose numbers are read here.
const TYPES: [DataType; 6] = [
    DataType::FLOAT,
    DataType::INT64,
    DataType::INT32,
    DataType::INT8,
    DataType::UINT8,
    DataType::BOOL,
];

/// Tests with a number at the middle between two levels of quantisation: rten
/// multiplies by the reciprocal of the scale, and may be one level off where a
/// division is exact, or the other way round.
const TIES: [&str; 1] = ["test_dynamicquantizelinear_expanded"];

/// Whether a test has the numbers of something else than the operator's text says.
fn is_mistaken(name: &str) -> bool {
    // These wrap around, −235.7 to 20, where the text says that they saturate.
    let quantised = name.starts_with("test_qlinearmatmul_") && name.ends_with("_int8_float32");
    // The heads of three axes without the transposition, grouped heads in the wrong
    // order, and products of a later step, all mended in later versions of the
    // package (onnx/onnx#7118, #7274). Two tests here hold the engines to the text.
    let attention = name.starts_with("test_attention_3d")
        || name.starts_with("test_attention_4d_gqa")
        || name.starts_with("test_attention_4d")
            && (name.ends_with("qk_matmul_bias") || name.ends_with("qk_matmul_softcap"));
    quantised || attention && !name.contains("_expanded")
}

/// A tensor of a test.
struct Tensor {
    shape: Vec<usize>,
    kind: DataType,
    numbers: Numbers,
}

/// A test: a graph, and what it makes of inputs.
struct Case {
    name: String,
    /// With its domain, where it is not the standard one.
    operator: String,
    bytes: Vec<u8>,
    model: ModelProto,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

/// What became of a test.
enum Outcome {
    Right,
    /// The engine's own words.
    Unsupported(String),
    /// What it answered.
    Wrong(String),
}

/// What became of an operator's tests.
#[derive(Default)]
struct Tally {
    right: usize,
    refused: usize,
    /// Of the refused, those that the engine answers rightly all the same.
    in_vain: usize,
    unsupported: usize,
}

#[test]
fn rten_is_right_wherever_it_is_let_run() {
    conform(Engine::Rten);
}

#[cfg(feature = "ort")]
#[test]
fn onnx_runtime_is_right_wherever_it_is_let_run() {
    if super::ort_tests::library() {
        conform(Engine::of(OnnxEngine::Ort).unwrap());
    }
}

/// Runs the tests on an engine, and holds what it saw against the list.
fn conform(engine: Engine) {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        // Past the capture of a test's output: a test that is skipped says so.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {FOLDER} is not set. It names the folder onnx/backend/test/data/node of the Python package {PACKAGE}"
        );
        return;
    };
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut others = 0;
    let mut silent = Vec::new();
    let mut misjudged = Vec::new();
    let mut newest = (0, 0);
    for folder in folders(&folder) {
        let Some(case) = Case::read(&folder) else {
            others += 1;
            continue;
        };
        newest.0 = newest
            .0
            .max(standard::opset(&case.model).unwrap_or_default());
        newest.1 = newest.1.max(case.model.ir_version.unwrap_or_default());
        let tally = tallies.entry(case.operator.clone()).or_default();
        let (outcome, refusal) = (case.run(engine), case.refusal(engine));
        if engine.is_embedded() && matches!(outcome, Outcome::Right) {
            misjudged.extend(case.misjudged());
        }
        match (outcome, refusal) {
            (outcome, Some(_)) => {
                tally.refused += 1;
                tally.in_vain += usize::from(matches!(outcome, Outcome::Right));
            }
            (Outcome::Right, None) => tally.right += 1,
            (Outcome::Unsupported(reason), None) => {
                tally.unsupported += 1;
                eprintln!("{}: {reason}", case.name);
            }
            (Outcome::Wrong(answer), None) => {
                silent.push(format!("{} ({}): {answer}", case.name, case.operator));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "{} tests are answered wrongly, with no error, and trust.rs lets them run:\n{}",
        silent.len(),
        silent.join("\n")
    );
    assert!(
        misjudged.is_empty(),
        "shapes.rs knows other shapes than these tensors have:\n{}",
        misjudged.join("\n")
    );
    assert_eq!(
        newest,
        (standard::NEWEST, standard::NEWEST_IR),
        "standard.rs trusts the embedded engine with other versions than are tested"
    );
    hold(engine, &list(engine, &tallies, others));
}

/// Holds a list against the one that is accepted.
fn hold(engine: Engine, seen: &str) {
    let stem = engine.name();
    let stem = stem.split(' ').next().unwrap_or_default();
    let path = format!(
        "{}/tests/conformance/{stem}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os(ACCEPT).is_some() {
        std::fs::write(&path, seen).unwrap();
        return;
    }
    let accepted = std::fs::read_to_string(&path).unwrap_or_default();
    // ONNX Runtime is whichever is installed.
    if !engine.is_embedded() && accepted.lines().next() != seen.lines().next() {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {path} is of another version than {}",
            engine.words()
        );
        return;
    }
    let diff = similar::TextDiff::from_lines(accepted.as_str(), seen);
    assert!(
        accepted == seen,
        "what {} can run has changed. Look at each line; if it is right, {ACCEPT}=1 and the same command write tests/conformance/{stem}.txt anew:\n{}",
        engine.words(),
        diff.unified_diff().context_radius(0)
    );
}

fn list(engine: Engine, tallies: &BTreeMap<String, Tally>, others: usize) -> String {
    let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
    let mut text = format!(
        "# The node tests of {PACKAGE} on {}, by operator.\n\
         # right: answered as the specification says; refused: by trust.rs or for an old operator set, and in brackets\n\
         # how many of those would be right;\n\
         # unsupported: the engine has no such operator, attribute or type, and says so. None is wrong in silence.\n\
         # {others} more are mistaken, or about other types than float32, int64, int32, int8, uint8 and bool.\n",
        engine.name()
    );
    let mut line = |name: &str, right, refused, in_vain, unsupported| {
        let refused = format!("{refused} ({in_vain})");
        writeln!(
            text,
            "{name:<44} {right:>5} right  {refused:>9} refused  {unsupported:>5} unsupported"
        )
        .unwrap();
    };
    for (operator, tally) in tallies {
        line(
            operator,
            tally.right,
            tally.refused,
            tally.in_vain,
            tally.unsupported,
        );
    }
    line(
        "all",
        sum(|tally| tally.right),
        sum(|tally| tally.refused),
        sum(|tally| tally.in_vain),
        sum(|tally| tally.unsupported),
    );
    text
}

/// The folders of the tests, in order.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{FOLDER} names {}: {error}", folder.display()));
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.join("model.onnx").is_file());
    found.sort();
    assert!(
        found.len() > 1000,
        "{FOLDER} names {}, which holds {} tests. Set it to the folder onnx/backend/test/data/node of {PACKAGE}",
        folder.display(),
        found.len()
    );
    found
}

impl Case {
    /// Reads a test; `None` where it is mistaken, or about tensors of other types.
    fn read(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_string_lossy().into_owned();
        if is_mistaken(&name) {
            return None;
        }
        let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
        let (model, _) = parse(&bytes).unwrap();
        let graph = model.graph.as_ref().unwrap();
        let tensors = |values: &[ValueInfoProto], side: &str| {
            let data = folder.join("test_data_set_0");
            let one = |(at, value): (usize, &ValueInfoProto)| {
                let kind = value.r#type.as_ref()?.tensor_type.as_ref()?.elem_type?;
                TYPES
                    .contains(&kind)
                    .then(|| Tensor::read(&data.join(format!("{side}_{at}.pb"))))
            };
            values.iter().enumerate().map(one).collect::<Option<_>>()
        };
        // An operator that is a function is tested once more, as its parts.
        let operator = match name.split_once("_expanded") {
            Some((whole, _)) => {
                let whole = folder.with_file_name(whole).join("model.onnx");
                let (model, _) = parse(&std::fs::read(whole).unwrap()).unwrap();
                format!("{} by its parts", operator(&model.graph?.node[0]))
            }
            None => operator(&graph.node[0]),
        };
        Some(Self {
            name,
            operator,
            inputs: tensors(&graph.input, "input")?,
            outputs: tensors(&graph.output, "output")?,
            bytes,
            model,
        })
    }

    /// Why a model file with this graph would be refused.
    fn refusal(&self, engine: Engine) -> Option<String> {
        let graph = self.model.graph.as_ref()?;
        let opset = standard::opset(&self.model).unwrap_or(standard::OLDEST);
        let refused = standard::versions(&self.model, opset, engine).err();
        let outputs = graph.output.iter();
        let outputs: Vec<&str> = outputs
            .filter_map(|output| output.name.as_deref())
            .collect();
        refused.or_else(|| {
            let untrusted = trust::refuse(&trust::Asked {
                model: &self.model,
                // Nothing in these graphs is a batch of examples.
                inputs: &[],
                outputs: &outputs,
                opset,
                engine,
                alone: false,
            })?;
            Some(untrusted.reason.to_owned())
        })
    }

    /// The outputs of which other shapes are known than they have.
    fn misjudged(&self) -> Vec<String> {
        let shapes = Shapes::of(&self.model);
        let graph = self.model.graph.as_ref().unwrap();
        let names = graph.output.iter().map(interface::name);
        let known = names.zip(&self.outputs).filter_map(|(name, output)| {
            let known = shapes.get(name)?;
            let words = format!("{}, {name}: {known:?}, not {:?}", self.name, output.shape);
            (!shapes::holds(&known, &output.shape)).then_some(words)
        });
        known.collect()
    }

    fn run(&self, engine: Engine) -> Outcome {
        let graph = self.model.graph.as_ref().unwrap();
        let names = |values: &[ValueInfoProto]| -> Vec<String> {
            values.iter().flat_map(|value| value.name.clone()).collect()
        };
        let (inputs, outputs) = (names(&graph.input), names(&graph.output));
        let (inputs, outputs): (Vec<&str>, Vec<&str>) = (
            inputs.iter().map(String::as_str).collect(),
            outputs.iter().map(String::as_str).collect(),
        );
        let answers = guarded(|| {
            let graph = Graph::load(engine, self.bytes.clone(), &inputs, &outputs)?;
            let inputs = self.inputs.iter().map(|input| input.given(engine));
            graph.run(inputs.collect::<Result<_, _>>()?)
        });
        let answers = match answers {
            Ok(answers) => answers,
            Err(reason) => return Outcome::Unsupported(reason),
        };
        let levels = u64::from(TIES.contains(&self.name.as_str()));
        for (answer, expected) in answers.iter().zip(&self.outputs) {
            if let Err(difference) = expected.is(&answer.shape(), answer.numbers(), levels) {
                return Outcome::Wrong(difference);
            }
        }
        Outcome::Right
    }
}

fn operator(node: &NodeProto) -> String {
    let operator = node.op_type.as_deref().unwrap_or_default();
    match node.domain.as_deref().unwrap_or_default() {
        "" | "ai.onnx" => operator.to_owned(),
        domain => format!("{domain}.{operator}"),
    }
}

impl Tensor {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let tensor = TensorProto::decode(ValueReader::from_buf(&bytes)).unwrap();
        let kind = tensor.data_type.unwrap();
        let raw = tensor.raw_data.map(|raw| raw.into_inner());
        let raw = raw.as_deref();
        fn whole<const N: usize, T: Into<i64>>(raw: &[u8], of: fn([u8; N]) -> T) -> Vec<i64> {
            let parts = raw.as_chunks::<N>().0.iter();
            parts.map(|&part| of(part).into()).collect()
        }
        let numbers = match (kind, raw) {
            (DataType::FLOAT, Some(raw)) => {
                let parts = raw.as_chunks().0.iter();
                Numbers::Floats(parts.map(|&part| f32::from_le_bytes(part)).collect())
            }
            (DataType::FLOAT, None) => Numbers::Floats(tensor.float_data),
            (DataType::INT64, Some(raw)) => Numbers::Ints(whole(raw, i64::from_le_bytes)),
            (DataType::INT64, None) => Numbers::Ints(tensor.int64_data),
            (DataType::INT32, Some(raw)) => Numbers::Ints(whole(raw, i32::from_le_bytes)),
            (DataType::INT8, Some(raw)) => Numbers::Ints(whole(raw, i8::from_le_bytes)),
            (_, Some(raw)) => Numbers::Ints(whole(raw, u8::from_le_bytes)),
            (_, None) => Numbers::Ints(tensor.int32_data.into_iter().map(i64::from).collect()),
        };
        let shape = tensor.dims.iter().map(|&size| size as usize).collect();
        Self {
            shape,
            kind,
            numbers,
        }
    }

    /// The tensor, as an engine takes it.
    fn given(&self, engine: Engine) -> Result<Input<'static>, String> {
        let value = match engine {
            Engine::Rten | Engine::RtenAsWritten => Value::Rten(self.to_rten()?),
            #[cfg(feature = "ort")]
            Engine::Ort(_) => Value::Ort(self.to_ort()?),
        };
        Ok(Input::Value(value))
    }

    fn to_rten(&self) -> Result<rten::Value, String> {
        fn value<T>(shape: &[usize], numbers: Vec<T>) -> Result<rten::Value, String>
        where
            rten::Value: From<rten_tensor::Tensor<T>>,
        {
            let tensor = rten_tensor::Tensor::try_from_data(shape, numbers);
            tensor
                .map(rten::Value::from)
                .map_err(|error| error.to_string())
        }
        let shape = &self.shape;
        match (&self.numbers, self.kind) {
            (Numbers::Floats(numbers), _) => value(shape, numbers.clone()),
            (Numbers::Ints(ints), DataType::INT8) => value(shape, narrowed::<i8>(ints)),
            (Numbers::Ints(ints), DataType::UINT8) => value(shape, narrowed::<u8>(ints)),
            (Numbers::Ints(ints), _) => {
                // It has no wider integers, and takes those of a file to the nearest.
                let nearest = |&int: &i64| int.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
                value(shape, ints.iter().map(nearest).collect())
            }
        }
    }

    #[cfg(feature = "ort")]
    fn to_ort(&self) -> Result<ort::value::DynValue, String> {
        use ort::value::Tensor;
        let shape = self.shape.clone();
        let value = match (&self.numbers, self.kind) {
            (Numbers::Floats(numbers), _) => {
                Tensor::from_array((shape, numbers.clone())).map(Tensor::into_dyn)
            }
            (Numbers::Ints(ints), DataType::INT64) => {
                Tensor::from_array((shape, ints.clone())).map(Tensor::into_dyn)
            }
            (Numbers::Ints(ints), DataType::INT32) => {
                Tensor::from_array((shape, narrowed::<i32>(ints))).map(Tensor::into_dyn)
            }
            (Numbers::Ints(ints), DataType::INT8) => {
                Tensor::from_array((shape, narrowed::<i8>(ints))).map(Tensor::into_dyn)
            }
            (Numbers::Ints(ints), DataType::UINT8) => {
                Tensor::from_array((shape, narrowed::<u8>(ints))).map(Tensor::into_dyn)
            }
            (Numbers::Ints(ints), _) => {
                let truths: Vec<bool> = ints.iter().map(|&int| int != 0).collect();
                Tensor::from_array((shape, truths)).map(Tensor::into_dyn)
            }
        };
        value.map_err(|error| error.to_string())
    }

    /// Whether an answer is this: each number within 10⁻³ of it, as the package's own
    /// runner has it, or within the rounding of the largest; whole numbers within
    /// `levels`. The error says how they differ.
    fn is(&self, shape: &[usize], numbers: Option<Numbers>, levels: u64) -> Result<(), String> {
        if shape != self.shape {
            return Err(format!("the shape {shape:?} for {:?}", self.shape));
        }
        match (&self.numbers, numbers) {
            (Numbers::Floats(expected), Some(Numbers::Floats(numbers))) => {
                let finite = expected.iter().filter(|number| number.is_finite());
                let largest = finite.fold(0.0_f32, |largest, number| largest.max(number.abs()));
                differs(&numbers, expected, |number, expected| {
                    number == expected
                        || number.is_nan() && expected.is_nan()
                        || (number - expected).abs() <= 1e-3 * expected.abs() + 1e-6 * largest
                })
            }
            (Numbers::Ints(expected), Some(Numbers::Ints(numbers))) => {
                differs(&numbers, expected, |number, expected| {
                    number.abs_diff(expected) <= levels
                })
            }
            (_, numbers) => Err(format!("{numbers:?} for {}", self.kind)),
        }
    }
}

/// Numbers of a narrower type, which the file wrote as such.
fn narrowed<T: TryFrom<i64>>(ints: &[i64]) -> Vec<T> {
    let narrow = ints.iter().map(|&int| T::try_from(int).ok());
    narrow.collect::<Option<_>>().unwrap()
}

/// The first number that is not near the expected one.
fn differs<T: Copy + std::fmt::Debug>(
    numbers: &[T],
    expected: &[T],
    near: impl Fn(T, T) -> bool,
) -> Result<(), String> {
    if numbers.len() != expected.len() {
        return Err(format!("{} numbers for {}", numbers.len(), expected.len()));
    }
    let mut pairs = numbers.iter().zip(expected).enumerate();
    match pairs.find(|(_, (number, expected))| !near(**number, **expected)) {
        Some((at, (number, expected))) => {
            Err(format!("{number:?} for {expected:?} at position {at}"))
        }
        None => Ok(()),
    }
}
