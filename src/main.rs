//! The `keyrack` program: settings, then the command.

use std::process::ExitCode;

/// A request takes and gives back some hundred pieces of memory. This allocator does that faster than most that come with a
/// system, and a lot faster than some.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keyrack::commands::main()
}
