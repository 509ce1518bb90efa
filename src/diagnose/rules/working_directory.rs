//! Relative paths, and an executor that starts elsewhere than somebody thought: `workingDir`, or the `slim` image
//! (kaniko#732, kaniko#1427, kaniko#2152).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::executor::resolve::Resolution;
use crate::gopath;

/// Where most images start.
const USUAL: &str = "/workspace";

/// Where it would find a Dockerfile if it started in the usual directory, or in one of this machine's.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.has_no_dockerfile().then_some(())?;
    let is_relative = facts.directory_context().is_some_and(|context| !gopath::is_absolute(&context.root));
    let mounts = facts.mounts.iter().filter(|_| is_relative).map(|mount| shown(&mount.pod));
    let others = std::iter::once(USUAL.to_owned()).chain(mounts).filter(|other| other != facts.directory());
    let (other, there) = others.map(|other| (facts.within(&other), other)).find_map(|(there, other)| {
        there.dockerfile.as_ref()?.chosen.as_ref()?;
        Some((other, there))
    })?;
    let (context, dockerfile) = absolute(&there)?;
    let name = if is_relative { "context" } else { "dockerfile" };
    let given = facts.flag(name);
    let value = given.map_or("Dockerfile", |given| &given.value);
    let message = format!("`{value}` counts from `{}`, where the executor starts", facts.directory());
    let finding = facts.error(Code::WorkingDirectory, given.map(|given| given.index), message);
    let context = if is_relative { vec![context] } else { vec![] };
    let flags = match facts.builds_with(&context) {
        true => context,
        false => [context, vec![dockerfile]].concat(),
    };
    let why = format!("from `{other}` there would be a Dockerfile");
    let help = facts.builds_with(&flags).then(|| format!("use `{}`", flags.join(" ")));
    Some(finding.because([why]).with_help(help))
}

/// The two flags with absolute paths.
fn absolute(there: &Resolution) -> Option<(String, String)> {
    let context = shown(&there.context.as_ref()?.absolute);
    let dockerfile = shown(there.dockerfile.as_ref()?.chosen.as_ref()?);
    Some((format!("--context=dir://{context}"), format!("--dockerfile={dockerfile}")))
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
