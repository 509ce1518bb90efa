//! From the Dockerfile to the last `COPY` and `ADD` from the context, stage by stage: kaniko v1.24.0
//! `pkg/executor/build.go` (`DoBuild`).

use std::ops::Range;

use super::copies::{self, Copied};
use super::plan::{Build, Dependencies, Plan, parsing};
use super::snapshot::{self, Ignored};
use super::stage::{Disk, Left, State, Trouble};
use super::variables::BuildArguments;
use super::{BuiltStages, Made, Stop, Unknown, save};
use crate::dockerfile::{self, Origin};
use crate::executor::files::{Follow, Kind, Pod};
use crate::gopath;

/// What is told of a build on its way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What each `COPY` and `ADD` from the context did.
    pub copied: Vec<Copied>,
    /// The instruction that it fails at.
    pub failed_at: Option<Range<usize>>,
    /// The stages that are built.
    pub stages: Option<BuiltStages>,
}

/// Follows a build; what is copied is told as it is copied, and the image at the end if it comes so far.
pub(super) fn build(build: &Build, pod: &mut Pod, seen: &mut Seen) -> Result<Option<Made>, Stop> {
    let file = dockerfile::parse(build.text).map_err(parsing)?;
    let plan = Plan::of(build, &file, pod)?;
    seen.stages = Some(plan.told());
    let taken = plan.dependencies()?;
    let mut building = Building {
        plan: &plan,
        taken,
        ignored: snapshot::ignored(build.mounts, build.flags.text("ignore-var-run", "true") != "false"),
        arguments: plan.arguments.clone(),
        disk: Disk { pod, ignored: vec![], volumes: vec![] },
        left: vec![None; plan.stages.stages.len()],
        copied: vec![],
        failure: None,
    };
    let end = plan.built.iter().try_for_each(|index| building.stage(*index));
    seen.copied = building.copied;
    match (building.failure, end) {
        (Some((why, at)), _) => {
            seen.failed_at = Some(at);
            Err(Stop::Building(why))
        }
        (None, Err(unknown)) => Err(Stop::Unknown(unknown)),
        (None, Ok(())) => Ok(building.left.swap_remove(plan.target).map(|left| left.made)),
    }
}

/// A build on its way.
struct Building<'a, 'd, 'p, 'f> {
    plan: &'a Plan<'a, 'd>,
    taken: Dependencies,
    /// What the executor leaves alone in every stage.
    ignored: Vec<Ignored>,
    arguments: BuildArguments,
    disk: Disk<'p, 'f>,
    /// What each stage that is done has left.
    left: Vec<Option<Left<'d>>>,
    copied: Vec<Copied>,
    /// Why it fails, and the first instruction that it fails at.
    failure: Option<(String, Range<usize>)>,
}

impl<'d> Building<'_, 'd, '_, '_> {
    /// Builds a stage. One that fails ends the build, but the sources of those that follow are looked for all the same.
    fn stage(&mut self, index: usize) -> Result<(), Unknown> {
        let stage = &self.plan.stages.stages[index];
        let here = self.base(index);
        self.lay_out(index, &here);
        let first_copied = self.copied.len();
        let mut state = State {
            plan: self.plan,
            index,
            arguments: &mut self.arguments,
            here,
            left: &self.left,
            copied: &mut self.copied,
            at: stage.from.span.clone(),
            failure: None,
        };
        let end = state.stage(stage, &mut self.disk);
        let (here, at) = (state.here, state.at);
        match end {
            Ok(()) => {}
            Err(Trouble::Words(why)) => self.fails(format!("error building stage: {why}"), at),
            Err(Trouble::Unknown(unknown)) => return Err(unknown),
        }
        let all_known = here.all_known && index == self.plan.target;
        for link in self.copied[first_copied..].iter_mut().flat_map(|copied| &mut copied.taken.links) {
            copies::look_behind(link, all_known, self.disk.pod);
        }
        if index != self.plan.target {
            self.save(index, &here)?;
            delete_below(b"/", &mut self.disk);
        }
        self.left[index] = Some(here);
        Ok(())
    }

    fn fails(&mut self, why: String, at: Range<usize>) {
        self.failure.get_or_insert((why, at));
    }

    /// What a stage builds on.
    fn base(&self, index: usize) -> Left<'d> {
        match self.plan.stages.base(index, &self.plan.bases[index]) {
            Origin::Stage(base) => Left { has_run: false, ..self.left[base].clone().unwrap_or_default() },
            Origin::Image(name) => Left::of_image(name == "scratch"),
        }
    }

    /// Lays out what a stage builds on, if it is asked for.
    fn lay_out(&mut self, index: usize, base: &Left) {
        // What one stage made a volume is none to the next.
        self.disk.ignored.clone_from(&self.ignored);
        if self.plan.is_unpacked(index, &self.taken) {
            self.disk.volumes.clear();
            snapshot::unpack(&base.made.rootfs, &self.disk.ignored, self.plan.build.root, self.disk.pod);
        }
    }

    /// Keeps what later stages take of a stage.
    fn save(&mut self, index: usize, here: &Left) -> Result<(), Unknown> {
        let patterns = self.taken.get(&index).map_or(&[][..], Vec::as_slice);
        let position = self.plan.position(index).unwrap_or_default();
        match save::save(patterns, position, self.disk.pod) {
            Ok(()) => Ok(()),
            Err(unkept) if here.all_known || here.holds(&unkept.path) => {
                self.fails(format!("could not save file: {}", unkept.words), unkept.by);
                Ok(())
            }
            Err(_) => Err(Unknown::Image),
        }
    }
}

/// Everything that is neither the executor's own nor mounted goes after a stage that is not the last (`DeleteFilesystem`).
fn delete_below(directory: &[u8], disk: &mut Disk) {
    for name in disk.pod.names(directory) {
        let path = gopath::join(&[directory, &name]);
        if disk.ignored.iter().any(|ignored| ignored.covers(&path)) {
            continue;
        }
        let holds = disk.ignored.iter().any(|ignored| ignored.is_below(&path));
        match disk.pod.find(&path, b"/", Follow::NotTheLast).map(|found| found.kind) {
            Ok(Kind::Directory) if holds => delete_below(&path, disk),
            _ => disk.pod.remove(path),
        }
    }
}
