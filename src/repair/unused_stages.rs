//! Stages that the image is not made of: BuildKit does not build them, upstream's executor does unless it is told not to,
//! and fails where they fail.
//!
//! What it takes for unused is not what BuildKit takes for it (kaniko v1.24.0 `pkg/dockerfile/dockerfile.go`
//! `skipUnusedStages`), so it is told only where it then builds what BuildKit builds and no more. Elsewhere they are left
//! out of the copy of the Dockerfile.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Plan, Project};
use crate::dockerfile::{Arguments, Stage};
use crate::executor::image::{Family, Way};
use crate::executor::resolve::used_stages;

const FLAG: &str = "--skip-unused-stages";

fn bases(project: &Project) -> Option<Vec<String>> {
    project.bases.iter().cloned().collect()
}

/// What BuildKit builds, and the fork.
fn needed(project: &Project) -> Option<BTreeSet<usize>> {
    Some(project.stages.needed(project.target, &bases(project)?))
}

/// What upstream's executor builds with the flag.
fn used(project: &Project) -> Option<BTreeSet<usize>> {
    Some(used_stages(project.stages, &bases(project)?, project.target, project.target_name.is_none()))
}

fn all_but(built: Option<BTreeSet<usize>>, project: &Project) -> BTreeSet<usize> {
    built.map(|built| (0..=project.target).filter(|index| !built.contains(index)).collect()).unwrap_or_default()
}

