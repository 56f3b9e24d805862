//! What ONNX Runtime computes on: the CPU, or one of its execution providers, set so
//! that float32 stays float32 and the same question gets the same answer.
//!
//! Which providers a library has is a matter of its build.

use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::builder::SessionBuilder;

use crate::spec::OnnxEngine;

/// An execution provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Cpu,
    Cuda,
    OpenVino,
}

impl Provider {
    /// The one that a spec names; `None` for the embedded engine.
    pub(super) fn of(engine: OnnxEngine) -> Option<Self> {
        match engine {
            OnnxEngine::Rten => None,
            OnnxEngine::Ort => Some(Self::Cpu),
            OnnxEngine::OrtCuda => Some(Self::Cuda),
            OnnxEngine::OrtOpenVino => Some(Self::OpenVino),
        }
    }

    /// What records and messages say behind the library's version.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Cpu => "",
            Self::Cuda => " with CUDA",
            Self::OpenVino => " with OpenVINO",
        }
    }

    /// Fails, with the cure, where the loaded library was built without it.
    pub(super) fn check(self) -> Result<(), String> {
        let (built_in, package) = match self {
            Self::Cpu => return Ok(()),
            Self::Cuda => (ep::CUDA::is_available(), "onnxruntime-gpu"),
            Self::OpenVino => (ep::OpenVINO::is_available(), "onnxruntime-openvino"),
        };
        match built_in {
            Ok(true) => Ok(()),
            _ => Err(format!(
                "the library that was found was built without it. Install one that has it in place of it (`pip uninstall onnxruntime`, then `pip install {package}`), name its file in ORT_DYLIB_PATH, or set engine = \"ort\" for the CPU"
            )),
        }
    }

    /// Sessions that compute on it.
    pub(super) fn add(self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let Some(provider) = self.settings() else {
            return Ok(builder);
        };
        let builder = builder.with_deterministic_compute(true)?;
        Ok(builder.with_execution_providers([provider.error_on_failure()])?)
    }

    fn settings(self) -> Option<ExecutionProviderDispatch> {
        match self {
            Self::Cpu => None,
            // Neither products in TensorFloat-32, nor the convolution that is the fastest
            // on the day.
            Self::Cuda => Some(
                ep::CUDA::default()
                    .with_tf32(false)
                    .with_conv_algorithm_search(ConvAlgorithmSearch::Default)
                    .build(),
            ),
            // Its own choice may be half precision. One thread, as on the CPU: as many
            // batches are asked at once as there are threads.
            Self::OpenVino => Some(
                ep::OpenVINO::default()
                    .with_precision("ACCURACY")
                    .with_num_threads(1)
                    .build(),
            ),
        }
    }
}
