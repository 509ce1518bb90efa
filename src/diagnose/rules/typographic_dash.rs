//! A dash that a text processor made of `--`, and somebody pasted: the executor takes what follows for a sub-command.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Hyphens, dashes and the minus of Unicode.
const DASHES: [char; 9] = ['‐', '‑', '‒', '–', '—', '―', '−', '﹣', '－'];

/// Only where such a dash is among those that an argument begins with.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let (error, argument) = facts.argument_error()?;
    let text = argument.trim_start_matches(|letter| letter == '-' || DASHES.contains(&letter));
    let dash = argument[..argument.len() - text.len()].chars().find(|letter| DASHES.contains(letter))?;
    let message = format!("`{argument}` begins with `{dash}`, which is no `-`");
    let is_short = text.chars().nth(1).is_none_or(|second| second == '=');
    let meant = format!("{}{text}", if is_short { "-" } else { "--" });
    let finding = facts.error(Code::TypographicDash, Some(error.index), message);
    let finding = finding.because([format!("it is U+{:04X}, into which text processors turn `--`", u32::from(dash))]);
    Some(finding.with_help(Some(format!("use `{meant}`"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_dash_of_a_typesetter_is_told_from_a_hyphen() {
        for (argument, meant) in [
            ("–context=dir:///c", "use `--context=dir:///c`"),
            ("—no-push", "use `--no-push`"),
            ("-–dockerfile=x", "use `--dockerfile=x`"),
            ("−c", "use `-c`"),
        ] {
            let finding = Case::of(&[argument], &["/workspace/Dockerfile"]).finding(Code::TypographicDash);
            assert_eq!(finding.help.as_deref(), Some(meant));
        }
    }

    #[test]
    fn one_within_a_value_is_fine() {
        Case::of(&["--context=/c–d"], &["/c–d/x"]).no_finding(Code::TypographicDash);
        Case::of(&["a–b"], &["/c"]).no_finding(Code::TypographicDash);
    }
}
