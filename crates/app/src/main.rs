//! The `factotum` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(factotum::cli::main())
}
