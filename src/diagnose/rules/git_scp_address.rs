//! `git://git@github.com:owner/repository`: the executor fetches over HTTPS, where what follows a colon is a port.

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::git::parts::of_scp;

/// Wherever one follows `git://`.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context")?;
    let address = given.value.strip_prefix("git://").filter(|address| !address.contains("://"))?;
    let meant = of_scp(address)?;
    let path = address.split_once(':').map_or("", |(_, path)| path);
    let port = path.split('/').next().unwrap_or_default();
    let message = format!("`{address}` is an address of SSH, and the executor fetches over HTTPS");
    let finding = facts.finding(Code::GitScpAddress, Severity::Error, Some(given.index), message);
    let address = address.split('#').next().unwrap_or_default();
    let words = format!("parse \"https://{address}\": invalid port \":{port}\" after host");
    let finding = finding.because([format!("the executor ends with `Error: error resolving source context: {words}`")]);
    Some(finding.with_help(Some(format!("use `--context=git://{meant}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn what_follows_a_colon_is_a_port() {
        let finding =
            Case::of(&["--context=git://git@github.com:o/r.git#refs/heads/x"], &[]).finding(Code::GitScpAddress);
        let words = r#"parse "https://git@github.com:o/r.git": invalid port ":o" after host"#;
        assert_eq!(finding.notes, [format!("the executor ends with `Error: error resolving source context: {words}`")]);
        assert_eq!(finding.help.as_deref(), Some("use `--context=git://github.com/o/r.git#refs/heads/x`"));
    }

    #[test]
    fn a_port_is_one() {
        for context in ["git://git@git.example.com:8443/o/r.git", "git://u:p@github.com/o/r", "git://github.com/o/r"] {
            Case::of(&["--context", context], &[]).no_finding(Code::GitScpAddress);
        }
    }
}
