//! The engine rten: a graph that passed the checks in, numbers out.
//!
//! Weights are not packed beforehand: it made no network tried here faster.

use std::sync::{Arc, LazyLock};

use rten_onnx::onnx::{GraphProto, ModelProto};
use rten_tensor::prelude::*;

use super::interface::Interface;

/// The threads that graphs run on: as many as `RAYON_NUM_THREADS` says, else as
/// many as the process may use.
static THREADS: LazyLock<Arc<rten::ThreadPool>> =
    LazyLock::new(|| Arc::new(rten::ThreadPool::with_num_threads(0)));

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
pub(super) struct Engine {
    pub(super) threads: Arc<rten::ThreadPool>,
    model: rten::Model,
    input: rten::NodeId,
    output: rten::NodeId,
}

impl Engine {
    /// Loads a graph from the file's bytes and what was parsed of them. The error
    /// is the engine's own words.
    pub(super) fn load(
        bytes: Vec<u8>,
        model: &mut ModelProto,
        interface: &Interface,
    ) -> Result<Self, String> {
        let bytes = if model.graph.as_mut().is_some_and(drop_dropout) {
            model
                .write_buf()
                .map_err(|error| format!("failed to write the graph without Dropout: {error}"))?
        } else {
            bytes
        };
        let model = rten::ModelOptions::with_all_ops()
            .load(bytes)
            .map_err(|error| crate::error::chain(&error))?;
        let node = |name| model.node_id(name).map_err(|error| error.to_string());
        Ok(Self {
            threads: Arc::clone(&THREADS),
            input: node(&interface.input)?,
            output: node(&interface.output)?,
            model,
        })
    }

    /// Runs the graph on a batch of `shape`, row by row in `data`. Gives the
    /// output's shape and numbers.
    pub(super) fn run(
        &self,
        shape: &[usize],
        data: &[f32],
    ) -> Result<(Vec<usize>, Vec<f32>), String> {
        let batch = rten::ValueView::from_shape(shape, data).map_err(|error| error.to_string())?;
        let options = rten::RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let [answer] = self
            .model
            .run_n(
                vec![(self.input, batch.into())],
                [self.output],
                Some(options),
            )
            .map_err(|error| error.to_string())?;
        let kind = answer.dtype();
        match answer {
            rten::Value::FloatTensor(tensor) => Ok((tensor.shape().to_vec(), tensor.into_data())),
            _ => Err(format!(
                "the output holds {kind}, not float32; set `model.output` to the scores"
            )),
        }
    }
}

/// Turns every Dropout into what it is outside of training, an Identity: rten has
/// the operator only together with its random ones. Says whether there was any.
fn drop_dropout(graph: &mut GraphProto) -> bool {
    let mut found = false;
    for node in &mut graph.node {
        if node.op_type.as_deref() == Some("Dropout") {
            node.op_type = Some("Identity".to_owned());
            node.input.truncate(1);
            node.output.truncate(1);
            node.attribute.clear();
            found = true;
        }
        let attributes = node.attribute.iter_mut();
        for subgraph in attributes.filter_map(|attribute| attribute.g.as_mut()) {
            found |= drop_dropout(subgraph);
        }
    }
    found
}
