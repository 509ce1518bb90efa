//! The executor's own path among its arguments: its image has it as entry point already (kaniko#359).

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Only where it is taken for a sub-command.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let (error, argument) = facts.argument_error()?;
    let is_executor = argument == "executor" || argument.ends_with("/executor");
    (is_executor && error.text.starts_with("unknown command ")).then_some(())?;
    let message = format!("`{argument}` is among the executor's arguments");
    let finding = facts.error(Code::ExecutorPath, Some(error.index), message);
    Some(finding.with_help(Some(format!("remove `{argument}`: the image starts it by itself"))))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const FILES: &[&str] = &["/workspace/Dockerfile"];

    #[test]
    fn the_executors_path_is_no_argument() {
        for arguments in [&["/kaniko/executor", "--cache"][..], &["--cache", "executor"]] {
            let finding = Case::of(arguments, FILES).finding(Code::ExecutorPath);
            assert!(
                finding
                    .message
                    .starts_with(&format!("`{}`", arguments.iter().find(|a| a.ends_with("executor")).unwrap()))
            );
        }
    }

    #[test]
    fn as_the_value_of_a_flag_it_is_none_of_ours() {
        Case::of(&["--context", "/kaniko/executor", "--cache=false"], FILES).no_finding(Code::ExecutorPath);
        Case::of(&["/kaniko/warmer"], FILES).no_finding(Code::ExecutorPath);
    }
}
