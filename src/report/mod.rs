//! What a user sees: errors, progress, documents. Everything but results goes to standard error.

mod comparison;
mod document;
mod human;
mod listing;
mod man;
mod progress;
mod sarif;
mod terminal;
mod why;

pub use comparison::{comparison_json, comparison_page, comparison_text};
pub use document::{check_json, explain_json, metadata_json, write_stdout, write_stdout_coloured};
pub use human::{
    advice_text, error_text, explained_text, finding_text, print_advice, print_count, print_error, print_finding,
    print_note, print_special, print_totals, set_program,
};
pub use listing::{listing_json, write_left_out, write_listing};
pub use man::man_pages;
pub use progress::{Ending, Events, LogForm, Progress, Style, Ticker, Verbose, finished};
pub use sarif::check_sarif;
pub use terminal::sanitise;
pub use why::Answers;
