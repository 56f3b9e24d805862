//! The engine rten.
//!
//! Weights are not packed beforehand: it made no network tried here faster.

use std::sync::{Arc, LazyLock};

use rten_tensor::prelude::*;

use super::plain::plain;
use super::{Input, Numbers, Value};

/// The threads that graphs run on: as many as `RAYON_NUM_THREADS` says, else as
/// many as the process may use.
static THREADS: LazyLock<Arc<rten::ThreadPool>> = LazyLock::new(|| {
    keep_memory();
    Arc::new(rten::ThreadPool::with_num_threads(0))
});

/// Asks the allocator not to give memory back to the system at once.
///
/// The engine frees its tensors after each batch. glibc gives back whatever is larger
/// than the largest block that was ever freed (at most 32 MB), and then waits for the
/// system to clear every page again: up to half of a gradient's time. So one such block
/// is freed here, which was never written and took no memory.
fn keep_memory() {
    const LARGEST: usize = 32 << 20;
    let block: Vec<u8> = Vec::with_capacity(LARGEST - (64 << 10));
    drop(std::hint::black_box(block));
}

/// Does `work` on the threads that ONNX graphs run on.
///
/// Who calls `predict` from several threads (with rayon) does so in here: a graph
/// then runs on the thread that asks for it. From a worker of another rayon pool
/// the answers are the same, but while that worker waits for one it begins the
/// next call on top of it, until every batch is in memory at once.
pub fn on_threads<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    THREADS.run(work)
}

/// A graph that is ready to run.
pub(in crate::model::onnx) struct Graph {
    pub(in crate::model::onnx) threads: Arc<rten::ThreadPool>,
    model: rten::Model,
    inputs: Vec<rten::NodeId>,
    outputs: Vec<rten::NodeId>,
}

impl Graph {
    pub(super) fn load(
        bytes: Vec<u8>,
        inputs: &[&str],
        outputs: &[&str],
        optimised: bool,
    ) -> Result<Self, String> {
        let bytes = plain(&bytes)?.unwrap_or(bytes);
        let model = rten::ModelOptions::with_all_ops()
            .enable_optimization(optimised)
            .load(bytes)
            .map_err(|error| crate::error::chain(&error))?;
        let nodes = |names: &[&str]| {
            let nodes = names.iter().map(|name| model.node_id(name));
            nodes
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| error.to_string())
        };
        Ok(Self {
            threads: Arc::clone(&THREADS),
            inputs: nodes(inputs)?,
            outputs: nodes(outputs)?,
            model,
        })
    }

    pub(super) fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Value>, String> {
        let inputs = self
            .inputs
            .iter()
            .zip(inputs)
            .map(|(&node, input)| {
                Ok(match input {
                    Input::Floats { shape, numbers } => {
                        let view = rten::ValueView::from_shape(shape, numbers);
                        (node, view.map_err(|error| error.to_string())?.into())
                    }
                    Input::Value(Value::Rten(value)) => (node, value.into()),
                    #[cfg(feature = "ort")]
                    Input::Value(Value::Ort(_)) => {
                        return Err("an input is a tensor of another engine".to_owned());
                    }
                })
            })
            .collect::<Result<Vec<_>, String>>()?;
        let options = rten::RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let outputs = self.model.run(inputs, &self.outputs, Some(options));
        let outputs = outputs.map_err(|error| error.to_string())?;
        Ok(outputs.into_iter().map(Value::Rten).collect())
    }
}

/// The shapes that rten infers of the tensors `names`; `None` for a free axis.
pub(in crate::model::onnx) fn inferred(
    bytes: Vec<u8>,
    names: &[&str],
) -> Result<Vec<Option<Vec<Option<usize>>>>, String> {
    let bytes = plain(&bytes)?.unwrap_or(bytes);
    // It infers when it optimises, and keeps the tensors between nodes that it fuses.
    let model = rten::ModelOptions::with_all_ops()
        .load(bytes)
        .map_err(|error| crate::error::chain(&error))?;
    let shape = |name: &&str| {
        let shape = model.node_info(model.find_node(name)?)?.shape()?;
        let size = |axis| match axis {
            rten::Dimension::Fixed(size) => Some(size),
            rten::Dimension::Symbolic(_) => None,
        };
        Some(shape.into_iter().map(size).collect())
    };
    Ok(names.iter().map(shape).collect())
}

pub(super) fn shape(value: &rten::Value) -> Vec<usize> {
    value.shape().to_vec()
}

pub(super) fn into_floats(value: rten::Value) -> Result<(Vec<usize>, Vec<f32>), String> {
    let kind = value.dtype();
    match value {
        rten::Value::FloatTensor(tensor) => Ok((tensor.shape().to_vec(), tensor.into_data())),
        _ => Err(format!(
            "the output holds {kind}, not float32. Set `model.output` to the scores, or export the model with them as an output"
        )),
    }
}

pub(super) fn numbers(value: &rten::Value) -> Option<Numbers> {
    fn ints<T: Copy + Into<i64>>(tensor: &rten_tensor::Tensor<T>) -> Numbers {
        Numbers::Ints(tensor.iter().map(|&number| number.into()).collect())
    }
    match value {
        rten::Value::FloatTensor(tensor) => Some(Numbers::Floats(tensor.to_vec())),
        rten::Value::Int32Tensor(tensor) => Some(ints(tensor)),
        rten::Value::Int8Tensor(tensor) => Some(ints(tensor)),
        rten::Value::UInt8Tensor(tensor) => Some(ints(tensor)),
        _ => None,
    }
}
