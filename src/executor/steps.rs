//! Which step of a Dockerfile an executor is at, by what it says. Pure.
//!
//! It repeats each instruction that it comes to, and tells stages by their place in the Dockerfile (kaniko v1.24.0
//! `pkg/executor/build.go`). Steps are counted as BuildKit counts them, from 1 in each stage with its `FROM`; but all
//! instructions are, as an executor goes through all.

use std::fmt;

use super::image::Family;
use super::log::{on_one_line, stage_index, words};
use super::phases::{is_instruction, phase_of};
use super::resolve::channel;
use crate::dockerfile::{self, Stages};
use crate::timeline::Phase;

/// Something that an executor is at, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it is in the Dockerfile; none for what is not in there, such as an instruction that a base image brings.
    pub place: Option<Place>,
    /// The instruction as the executor repeats it, or what else is done.
    pub text: String,
}

/// Where in its Dockerfile a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The stage's name, or `stage-1`; none if there is only one.
    pub stage: Option<String>,
    /// From 1.
    pub number: usize,
    /// How many there are in the stage.
    pub of: usize,
}

impl fmt::Display for Step {
    /// `[2/7] RUN make`, `[build 2/4] RUN make`.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(Place { stage: Some(stage), number, of }) => write!(to, "[{stage} {number}/{of}] {}", self.text),
            Some(Place { stage: None, number, of }) => write!(to, "[{number}/{of}] {}", self.text),
            None => self.text.fmt(to),
        }
    }
}

/// The steps of a Dockerfile, and which one an executor is at.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    stages: Vec<Stage>,
    stage: usize,
    /// Steps of the stage that are over.
    over: usize,
}

#[derive(Debug, Clone)]
struct Stage {
    name: String,
    /// Its instructions, each on one line; `FROM` is the first.
    steps: Vec<String>,
}

impl Steps {
    /// The steps of this Dockerfile. One that cannot be read has none, and its steps no place.
    pub fn of(text: &str) -> Self {
        let Ok(file) = dockerfile::parse(text) else { return Self::default() };
        let escape = file.escape.character();
        let line = |span: std::ops::Range<usize>| on_one_line(text.get(span).unwrap_or_default(), escape);
        let Ok(Stages { stages, .. }) = file.stages(channel(Family::Upstream)) else { return Self::default() };
        let stage = |(index, stage): (usize, &dockerfile::Stage<'_>)| Stage {
            name: stage.name.as_ref().map_or_else(|| format!("stage-{index}"), |name| name.text.clone()),
            steps: std::iter::once(stage.from)
                .chain(stage.steps.iter().map(|step| step.instruction))
                .map(|instruction| line(instruction.span.clone()))
                .collect(),
        };
        Self { stages: stages.iter().enumerate().map(stage).collect(), stage: 0, over: 0 }
    }

    /// The step that it begins with this message, if it begins one.
    pub fn said(&mut self, message: &str) -> Option<Step> {
        if let Some(stage) = message.strip_prefix("Building stage ").and_then(stage_index) {
            (self.stage, self.over) = (stage, 0);
            let from = self.stages.get(stage).and_then(|stage| stage.steps.first()).cloned();
            return Some(self.step(from.unwrap_or_else(|| "FROM".to_owned())));
        }
        let message = message.trim_end();
        if is_instruction(message) {
            return Some(self.step(message.to_owned()));
        }
        let text = match phase_of(message)? {
            Phase::Stage => "keep what later stages copy".to_owned(),
            Phase::Push => format!("push {}", message.trim_start_matches("Pushing image to ")),
            _ => return None,
        };
        Some(Step { place: None, text })
    }

    fn step(&mut self, text: String) -> Step {
        let place = self.stages.get(self.stage).and_then(|stage| {
            let wanted = words(&text);
            let at = (self.over..stage.steps.len()).find(|at| words(&stage.steps[*at]) == wanted)?;
            self.over = at + 1;
            let name = (self.stages.len() > 1).then(|| stage.name.clone());
            Some(Place { stage: name, number: at + 1, of: stage.steps.len() })
        });
        Step { place, text: words(&text).join(" ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(dockerfile: &str, messages: &[&str]) -> Vec<String> {
        let mut steps = Steps::of(dockerfile);
        messages.iter().filter_map(|message| steps.said(message)).map(|step| step.to_string()).collect()
    }

    #[test]
    fn steps_are_counted_in_their_stage_with_its_from() {
        let dockerfile = "FROM busybox\nENV A=b\nRUN make \\\n  # why\n  all\n";
        let said = [
            "Retrieving image manifest busybox",
            "Building stage 'busybox' [idx: '0', base-idx: '-1']",
            "Unpacking rootfs as cmd RUN make all requires it.",
            "ENV A=b",
            "RUN make     all",
            "Taking snapshot of full filesystem...",
            "Pushing image to r/app",
        ];
        assert_eq!(
            shown(dockerfile, &said),
            ["[1/3] FROM busybox", "[2/3] ENV A=b", "[3/3] RUN make all", "push r/app"]
        );
    }

    #[test]
    fn steps_of_several_stages_say_which() {
        let dockerfile = "FROM maven AS build\nRUN a\nRUN a\nFROM scratch\nCOPY --from=build /a /\n";
        let said = [
            "Building stage 'maven' [idx: '0', base-idx: '-1']",
            "RUN a",
            "RUN a",
            "Saving file a for later use",
            "Deleting filesystem...",
            "Building stage 'scratch' [idx: '1', base-idx: '-1']",
            "COPY --from=build /a /",
        ];
        assert_eq!(
            shown(dockerfile, &said),
            [
                "[build 1/3] FROM maven AS build",
                "[build 2/3] RUN a",
                "[build 3/3] RUN a",
                "keep what later stages copy",
                "keep what later stages copy",
                "[stage-1 1/2] FROM scratch",
                "[stage-1 2/2] COPY --from=build /a /",
            ]
        );
    }

    #[test]
    fn what_is_not_in_the_dockerfile_has_no_place() {
        let said = ["Building stage 'x' [idx: '0', base-idx: '-1']", "RUN of a base image's ONBUILD", "RUN b"];
        let shown = |dockerfile| shown(dockerfile, &said);
        assert_eq!(shown("FROM x\nRUN b\n"), ["[1/2] FROM x", "RUN of a base image's ONBUILD", "[2/2] RUN b"]);
        assert_eq!(shown("nonsense"), ["FROM", "RUN of a base image's ONBUILD", "RUN b"]);
        assert_eq!(Steps::of("FROM x\n").said("Building stage 'x' [idx: '9']").unwrap().to_string(), "FROM");
    }
}
