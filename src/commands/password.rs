//! Reads a new password.

use std::io::{IsTerminal, stdin};

use super::Failure;
use crate::accounts::Password;

/// Prompts twice at a terminal, without echo; otherwise reads one line from standard input.
pub(super) fn read() -> Result<Password, Failure> {
    if !stdin().is_terminal() {
        let mut line = String::new();
        let read = stdin()
            .read_line(&mut line)
            .map_err(|error| Failure::failed(format!("cannot read the password: {error}")))?;
        if read == 0 {
            return Err(Failure::usage("no password on standard input: write it as one line"));
        }
        return Ok(Password::new(line.trim_end_matches(['\r', '\n'])));
    }
    let prompt = |text| {
        rpassword::prompt_password(text).map_err(|error| Failure::failed(format!("cannot read the password: {error}")))
    };
    let (first, second) = (prompt("New password: ")?, prompt("Repeat the password: ")?);
    if first == second { Ok(Password::new(&first)) } else { Err(Failure::failed("the passwords do not match")) }
}
