//! The node of the test cluster, to be struck with `scripts/cluster`. Whoever strikes it has to be alone with it.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The one node. When it goes, its link is as it was.
pub struct Node(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

static ONE: Mutex<()> = Mutex::new(());

impl Node {
    /// Waits until no other test has it.
    pub fn take() -> Self {
        Self(ONE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Kills a part, starts it again after so many seconds, and returns when it is ready.
    #[track_caller]
    pub fn restart(&self, part: &str, seconds: u32) {
        scripts_cluster(&["restart", part, "--after", &seconds.to_string()]);
    }

    /// Lets a part hang for so many seconds.
    #[track_caller]
    pub fn pause(&self, part: &str, seconds: u32) {
        scripts_cluster(&["pause", part, &seconds.to_string()]);
    }

    /// From now on this machine sends to it no more than so many Mbit/s.
    #[track_caller]
    pub fn slow_link(&self, megabits: u32) {
        scripts_cluster(&["link", "slow", &megabits.to_string()]);
    }

    #[track_caller]
    pub fn unplug(&self) {
        scripts_cluster(&["link", "down"]);
    }

    #[track_caller]
    pub fn unplug_for(&self, seconds: u32) {
        scripts_cluster(&["link", "down", &seconds.to_string()]);
    }

    /// The link is up and as fast as ever.
    #[track_caller]
    pub fn plug_in(&self) {
        scripts_cluster(&["link", "up"]);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let output = call(&["link", "up"]);
        // A test that has failed already has said why.
        assert!(output.status.success() || std::thread::panicking(), "{output:?}");
    }
}

#[track_caller]
fn scripts_cluster(arguments: &[&str]) {
    let output = call(arguments);
    assert!(output.status.success(), "scripts/cluster {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn call(arguments: &[&str]) -> std::process::Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster");
    Command::new(script).args(arguments).output().expect("scripts/cluster can be run")
}
