//! `--cache true`: a switch takes a value only behind `=`, so `true` is taken for a sub-command (kaniko#807).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;
use crate::executor::flags::is_switch;

/// Only where the argument before the one that is refused is a switch.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let (error, value) = facts.argument_error()?;
    let switch = facts.setup.arguments.get(error.index.checked_sub(1)?)?;
    let is_value = matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "0" | "1" | "t" | "f");
    let is_switch = is_switch(switch.strip_prefix("--")?, facts.setup.image.family);
    (is_value && is_switch && error.text.starts_with("unknown command ")).then_some(())?;
    let finding =
        facts.error(Code::SwitchValue, Some(error.index), format!("`{switch}` takes no value from the next argument"));
    Some(finding.with_help(Some(format!("use `{switch}={}`", value.to_ascii_lowercase()))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const FILES: &[&str] = &["/workspace/Dockerfile"];

    #[test]
    fn a_value_in_the_next_argument_is_not_the_switchs() {
        let finding = Case::of(&["--cache", "true", "--cleanup"], FILES).finding(Code::SwitchValue);
        assert_eq!(finding.help.as_deref(), Some("use `--cache=true`"));
        assert_eq!(
            finding.notes,
            [r#"the executor ends with `Error: unknown command "true" for "executor"`"#],
            "its words are quoted"
        );
        let off = Case::exactly(&["--no-push", "False"], FILES).finding(Code::SwitchValue);
        assert_eq!(off.help.as_deref(), Some("use `--no-push=false`"));
    }

    #[test]
    fn behind_an_equals_sign_or_another_flag_it_is_fine() {
        Case::of(&["--cache-repo=x", "--cache=true"], FILES).no_finding(Code::SwitchValue);
        Case::of(&["--target", "true", "--no-push"], FILES).no_finding(Code::SwitchValue);
        Case::of(&["--no-push", "build"], FILES).no_finding(Code::SwitchValue);
    }
}
