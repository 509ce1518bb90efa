//! Findings: what is wrong, or may be, as data. Pure.

mod finding;
pub mod manifest;
mod tree;

pub use finding::{Finding, Place, Severity, Span};
