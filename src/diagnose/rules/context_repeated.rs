//! `--dockerfile` begins with the context's directory, and is looked for in the context (skaffold#3744).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::gopath;

/// Where the Dockerfile is there without that beginning.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let dockerfile = facts.resolution.dockerfile.as_ref().filter(|_| facts.has_no_dockerfile())?;
    let root = &facts.context()?.absolute;
    let path = gopath::clean(dockerfile.given.trim_start_matches('/').as_bytes());
    let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let (above, flag) = slashes.find_map(|at| {
        let above = &path[..at];
        let is_repeated = [&b"/"[..], root].concat().ends_with(&[&b"/"[..], above].concat());
        let flag = format!("--dockerfile={}", shown(&path[at + 1..]));
        (is_repeated && facts.builds_with(&[&flag])).then_some((above, flag))
    })?;
    let message = format!("`{}` repeats `{}`, the build context's directory", dockerfile.given, shown(above));
    let given = facts.flag("dockerfile").map(|given| given.index);
    let finding = facts.error(Code::ContextRepeated, given, message);
    Some(finding.because(facts.tried()).with_help(Some(format!("use `{flag}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn the_contexts_directory_counts_twice() {
        for (context, dockerfile, files, help) in [
            ("dir:///workspace", "workspace/Dockerfile", "/workspace/Dockerfile", "use `--dockerfile=Dockerfile`"),
            (
                "/src/team/app",
                "team/app/docker/Dockerfile",
                "/src/team/app/docker/Dockerfile",
                "use `--dockerfile=docker/Dockerfile`",
            ),
        ] {
            let case = Case::of(&["--context", context, "--dockerfile", dockerfile], &[files]).directory("/x");
            assert_eq!(case.finding(Code::ContextRepeated).help.as_deref(), Some(help));
        }
    }

    #[test]
    fn a_directory_of_that_name_in_the_context_is_another() {
        let arguments = ["--context=/app", "--dockerfile=app/Dockerfile"];
        Case::of(&arguments, &["/app/app/Dockerfile"]).no_finding(Code::ContextRepeated);
        Case::of(&arguments, &["/app/x"]).no_finding(Code::ContextRepeated);
        Case::of(&["--context=/myapp", "--dockerfile=app/Dockerfile"], &["/myapp/Dockerfile"])
            .no_finding(Code::ContextRepeated);
    }
}
