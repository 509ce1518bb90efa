//! v1.7.0 forgets who it is when it fetches a branch of a private repository (kaniko#1801).

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::executor::image::{Family, Version};

const BROKEN: Version = Version(1, 7, 0);

/// Only for that release; whether a repository is private cannot be seen.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let image = facts.setup.image;
    (image.version == Some(BROKEN) && image.family == Family::Upstream).then_some(())?;
    let given = facts.flag("context").filter(|given| given.value.starts_with("git://"))?;
    let (_, reference) = given.value.split_once('#').filter(|(_, reference)| reference.starts_with("refs/"))?;
    let message = format!("the executor {BROKEN} cannot fetch `{reference}` from a private repository");
    let finding = facts.finding(Code::GitBranchRegression, Severity::Warning, Some(given.index), message);
    let why = "it clones with the login, and fetches the branch without: `authentication required`".to_owned();
    let help = "use the image `gcr.io/kaniko-project/executor:v1.8.0`, or a later one".to_owned();
    Some(finding.because([why]).with_help(Some(help)))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    fn case(context: &str, version: &str) -> Case {
        Case::of(&["--context", context], &[]).image(&format!("gcr.io/kaniko-project/executor:{version}"))
    }

    #[test]
    fn that_release_and_a_branch_are_warned_of() {
        let finding = case("git://h.example/o/r#refs/heads/x", "v1.7.0").finding(Code::GitBranchRegression);
        assert_eq!(finding.severity, Severity::Warning);
    }

    #[test]
    fn another_release_or_no_branch_is_fine() {
        case("git://h.example/o/r#refs/heads/x", "v1.8.0").no_finding(Code::GitBranchRegression);
        case("git://h.example/o/r", "v1.7.0").no_finding(Code::GitBranchRegression);
        case("s3://b/x#refs/heads/x", "v1.7.0").no_finding(Code::GitBranchRegression);
    }
}
