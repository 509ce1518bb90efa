//! The node of the test cluster, to be struck with `scripts/cluster`. Whoever strikes it has to be alone with it.

use std::cell::Cell;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What waits longer and longer between its attempts to reach an API server that is away.
const CLIENTS: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "kubelet"];

/// The one node. When it goes, its link is as it was, and nothing waits for an API server that is back.
pub struct Node {
    _alone: MutexGuard<'static, ()>,
    api_server_was_away: Cell<bool>,
}

static ONE: Mutex<()> = Mutex::new(());

impl Node {
    /// Waits until no other test has it.
    pub fn take() -> Self {
        let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { _alone, api_server_was_away: Cell::new(false) }
    }

    /// Kills a part, starts it again after so many seconds, and returns when it is ready.
    #[track_caller]
    pub fn restart(&self, part: &str, seconds: u32) {
        self.note(part);
        scripts_cluster(&["restart", part, "--after", &seconds.to_string()]);
    }

    /// Lets a part hang for so many seconds.
    #[track_caller]
    pub fn pause(&self, part: &str, seconds: u32) {
        self.note(part);
        scripts_cluster(&["pause", part, &seconds.to_string()]);
    }

    fn note(&self, part: &str) {
        if part == "kube-apiserver" {
            self.api_server_was_away.set(true);
        }
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
        let clients = if self.api_server_was_away.get() { &CLIENTS[..] } else { &[] };
        let restarts = clients.iter().map(|client| vec!["restart", client]);
        for arguments in std::iter::once(vec!["link", "up"]).chain(restarts) {
            let output = call(&arguments);
            // A test that has failed already has said why.
            assert!(output.status.success() || std::thread::panicking(), "{output:?}");
        }
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
