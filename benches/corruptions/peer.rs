//! Their side: `peers/corruptions.py`, one corruption a run.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The corruptions of imagecorruptions.
pub const NAMES: [&str; 19] = [
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "gaussian_blur",
    "snow",
    "frost",
    "fog",
    "spatter",
    "brightness",
    "contrast",
    "saturate",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
];

/// What albumentations has that is near, at about severity 3.
const NEAR: [(&str, &str); 16] = [
    ("gaussian_noise", "GaussNoise"),
    ("shot_noise", "ShotNoise"),
    ("impulse_noise", "SaltAndPepper"),
    ("gaussian_blur", "GaussianBlur"),
    ("defocus_blur", "Defocus"),
    ("glass_blur", "GlassBlur"),
    ("motion_blur", "MotionBlur"),
    ("zoom_blur", "ZoomBlur"),
    ("fog", "RandomFog"),
    ("snow", "RandomSnow"),
    ("spatter", "Spatter"),
    ("brightness", "RandomBrightness"),
    ("contrast", "RandomContrast"),
    ("elastic_transform", "ElasticTransform"),
    ("pixelate", "Downscale"),
    ("jpeg_compression", "ImageCompression"),
];

/// How the peer is run.
pub struct Peer {
    /// An interpreter with the packages.
    pub python: PathBuf,
    /// `corruptions.py`.
    pub script: PathBuf,
    /// The folder of the photos.
    pub photos: PathBuf,
    /// Their sizes.
    pub sizes: Vec<usize>,
    /// Seconds a cell.
    pub budget: f64,
}

/// What the script prints of one library.
#[derive(Default)]
pub struct Rates {
    /// Images a second by size and name.
    rates: Value,
    /// The share of the machine that others used just before.
    pub busy: f64,
}

impl Rates {
    /// The five severities of a corruption, in seconds a call.
    pub fn of(&self, size: usize, name: &str) -> Option<[f64; 5]> {
        let row = self.rates.get(size.to_string())?.get(name)?.as_array()?;
        let seconds: Vec<f64> = row
            .iter()
            .filter_map(|rate| Some(1.0 / rate.as_f64()?))
            .collect();
        seconds.try_into().ok()
    }

    /// Images a second of what albumentations has that is near to a corruption.
    pub fn near(&self, size: usize, name: &str) -> Option<f64> {
        let (_, near) = NEAR.iter().find(|(ours, _)| *ours == name)?;
        self.rates.get(size.to_string())?.get(near)?.as_f64()
    }
}

impl Peer {
    /// One corruption of imagecorruptions.
    pub fn imagecorruptions(&self, name: &str) -> Result<Rates, String> {
        self.run(
            "imagecorruptions",
            &["--only", name, "--skip-albumentations"],
        )
    }

    /// All of albumentations.
    pub fn albumentations(&self) -> Result<Rates, String> {
        self.run("albumentations", &["--only", "contrast"])
    }

    fn run(&self, library: &str, more: &[&str]) -> Result<Rates, String> {
        let sizes = self.sizes.iter().map(usize::to_string);
        let output = Command::new(&self.python)
            .arg(&self.script)
            .arg("--skip-augly")
            .args(more)
            .args(["--budget", &self.budget.to_string(), "--sizes"])
            .args(sizes)
            .env("PEERS_ASSETS", &self.photos)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("{}: {error}", self.python.display()))?;
        if !output.status.success() {
            return Err(format!("{} failed", self.script.display()));
        }
        let report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{}: {error}", self.script.display()))?;
        Ok(Rates {
            rates: report["results"][library].clone(),
            busy: report["env"]["busy_before"].as_f64().unwrap_or(0.0),
        })
    }
}
