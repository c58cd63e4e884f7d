//! The `keyrack` program.

use std::process::ExitCode;

/// A request makes some hundred allocations. mimalloc is faster than most system allocators, and much faster than some.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keyrack::commands::main()
}
