//! ONNX graphs that end the process which runs them, or never answer: written as the bytes of
//! protocol buffers, by the numbers of onnx.proto3, since no exporter makes such graphs.

/// A field of a message: its number, and a varint or bytes.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut field = varint(number << 3 | 2);
    field.extend(varint(bytes.len() as u64));
    field.extend(bytes);
    field
}

fn whole(number: u64, value: i64) -> Vec<u8> {
    let mut field = varint(number << 3);
    field.extend(varint(value as u64));
    field
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn text(number: u64, text: &str) -> Vec<u8> {
    field(number, text.as_bytes())
}

const FLOAT: i64 = 1;
const INT64: i64 = 7;
const BOOL: i64 = 9;

fn tensor(name: &str, kind: i64, shape: &[i64], raw: Vec<u8>) -> Vec<u8> {
    let dims: Vec<u8> = shape.iter().flat_map(|&size| whole(1, size)).collect();
    [dims, whole(2, kind), text(8, name), field(9, &raw)].concat()
}

fn ints(name: &str, shape: &[i64], numbers: &[i64]) -> Vec<u8> {
    let raw = numbers.iter().flat_map(|number| number.to_le_bytes());
    tensor(name, INT64, shape, raw.collect())
}

/// `-1` is the batch.
fn value(name: &str, kind: i64, shape: &[i64]) -> Vec<u8> {
    let axis = |&size: &i64| match size {
        -1 => field(1, &text(2, "batch")),
        size => field(1, &whole(1, size)),
    };
    let shape: Vec<u8> = shape.iter().flat_map(axis).collect();
    let tensor = [whole(1, kind), field(2, &shape)].concat();
    [text(1, name), field(2, &field(1, &tensor))].concat()
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| text(1, name));
    let mut node: Vec<u8> = inputs.collect();
    node.extend(outputs.iter().flat_map(|name| text(2, name)));
    node.extend(text(3, outputs[0]));
    node.extend(text(4, operator));
    node.extend(attributes.iter().flat_map(|attribute| field(5, attribute)));
    node
}

struct Graph {
    nodes: Vec<Vec<u8>>,
    constants: Vec<Vec<u8>>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

impl Graph {
    fn bytes(&self) -> Vec<u8> {
        let of = |number: u64, parts: &[Vec<u8>]| -> Vec<u8> {
            parts.iter().flat_map(|part| field(number, part)).collect()
        };
        [
            of(1, &self.nodes),
            text(2, "graph"),
            of(5, &self.constants),
            of(11, &self.inputs),
            of(12, &self.outputs),
        ]
        .concat()
    }

    fn model(&self) -> Vec<u8> {
        let opset = [text(1, ""), whole(2, 17)].concat();
        [whole(1, 8), field(7, &self.bytes()), field(8, &opset)].concat()
    }
}

/// The answers are the first two numbers of each example, and `nodes` stand before them: from
/// `x` they make `z`.
fn before_the_answer(nodes: Vec<Vec<u8>>, constants: Vec<Vec<u8>>, width: i64) -> Vec<u8> {
    let mut nodes = nodes;
    nodes.push(node("Identity", &["z"], &["y"], &[]));
    Graph {
        nodes,
        constants,
        inputs: vec![value("x", FLOAT, &[-1, width])],
        outputs: vec![value("y", FLOAT, &[-1, width])],
    }
    .model()
}

/// Asks for 256 GiB of zeros, of which it adds one to each answer.
pub fn vast() -> Vec<u8> {
    let nodes = vec![
        node("ConstantOfShape", &["size"], &["zeros"], &[]),
        node("ReduceMax", &["zeros"], &["zero"], &[]),
        node("Add", &["x", "zero"], &["z"], &[]),
    ];
    before_the_answer(nodes, vec![ints("size", &[2], &[1 << 18, 1 << 18])], 2)
}

/// So many nodes one after another that following them one within another ends the stack.
pub fn deep(nodes: usize) -> Vec<u8> {
    let names: Vec<String> = (0..nodes).map(|number| format!("t{number}")).collect();
    let mut chain = vec![node("Neg", &["x"], &[&names[0]], &[])];
    for pair in names.windows(2) {
        chain.push(node("Neg", &[&pair[0]], &[&pair[1]], &[]));
    }
    chain.push(node("Identity", &[&names[nodes - 1]], &["z"], &[]));
    before_the_answer(chain, Vec::new(), 2)
}

/// A declared input of 2^40 columns.
pub fn wide() -> Vec<u8> {
    before_the_answer(vec![node("Neg", &["x"], &["z"], &[])], Vec::new(), 1 << 40)
}

/// Goes round 2^62 times.
pub fn endless() -> Vec<u8> {
    let body = Graph {
        nodes: vec![
            node("Identity", &["go"], &["goes"], &[]),
            node("Neg", &["v"], &["w"], &[]),
        ],
        constants: Vec::new(),
        inputs: vec![
            value("i", INT64, &[]),
            value("go", BOOL, &[]),
            value("v", FLOAT, &[-1, 2]),
        ],
        outputs: vec![value("goes", BOOL, &[]), value("w", FLOAT, &[-1, 2])],
    };
    let body = [text(1, "body"), field(6, &body.bytes()), whole(20, 5)].concat();
    let nodes = vec![node("Loop", &["times", "true", "x"], &["z"], &[body])];
    let constants = vec![
        ints("times", &[], &[1 << 62]),
        tensor("true", BOOL, &[], vec![1]),
    ];
    before_the_answer(nodes, constants, 2)
}

/// Answers with what it is asked, and does no harm.
pub fn plain() -> Vec<u8> {
    before_the_answer(vec![node("Neg", &["x"], &["z"], &[])], Vec::new(), 2)
}
