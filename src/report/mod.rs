//! What a user sees: errors, progress, documents. Everything but results goes to standard error.

mod document;
mod human;
mod progress;
mod terminal;
mod why;

pub use document::{listing_json, listing_paths, metadata_json, write_stdout};
pub use human::{print_error, print_note};
pub use progress::{Progress, Style};
pub use terminal::sanitise;
pub use why::Answers;
