//! `--context-sub-path` leads to nothing in the context (kaniko#3011).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::{Facts, shown};
use crate::diagnose::near::nearest;
use crate::executor::resolve::context_directory;
use crate::gopath;

/// Only where the executor does not find it.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context-sub-path").filter(|given| !given.value.is_empty() && facts.fails_at_context())?;
    facts.failure().filter(|words| words.contains("source context: stat "))?;
    let root = context_directory(facts.setup)?;
    let message = format!("no `{}` in the build context `{}`", given.value, shown(&root));
    let finding = facts.error(Code::SubPathMissing, Some(given.index), message);
    let sub_path = gopath::clean(given.value.trim_start_matches('/').as_bytes());
    let meant = repeated(facts, &root, &sub_path).or_else(|| slipped(facts, &root, &sub_path));
    Some(finding.with_help(meant.map(|meant| format!("use `--context-sub-path={}`", shown(&meant)))))
}

/// What is left of it without the context's own directory.
fn repeated(facts: &Facts, root: &[u8], sub_path: &[u8]) -> Option<Vec<u8>> {
    let rest = gopath::below(sub_path, gopath::file_name(root))?;
    (rest != b"." && facts.is_directory(&gopath::join(&[root, rest]))).then(|| rest.to_vec())
}

fn slipped(facts: &Facts, root: &[u8], sub_path: &[u8]) -> Option<Vec<u8>> {
    let above = gopath::parent(sub_path);
    let meant = nearest(gopath::file_name(sub_path), facts.names(&gopath::join(&[root, &above])))?;
    let path = gopath::join(&[&above, &meant]);
    facts.is_directory(&gopath::join(&[root, &path])).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_part_that_is_not_there_is_missed() {
        for (sub_path, help) in [
            ("api", None),
            ("Deploy", Some("use `--context-sub-path=deploy`")),
            ("/deploy/profuction", Some("use `--context-sub-path=deploy/production`")),
            ("c/deploy", Some("use `--context-sub-path=deploy`")),
        ] {
            let arguments = ["--context=dir:///c", "--context-sub-path", sub_path];
            let finding = Case::of(&arguments, &["/c/deploy/production/x"]).finding(Code::SubPathMissing);
            assert_eq!(finding.message, format!("no `{sub_path}` in the build context `/c`"));
            assert_eq!(finding.help.as_deref(), help, "{sub_path}");
        }
    }

    #[test]
    fn one_that_is_there_is_fine() {
        let arguments = ["--context=dir:///c", "--context-sub-path=deploy"];
        Case::of(&arguments, &["/c/deploy/Dockerfile"]).no_finding(Code::SubPathMissing);
        Case::of(&arguments, &["/c/deploy/x"]).no_finding(Code::SubPathMissing);
    }
}
