//! No Dockerfile, for no reason that another rule knows.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Wherever no Dockerfile is found.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let dockerfile = facts.resolution.dockerfile.as_ref().filter(|_| facts.has_no_dockerfile())?;
    let given = facts.flag("dockerfile");
    let message = format!("no Dockerfile at `{}`", dockerfile.given);
    let mut finding = facts.error(Code::DockerfileMissing, given.map(|given| given.index), message);
    finding.notes.splice(0..0, facts.tried());
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn each_path_that_was_tried_is_told() {
        let case = Case::of(&["--context=dir:///c", "--dockerfile=deploy/x"], &["/c/Dockerfile"]);
        let finding = case.finding(Code::DockerfileMissing);
        assert_eq!(finding.message, "no Dockerfile at `deploy/x`");
        assert_eq!(
            finding.notes,
            [
                "tried `/workspace/deploy/x`: not there",
                "tried `/c/deploy/x`: not there",
                "the executor ends with `Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile`",
            ]
        );
    }

    #[test]
    fn one_that_is_there_is_fine() {
        Case::of(&["--context=dir:///c"], &["/c/Dockerfile"]).no_finding(Code::DockerfileMissing);
    }
}
