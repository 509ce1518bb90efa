//! What the commands do: the order of steps, no rules of their own.

#[expect(clippy::disallowed_methods, reason = "edge: writes --metadata-file")]
mod build;
#[expect(clippy::disallowed_methods, reason = "edge: writes the archive of `context pack`")]
mod context;
mod manifest;
mod sent;
mod signals;
mod why;

pub use build::build;
pub use context::{list, pack};
pub use manifest::{ManifestForm, manifest};
pub use why::{WhyForm, why};
