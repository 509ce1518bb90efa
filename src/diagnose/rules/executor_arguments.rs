//! Anything else that keeps the executor from starting: its own words have to do.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Wherever the executor fails.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let words = facts.failure()?;
    let why = words.strip_prefix("Error: ").unwrap_or(words);
    Some(facts.error(Code::ExecutorArguments, None, format!("the executor does not start: {why}")))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn whatever_keeps_it_from_starting_is_told_in_its_words() {
        let finding = Case::of(&["--push-retry=x"], &["/workspace/Dockerfile"]).finding(Code::ExecutorArguments);
        assert!(finding.message.contains("invalid argument \"x\" for \"--push-retry\" flag"), "{}", finding.message);
    }

    #[test]
    fn one_that_starts_is_fine() {
        Case::of(&["--push-retry=1"], &["/workspace/Dockerfile"]).no_finding(Code::ExecutorArguments);
    }
}
