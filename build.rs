//! Hands facts of the build to the crate: the optimisation that inference will
//! run with, and the target that is part of the environment's fingerprint.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["OPT_LEVEL", "TARGET"] {
        let value = std::env::var(name).unwrap_or_else(|_| "unknown".to_owned());
        println!("cargo::rustc-env=BUILT_WITH_{name}={value}");
    }
}
