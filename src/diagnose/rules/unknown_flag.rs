//! A flag that another executor has, or none: of a fork, of a later release, or mistyped.

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::near::nearest;
use crate::diagnose::{Finding, Severity};
use crate::executor::flags::{families_with, names};
use crate::executor::image::{Family, Version};

/// Since when upstream has what it did not always have.
const SINCE: [(&str, Version); 3] = [
    ("context-sub-path", Version(0, 20, 0)),
    ("kaniko-dir", Version(1, 8, 1)),
    ("skip-push-permission-check", Version(1, 14, 0)),
];

/// Where the executor fails at one.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let (error, argument) = facts.argument_error()?;
    let is_unknown = ["unknown flag: ", "unknown shorthand flag: "].iter().any(|words| error.text.starts_with(words));
    let text = argument.trim_start_matches('-');
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    is_unknown.then_some(())?;
    let family = facts.setup.image.family;
    let dashes = &argument[..argument.len() - text.len()];
    let finding = facts.error(Code::UnknownFlag, Some(error.index), format!("no flag `{dashes}{name}` in {family}"));
    let families = families_with(name);
    if !families.is_empty() && !families.contains(&family) {
        let families: Vec<String> = families.iter().map(Family::to_string).collect();
        return Some(finding.because([format!("it is one of {}", families.join(" and "))]));
    }
    let meant = nearest(name.as_bytes(), names(family));
    Some(finding.with_help(meant.map(|meant| format!("use `--{meant}{}`", &text[name.len()..]))))
}

/// Where the executor is of a release that fails at one.
pub(super) fn of_later_release(facts: &Facts) -> Option<Finding> {
    let image = facts.setup.image;
    let version = image.version.filter(|_| image.family == Family::Upstream)?;
    let is_later = |(name, since): &&(&str, Version)| *since > version && facts.flag(name).is_some();
    let (name, since) = SINCE.iter().find(is_later)?;
    let message = format!("no flag `--{name}` in {} {version}", image.family);
    let finding = facts.finding(Code::UnknownFlag, Severity::Error, facts.flag(name).map(|given| given.index), message);
    let notes =
        [format!("it is there since {since}"), format!("the executor ends with `Error: unknown flag: --{name}`")];
    Some(finding.because(notes))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const FILES: &[&str] = &["/workspace/Dockerfile"];

    #[test]
    fn whose_flag_it_is_is_told() {
        let finding = Case::of(&["--preserve-context"], FILES).finding(Code::UnknownFlag);
        assert_eq!(finding.message, "no flag `--preserve-context` in GoogleContainerTools/kaniko");
        assert_eq!(finding.notes[0], "it is one of osscontainertools/kaniko");
        let annotation = Case::of(&["--annotation=a=b"], FILES).finding(Code::UnknownFlag);
        assert_eq!(annotation.notes[0], "it is one of osscontainertools/kaniko and chainguard-dev/kaniko");
        Case::of(&["--preserve-context"], FILES)
            .image("ghcr.io/osscontainertools/kaniko:v1.28.3")
            .no_finding(Code::UnknownFlag);
    }

    #[test]
    fn a_slip_is_seen_through() {
        for (argument, meant) in [("--dockerfle=x", "use `--dockerfile=x`"), ("--nopush", "")] {
            let finding = Case::of(&[argument], FILES).finding(Code::UnknownFlag);
            assert_eq!(finding.help.unwrap_or_default(), meant, "{argument}");
        }
    }

    #[test]
    fn a_flag_of_a_later_release_is_no_flag_yet() {
        let case =
            |version: &str| Case::of(&["--skip-push-permission-check"], FILES).image(&format!("k/executor:{version}"));
        assert_eq!(case("v1.9.1").finding(Code::UnknownFlag).notes[0], "it is there since v1.14.0");
        case("v1.14.0").no_finding(Code::UnknownFlag);
        case("latest").no_finding(Code::UnknownFlag);
    }
}
