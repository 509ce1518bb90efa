//! `tar://` and a path at which no archive is, or a directory.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::diagnose::near::nearest;
use crate::gopath;

/// Only where the executor cannot open it.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context").filter(|_| facts.fails_at_context())?;
    let path = given.value.strip_prefix("tar://")?;
    let words = facts.failure()?;
    let error = |message| facts.error(Code::ArchiveMissing, Some(given.index), message);
    if words.ends_with(": is a directory") {
        let help = facts.help_with(&format!("--context=dir://{path}"));
        return Some(error(format!("`{path}` is a directory, no archive")).with_help(help));
    }
    words.contains("source context: open ").then_some(())?;
    if path.is_empty() {
        return Some(error("`tar://` names no archive".to_owned()));
    }
    let absolute = facts.absolute(path.as_bytes());
    let directory = gopath::parent(&absolute);
    let meant = nearest(gopath::file_name(&absolute), facts.names(&directory));
    let help = meant.map(|name| format!("use `--context=tar://{}`", shown(&gopath::join(&[&directory, &name]))));
    Some(error(format!("no archive at `{path}`")).with_help(help))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn an_archive_that_is_not_there_is_missed() {
        for (context, files, message, help) in [
            ("tar:///x/ctx.tgz", &["/x/b.tar"][..], "no archive at `/x/ctx.tgz`", None),
            (
                "tar:///x/contxt.tgz",
                &["/x/context.tgz"],
                "no archive at `/x/contxt.tgz`",
                Some("use `--context=tar:///x/context.tgz`"),
            ),
            ("tar://", &[], "`tar://` names no archive", None),
            ("tar:///c", &["/c/Dockerfile"], "`/c` is a directory, no archive", Some("use `--context=dir:///c`")),
        ] {
            let finding = Case::of(&["--context", context], files).finding(Code::ArchiveMissing);
            assert_eq!((finding.message.as_str(), finding.help.as_deref()), (message, help));
        }
    }

    #[test]
    fn one_that_is_there_may_fail_otherwise() {
        Case::of(&["--context=tar:///a"], &["/a=0123456789 no gzip"]).no_finding(Code::ArchiveMissing);
        Case::of(&["--context=dir:///a"], &["/b"]).no_finding(Code::ArchiveMissing);
    }
}
