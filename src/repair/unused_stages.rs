//! Stages that the image is not made of: BuildKit does not build them, upstream's executor does unless it is told not to,
//! and fails where they fail.
//!
//! What it takes for unused is not what BuildKit takes for it (kaniko v1.24.0 `pkg/dockerfile/dockerfile.go`
//! `skipUnusedStages`), so it is told only where it keeps every stage that is needed.

use std::collections::BTreeSet;

use super::{Plan, Project};
use crate::executor::image::Family;
use crate::executor::resolve::used_stages;

const FLAG: &str = "--skip-unused-stages";

/// The stages that the executor passes over with that plan.
pub(super) fn skipped(project: &Project, plan: &Plan) -> BTreeSet<usize> {
    let is_asked = project.flags.is_on("skip-unused-stages") || plan.flags.iter().any(|flag| flag == FLAG);
    let built = match project.build.image.family {
        Family::Fork => needed(project),
        _ if is_asked => used(project),
        _ => None,
    };
    built.map(|built| (0..=project.target).filter(|index| !built.contains(index)).collect()).unwrap_or_default()
}

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

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    // The fork leaves them out by itself; of others nobody knows.
    if project.build.image.family != Family::Upstream || project.flags.last("skip-unused-stages").is_some() {
        return;
    }
    let (stages, target) = (&project.stages, project.target);
    let (Some(needed), Some(used)) = (needed(project), used(project)) else { return };
    let skipped = (0..=target).filter(|index| !used.contains(index));
    // A number that counts stages would count those that are left.
    let is_numbered = |index: &usize| stages.stages[*index].origins().any(|from| from.parse::<usize>().is_ok());
    // The executor takes the first of several with one name, BuildKit the last.
    let mut names: Vec<&str> =
        stages.stages.iter().filter_map(|stage| stage.name.as_ref()).map(|name| name.text.as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    if !used.is_superset(&needed) || used.iter().any(is_numbered) || names.len() < count {
        return;
    }
    let skipped: Vec<usize> = skipped.collect();
    let Some(first) = skipped.first() else { return };
    plan.flags.push(FLAG.to_owned());
    let what = match skipped.len() {
        1 => "a stage that is not used is skipped".to_owned(),
        more => format!("{more} stages that are not used are skipped"),
    };
    plan.tell(stages.stages[*first].from.span.clone(), what);
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
    fn what_the_executor_keeps_all_the_same_is_left_to_it() {
        assert!(!skips(&Case::of("FROM scratch AS unused\nCOPY gone /a\nFROM scratch\nENV A=b\n")));
    }

    #[test]
    fn a_stage_that_the_executor_would_take_for_unused_is_not_lost() {
        // Without a name.
        let numbered = "FROM scratch AS unused\nFROM scratch\nCOPY a /a\nFROM scratch\nCOPY --from=1 /a /a\n";
        assert!(!skips(&Case::of(numbered)));
        // By a number that would be another's.
        let numbered = "FROM scratch AS unused\nFROM scratch AS used\nCOPY a /a\nFROM scratch\nCOPY --from=1 /a /a\n";
        assert!(!skips(&Case::of(numbered)));
        // In other letters.
        let letters = "FROM scratch AS u\nFROM scratch AS used\nFROM scratch AS v\nFROM scratch\nCOPY --from=USED /a /a\nCOPY --from=v /b /b\n";
        assert!(!skips(&Case::of(letters)));
        // By a mount, which the executor does not know of.
        let mounted = "FROM a AS u\nFROM a AS used\nFROM a AS v\nFROM a\nCOPY --from=v /a /a\nRUN --mount=from=used,target=/x y\n";
        assert!(!skips(&Case::of(mounted)));
    }

    #[test]
    fn the_users_flag_and_the_fork_are_left() {
        let dockerfile = "FROM scratch AS unused\nFROM scratch AS used\nFROM scratch\nCOPY --from=used /a /a\n";
        assert!(skips(&Case::of(dockerfile)));
        assert!(Case::of(dockerfile).flag("--skip-unused-stages=false").plan().flags.is_empty());
        assert!(Case::of(dockerfile).family(Family::Fork).plan().flags.is_empty());
    }
}
