//! What goes wrong between arguments and a build, one file for each kind of mistake.
//!
//! Each rule looks at the [`Facts`] and tells what it finds. Those of `CAUSES` are asked only where the executor fails,
//! in this order, and the first answer stands: one failure has one cause, and the nearest comes first. Those of
//! `RISKS` are asked where it does not, for what builds may still be wrong: of each group, which is about one thing, the
//! first answer stands.

mod archive_compressed_twice;
mod archive_hard_link;
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
mod flag_as_value;
mod git_address;
mod git_branch_regression;
mod git_pull_request;
mod git_scp_address;
mod git_two_schemes;
mod ignore_file_unread;
mod insecure_pull;
mod no_destination;
mod no_stdin;
mod path_of_this_machine;
mod quoted_value;
mod single_dash;
mod sub_path_ignored;
mod sub_path_missing;
mod switch_value;
mod typographic_dash;
mod unknown_flag;
mod variable_not_expanded;
mod working_directory;

use super::Finding;
use super::facts::Facts;
use crate::executor::resolve::{End, Resolution, Unknown};

/// Looks at the facts and tells what it finds.
type Rule = fn(&Facts) -> Option<Finding>;

/// Why the executor fails; the last ones know no more than that it does.
const CAUSES: &[Rule] = &[
    // Arguments that it does not take: the shape of one goes before its name.
    executor_path::find,
    typographic_dash::find,
    single_dash::find,
    flag_as_value::find,
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
    archive_compressed_twice::find,
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

/// What may be wrong with an address of git.
const OF_GIT: &[Rule] =
    &[git_two_schemes::find, git_scp_address::find, git_pull_request::find, git_branch_regression::find];

/// What may be wrong though it builds.
const RISKS: &[&[Rule]] = &[
    // About how flags are written, and what becomes a destination by that.
    &[single_dash::find, flag_as_value::find, destination_malformed::find],
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
    OF_GIT,
    // About the Dockerfile.
    &[dockerfile_shadowed::find, dockerfile_url::find, archive_top_directory::find, dockerfile_outside_context::find],
    &[bucket_regression::find],
    &[archive_hard_link::find],
    &[ignore_file_unread::find],
    &[insecure_pull::find],
    &[unknown_flag::of_later_release],
];

/// What may be wrong with arguments, whatever is in the files that they name.
const OF_ARGUMENTS: &[&[Rule]] = &[
    &[
        arguments_in_one::find,
        quoted_value::find,
        variable_not_expanded::find,
        git_address::find,
        context_two_slashes::find,
        sub_path_ignored::find,
    ],
    OF_GIT,
    &[bucket_regression::find],
    &[destination_malformed::find],
    &[unknown_flag::of_later_release],
];

/// What there is to say of an executor whose files nobody knows: it is not to be told whether it fails.
pub fn of_arguments(facts: &Facts) -> Vec<Finding> {
    let resolution = Resolution { end: End::Unknown(Unknown::Volume), ..facts.resolution.clone() };
    let facts = Facts { resolution: &resolution, ..*facts };
    OF_ARGUMENTS.iter().filter_map(|rules| rules.iter().find_map(|rule| rule(&facts))).collect()
}

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

#[cfg(test)]
mod tests {
    use super::case::Case;
    use crate::code::Code;

    /// Where several rules would fit.
    #[test]
    fn a_failure_has_one_cause_and_the_nearest_is_told() {
        for (arguments, files, cause) in [
            (&["--dockerfile=x --context=dir:///c"][..], &["/c/x"][..], Code::ArgumentsInOne),
            (&["--context=/c", "--dockerfile='x'"], &["/c/x"], Code::QuotedValue),
            (&["--context=dir:///c/$DIR"], &["/c/dockerfile"], Code::VariableNotExpanded),
            (&["–context=/c /d"], &["/c/Dockerfile"], Code::TypographicDash),
            (&["-no-push"], &["/c/Dockerfile"], Code::SingleDash),
            (&["--context=git@h.example:o/r"], &["/c/Dockerfile"], Code::GitAddress),
            (&["--context=dir://c"], &["/c/Dockerfile"], Code::ContextTwoSlashes),
            (&["--context=/c"], &["/c/dockerfile", "/c/a/Dockerfile"], Code::DockerfileLetterCase),
            (&["--context=/nowhere"], &["/c/Dockerfile"], Code::ContextMissing),
            (&["--context=/c"], &["/c/a/Dockerfile"], Code::DockerfileMissing),
            (&["--context=dir:///c", "--context-sub-path=A"], &["/c/a/Dockerfile"], Code::SubPathMissing),
            (&["--verbosity=loud"], &["/workspace/Dockerfile"], Code::ExecutorArguments),
        ] {
            assert_eq!(Case::of(arguments, files).codes(), [cause], "{arguments:?}");
        }
        let sent = Case::of(&["--context=/home/me"], &["/c/x"]).here("context", "/home/me", None);
        assert_eq!(sent.codes(), [Code::PathOfThisMachine]);
    }

    #[test]
    fn a_mistake_that_builds_is_told_once() {
        const FILES: &[&str] = &["/workspace/Dockerfile"];
        for (arguments, codes) in [
            (&["--context=github.com/o/r"][..], &[Code::GitAddress][..]),
            (&["--context=/workspace/~/x"], &[Code::ContextMissing]),
            (&["-dockerfile=x"], &[Code::SingleDash]),
            (&["--destination='r.example.com/ab'"], &[Code::QuotedValue]),
            (&["--destination=r.example.com/$NAME"], &[Code::VariableNotExpanded]),
            (&["--context=/", "--destination=AB"], &[Code::DestinationMalformed, Code::ContextIsRoot]),
            (&["--context=/workspace", "--destination=r.example.com/ab", "--cache=false"], &[]),
            (&["version"], &[]),
        ] {
            assert_eq!(Case::of(arguments, FILES).codes(), codes, "{arguments:?}");
        }
    }
}
