//! `dir://workspace`: with two slashes it is relative to the working directory (kaniko#1414, kaniko#833).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::executor::resolve::Source;
use crate::gopath;

/// Where the same path from the root is a directory, and another one.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context").filter(|_| facts.failure().is_none() || facts.has_no_dockerfile())?;
    facts.context().filter(|context| context.source == Source::Directory)?;
    let path = given.value.strip_prefix("dir://").filter(|path| !path.starts_with(['/', '.']) && !path.is_empty())?;
    let meant = gopath::absolute(path.as_bytes(), b"/");
    let here = facts.absolute(path.as_bytes());
    (here != meant && facts.is_directory(&meant)).then_some(())?;
    let flag = format!("--context=dir://{}", shown(&meant));
    // The Dockerfile's name may be wrong besides.
    let too = format!("--dockerfile={}/Dockerfile", shown(&meant));
    let flags = match facts.failure().is_none() || facts.builds_with(&[&flag]) {
        true => flag,
        false => facts.builds_with(&[&flag, &too]).then(|| format!("{flag} {too}"))?,
    };
    let message = format!("`{}` is `{}`", given.value, shown(&here));
    let finding = facts.judge(Code::ContextTwoSlashes, Some(given.index), message);
    let why = format!("with two slashes it counts from `{}`, where the executor starts", facts.directory());
    Some(finding.because([why]).with_help(Some(format!("use `{flags}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;
    use crate::diagnose::Severity;

    #[test]
    fn two_slashes_make_it_relative() {
        let arguments = ["--context=dir://workspace", "--dockerfile=sub/Dockerfile"];
        let finding =
            Case::of(&arguments, &["/workspace/sub/Dockerfile"]).directory("/x").finding(Code::ContextTwoSlashes);
        assert_eq!((finding.severity, &*finding.message), (Severity::Error, "`dir://workspace` is `/x/workspace`"));
        assert_eq!(finding.help.as_deref(), Some("use `--context=dir:///workspace`"));
        let builds =
            Case::of(&["--context=dir://workspace"], &["/workspace/Dockerfile"]).finding(Code::ContextTwoSlashes);
        assert_eq!(builds.severity, Severity::Warning);
    }

    #[test]
    fn a_dockerfile_of_another_name_is_told_with_it() {
        let arguments = ["--context=dir://workspace", "--dockerfile=docker/dockerfile"];
        let finding = Case::of(&arguments, &["/workspace/Dockerfile"]).directory("/x").finding(Code::ContextTwoSlashes);
        let wanted = "use `--context=dir:///workspace --dockerfile=/workspace/Dockerfile`";
        assert_eq!(finding.help.as_deref(), Some(wanted));
    }

    #[test]
    fn where_nothing_is_at_the_root_it_is_meant_to_be_relative() {
        Case::of(&["--context=dir://sub"], &["/workspace/sub/Dockerfile"]).no_finding(Code::ContextTwoSlashes);
        Case::of(&["--context=dir://."], &["/workspace/Dockerfile"]).no_finding(Code::ContextTwoSlashes);
        Case::of(&["--context=dir://c"], &["/c/Dockerfile"]).directory("/").no_finding(Code::ContextTwoSlashes);
        Case::of(&["--context=dir:///c"], &["/c/Dockerfile"]).no_finding(Code::ContextTwoSlashes);
    }
}
