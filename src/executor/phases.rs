//! Which kind of work an executor is at, by what it says. Pure.
//!
//! Its messages are those of kaniko v1.24.0: `pkg/executor/build.go`, `pkg/executor/push.go`, `pkg/commands`,
//! `pkg/snapshot/snapshot.go`, `pkg/image`, `pkg/cache/cache.go`, `pkg/util/fs_util.go`. One that is not known belongs to
//! what it was at before.

use std::time::Duration;

use jiff::Timestamp;

use crate::dockerfile::Keyword;
use crate::timeline::Phase;

/// Messages that begin something, by how they begin.
const BEGINNINGS: &[(&str, Phase)] = &[
    ("Resolved base name ", Phase::Base),
    ("Retrieving image ", Phase::Base),
    ("Returning cached image manifest", Phase::Base),
    ("Base image from previous stage ", Phase::Base),
    ("Executing ", Phase::Base),
    ("Building stage ", Phase::Base),
    ("Unpacking rootfs ", Phase::Base),
    ("Checking for cached layer ", Phase::Cache),
    ("Found cached layer, extracting", Phase::Cache),
    ("Initializing snapshotter", Phase::Snapshot),
    ("Taking snapshot of ", Phase::Snapshot),
    ("Saving file ", Phase::Stage),
    ("Storing source image ", Phase::Stage),
    ("Deleting filesystem", Phase::Stage),
    ("Pushing image to ", Phase::Push),
];

/// Said once it goes on with a `RUN` whose snapshot of before it has just taken.
const RESUMES: &str = "Cmd: /";

/// Said from the side, while the next instruction may run already; the stage's end waits for it.
const CACHES: &str = "Pushing layer ";

/// Something began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// When, by the node's clock.
    pub at: Timestamp,
    /// Which kind of work.
    pub phase: Phase,
    /// The instruction that it is.
    pub instruction: Option<Instruction>,
}

/// An instruction that the executor came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Which one it is, from 1.
    pub number: usize,
    /// Its text.
    pub text: String,
}

/// What it was at, and since when.
#[derive(Debug, Clone, Default)]
pub struct Phases {
    begins: Vec<Begin>,
    /// The instruction it came to last.
    step: Option<Instruction>,
    /// When the git server was ready to send, and when it had sent all.
    sends: Option<Timestamp>,
    sent: Option<Timestamp>,
}

impl Phases {
    /// It said this, at that time of its node.
    pub fn said(&mut self, at: Timestamp, message: &str) {
        let current = self.begins.last().map(|begin| begin.phase);
        if is_instruction(message) {
            let number = 1 + self.step.as_ref().map_or(0, |step| step.number);
            self.step = Some(Instruction { number, text: message.trim_end().to_owned() });
            self.begin(at, Phase::Step);
        } else if message.starts_with(RESUMES) && current == Some(Phase::Snapshot) {
            self.begin(at, Phase::Step);
        } else if message.starts_with(CACHES) && current == Some(Phase::Snapshot) {
            self.begin(at, Phase::Cache);
        } else if let Some(phase) = phase_of(message) {
            self.begin(at, phase);
        }
    }

    /// A line that is not its own came. What a git server says of a clone, git prints before and after it sends objects
    /// (git v2.39 `builtin/pack-objects.c`), and the executor hands on.
    pub fn put_out(&mut self, at: Timestamp, line: &[u8]) {
        let line = line.rsplit(|byte| *byte == b'\r').find(|part| !part.is_empty()).unwrap_or_default();
        let is_first = |words: &str| line.starts_with(words.as_bytes());
        if !self.begins.is_empty() || self.sent.is_some() {
            return;
        }
        if ["Enumerating objects: ", "Counting objects: ", "Compressing objects: "].into_iter().any(is_first) {
            self.sends = Some(at);
        } else if is_first("Total ") {
            self.sent = Some(at);
        }
    }

