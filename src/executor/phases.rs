//! Which kind of work an executor is at, by what it says. Pure.
//!
//! Its messages are those of kaniko v1.24.0: `pkg/executor/build.go`, `pkg/executor/push.go`, `pkg/commands`,
//! `pkg/snapshot/snapshot.go`, `pkg/image`, `pkg/cache/cache.go`, `pkg/util/fs_util.go`. One that is not known belongs to
//! what it was at before.

use jiff::Timestamp;

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

/// Keywords of instructions that take time; others it repeats as well.
const INSTRUCTIONS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What it was at, and since when.
#[derive(Debug, Clone, Default)]
pub struct Phases {
    begins: Vec<(Timestamp, Phase, Option<String>)>,
    /// The instruction it came to last.
    step: Option<String>,
}

impl Phases {
    /// It said this, at that time of its node.
    pub fn said(&mut self, at: Timestamp, message: &str) {
        let current = self.begins.last().map(|(_, phase, _)| *phase);
        if is_instruction(message) {
            self.step = Some(message.trim_end().to_owned());
            self.begin(at, Phase::Step);
        } else if message.starts_with(RESUMES) && current == Some(Phase::Snapshot) {
            self.begin(at, Phase::Step);
        } else if message.starts_with(CACHES) && current == Some(Phase::Snapshot) {
            self.begin(at, Phase::Cache);
        } else if let Some((_, phase)) = BEGINNINGS.iter().find(|(words, _)| message.starts_with(words)) {
            self.begin(at, *phase);
        }
    }

    fn begin(&mut self, at: Timestamp, phase: Phase) {
        let name = self.step.clone().filter(|_| phase == Phase::Step);
        self.begins.push((at, phase, name));
    }

    /// What began when, with the instruction that it is.
    pub fn begins(&self) -> impl Iterator<Item = (Timestamp, Phase, Option<&str>)> {
        self.begins.iter().map(|(at, phase, name)| (*at, *phase, name.as_deref()))
    }
}

fn is_instruction(message: &str) -> bool {
    message.split_once(' ').is_some_and(|(keyword, _)| INSTRUCTIONS.contains(&keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(messages: &[&str]) -> Vec<(i64, Phase, Option<String>)> {
        let mut phases = Phases::default();
        for (second, message) in (0..).zip(messages) {
            phases.said(Timestamp::from_second(second).unwrap(), message);
        }
        phases.begins().map(|(at, phase, name)| (at.as_second(), phase, name.map(str::to_owned))).collect()
    }

    /// The log of a build of two stages with kaniko v1.24.0, in short.
    #[test]
    fn each_message_belongs_to_what_began_before_it() {
        let make = Some("RUN make".to_owned());
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
                (11, Phase::Step, Some("WORKDIR /a".to_owned())),
                (14, Phase::Stage, None),
                (15, Phase::Stage, None),
                (16, Phase::Push, None),
            ]
        );
    }
}
