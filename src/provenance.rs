//! What a result was made from: inputs, model, environment, commit, host.
//!
//! Values only, and how they are observed; what counts as the same is decided in
//! `judge`.

use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What decides a case's outcomes: these inputs, this model, this environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Data, perturbation, seed: what the model was asked.
    pub inputs: Value,
    /// The digest of `inputs`.
    pub inputs_digest: Digest,
    /// The digest of the examples' ids, in order.
    pub ids_digest: Digest,
    /// Which model answered.
    pub model: ModelIdentity,
    /// What it answered with.
    pub environment: Environment,
}

impl Identity {
    /// Whether random numbers are drawn for the inputs: another seed would give others.
    pub fn is_drawn(&self) -> bool {
        let seed = |asked: &Value| asked.get("seed").is_some();
        let cells = self.inputs.get("cells").and_then(Value::as_array);
        seed(&self.inputs) || cells.is_some_and(|cells| cells.iter().any(seed))
    }
}

#[cfg(test)]
impl Identity {
    /// Of no inputs and no model, for tests of what does not depend on them.
    pub fn of_nothing() -> Self {
        let digest = Digest::of(b"");
        Self {
            inputs: Value::Null,
            inputs_digest: digest.clone(),
            ids_digest: digest,
            model: ModelIdentity {
                origin: String::new(),
                digest: None,
                gives: String::new(),
                input: None,
                output: None,
            },
            environment: Environment::of_engine("none"),
        }
    }
}

/// Which model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelIdentity {
    /// Where it comes from: `onnx models/digits.onnx`, `registered digits`.
    pub origin: String,
    /// Its content; `None`: unknown, since nothing says what identifies it.
    pub digest: Option<Digest>,
    /// What its answers are.
    pub gives: String,
    /// The input tensor, where the spec names one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<String>,
    /// The output tensor, likewise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<String>,
}

impl ModelIdentity {
    /// Whether both are known to be the same model, asked for the same answers;
    /// where the file stands does not matter.
    pub fn is_known_same(&self, other: &Self) -> bool {
        self.digest.is_some() && self.content() == other.content()
    }

    /// All that decides its answers.
    pub fn content(&self) -> (&Option<Digest>, Asked<'_>) {
        (&self.digest, self.asked())
    }

    /// What it is asked for: what its answers are, and the tensors they come from.
    pub fn asked(&self) -> Asked<'_> {
        (&self.gives, &self.input, &self.output)
    }
}

/// What a model is asked for: `gives`, `input` and `output`.
type Asked<'a> = (&'a str, &'a Option<String>, &'a Option<String>);

/// The fingerprint of what computed: outcomes may differ in the last bits
/// between two environments that differ in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The inference engine and its version.
    pub engine: String,
    /// The target triple.
    pub target: String,
    /// The processor features that kernels are chosen by, space-separated.
    pub cpu_features: String,
    /// The accelerator, or `none`.
    pub accelerator: String,
}

impl Environment {
    /// The environment of this process, for a model that `engine` runs.
    pub fn of_engine(engine: &str) -> Self {
        Self {
            engine: engine.to_owned(),
            target: env!("BUILT_WITH_TARGET").to_owned(),
            cpu_features: cpu_features(),
            accelerator: "none".to_owned(),
        }
    }
}

fn cpu_features() -> String {
    #[allow(unused_mut, reason = "stays empty where no feature is asked for")]
    let mut features: Vec<&str> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! detect {
            ($($name:tt),+) => {
                $(if std::arch::is_x86_feature_detected!($name) {
                    features.push($name);
                })+
            };
        }
        detect!("sse4.2", "avx", "fma", "avx2", "avx512f", "avx512vnni");
    }
    #[cfg(target_arch = "aarch64")]
    {
        if std::arch::is_aarch64_feature_detected!("neon") {
            features.push("neon");
        }
        if std::arch::is_aarch64_feature_detected!("i8mm") {
            features.push("i8mm");
        }
    }
    features.join(" ")
}

/// The commit that the repository under test was at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The full id.
    pub id: String,
    /// Whether files differed from it.
    pub dirty: bool,
}

/// The machine, for people: no part of any identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// `linux x86_64`.
    pub os: String,
    /// The processor's name.
    pub cpu: String,
    /// Threads that compute.
    pub threads: usize,
}

impl Host {
    /// This machine.
    pub fn this() -> &'static Self {
        static THIS: OnceLock<Host> = OnceLock::new();
        THIS.get_or_init(|| Self {
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: cpu_name(),
            threads: rayon::current_num_threads(),
        })
    }
}

fn cpu_name() -> String {
    let cpuinfo = crate::file::read(Path::new("/proc/cpuinfo")).unwrap_or_default();
    String::from_utf8_lossy(&cpuinfo)
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or_else(
            || std::env::consts::ARCH.to_owned(),
            |(_, name)| name.trim().to_owned(),
        )
}

/// The commit of the repository that `root` is in; `None` outside a repository,
/// before its first commit, or without the feature `git`.
#[cfg(feature = "git")]
pub fn commit(root: &Path) -> Option<Commit> {
    let repository = git2::Repository::discover(root).ok()?;
    let id = repository
        .head()
        .ok()?
        .peel_to_commit()
        .ok()?
        .id()
        .to_string();
    let mut options = git2::StatusOptions::new();
    options.include_untracked(true).include_ignored(false);
    let dirty = match repository.statuses(Some(&mut options)) {
        Ok(statuses) => statuses.iter().any(|status| {
            // Our own lock is no change.
            let path = String::from_utf8_lossy(status.path_bytes());
            let name = path.rsplit('/').next().unwrap_or_default();
            !crate::file::is_own(name.as_ref())
        }),
        Err(_) => true,
    };
    Some(Commit { id, dirty })
}

/// Without the feature `git` no commit is known.
#[cfg(not(feature = "git"))]
pub fn commit(_: &Path) -> Option<Commit> {
    None
}
