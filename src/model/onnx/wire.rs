//! Whether bytes are a whole, well-formed ONNX message, before a parser that
//! believes its input reads them.
//!
//! `rten-onnx` takes the end of the file for the end of a message, so that a
//! truncated model can pass for a smaller one, and it allocates what a length
//! field says. Here every field is held against the message around it. What the
//! fields mean is the parser's business.
//!
//! Format: <https://protobuf.dev/programming-guides/encoding/>; field numbers:
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

/// Subgraphs deeper than this are refused, so that no parser runs out of stack.
const MAX_DEPTH: usize = 100;

/// A kind of message, as far as its nested messages must be told apart.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Sequence,
    Map,
    Function,
    Leaf,
}

/// What a length-delimited field holds.
enum Content {
    Message(Message),
    Varints,
    Fixed(usize),
    Bytes,
}

fn content(message: Message, field: u64) -> Content {
    use Message::*;
    Content::Message(match (message, field) {
        (Model, 7) => Graph,
        (Model, 8 | 14) => Leaf,
        (Model, 25) => Function,
        (Graph, 1) | (Function, 7) => Node,
        (Graph, 5) | (Attribute, 5) => Tensor,
        (Graph, 11..=13) => ValueInfo,
        (Node, 5) => Attribute,
        (Attribute, 6) => Graph,
        (Tensor, 13) | (Shape, 1) => Leaf,
        (ValueInfo, 2) | (Sequence, 1) | (Map, 2) => Type,
        (Type, 1) => TensorType,
        (Type, 4) => Sequence,
        (Type, 5) => Map,
        (TensorType, 2) => Shape,
        (Tensor, 5 | 7) => return Content::Varints,
        (Tensor, 4) => return Content::Fixed(4),
        (Tensor, 10) => return Content::Fixed(8),
        _ => return Content::Bytes,
    })
}

/// A function that a model defines for itself (`ModelProto.functions`), which
/// `rten-onnx` does not read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) domain: String,
    pub(super) name: String,
}

/// Checks that `bytes` are one whole ONNX model, and finds its own functions.
/// The error says what is wrong and at which byte.
pub(super) fn check(bytes: &[u8]) -> Result<Vec<Function>, String> {
    let mut functions = Vec::new();
    walk(bytes, 0, Message::Model, 0, &mut functions)?;
    Ok(functions)
}

/// Walks one message. `start` is where `bytes` begin in the file.
fn walk(
    bytes: &[u8],
    start: usize,
    message: Message,
    depth: usize,
    functions: &mut Vec<Function>,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!(
            "messages are nested more than {MAX_DEPTH} deep at byte {start}"
        ));
    }
    if matches!(message, Message::Function) {
        functions.push(Function::default());
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = start + bytes.len() - rest.len();
        let broken = |what: &str| format!("{what} at byte {at}");
        let truncated = || broken("a field goes on after the end of its message");
        let tag = varint(&mut rest)
            .filter(|tag| tag >> 3 != 0)
            .ok_or_else(|| broken("no valid field tag"))?;
        match tag & 7 {
            0 => {
                varint(&mut rest).ok_or_else(|| broken("no valid integer"))?;
            }
            1 => {
                take(&mut rest, 8).ok_or_else(truncated)?;
            }
            2 => {
                let length = varint(&mut rest).ok_or_else(|| broken("no valid length"))?;
                let inside = usize::try_from(length)
                    .ok()
                    .and_then(|length| take(&mut rest, length))
                    .ok_or_else(truncated)?;
                let inside_start = start + bytes.len() - rest.len() - inside.len();
                match content(message, tag >> 3) {
                    Content::Message(kind) => {
                        walk(inside, inside_start, kind, depth + 1, functions)?;
                    }
                    Content::Varints => {
                        let mut values = inside;
                        while !values.is_empty() {
                            varint(&mut values)
                                .ok_or_else(|| broken("no valid list of integers"))?;
                        }
                    }
                    Content::Fixed(size) if inside.len() % size != 0 => {
                        return Err(broken("a list of numbers with a part of one"));
                    }
                    Content::Fixed(_) => {}
                    Content::Bytes => {
                        if let (Message::Function, Some(function)) = (message, functions.last_mut())
                        {
                            let text = || String::from_utf8_lossy(inside).into_owned();
                            match tag >> 3 {
                                1 => function.name = text(),
                                10 => function.domain = text(),
                                _ => {}
                            }
                        }
                    }
                }
            }
            5 => {
                take(&mut rest, 4).ok_or_else(truncated)?;
            }
            _ => return Err(broken("a field of unknown type")),
        }
    }
    Ok(())
}

/// Takes `count` bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, back) = bytes.split_at_checked(count)?;
    *bytes = back;
    Some(front)
}

/// Takes one integer of at most 64 bits, seven a byte.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, back) = bytes.split_first()?;
        *bytes = back;
        let seven = u64::from(byte & 0x7f);
        if shift == 63 && seven > 1 {
            return None;
        }
        value |= seven << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_the_encoding_guide_writes_them() {
        // protobuf.dev, "Base 128 Varints": 150 is 9601.
        assert_eq!(varint(&mut &[0x96, 0x01][..]), Some(150));
        assert_eq!(varint(&mut &[0x96][..]), None);
        let mut largest = [0xff; 10];
        largest[9] = 1;
        assert_eq!(varint(&mut &largest[..]), Some(u64::MAX));
        largest[9] = 2;
        assert_eq!(varint(&mut &largest[..]), None, "65 bits");
    }

    #[test]
    fn a_length_beyond_its_message_is_found_at_every_depth() {
        // Field 7 (graph) of 4 bytes, in it field 1 (node) that claims 100.
        assert!(check(&[0x3a, 4, 0x0a, 2, 0, 0]).is_err_and(|error| error.contains("tag")));
        let error = check(&[0x3a, 4, 0x0a, 100, 8, 0]).unwrap_err();
        assert!(error.contains("after the end"), "{error}");
        let error = check(&[0x3a, 0x80, 0x80, 0x80, 0x80, 0x10]).unwrap_err();
        assert!(error.contains("after the end"), "{error}");
    }

    #[test]
    fn the_types_of_a_map_are_looked_into() {
        // Graph, output, type, map (as ZipMap's output has it), and a value type
        // that claims 100 bytes.
        let output = [0x3a, 8, 0x62, 6, 0x12, 4, 0x2a, 2, 0x12, 100];
        let error = check(&output).unwrap_err();
        assert!(error.contains("after the end"), "{error}");
    }

    #[test]
    fn endless_nesting_is_refused() {
        // A graph in an attribute in a node in a graph …, innermost first.
        let mut bytes = Vec::new();
        for level in 0..399 {
            let tag = [0x32, 0x2a, 0x0a][level % 3];
            let mut length = bytes.len();
            let mut outer = vec![tag];
            while length >= 0x80 {
                outer.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.extend(bytes);
            bytes = outer;
        }
        let mut model = vec![0x3a];
        let length = bytes.len();
        model.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
        model.extend(bytes);
        assert!(check(&model).unwrap_err().contains("nested"));
    }
}
