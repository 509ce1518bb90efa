//! Nowhere to push to, and no word that nothing is to be pushed (kaniko#658).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Only where the executor asks for one.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    facts.failure().filter(|words| *words == "Error: you must provide --destination, or use --no-push")?;
    let finding = facts.error(Code::NoDestination, None, "no `--destination`, and no `--no-push`".to_owned());
    if let Some(value) = facts.setup.environment.get("KANIKO_NO_PUSH") {
        return Some(finding.because([format!("`KANIKO_NO_PUSH` is `{value}`, which goes before `--no-push`")]));
    }
    Some(finding.with_help(Some("add `--destination=REGISTRY/NAME:TAG`, or `--no-push` for no push at all".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const FILES: &[&str] = &["/workspace/Dockerfile"];

    #[test]
    fn a_build_without_a_destination_needs_no_push() {
        assert!(Case::exactly(&["--context=/workspace"], FILES).finding(Code::NoDestination).help.is_some());
        let overruled = Case::of(&[], FILES).variable("KANIKO_NO_PUSH", "false").finding(Code::NoDestination);
        assert_eq!(overruled.notes[0], "`KANIKO_NO_PUSH` is `false`, which goes before `--no-push`");
    }

    #[test]
    fn one_of_the_two_is_enough() {
        Case::of(&[], FILES).no_finding(Code::NoDestination);
        Case::exactly(&["-d", "r.example.com/ab"], FILES).no_finding(Code::NoDestination);
    }
}
