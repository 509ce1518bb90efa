//! `git://https://…`: the executor puts its own `https://` in front, and asks for a host named `https`.

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::git::parts::{of_scp, without_user};

/// Wherever a scheme follows `git://`.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context")?;
    let (scheme, address) = given.value.strip_prefix("git://")?.split_once("://")?;
    let message = format!("`git://{scheme}://` is one scheme too many");
    let finding = facts.finding(Code::GitTwoSchemes, Severity::Error, Some(given.index), message);
    let words = format!("Get \"https://{scheme}///info/refs?service=git-upload-pack\": dial tcp: lookup {scheme}");
    let address = match scheme {
        "ssh" => of_scp(address).unwrap_or_else(|| without_user(address).to_owned()),
        _ => address.to_owned(),
    };
    let finding = finding.because([format!("the executor says `{words}`")]);
    Some(finding.with_help(Some(format!("use `--context=git://{address}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_second_scheme_is_taken_for_a_host() {
        for (context, help) in [
            ("git://https://github.com/o/r.git#refs/heads/x", "use `--context=git://github.com/o/r.git#refs/heads/x`"),
            ("git://ssh://git@github.com/o/r.git", "use `--context=git://github.com/o/r.git`"),
        ] {
            let finding = Case::of(&["--context", context], &[]).finding(Code::GitTwoSchemes);
            assert_eq!(finding.help.as_deref(), Some(help));
        }
    }

    #[test]
    fn one_is_enough() {
        Case::of(&["--context=git://github.com/o/r.git"], &[]).no_finding(Code::GitTwoSchemes);
        Case::of(&["--context=https://example.com/a.tgz"], &[]).no_finding(Code::GitTwoSchemes);
    }
}
