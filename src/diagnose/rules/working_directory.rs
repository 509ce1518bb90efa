//! Relative paths, and an executor that starts elsewhere than somebody thought: `workingDir`, or the `slim` image
//! (kaniko#732, kaniko#1427, kaniko#2152).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::executor::resolve::Resolution;
use crate::gopath;

/// Where most images start.
const USUAL: &str = "/workspace";

/// Where it would find a Dockerfile if it started elsewhere.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.has_no_dockerfile().then_some(())?;
    let is_relative = facts.directory_context().is_some_and(|context| !gopath::is_absolute(&context.root));
    let (other, there) = elsewhere(facts, is_relative)?;
    let given = facts.flag(if is_relative { "context" } else { "dockerfile" });
    let value = given.map_or("Dockerfile", |given| &given.value);
    let message = format!("`{value}` counts from `{}`, where the executor starts", facts.directory());
    let finding = facts.error(Code::WorkingDirectory, given.map(|given| given.index), message);
    let why = format!("from `{other}` there would be a Dockerfile");
    Some(finding.because([why]).with_help(help(facts, &there, is_relative)))
}

/// The usual directory, or for a relative context one of this machine's, if a Dockerfile would be found from there.
fn elsewhere(facts: &Facts, is_relative: bool) -> Option<(String, Resolution)> {
    let mounts = facts.mounts.iter().filter(|_| is_relative).map(|mount| shown(&mount.pod));
    let mut others = std::iter::once(USUAL.to_owned()).chain(mounts).filter(|other| other != facts.directory());
    others.find_map(|other| {
        let there = facts.within(&other);
        let is_found = there.dockerfile.as_ref().is_some_and(|dockerfile| dockerfile.chosen.is_some());
        is_found.then_some((other, there))
    })
}

/// The absolute paths that lead to what is found there.
fn help(facts: &Facts, there: &Resolution, is_relative: bool) -> Option<String> {
    let dockerfile = format!("--dockerfile={}", shown(there.dockerfile.as_ref()?.chosen.as_ref()?));
    if !is_relative {
        return facts.help_with(&dockerfile);
    }
    let context = format!("--context=dir://{}", shown(&there.context.as_ref()?.absolute));
    let both = || facts.builds_with(&[&context, &dockerfile]).then(|| format!("use `{context} {dockerfile}`"));
    facts.help_with(&context).or_else(both)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_relative_path_counts_from_where_the_executor_starts() {
        let slim = Case::of(&["--context=."], &["/workspace/Dockerfile"]).image("k/executor:v1.24.0-slim");
        let finding = slim.finding(Code::WorkingDirectory);
        assert_eq!(finding.message, "`.` counts from `/`, where the executor starts");
        assert_eq!(finding.help.as_deref(), Some("use `--context=dir:///workspace`"));
        let arguments = ["--context=/c", "--dockerfile=docker/Dockerfile"];
        let dockerfile = Case::of(&arguments, &["/c/x", "/workspace/docker/Dockerfile"]).directory("/c");
        let finding = dockerfile.finding(Code::WorkingDirectory);
        assert_eq!(finding.help.as_deref(), Some("use `--dockerfile=/workspace/docker/Dockerfile`"));
    }

    #[test]
    fn so_it_does_in_a_mount() {
        let case = Case::of(&["--context=dir://."], &["/src/Dockerfile"]).mount("app", "/src");
        assert_eq!(case.finding(Code::WorkingDirectory).help.as_deref(), Some("use `--context=dir:///src`"));
    }

    #[test]
    fn absolute_paths_do_not() {
        let arguments = ["--context=/c"];
        Case::of(&arguments, &["/c/x", "/src/Dockerfile"]).mount("app", "/src").no_finding(Code::WorkingDirectory);
        Case::of(&["--context=."], &["/workspace/Dockerfile"]).no_finding(Code::WorkingDirectory);
        Case::of(&["--context=."], &["/x"]).directory("/").no_finding(Code::WorkingDirectory);
    }
}
