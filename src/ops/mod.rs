//! What the commands do: the order of steps, no rules of their own.

#[expect(clippy::disallowed_methods, reason = "edge: reads config.json and certificates")]
mod access;
#[expect(clippy::disallowed_methods, reason = "edge: writes --metadata-file")]
mod build;
mod check;
#[expect(clippy::disallowed_methods, reason = "edge: writes the comparison")]
mod compare;
mod completions;
#[expect(clippy::disallowed_methods, reason = "edge: reads a log")]
mod explain;
mod fidelity;
mod list;
#[expect(clippy::disallowed_methods, reason = "edge: writes the manual")]
mod man;
mod manifest;
mod memory;
#[expect(clippy::disallowed_methods, reason = "edge: tries to open a file for writing")]
mod output;
#[expect(clippy::disallowed_methods, reason = "edge: writes the archive")]
mod pack;
mod plain;
mod preflight;
mod refusals;
mod repair;
mod run;
mod sent;
mod signals;
mod sources;
mod steps;
mod timing;
mod watch;
mod why;

pub use build::build;
pub use check::check;
pub use compare::compare;
pub use completions::completions;
pub use explain::explain;
pub use list::list;
pub use man::{man, man_to_directory};
pub use manifest::{ManifestForm, manifest};
pub use pack::{pack_to_file, pack_to_stdout};
pub use refusals::refusals;
pub use watch::watch;
pub use why::{WhyForm, why};
