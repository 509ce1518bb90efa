//! `completions`: the lines that a shell runs to complete. They call the tool for each word, so they never are out of date.

use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::Shell;
use crate::error::Error;
use crate::report;

const NAME: &str = "kaniko-local";
/// With which the shell calls the tool.
const VARIABLE: &str = "COMPLETE";

/// Prints them.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(shell: Shell) -> Result<(), Error> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Powershell => &Powershell,
    };
    let mut script = vec![];
    let written = completer.write_registration(VARIABLE, NAME, NAME, NAME, &mut script);
    written.map_err(|source| Error::Output { what: "the completions".to_owned(), source })?;
    report::write_stdout(&script)
}
