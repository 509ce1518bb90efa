//! What goes wrong between arguments and a build, one file for each kind of mistake.
//!
//! Each rule looks at the [`Facts`] and tells what it finds. Those of [`CAUSES`] are asked only where the executor fails,
//! in this order, and the first answer stands: one failure has one cause, and the nearest comes first. Those of
//! [`RISKS`] are asked where it does not: all of them, for what builds may still be wrong.

mod dockerfile_letter_case;
mod dockerfile_missing;
mod executor_arguments;

use super::Finding;
use super::facts::Facts;

/// Looks at the facts and tells what it finds.
type Rule = fn(&Facts) -> Option<Finding>;

/// Why the executor fails; the last ones know no more than that it does.
const CAUSES: &[Rule] = &[dockerfile_letter_case::find, dockerfile_missing::find, executor_arguments::find];

/// What may be wrong though it builds.
const RISKS: &[Rule] = &[];

/// What there is to say of an executor that somebody set up.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let cause = facts.failure().and_then(|_| CAUSES.iter().find_map(|rule| rule(facts)));
    let risks = RISKS.iter().filter_map(|rule| rule(facts));
    cause.into_iter().chain(risks).collect()
}

#[cfg(test)]
mod case;