    /// How long a git server sent objects, if it told.
    pub fn fetched(&self) -> Option<Duration> {
        let took = self.sent?.duration_since(self.sends?);
        took.try_into().ok()
    }

    fn begin(&mut self, at: Timestamp, phase: Phase) {
        let instruction = self.step.clone().filter(|_| phase == Phase::Step);
        self.begins.push(Begin { at, phase, instruction });
    }

    /// What began, in its order.
    pub fn begins(&self) -> &[Begin] {
        &self.begins
    }
}

/// What begins with this message, if something does that is no instruction.
pub(super) fn phase_of(message: &str) -> Option<Phase> {
    BEGINNINGS.iter().find(|(words, _)| message.starts_with(words)).map(|(_, phase)| *phase)
}

/// It repeats each instruction that it comes to.
pub(super) fn is_instruction(message: &str) -> bool {
    message.split_once(' ').is_some_and(|(word, _)| Keyword::ALL.iter().any(|keyword| keyword.name() == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(messages: &[&str]) -> Vec<(i64, Phase, Option<String>)> {
        let mut phases = Phases::default();
        for (second, message) in (0..).zip(messages) {
            phases.said(Timestamp::from_second(second).unwrap(), message);
        }
        let begins = phases.begins().iter().map(|begin| {
            let instruction = begin.instruction.as_ref().map(|step| format!("{} {}", step.number, step.text));
            (begin.at.as_second(), begin.phase, instruction)
        });
        begins.collect()
    }

    #[test]
    fn a_git_server_tells_when_it_begins_to_send_and_when_it_has_sent_all() {
        let mut phases = Phases::default();
        for (second, line) in [
            (1, "Enumerating objects: 5, done."),
            (2, "Counting objects:  20% (1/5)\rCounting objects: 100% (5/5), done."),
            (3, "Compressing objects: 100% (2/2), done.\r"),
            (9, "Total 5 (delta 0), reused 0 (delta 0), pack-reused 0"),
            (10, "Total 7 of somebody else"),
        ] {
            phases.put_out(Timestamp::from_second(second).unwrap(), line.as_bytes());
        }
        assert_eq!(phases.fetched(), Some(Duration::from_secs(6)));
        let mut silent = Phases::default();
        silent.said(Timestamp::UNIX_EPOCH, "Retrieving image manifest x");
        silent.put_out(Timestamp::UNIX_EPOCH, b"Counting objects: 1, done.");
        assert_eq!(silent.fetched(), None, "a program's words");
    }

    /// The log of a build of two stages with kaniko v1.24.0, in short.
    #[test]
    fn each_message_belongs_to_what_began_before_it() {
        let make = Some("1 RUN make".to_owned());
        assert_eq!(
            phases(&[
                "Resolved base name busybox to build",
                "Built cross stage deps: map[0:[/out]]",
                "Unpacking rootfs as cmd RUN make requires it.",
                "RUN make",
                "Initializing snapshotter ...",
                "Taking snapshot of full filesystem...",
                "Cmd: /bin/sh",
                "Args: [-c make]",
                "Running: [/bin/sh -c make]",
                "Taking snapshot of full filesystem...",
                "Pushing layer r/cache:1 to cache now",
                "WORKDIR /a ",
                "Cmd: workdir",
                "Pushing layer r/cache:2 to cache now",
                "Saving file out for later use",
                "Deleting filesystem...",
                "Pushing image to r/app",
                "Pushed r/app@sha256:1",
            ]),
            [
                (0, Phase::Base, None),
                (2, Phase::Base, None),
                (3, Phase::Step, make.clone()),
                (4, Phase::Snapshot, None),
                (5, Phase::Snapshot, None),
                (6, Phase::Step, make),
                (9, Phase::Snapshot, None),
                (10, Phase::Cache, None),
                (11, Phase::Step, Some("2 WORKDIR /a".to_owned())),
                (14, Phase::Stage, None),
                (15, Phase::Stage, None),
                (16, Phase::Push, None),
            ]
        );
    }
}
