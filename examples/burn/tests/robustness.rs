//! The harness, with the burn model under the name that the spec has for it.

mod model;

fn main() -> std::process::ExitCode {
    steadfast::harness().model("digits", model::open).run()
}
