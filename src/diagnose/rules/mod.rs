//! What goes wrong between arguments and a build, one file for each kind of mistake.
//!
//! Each rule looks at the [`Facts`] and tells what it finds. Those of [`CAUSES`] are asked only where the executor fails,
//! in this order, and the first answer stands: one failure has one cause, and the nearest comes first. Those of
//! [`RISKS`] are asked where it does not, for what builds may still be wrong: of each group, which is about one thing, the
//! first answer stands.

mod address;
mod archive_missing;
mod archive_not_gzip;
mod archive_top_directory;
mod arguments_in_one;
mod bucket_regression;
mod context_empty;
mod context_is_root;
mod context_missing;
mod context_repeated;
mod context_scheme;
mod context_two_slashes;
mod destination_malformed;
mod dockerfile_letter_case;
mod dockerfile_missing;
mod dockerfile_outside_context;
mod dockerfile_shadowed;
mod dockerfile_unusable;
mod dockerfile_url;
mod executor_arguments;
mod executor_path;
mod git_address;
mod git_branch_regression;
mod git_pull_request;
mod git_scp_address;
mod git_two_schemes;
mod ignore_file_unread;
mod no_destination;
mod no_stdin;
mod path_of_this_machine;
mod quoted_value;
mod sub_path_ignored;
mod sub_path_missing;
mod switch_value;
mod typographic_dash;
mod unknown_flag;
mod variable_not_expanded;
mod working_directory;

use super::Finding;
use super::facts::Facts;

/// Looks at the facts and tells what it finds.
type Rule = fn(&Facts) -> Option<Finding>;

/// Why the executor fails; the last ones know no more than that it does.
const CAUSES: &[Rule] = &[
    // Arguments that it does not take: the shape of one goes before its name.
    executor_path::find,
    typographic_dash::find,
    quoted_value::find,
    arguments_in_one::find,
    switch_value::find,
    unknown_flag::find,
    // Arguments that lack something.
    no_destination::find,
    // The context. What is wrong with a value's text goes before where it leads.
    variable_not_expanded::find,
    context_empty::find,
    context_scheme::find,
    no_stdin::find,
    path_of_this_machine::find,
    archive_missing::find,
    archive_not_gzip::find,
    sub_path_missing::find,
    // The Dockerfile: a wrong context is nearer than a wrong Dockerfile, and what would help is nearer than what would not.
    dockerfile_unusable::find,
    git_address::find,
    dockerfile_letter_case::find,
    context_two_slashes::find,
    sub_path_ignored::find,
    context_repeated::find,
    archive_top_directory::find,
    dockerfile_outside_context::find,
    working_directory::find,
    context_missing::find,
    dockerfile_missing::find,
    // Whatever it is.
    executor_arguments::find,
];

/// What may be wrong though it builds.
const RISKS: &[&[Rule]] = &[
    // About the context's place.
    &[
        arguments_in_one::find,
        quoted_value::find,
        variable_not_expanded::find,
        git_address::find,
        context_two_slashes::find,
        sub_path_ignored::find,
        context_missing::find,
        context_is_root::find,
    ],
    // About an address of git.
    &[git_two_schemes::find, git_scp_address::find, git_pull_request::find, git_branch_regression::find],
    // About the Dockerfile.
    &[dockerfile_shadowed::find, dockerfile_url::find, archive_top_directory::find, dockerfile_outside_context::find],
    &[bucket_regression::find],
    &[ignore_file_unread::find],
    &[destination_malformed::find],
    &[unknown_flag::of_later_release],
];

/// What there is to say of an executor that somebody set up.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let first = |rules: &&[Rule]| rules.iter().find_map(|rule| rule(facts));
    match facts.failure() {
        Some(_) => first(&CAUSES).into_iter().collect(),
        None => RISKS.iter().filter_map(first).collect(),
    }
}

#[cfg(test)]
mod case;
