//! A flag and its value, or two flags, in one argument: no shell splits what a pod's manifest lists (kaniko#1100,
//! vfarcic/kaniko-demo#1).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;
use crate::executor::flags::{Given, families_with};

/// Flags whose values are free text, in which anything may stand.
const FREE: [&str; 3] = ["build-arg", "label", "annotation"];

/// Where a blank stands before a flag's name, or behind it.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let finding = |index: usize, pieces: [&str; 2], help: String| {
        let message = format!("`{}` is one argument to the executor, not two", pieces.join(" "));
        facts.judge(Code::ArgumentsInOne, Some(index), message).with_help(Some(help))
    };
    if let Some((error, argument)) = facts.argument_error() {
        let (flag, value) = argument.split_once(char::is_whitespace)?;
        is_flag(flag).then_some(())?;
        let value = value.trim();
        let help = match is_flag(first_word(value)) {
            true => format!("write two arguments: `{flag}` and `{value}`"),
            false => format!("use `{flag}={value}`"),
        };
        return Some(finding(error.index, [flag, value], help));
    }
    let flags = facts.resolution.flags.as_ref()?;
    flags.iter().filter(|given| !FREE.contains(&given.name)).find_map(|given: &Given| {
        let mut blanks = given.value.match_indices(char::is_whitespace).map(|(at, _)| at);
        let at = blanks.find(|at| is_flag(first_word(&given.value[*at..])))?;
        let (first, second) = (given.value[..at].trim(), given.value[at..].trim());
        let first = format!("--{}={first}", given.name);
        Some(finding(given.index, [&first, second], format!("write two arguments: `{first}` and `{second}`")))
    })
}

/// What a flag's name would be, if the text begins with one.
fn first_word(text: &str) -> &str {
    text.trim_start().split([' ', '=']).next().unwrap_or_default()
}

/// Whether it is a flag of any executor, and nothing else.
fn is_flag(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(|name| !families_with(name).is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;
    use crate::diagnose::Severity;

    #[test]
    fn a_value_behind_a_blank_belongs_to_the_flags_name() {
        let case = Case::of(&["--registry-certificate jfrog.local.com"], &["/workspace/Dockerfile"]);
        let finding = case.finding(Code::ArgumentsInOne);
        assert_eq!(finding.help.as_deref(), Some("use `--registry-certificate=jfrog.local.com`"));
        let switches = Case::of(&["--cache --cleanup"], &["/workspace/Dockerfile"]).finding(Code::ArgumentsInOne);
        assert_eq!(switches.help.as_deref(), Some("write two arguments: `--cache` and `--cleanup`"));
    }

    #[test]
    fn a_second_flag_behind_a_blank_belongs_to_the_value_of_the_first() {
        let arguments = ["--dockerfile=Dockerfile --context=dir:///c"];
        let finding = Case::of(&arguments, &["/c/Dockerfile"]).finding(Code::ArgumentsInOne);
        assert_eq!(finding.severity, Severity::Error);
        let help = "write two arguments: `--dockerfile=Dockerfile` and `--context=dir:///c`";
        assert_eq!(finding.help.as_deref(), Some(help));
        let arguments = ["--context=/workspace --dockerfile=Dockerfile"];
        let builds = Case::of(&arguments, &["/workspace/Dockerfile"]).finding(Code::ArgumentsInOne);
        assert_eq!(builds.severity, Severity::Warning, "it takes the one in the working directory");
    }

    #[test]
    fn blanks_in_a_path_or_in_free_text_are_fine() {
        Case::of(&["--context=/my project"], &["/my project/Dockerfile"]).no_finding(Code::ArgumentsInOne);
        Case::of(&["--build-arg=A=x --cache"], &["/workspace/Dockerfile"]).no_finding(Code::ArgumentsInOne);
        Case::of(&["--unknown x"], &["/workspace/Dockerfile"]).no_finding(Code::ArgumentsInOne);
    }
}
