//! What the tests share: trees to build from, the binary to run, a cluster to run it against, images to look into.

use std::time::{Duration, Instant};

pub mod buildkit;
pub mod cluster;
pub mod dockerfiles;
pub mod double;
pub mod executor;
pub mod git_server;
pub mod image;
pub mod node;
pub mod oracle;
pub mod proxy;
pub mod random;
pub mod screen;
pub mod tool;
pub mod tree;

/// Waits until it holds, for a minute.
#[track_caller]
pub fn wait_for(what: &str, holds: impl FnMut() -> bool) {
    wait_at_most(Duration::from_secs(60), what, holds);
}

/// Waits until it holds.
#[track_caller]
pub fn wait_at_most(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
