//! The example suite, as a user would write it: every spec of
//! `robustness-specs/` against its baseline.

fn main() -> std::process::ExitCode {
    steadfast::harness().run()
}