/// Gives the stages that the executor passes over.
pub(super) fn repair(project: &Project, plan: &mut Plan) -> BTreeSet<usize> {
    match project.build.image.family {
        family if family.has(Way::SkipsUnusedStages) => return all_but(needed(project), project),
        _ if project.flags.is_on("skip-unused-stages") => return all_but(used(project), project),
        // Of others nobody knows.
        Family::Chainguard => return BTreeSet::new(),
        Family::Upstream | Family::Fork => {}
    }
    let skipped = all_but(needed(project), project);
    let is_left = |index: &usize| !skipped.contains(index);
    let stages = &project.stages.stages;
    // A number that counts stages would count those that are left.
    let is_numbered = (0..=project.target).filter(is_left).any(|index| counts(&stages[index]));
    // The executor takes the first of several with one name, BuildKit the last.
    let mut names: Vec<&str> =
        stages.iter().filter_map(|stage| stage.name.as_ref()).map(|name| name.text.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    let is_refused = project.flags.last("skip-unused-stages").is_some();
    let Some(first) = skipped.first().filter(|_| !is_refused && !is_numbered && names.len() == count) else {
        return BTreeSet::new();
    };
    match all_but(used(project), project) == skipped {
        true => plan.flags.push(FLAG.to_owned()),
        false => {
            for index in &skipped {
                plan.edits.replace(project.build.text, whole(project, *index), String::new());
            }
        }
    }
    let what = match skipped.len() {
        1 => "a stage that is not used is skipped".to_owned(),
        more => format!("{more} stages that are not used are skipped"),
    };
    plan.tell(stages[*first].from.span.clone(), what);
    skipped
}

/// Whether a stage takes files of another by its number.
fn counts(stage: &Stage) -> bool {
    let is_later = |step: &crate::dockerfile::Step| match &step.instruction.arguments {
        Arguments::Trigger(trigger) => trigger.flags.iter().any(|flag| flag.text.starts_with("--from=")),
        _ => false,
    };
    stage.origins().any(|from| from.parse::<usize>().is_ok()) || stage.steps.iter().any(is_later)
}

/// From its `FROM` to the end of its last instruction.
fn whole(project: &Project, index: usize) -> Range<usize> {
    let stage = &project.stages.stages[index];
    let end = stage.steps.last().map_or(stage.from.span.end, |step| step.instruction.span.end);
    stage.from.span.start..end
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::FLAG;
    use crate::executor::image::Family;

    const UNUSED: &str = "FROM scratch AS unused\nCOPY gone /a\nFROM scratch\nCOPY b /b\n";

    fn skips(case: &Case) -> bool {
        case.plan().flags == [FLAG]
    }

    #[test]
    fn a_stage_that_is_not_used_is_skipped() {
        let dockerfile =
            "FROM scratch AS unused\nFROM scratch AS used\nCOPY a /a\nFROM scratch\nCOPY --from=used /a /a\n";
        let plan = Case::of(dockerfile).plan();
        assert_eq!(plan.flags, [FLAG]);
        assert_eq!(
            (plan.told[0].what.as_str(), plan.told[0].span.clone()),
            ("a stage that is not used is skipped", 0..22)
        );
        assert!(skips(&Case::of(UNUSED)));
        assert!(!skips(&Case::of(UNUSED).target("unused")));
    }

    #[test]
    fn nothing_is_skipped_where_all_is_used() {
        for all in [
            "FROM scratch\nCOPY a /a\n",
            "FROM a AS b\nFROM b\n",
            "FROM a AS b\nFROM c\nCOPY --from=b /x /y\n",
            "FROM a AS b\nFROM c AS d\nCOPY --from=b /x /y\nFROM d\n",
        ] {
            assert!(!skips(&Case::of(all)), "{all}");
        }
    }

    /// It finds no dependencies, and so it keeps all: the flag would change nothing.
    #[test]
    fn what_the_executor_keeps_all_the_same_is_left_out_of_its_copy() {
        let dockerfile = "FROM scratch AS unused\nCOPY gone \\\n /a\n# last\nFROM scratch\nENV A=b\n";
        let plan = Case::of(dockerfile).plan();
        assert!(plan.flags.is_empty());
        assert_eq!(plan.edits.apply(dockerfile), "\n\n\n# last\nFROM scratch\nENV A=b\n");
        assert_eq!(plan.told[0].what, "a stage that is not used is skipped");
    }

    #[test]
    fn a_stage_that_the_executor_would_take_for_unused_is_not_lost() {
        // By a number, of a stage without a name or of one that would be another's.
        for name in ["", " AS used"] {
            let numbered =
                format!("FROM scratch AS unused\nFROM scratch{name}\nCOPY a /a\nFROM scratch\nCOPY --from=1 /a /a\n");
            let plan = Case::of(&numbered).plan();
            assert!(plan.flags.is_empty() && plan.edits.is_empty(), "{plan:?}");
        }
        // In other letters, and by a mount, which the executor does not know of.
        for last in ["COPY --from=USED /a /a", "RUN --mount=from=used,target=/x y"] {
            let others = format!("FROM a AS used\nFROM a AS v\nFROM a\nCOPY --from=v /a /a\n{last}\n");
            let dockerfile = format!("FROM a AS u\n{others}");
            let plan = Case::of(&dockerfile).plan();
            assert!(plan.flags.is_empty());
            assert_eq!(plan.edits.apply(&dockerfile), format!("\n{others}"));
        }
    }

    /// What is in them is nobody's business.
    #[test]
    fn nothing_else_is_repaired_in_a_stage_that_is_left_out() {
        let dockerfile = "FROM a AS unused\nCOPY <<A /a\n1\nA\nCOPY none* /b\nRUN <<B\nc\nB\nFROM a\nENV A=b\n";
        let plan = Case::of(dockerfile).plan();
        assert_eq!((plan.told.len(), plan.beside.len()), (1, 0), "{plan:?}");
        assert_eq!(plan.edits.apply(dockerfile), "\n\n\n\n\n\n\n\nFROM a\nENV A=b\n");
    }

    #[test]
    fn the_users_flag_and_the_fork_are_left() {
        let dockerfile = "FROM scratch AS unused\nFROM scratch AS used\nFROM scratch\nCOPY --from=used /a /a\n";
        assert!(skips(&Case::of(dockerfile)));
        assert!(Case::of(dockerfile).flag("--skip-unused-stages=false").plan().flags.is_empty());
        assert!(Case::of(dockerfile).family(Family::Fork).plan().flags.is_empty());
    }
}
