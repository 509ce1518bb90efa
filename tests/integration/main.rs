//! Tests of the binary as users have it: as a process, and against a real cluster with the real executor.
//!
//! The cluster's tests are `#[ignore]`d so that `cargo test` runs anywhere; `scripts/test` brings the cluster up and
//! runs them all.

#![expect(clippy::disallowed_methods, reason = "tests make trees and run programs")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![expect(unreachable_pub, reason = "the support modules are this crate's own library")]

mod archive;
mod asked;
mod cluster;
mod compare;
mod completions;
mod cuts;
mod differential;
mod dockerfile;
mod documents;
mod examples;
mod explain;
mod faults;
mod fidelity;
mod git;
mod healthy;
mod kubectl;
mod man;
mod nodefaults;
mod plain;
mod pod;
mod podfaults;
mod process;
mod progress;
mod refusals;
mod repair;
mod sarif;
mod scenario;
mod settings;
mod support;
mod terminal;
mod tls_registry;
mod transports;
mod troubleshooting;
mod watch;
mod why;
