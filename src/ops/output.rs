//! Files that a command leaves its results in.

use std::fs::OpenOptions;
use std::path::Path;

use crate::error::Error;

/// Whether a result can be written there, asked before there is one: what is there stays, and what is not is not made.
///
/// # Errors
/// It cannot.
pub(super) fn can_be_written(file: &Path) -> Result<(), Error> {
    let is_there = file.symlink_metadata().is_ok();
    OpenOptions::new().append(true).create(true).open(file).map_err(Error::not_written(file))?;
    if !is_there {
        // Left behind it would be no more than empty.
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}
