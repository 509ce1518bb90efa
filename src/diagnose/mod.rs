//! Findings: what is wrong, or may be, as data. Pure.

mod explains;
pub mod facts;
pub mod fidelity;
mod finding;
pub mod manifest;
pub mod memory;
mod near;
pub mod post_mortem;
pub mod rules;
pub mod sources;
mod tree;

pub(crate) use finding::without_secrets;
pub use finding::{Finding, Place, Severity, Span};
