//! `man`: pages of the manual, one to standard output or all into a directory.

use std::path::Path;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::error::{Error, UsageError};
use crate::report;

/// Prints the page of a command, which is named by its words; without any it is the tool's.
///
/// # Errors
/// There is no such command, or standard output cannot be written.
pub fn man(words: &[String]) -> Result<(), Error> {
    let tool = Cli::command();
    let name = std::iter::once(tool.get_name()).chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    let pages = report::man_pages(tool);
    let page = pages.iter().find(|page| page.name == name);
    let page = page.ok_or_else(|| UsageError::NoCommand { typed: words.join(" ") })?;
    report::write_stdout(page.text.as_bytes())
}

/// Writes all pages into a directory, which is made if there is none.
///
/// # Errors
/// They cannot be written.
pub fn man_to_directory(directory: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(directory).map_err(Error::not_written(directory))?;
    for page in report::man_pages(Cli::command()) {
        let path = directory.join(page.file_name());
        std::fs::write(&path, page.text).map_err(Error::not_written(&path))?;
    }
    Ok(())
}
