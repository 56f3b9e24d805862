//! The Open Inference Protocol's messages: what a server says of its model, tensors
//! in, tensors out, as JSON or with binary numbers behind it.

use ndarray::{Array2, ArrayViewD};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a server says of a model.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub versions: Option<Vec<String>>,
    #[serde(default)]
    pub platform: String,
    #[serde(default)]
    pub inputs: Option<Vec<Tensor>>,
    #[serde(default)]
    pub outputs: Option<Vec<Tensor>>,
}

/// A tensor as it is declared.
#[derive(Debug, Deserialize)]
pub struct Tensor {
    pub name: String,
    #[serde(default)]
    pub datatype: String,
    /// −1 for a free axis.
    #[serde(default)]
    pub shape: Vec<i64>,
}

/// What a server says of itself.
#[derive(Debug, Default, Deserialize)]
pub struct Server {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub extensions: Vec<String>,
}

/// Whether a model may be asked; some servers say it with the status alone.
#[derive(Debug, Default, Deserialize)]
pub struct Readiness {
    #[serde(default)]
    pub ready: Option<bool>,
}

/// What a server that has Triton's model configuration says of a model.
#[derive(Debug, Default, Deserialize)]
pub struct Config {
    /// 0 where the model has no limit of its own.
    #[serde(default)]
    pub max_batch_size: usize,
}

/// The body of a request, and the length of its JSON where numbers follow it.
pub fn request(
    batch: &ArrayViewD<'_, f32>,
    input: &str,
    output: Option<&str>,
    binary: bool,
) -> (Vec<u8>, Option<usize>) {
    let mut tensor = json!({ "name": input, "shape": batch.shape(), "datatype": "FP32" });
    let mut request = json!({});
    if let Some(output) = output {
        request["outputs"] = match binary {
            true => json!([{ "name": output, "parameters": { "binary_data": true } }]),
            false => json!([{ "name": output }]),
        };
    }
    if !binary {
        tensor["data"] = batch.iter().copied().collect::<Vec<f32>>().into();
        request["inputs"] = json!([tensor]);
        return (request.to_string().into_bytes(), None);
    }
    tensor["parameters"] = json!({ "binary_data_size": 4 * batch.len() });
    request["inputs"] = json!([tensor]);
    let mut body = request.to_string().into_bytes();
    let length = body.len();
    body.reserve(4 * batch.len());
    for number in batch {
        body.extend(number.to_le_bytes());
    }
    (body, Some(length))
}

/// The rows of the answer to `count` examples; `json` is the length of the JSON where
/// binary numbers follow it. The error is what is wrong.
pub fn answer(
    body: &[u8],
    json: Option<usize>,
    output: Option<&str>,
    count: usize,
) -> Result<Array2<f32>, String> {
    let length = json.unwrap_or(body.len());
    let text = body
        .get(..length)
        .ok_or("the answer is shorter than its header says")?;
    let answer: Answer = serde_json::from_slice(text).map_err(|error| {
        // Python writes them by default.
        let none = ["NaN", "Infinity"].iter().any(|name| {
            let mut parts = text.windows(name.len());
            parts.any(|part| part == name.as_bytes())
        });
        match none {
            true => "the answer holds NaN or Infinity, which is no JSON: the model answered with what is no finite number".to_owned(),
            false => format!("the answer is no answer of the Open Inference Protocol v2: {error}"),
        }
    })?;
    let mut start = length;
    let mut found = None;
    let names: Vec<&str> = answer
        .outputs
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    for tensor in &answer.outputs {
        let size = tensor.parameters.binary_data_size;
        let end = start.saturating_add(size.unwrap_or(0));
        let wanted = output.map_or(answer.outputs.len() == 1, |name| name == tensor.name);
        if wanted {
            found = Some((tensor, size.map(|_| body.get(start..end))));
        }
        start = end;
    }
    let (tensor, binary) = found.ok_or_else(|| match output {
        Some(name) => format!(
            "the answer has no output `{name}`; it has {}. Set model.output",
            names.join(", ")
        ),
        None => format!(
            "the answer has the outputs {}. Name the scores in model.output",
            names.join(", ")
        ),
    })?;
    let numbers = match binary {
        Some(bytes) => {
            let bytes = bytes.ok_or("the answer ends before its binary tensor does")?;
            decode(bytes, &tensor.datatype)?
        }
        None => {
            kind(&tensor.datatype)?;
            let mut numbers = Vec::new();
            flatten(&tensor.data, &mut numbers)?;
            numbers
        }
    };
    let rows = tensor.shape.first() == Some(&count);
    let columns = match tensor.shape.as_slice() {
        [_] if rows => Some(1),
        [_, columns, ones @ ..] if rows && ones.iter().all(|&size| size == 1) => Some(*columns),
        _ => None,
    };
    let held = numbers.len();
    if let Some(columns) = columns.filter(|&columns| count.checked_mul(columns) != Some(held)) {
        return Err(format!(
            "the output `{}` says that its shape is {:?}, and holds {held} numbers, not {}",
            tensor.name,
            tensor.shape,
            count.saturating_mul(columns)
        ));
    }
    columns
        .and_then(|columns| Array2::from_shape_vec((count, columns), numbers).ok())
        .ok_or_else(|| {
            format!(
                "the output `{}` has the shape {:?} for {count} examples, where one row of scores an example is expected: [{count}, classes]. Set model.output to the scores",
                tensor.name, tensor.shape
            )
        })
}

#[derive(Deserialize)]
struct Answer {
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
}

/// The bytes of a number.
fn kind(datatype: &str) -> Result<usize, String> {
    match datatype {
        "FP32" => Ok(4),
        "FP64" => Ok(8),
        other => Err(format!(
            "the output holds {other}, where scores are FP32 or FP64. Set model.output to the scores"
        )),
    }
}

