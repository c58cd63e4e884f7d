//! Turns the words of the pages (`locales/*.ftl`) into Rust, one method per message.
//!
//! A message that a language lacks, one that English lacks, or other arguments fail the build.

mod catalog;
mod languages;
mod pattern;
mod pseudo;
mod rust_code;

use std::{env, fs, path::Path, process::ExitCode};

use catalog::Catalog;
use languages::LANGUAGES;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=locales");
    println!("cargo::rerun-if-changed=build");
    let root = env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it");
    let target = env::var("OUT_DIR").expect("Cargo sets it");
    let files = LANGUAGES.map(|language| {
        let name = format!("locales/{}.ftl", language.code);
        let text = fs::read_to_string(Path::new(&root).join(&name));
        (name, text.unwrap_or_default())
    });
    match Catalog::read(&files) {
        Ok(catalog) => {
            fs::write(Path::new(&target).join("words.rs"), rust_code::write(&catalog)).expect("OUT_DIR is writable");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for problem in problems {
                println!("cargo::error={problem}");
            }
            ExitCode::FAILURE
        }
    }
}
