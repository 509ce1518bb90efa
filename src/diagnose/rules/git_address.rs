//! The address of a git repository without `git://`: to the executor it is a directory (kaniko#1506).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::executor::resolve::Source;
use crate::git::parts::{is_address, of_scp};

/// Where nothing is at such a path.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context").filter(|_| facts.failure().is_none() || facts.has_no_dockerfile())?;
    let context = facts.context().filter(|context| context.source == Source::Path)?;
    // A mount at just that path is what the same argument asked for.
    let is_mounted = facts.mounts.iter().any(|mount| mount.pod == context.absolute);
    (is_mounted || facts.find(&context.absolute).is_none()).then_some(())?;
    let address = of_scp(&given.value).or_else(|| is_address(&given.value).then(|| given.value.clone()))?;
    let message = format!("`{}` is a directory to the executor, no git repository", given.value);
    let finding = facts.judge(Code::GitAddress, Some(given.index), message);
    let why = format!("without a scheme it is `{}`", shown(&context.absolute));
    Some(finding.because([why]).with_help(Some(format!("use `--context=git://{address}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;
    use crate::diagnose::Severity;

    #[test]
    fn an_address_without_a_scheme_is_a_path() {
        for (context, help) in [
            ("git@github.com:o/r.git", "use `--context=git://github.com/o/r.git`"),
            ("github.com/o/r#refs/heads/x", "use `--context=git://github.com/o/r#refs/heads/x`"),
            ("git.example.com/o/r.git", "use `--context=git://git.example.com/o/r.git`"),
        ] {
            let finding = Case::of(&["--context", context], &["/x"]).finding(Code::GitAddress);
            assert_eq!((finding.severity, finding.help.as_deref()), (Severity::Error, Some(help)));
        }
        let builds = Case::of(&["--context=github.com/o/r"], &["/workspace/Dockerfile"]).finding(Code::GitAddress);
        assert_eq!(builds.severity, Severity::Warning);
        let mounted = Case::of(&["--context=h.example/o/r.git"], &["/workspace/h.example/o/r.git/Dockerfile"]);
        mounted.mount("app", "/workspace/h.example/o/r.git").finding(Code::GitAddress);
    }

    #[test]
    fn a_directory_that_is_there_or_looks_like_nothing_is_one() {
        let files = ["/workspace/github.com/o/r/Dockerfile"];
        Case::of(&["--context=github.com/o/r"], &files).no_finding(Code::GitAddress);
        for context in ["example.com/o/r", "src/app/x.git", "./github.com/o/r", "git://github.com/o/r"] {
            Case::of(&["--context", context], &["/x"]).no_finding(Code::GitAddress);
        }
    }
}
