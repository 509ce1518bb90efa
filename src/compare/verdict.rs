//! Which way is faster, in one sentence with the numbers that carry it.

use super::{Comparison, Content, Difference, Figures, HARDLY, Side, Summary};
use crate::timeline::Phase;
use crate::words;

/// The sentence. Where the runs of both sides overlap, it says that they tell no difference.
pub fn verdict(comparison: &Comparison) -> String {
    let [local, git] = Side::BOTH.map(|side| comparison.summary(side));
    let difference = comparison.difference();
    let runs = comparison.counted(Side::Local).count().min(comparison.counted(Side::Git).count());
    let of = match runs {
        1 => "one run of each, which says little of chance".to_owned(),
        runs => format!("median of {runs}"),
    };
    let by_chance = match runs {
        1 => String::new(),
        runs => format!("; chance alone would separate the runs like this once in {} times", one_in(runs)),
    };
    let times = format!(
        "{} from the local directory, {} from the git context ({of})",
        seconds(local.total.median.as_secs_f64()),
        seconds(git.total.median.as_secs_f64()),
    );
    let judged = if difference.total.abs() < HARDLY || runs > 1 && overlap(local.total, git.total) {
        format!("no difference that these runs can tell: {times}")
    } else {
        let faster = if difference.total > 0.0 { "the local directory" } else { "the git context" };
        let by = seconds(difference.total.abs());
        format!("{faster} is {by} faster: {times}; {}{by_chance}", made_of(&difference, &local, &git))
    };
    match &comparison.content {
        Content::Known(content) if !content.is_same() => {
            format!("{judged}. The two images are not the same: their contexts differ")
        }
        _ => judged,
    }
}

/// How often all of `runs` would be faster than all of as many others, either way round, if nothing told them apart: two
/// of the ways to deal them out, which are 2n over n.
fn one_in(runs: usize) -> u64 {
    let runs = runs.min(20) as u64;
    let ways = (1..=runs).fold(1, |ways, nth| ways * (runs + nth) / nth);
    ways / 2
}

fn overlap(one: Figures, other: Figures) -> bool {
    one.least <= other.most && other.least <= one.most
}

/// What carries it: the largest part, and what stands behind the context's.
fn made_of(difference: &Difference, local: &Summary, git: &Summary) -> String {
    let same = difference.phases.iter().find(|(_, more)| (*more > 0.0) == (difference.total > 0.0));
    let Some((phase, more)) = same else { return "no single phase makes it".to_owned() };
    let took = |summary: &Summary| seconds(summary.median(*phase).as_secs_f64());
    let part = format!("{} of it in `{}`", seconds(more.abs()), phase.title());
    match phase {
        Phase::Context => {
            let what = |summary: &Summary, way: &str| match summary.moved {
                Some(bytes) => format!("{} for {way} of {}", took(summary), words::size(bytes)),
                None => format!("{} for {way}", took(summary)),
            };
            format!("{part}, {} against {}", what(local, "the upload"), what(git, "the clone"))
        }
        _ => format!("{part}, {} against {}", took(local), took(git)),
    }
}

/// `0.4 s`.
fn seconds(seconds: f64) -> String {
    if seconds < 0.1 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::comparison;
    use super::*;

    #[test]
    fn the_faster_side_is_named_with_what_makes_it_so() {
        let compared = comparison(&[(Side::Local, 400, 3000), (Side::Git, 2600, 3100)]);
        assert_eq!(
            verdict(&compared),
            "the local directory is 2.3 s faster: 4.4 s from the local directory, 6.7 s from the git context (one run of \
             each, which says little of chance); 2.2 s of it in `context`, 0.4 s for the upload against 2.6 s for the clone"
        );
    }

    #[test]
    fn a_difference_comes_with_how_often_chance_alone_would_make_it() {
        let runs = |count| [(Side::Local, 400, 3000), (Side::Git, 2600, 3100)].repeat(count);
        for (count, one_in) in [(2, 3), (3, 10), (4, 35), (5, 126)] {
            let told = format!("; chance alone would separate the runs like this once in {one_in} times");
            assert!(verdict(&comparison(&runs(count))).ends_with(&told), "{count}");
        }
        assert_eq!(one_in(usize::MAX), 68_923_264_410);
    }

    #[test]
    fn a_phase_that_goes_the_other_way_does_not_carry_it() {
        let compared = comparison(&[(Side::Local, 2400, 1000), (Side::Git, 400, 4000)]);
        assert!(verdict(&compared).contains("3.0 s of it in `instructions`, 1.0 s against 4.0 s"));
    }

    #[test]
    fn runs_that_overlap_tell_no_difference() {
        let runs = [(Side::Local, 400, 3000), (Side::Git, 500, 3200), (Side::Git, 500, 2800), (Side::Local, 400, 3100)];
        assert_eq!(
            verdict(&comparison(&runs)),
            "no difference that these runs can tell: 4.5 s from the local directory, 4.5 s from the git context (median \
             of 2)"
        );
    }
}
