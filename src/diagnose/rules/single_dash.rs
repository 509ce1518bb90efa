//! One dash before a long name, as Go's own flags have it: the executor takes the first letter for a flag, and the rest
//! for its value.

use crate::code::Code;
use crate::diagnose::facts::Facts;
use crate::diagnose::{Finding, Severity};
use crate::executor::flags::families_with;

/// Where the name is one of a flag.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let flags = facts.resolution.flags.iter().flat_map(|flags| flags.iter()).map(|given| given.index);
    let mut indices = facts.argument_error().map(|(error, _)| error.index).into_iter().chain(flags);
    let (index, argument) = indices.find_map(|index| {
        let argument = facts.setup.arguments.get(index)?;
        let name = argument.strip_prefix('-')?.split('=').next()?;
        (!families_with(name).is_empty()).then_some((index, argument))
    })?;
    let letter: String = argument.chars().take(2).collect();
    let message = format!("`{argument}` is `{letter}` and a value to the executor: it has one dash");
    let mut finding = facts.judge(Code::SingleDash, Some(index), message);
    if letter == "-d" {
        // It is a destination now, and none that there is.
        finding.severity = Severity::Error;
    }
    Some(finding.with_help(Some(format!("use `-{argument}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_long_name_has_two_dashes() {
        for (argument, help) in [
            ("-context=dir:///c", "use `--context=dir:///c`"),
            ("-dockerfile=x", "use `--dockerfile=x`"),
            ("-no-push", "use `--no-push`"),
        ] {
            let finding = Case::of(&[argument], &["/workspace/Dockerfile"]).finding(Code::SingleDash);
            assert_eq!((finding.help.as_deref(), finding.severity), (Some(help), Severity::Error));
        }
    }

    #[test]
    fn what_builds_in_spite_of_it_is_a_warning() {
        let case = Case::of(&["-cache"], &["/workspace/Dockerfile"]);
        assert_eq!(case.finding(Code::SingleDash).severity, Severity::Warning);
    }

    #[test]
    fn one_letter_has_one() {
        for arguments in [&["-c/c"][..], &["-f", "Dockerfile"], &["-d=r.example.com/ab"], &["--target", "-cache"]] {
            Case::of(arguments, &["/workspace/Dockerfile"]).no_finding(Code::SingleDash);
        }
    }
}
