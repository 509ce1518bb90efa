//! What to do about it, as far as the numbers tell.

use super::{Comparison, HARDLY, Side};
use crate::timeline::Phase;
use crate::words;

/// A part of a clone that is worth a word: a tenth.
const WORTH: u64 = 10;
/// Directories that are named.
const TOLD: usize = 3;

/// Each is one action, with what it would save.
pub fn advice(comparison: &Comparison) -> Vec<String> {
    history(comparison).into_iter().chain(unintended(comparison)).chain(init_container(comparison)).collect()
}

/// Kaniko clones all branches and tags with all of their history.
fn history(comparison: &Comparison) -> Option<String> {
    let history = comparison.history.as_ref().filter(|_| !comparison.is_single_branch)?;
    let (all, single) = (history.all.pack?.bytes, history.single_branch.pack?.bytes);
    let context = |side| comparison.summary(side).median(Phase::Context).as_secs_f64();
    let is_slow = context(Side::Git) > context(Side::Local) + HARDLY;
    let saved = all.saturating_sub(single);
    (is_slow && saved > all / WORTH).then(|| {
        format!(
            "of the {} that a clone moves, {} are of other branches and tags: `--git=single-branch=true` leaves them out",
            words::size(all),
            words::size(saved),
        )
    })
}

/// An ignore pattern is cheaper than an upload.
fn unintended(comparison: &Comparison) -> impl Iterator<Item = String> {
    comparison.unintended.iter().take(TOLD).map(|advice| match &advice.help {
        Some(help) => format!("{}: {help}", advice.message),
        None => advice.message.clone(),
    })
}

/// A container that only takes the context costs its start.
fn init_container(comparison: &Comparison) -> Option<String> {
    let start = |side| comparison.summary(side).median(Phase::Start).as_secs_f64();
    let more = start(Side::Local) - start(Side::Git);
    let total = -comparison.difference().total;
    let is_there = comparison.has_init_container;
    (is_there && total > HARDLY && more > total / 2.0).then(|| {
        format!(
            "the init container that takes the context costs {more:.1} s: `--transport=stdin` needs none, and tries a \
             broken upload again with another pod"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{comparison, timeline};
    use super::*;
    use crate::code::Code;
    use crate::context::advice::Advice;
    use crate::git::{History, Pack, Reachable};

    #[test]
    fn other_branches_are_told_of_where_the_clone_is_slow_for_them() {
        let mut compared = comparison(&[(Side::Local, 400, 1), (Side::Git, 3000, 1)]);
        let of = |bytes| Reachable { commits: 1, pack: Some(Pack { objects: 1, bytes }) };
        let history = |all, single| History { all: of(all), single_branch: of(single), missing: 0, shallow: false };
        compared.history = Some(history(100 << 20, 10 << 20));
        assert_eq!(
            advice(&compared),
            [
                "of the 100.00 MiB that a clone moves, 90.00 MiB are of other branches and tags: `--git=single-branch=true` \
              leaves them out"
            ]
        );
        compared.history = Some(history(100 << 20, 95 << 20));
        assert_eq!(advice(&compared), [""; 0]);
        let mut fast = comparison(&[(Side::Local, 400, 1), (Side::Git, 300, 1)]);
        fast.history = Some(history(100 << 20, 10 << 20));
        assert_eq!(advice(&fast), [""; 0]);
    }

    #[test]
    fn a_directory_that_nobody_meant_to_send_is_named_with_the_line_that_leaves_it_out() {
        let mut compared = comparison(&[(Side::Local, 4000, 1), (Side::Git, 300, 1)]);
        compared.unintended = vec![Advice {
            code: Code::ContextUnintended,
            path: "node_modules".into(),
            line: None,
            message: "`node_modules` is sent and looks unintended: 80.00 MiB".to_owned(),
            notes: vec![],
            ignore_line: None,
            help: Some("add `node_modules` to `.dockerignore`".to_owned()),
        }];
        assert_eq!(
            advice(&compared),
            ["`node_modules` is sent and looks unintended: 80.00 MiB: add `node_modules` to `.dockerignore`"]
        );
    }

    #[test]
    fn an_init_container_that_is_most_of_the_difference_is_told_of() {
        let mut compared = comparison(&[(Side::Local, 100, 1), (Side::Git, 100, 1)]);
        compared.runs[0].timeline = timeline(&[(Phase::Start, 4000), (Phase::Context, 100), (Phase::Step, 1)]);
        let told = advice(&compared);
        assert!(told[0].starts_with("the init container that takes the context costs 3.0 s: `--transport=stdin`"));
    }
}