fn decode(bytes: &[u8], datatype: &str) -> Result<Vec<f32>, String> {
    let size = kind(datatype)?;
    if !bytes.len().is_multiple_of(size) {
        return Err(format!(
            "a binary tensor of {datatype} has {} bytes",
            bytes.len()
        ));
    }
    Ok(match size {
        4 => {
            let (numbers, _) = bytes.as_chunks();
            numbers.iter().copied().map(f32::from_le_bytes).collect()
        }
        _ => {
            let (numbers, _) = bytes.as_chunks();
            let wide = numbers.iter().copied().map(f64::from_le_bytes);
            wide.map(|number| number as f32).collect()
        }
    })
}

/// The numbers of nested lists, in order.
fn flatten(data: &Value, numbers: &mut Vec<f32>) -> Result<(), String> {
    match data {
        Value::Array(items) => items.iter().try_for_each(|item| flatten(item, numbers)),
        Value::Number(number) => {
            numbers.push(number.as_f64().unwrap_or(f64::NAN) as f32);
            Ok(())
        }
        // JSON has no NaN; some servers write null.
        Value::Null => {
            numbers.push(f32::NAN);
            Ok(())
        }
        other => Err(format!("among the output's numbers there is {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn};
    use proptest::prelude::*;

    fn batch() -> ArrayD<f32> {
        ArrayD::from_shape_vec(IxDyn(&[2, 2]), vec![0.0, 0.1, -1.5, 1e-8]).unwrap()
    }

    #[test]
    fn a_request_holds_every_number_to_the_bit() {
        let (body, length) = request(&batch().view(), "x", Some("y"), false);
        assert_eq!(length, None);
        let sent: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(sent["inputs"][0]["shape"], json!([2, 2]));
        assert_eq!(sent["outputs"][0]["name"], "y");
        let mut numbers = Vec::new();
        flatten(&sent["inputs"][0]["data"], &mut numbers).unwrap();
        assert_eq!(numbers, batch().into_raw_vec_and_offset().0);

        let (body, length) = request(&batch().view(), "x", None, true);
        let length = length.unwrap();
        let sent: Value = serde_json::from_slice(&body[..length]).unwrap();
        assert_eq!(sent["inputs"][0]["parameters"]["binary_data_size"], 16);
        let numbers = decode(&body[length..], "FP32").unwrap();
        assert_eq!(numbers, batch().into_raw_vec_and_offset().0);
    }

    #[test]
    fn an_answer_is_read_as_json_and_as_binary() {
        let rows = ndarray::array![[0.25, 0.75], [1.0, 0.0]];
        for data in [
            json!([0.25, 0.75, 1.0, 0.0]),
            json!([[0.25, 0.75], [1.0, 0.0]]),
        ] {
            let body = json!({ "outputs": [
                { "name": "class", "datatype": "INT64", "shape": [2], "data": [1, 0] },
                { "name": "p", "datatype": "FP64", "shape": [2, 2], "data": data },
            ]});
            let body = body.to_string().into_bytes();
            assert_eq!(answer(&body, None, Some("p"), 2).unwrap(), rows);
        }
        let head = json!({ "outputs": [
            { "name": "class", "datatype": "INT64", "shape": [2], "parameters": { "binary_data_size": 16 } },
            { "name": "p", "datatype": "FP32", "shape": [2, 2], "parameters": { "binary_data_size": 16 } },
        ]});
        let mut body = head.to_string().into_bytes();
        let length = body.len();
        body.extend([7; 16]);
        body.extend(rows.iter().flat_map(|&number: &f32| number.to_le_bytes()));
        assert_eq!(answer(&body, Some(length), Some("p"), 2).unwrap(), rows);
        body.pop();
        let cut = answer(&body, Some(length), Some("p"), 2).unwrap_err();
        assert!(cut.contains("ends before"), "{cut}");
    }

    #[test]
    fn what_cannot_be_used_is_named_with_the_cure() {
        let of = |outputs: Value| json!({ "outputs": outputs }).to_string().into_bytes();
        let one = |kind: &str, shape: &[usize]| {
            let data = vec![0.5; shape.iter().product()];
            of(json!([{ "name": "p", "datatype": kind, "shape": shape, "data": data }]))
        };
        for (body, output, message) in [
            (
                b"<html>".to_vec(),
                None,
                "no answer of the Open Inference Protocol",
            ),
            (of(json!([])), Some("p"), "no output `p`"),
            (one("INT64", &[2, 2]), None, "the output holds INT64"),
            (one("FP32", &[3, 2]), None, "shape [3, 2] for 2 examples"),
            (
                one("FP32", &[2, 2, 2]),
                None,
                "Set model.output to the scores",
            ),
            (
                of(json!([{ "name": "p", "datatype": "FP32", "shape": [2, 2], "data": [0.5, 0.5, 0.5] }])),
                None,
                "holds 3 numbers, not 4",
            ),
            (
                br#"{"outputs": [{"name": "p", "datatype": "FP32", "shape": [2], "data": [NaN, 0]}]}"#.to_vec(),
                None,
                "no finite number",
            ),
        ] {
            let error = answer(&body, None, output, 2).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let two = of(json!([
            { "name": "a", "datatype": "FP32", "shape": [2], "data": [0.0, 0.0] },
            { "name": "b", "datatype": "FP32", "shape": [2], "data": [0.0, 0.0] },
        ]));
        let error = answer(&two, None, None, 2).unwrap_err();
        assert!(error.contains("outputs a, b"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_rows(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            json in proptest::option::of(0_usize..300),
        ) {
            let _ = answer(&body, json, None, 2);
        }
    }
}
