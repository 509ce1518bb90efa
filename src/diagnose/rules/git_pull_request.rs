//! `refs/pull/…` on a host other than GitHub: the executor clones such a reference as if every host advertised it
//! (osscontainertools/kaniko#468, osscontainertools/kaniko#509).

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::executor::image::{Family, Image, Version};
use crate::git::parts::host;

/// The fork's first release that fetches them.
const FIXED: Version = Version(1, 26, 6);

/// Where host and release are such.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context")?;
    let (repository, reference) = given.value.strip_prefix("git://")?.split_once('#')?;
    let is_pull_request = reference.starts_with("refs/pull/") && host(repository) != "github.com";
    (is_pull_request && !fetches(facts.setup.image)).then_some(())?;
    let reference = reference.split('#').next().unwrap_or_default();
    let message = format!("`{reference}` may not be fetched from `{}`", host(repository));
    let finding = facts.finding(Code::GitPullRequest, Severity::Warning, Some(given.index), message);
    let notes = [
        format!("hosts other than GitHub answer with `object not found`; {} fetches it since {FIXED}", Family::Fork),
        "the commit alone, `#COMMIT`, is fetched from everywhere".to_owned(),
    ];
    Some(finding.because(notes))
}

/// A release that is not known is taken for the last one.
fn fetches(image: Image) -> bool {
    image.family == Family::Fork && image.version.is_none_or(|version| version >= FIXED)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    fn case(context: &str, image: &str) -> Case {
        Case::of(&["--context", context], &[]).image(image)
    }

    const UPSTREAM: &str = "gcr.io/kaniko-project/executor:v1.24.0";

    #[test]
    fn pull_requests_are_github_s() {
        let context = "git://git.example.com/o/r#refs/pull/7/head#0a1b2c";
        let finding = case(context, UPSTREAM).finding(Code::GitPullRequest);
        assert_eq!(finding.message, "`refs/pull/7/head` may not be fetched from `git.example.com`");
        case(context, "ghcr.io/osscontainertools/kaniko:v1.26.5").finding(Code::GitPullRequest);
    }

    #[test]
    fn on_github_in_a_branch_or_with_a_later_fork_it_is_fine() {
        case("git://u@github.com/o/r#refs/pull/7/head", UPSTREAM).no_finding(Code::GitPullRequest);
        case("git://git.example.com/o/r#refs/heads/pull", UPSTREAM).no_finding(Code::GitPullRequest);
        for version in ["v1.26.6", "latest"] {
            let image = format!("ghcr.io/osscontainertools/kaniko:{version}");
            case("git://git.example.com/o/r#refs/pull/7/head", &image).no_finding(Code::GitPullRequest);
        }
    }
}
