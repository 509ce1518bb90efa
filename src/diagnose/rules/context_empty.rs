//! An empty `--context`, mostly a template's value that nobody set.

use crate::code::Code;
use crate::diagnose::Finding;
use crate::diagnose::facts::Facts;

/// Only without a bucket, which would take its place.
pub(super) fn find(facts: &Facts) -> Option<Finding> {
    let given = facts.flag("context").filter(|given| given.value.is_empty() && facts.fails_at_context())?;
    facts.failure().filter(|words| words.contains("please specify a path to the build context"))?;
    Some(facts.error(Code::ContextEmpty, Some(given.index), "`--context` is empty".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    const FILES: &[&str] = &["/workspace/Dockerfile"];

    #[test]
    fn an_empty_context_is_none() {
        assert_eq!(Case::of(&["--context="], FILES).finding(Code::ContextEmpty).message, "`--context` is empty");
    }

    #[test]
    fn no_context_is_the_default_and_a_bucket_is_one() {
        Case::of(&[], FILES).no_finding(Code::ContextEmpty);
        Case::of(&["--context=", "--bucket=b"], FILES).no_finding(Code::ContextEmpty);
    }
}
