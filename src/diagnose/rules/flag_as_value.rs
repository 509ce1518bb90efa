//! A flag without its value, mostly an empty variable on a command line: it takes the next flag for its value.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;
use crate::executor::flags::families_with;

/// Where the next argument is another flag.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let mut flags = facts.resolution.flags.as_ref()?.iter();
    let given = flags.find(|given| {
        let name = given.value.strip_prefix("--").and_then(|flag| flag.split('=').next());
        let is_next = facts.setup.arguments.get(given.index + 1) == Some(&given.value);
        is_next && name.is_some_and(|name| !families_with(name).is_empty())
    })?;
    let message = format!("`--{}` has no value, and takes `{}` for it", given.name, given.value);
    Some(facts.judge(Code::FlagAsValue, Some(given.index), message))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;
    use crate::diagnose::Severity;

    const FILES: &[&str] = &["/workspace/Dockerfile"];

    #[test]
    fn the_next_flag_is_no_value() {
        let arguments = ["--cache-repo", "--destination=r.example.com/ab"];
        let finding = Case::exactly(&arguments, FILES).finding(Code::FlagAsValue);
        let message = "`--cache-repo` has no value, and takes `--destination=r.example.com/ab` for it";
        assert_eq!((finding.severity, &*finding.message), (Severity::Error, message));
        let builds = Case::of(&["--target", "--cache"], FILES).finding(Code::FlagAsValue);
        assert_eq!(builds.severity, Severity::Warning);
    }

    #[test]
    fn what_is_no_flag_may_be_one() {
        Case::of(&["--build-arg", "--depth=1"], FILES).no_finding(Code::FlagAsValue);
        Case::of(&["--target=--cache"], FILES).no_finding(Code::FlagAsValue);
    }
}
