//! What fails in a stage that the image is not made of: BuildKit does not build it, upstream's executor does unless it is
//! told not to.

use super::Project;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::Stages;
use crate::executor::image::Way;

/// The finding of the instruction at `at`, in bytes of the Dockerfile, and that it is of such a stage.
pub(super) fn told(project: &Project, stages: &Stages, at: usize, finding: Finding) -> Finding {
    let mut starts = stages.stages.iter().map(|stage| stage.from.span.start);
    let stage = starts.rfind(|start| *start <= at);
    let (Some(stage), Some(known)) = (stage, &project.resolution.stages) else { return finding };
    if known.needed.contains(&stage) || finding.severity < Severity::Error {
        return finding;
    }
    let note = "the image is not made of this stage, and docker build skips it".to_owned();
    let can_skip = !project.family.has(Way::SkipsUnusedStages) && !known.used.contains(&stage);
    let help = match can_skip && known.needed.is_subset(&known.used) {
        true => Some("use `--skip-unused-stages`".to_owned()),
        false => finding.help.clone(),
    };
    finding.because([note]).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::executor::image::Family;

    const NOTE: &str = "the image is not made of this stage, and docker build skips it";

    #[test]
    fn what_fails_in_a_stage_that_docker_skips_is_told_with_the_flag() {
        let dockerfile = "FROM scratch AS unused\nCOPY gone /a\nFROM scratch\nCOPY b /b\n";
        let finding = Case::of(dockerfile, &["/b"]).finding(Code::CopySourceMissing);
        assert_eq!((finding.notes[0].as_str(), finding.help.as_deref()), (NOTE, Some("use `--skip-unused-stages`")));
        Case::of(dockerfile, &["/b"]).family(Family::Fork).no_findings();
        // It would build it all the same.
        let kept = "FROM scratch AS unused\nCOPY gone /a\nFROM scratch\nENV A=b\n";
        let finding = Case::of(kept, &["/b"]).finding(Code::CopySourceMissing);
        assert_eq!((finding.notes[0].as_str(), finding.help), (NOTE, None));
    }

    /// What is neither `COPY` nor `ADD` of the context is told in the same way.
    #[test]
    fn whatever_fails_there_is_told_so() {
        for instruction in ["EXPOSE 53/sctp", "COPY --chmod=u+x b /b"] {
            let dockerfile = format!("FROM scratch AS unused\n{instruction}\nFROM scratch\nCOPY b /b\n");
            let finding = Case::of(&dockerfile, &["/b"]).finding(Code::DockerfileRefused);
            assert_eq!((&*finding.notes[0], finding.help.as_deref()), (NOTE, Some("use `--skip-unused-stages`")));
        }
    }

    #[test]
    fn elsewhere_nothing_is_said_of_it() {
        let dockerfile = "FROM scratch AS s\nCOPY gone /a\nFROM s\nCOPY b /b\n";
        let finding = Case::of(dockerfile, &["/b"]).finding(Code::CopySourceMissing);
        assert!(!finding.notes.contains(&NOTE.to_owned()));
        // Of what runs there nothing is said either, once it is skipped.
        let unused = "FROM golang AS unused\nRUN --mount=type=ssh make\nFROM scratch\nCOPY b /b\n";
        Case::of(unused, &["/b"]).family(Family::Fork).no_findings();
    }
}
