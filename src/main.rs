//! The `keyrack` program: settings, then the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyrack::commands::main()
}
