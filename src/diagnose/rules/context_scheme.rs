//! A context whose scheme the executor does not know: `file://`, `http://`, `ssh://`, or one in capital letters.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;
use crate::executor::files::Kind;
use crate::git::parts::without_user;

const KNOWN: [&str; 6] = ["dir", "tar", "git", "gs", "s3", "https"];

/// Only where the executor fails at it.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.failure().filter(|words| words.contains("unknown build context prefix provided"))?;
    // A bucket takes the place of the context.
    let bucket = facts.flag("bucket").filter(|given| !given.value.is_empty());
    let given = bucket.or_else(|| facts.flag("context"))?;
    let (scheme, rest) = given.value.split_once("://")?;
    let message = format!("no build context begins with `{scheme}://`");
    let finding = facts.error(Code::ContextScheme, Some(given.index), message);
    Some(finding.with_help(meant(facts, scheme, rest).map(|meant| format!("use `--{}={meant}`", given.name))))
}

fn meant(facts: &Facts, scheme: &str, rest: &str) -> Option<String> {
    let plain = scheme.trim().to_ascii_lowercase();
    match plain.as_str() {
        known if KNOWN.contains(&known) => Some(format!("{known}://{}", rest.trim_end())),
        "file" => match facts.find(rest.as_bytes())?.kind {
            Kind::Directory => Some(format!("dir://{rest}")),
            Kind::File => Some(format!("tar://{rest}")),
            _ => None,
        },
        "ssh" | "git+ssh" | "git+https" => Some(format!("git://{}", without_user(rest))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn the_scheme_that_is_meant_is_told_if_it_is_sure() {
        for (context, meant) in [
            ("DIR:///c", Some("use `--context=dir:///c`")),
            (" dir:///c", Some("use `--context=dir:///c`")),
            ("file:///c", Some("use `--context=dir:///c`")),
            ("file:///c/a.tgz", Some("use `--context=tar:///c/a.tgz`")),
            ("file:///nowhere", None),
            ("ssh://git@github.com/o/r.git", Some("use `--context=git://github.com/o/r.git`")),
            ("http://x.example.com/a.tgz", None),
            ("oci://x", None),
        ] {
            let case = Case::of(&["--context", context], &["/c/a.tgz", "/c/Dockerfile"]);
            assert_eq!(case.finding(Code::ContextScheme).help.as_deref(), meant, "{context}");
        }
    }

    #[test]
    fn one_that_it_knows_is_fine() {
        Case::of(&["--context=dir:///c"], &["/c/Dockerfile"]).no_finding(Code::ContextScheme);
        Case::of(&["--context=tar:///no"], &["/c/Dockerfile"]).no_finding(Code::ContextScheme);
    }
}
