//! Which step of a Dockerfile an executor is at, by what it says. Pure.
//!
//! It repeats each instruction that it comes to, and before each stage says what it unpacks its base image for (kaniko
//! v1.24.0 `pkg/executor/build.go`). Steps are counted as BuildKit counts them, from 1 in each stage with its `FROM`;
//! but all instructions are, as an executor goes through all.

use std::fmt;

use super::image::Family;
use super::phases::{is_instruction, phase_of};
use super::resolve::channel;
use crate::dockerfile::{self, Escape, Instruction, Stages};
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
    names: Vec<String>,
    lines: Vec<Vec<String>>,
    /// What each stage so far is unpacked for.
    built: Vec<String>,
    /// Which one it is at.
    stage: Option<usize>,
    /// Lines of the stage that are over.
    over: usize,
}

impl Steps {
    /// The steps of this Dockerfile. One that cannot be read has none, and its steps no place.
    pub fn of(text: &str) -> Self {
        let Ok(file) = dockerfile::parse(text) else { return Self::default() };
        let Ok(stages) = file.stages(channel(Family::Upstream)) else { return Self::default() };
        let name = |(index, stage): (usize, &dockerfile::Stage<'_>)| {
            stage.name.as_ref().map_or_else(|| format!("stage-{index}"), |name| name.text.clone())
        };
        Self {
            names: stages.stages.iter().enumerate().map(name).collect(),
            lines: lines(&stages, text, file.escape),
            ..Self::default()
        }
    }

    /// The step that it begins with this message, if it begins one.
    pub fn said(&mut self, message: &str) -> Option<Step> {
        let message = message.trim_end();
        if let Some(unpacked_for) = unpacked_for(message) {
            self.built.push(unpacked_for.to_owned());
            self.over = 0;
            self.stage = stage_that_is_built(&self.lines, &self.built);
            let from = self.stage.map(|stage| self.lines[stage][0].clone());
            return Some(self.step(from.as_deref().unwrap_or("FROM")));
        }
        if is_instruction(message) {
            return Some(self.step(message));
        }
        let text = match phase_of(message)? {
            Phase::Stage => "keep what later stages copy".to_owned(),
            Phase::Push => format!("push {}", message.trim_start_matches("Pushing image to ")),
            _ => return None,
        };
        Some(Step { place: None, text })
    }

    fn step(&mut self, text: &str) -> Step {
        let place = self.stage.and_then(|stage| {
            let lines = &self.lines[stage];
            let at = alike(lines, text).find(|at| *at >= self.over)?;
            self.over = at + 1;
            let name = (self.lines.len() > 1).then(|| self.names[stage].clone());
            Some(Place { stage: name, number: at + 1, of: lines.len() })
        });
        Step { place, text: words(text).collect::<Vec<_>>().join(" ") }
    }
}

/// An executor begins a stage, and says the first instruction that needs its base image unpacked; nothing if none does.
pub(super) fn unpacked_for(message: &str) -> Option<&str> {
    if message.starts_with("Skipping unpacking as no commands require it") {
        return Some("");
    }
    message.strip_prefix("Unpacking rootfs as cmd ")?.trim_end().strip_suffix(" requires it.")
}

/// The lines of each stage: its `FROM` and what follows, each instruction on one line as the log repeats it.
pub(super) fn lines(stages: &Stages<'_>, text: &str, escape: Escape) -> Vec<Vec<String>> {
    let line = |instruction: &Instruction| {
        let text = text.get(instruction.span.clone()).unwrap_or_default();
        let lines = text.lines().map(str::trim_end).filter(|line| !line.trim_start().starts_with('#'));
        lines.map(|line| line.strip_suffix(escape.character()).unwrap_or(line)).collect::<Vec<_>>().join(" ")
    };
    let of_stage = |stage: &dockerfile::Stage<'_>| {
        let steps = stage.steps.iter().map(|step| step.instruction);
        std::iter::once(stage.from).chain(steps).map(line).collect()
    };
    stages.stages.iter().map(of_stage).collect()
}

/// Which stage of a Dockerfile an executor is at, by what those that it has built so far were unpacked for. It numbers only
/// those that it builds, and may skip some.
pub(super) fn stage_that_is_built(lines: &[Vec<String>], built: &[String]) -> Option<usize> {
    let mut next = 0;
    for unpacked_for in built {
        let later = || next..lines.len();
        let has_it = |stage: &usize| unpacked_for.is_empty() || alike(&lines[*stage], unpacked_for).next().is_some();
        // What a base image brings is in no Dockerfile.
        next = later().find(has_it).or_else(|| later().next())? + 1;
    }
    next.checked_sub(1)
}

/// Places of the lines that are this one. Blanks do not tell instructions apart.
pub(super) fn alike<'a>(lines: &'a [String], wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    lines.iter().enumerate().filter(|(_, line)| words(line).eq(words(wanted))).map(|(at, _)| at)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
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
            "Unpacking rootfs as cmd RUN make     all requires it.",
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
            "Unpacking rootfs as cmd RUN a requires it.",
            "RUN a",
            "RUN a",
            "Saving file a for later use",
            "Deleting filesystem...",
            "Unpacking rootfs as cmd COPY --from=build /a / requires it.",
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
        let onbuild = "RUN of a base image's ONBUILD";
        let said = [&format!("Unpacking rootfs as cmd {onbuild} requires it."), onbuild, "RUN b"];
        let shown = |dockerfile| shown(dockerfile, &said);
        assert_eq!(shown("FROM x\nRUN b\n"), ["[1/2] FROM x", "RUN of a base image's ONBUILD", "[2/2] RUN b"]);
        assert_eq!(shown("nonsense"), ["FROM", "RUN of a base image's ONBUILD", "RUN b"]);
        let skipped = "Skipping unpacking as no commands require it.";
        assert_eq!(self::shown("FROM x\n", &[skipped, skipped]), ["[1/1] FROM x", "FROM"]);
    }

    #[test]
    fn a_stage_that_is_skipped_is_not_the_one_that_is_built() {
        let dockerfile = "FROM a AS unused\nRUN x\nFROM b AS empty\nFROM c AS used\nRUN y\nRUN x\n";
        let said =
            ["Building stage 'c' [idx: '0', base-idx: '-1']", "Unpacking rootfs as cmd RUN y requires it.", "RUN x"];
        assert_eq!(shown(dockerfile, &said), ["[used 1/3] FROM c AS used", "[used 3/3] RUN x"]);
    }
}
