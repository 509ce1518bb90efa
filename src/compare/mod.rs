//! The same image from a local directory and from a git context: what each way took, and what the difference is made of.
//! Pure.

mod advice;
mod link;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::context::advice::Advice;
use crate::git::{ContentDifference, History};
use crate::timeline::{Phase, Timeline};

pub use advice::advice;
pub use link::{Forecast, Link, forecast};
pub use verdict::verdict;

/// Where a build has its context from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The directory on this disk.
    Local,
    /// The git repository, cloned by the executor.
    Git,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Local, Self::Git];

    /// Its word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Git => "git",
        }
    }

    /// What it is called in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Local => "local directory",
            Self::Git => "git context",
        }
    }
}

/// In which order `runs` of each are made: in pairs that take turns in going first (A B B A), so that what warms up or
/// wears out meets both alike. The local directory comes last, so that the tag is left with its image.
pub fn order(runs: u32) -> Vec<Side> {
    let pair = |number: u32| match number % 2 {
        0 => [Side::Git, Side::Local],
        _ => [Side::Local, Side::Git],
    };
    (0..runs).rev().flat_map(pair).collect()
}

/// One build.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where its context came from.
    pub side: Side,
    /// It is not counted.
    pub is_warm_up: bool,
    /// What its time went into.
    pub timeline: Timeline,
    /// The image's digest.
    pub digest: String,
}

/// What was compared, and what it came to.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The build context as typed.
    pub context: String,
    /// The repository, with what of it is the context.
    pub repository: String,
    /// The commit that is built in each run, if it is known here.
    pub commit: Option<String>,
    /// The destinations; none if nothing was pushed.
    pub tags: Vec<String>,
    /// In the order in which they were made.
    pub runs: Vec<Run>,
    /// What differs in content.
    pub content: Content,
    /// What was taken for the server's word, if it was not asked.
    pub assumed: Option<String>,
    /// Why not all runs were made that were wanted.
    pub unfinished: Option<String>,
    /// How big the repository is, as far as that is known here.
    pub history: Option<History>,
    /// Whether the executor clones one branch alone.
    pub is_single_branch: bool,
    /// Whether an init container takes the local context.
    pub has_init_container: bool,
    /// What it would come to over other links.
    pub forecasts: Vec<Forecast>,
    /// What makes the local context big and does not look intended.
    pub unintended: Vec<Advice>,
}

/// Whether both are of the same content.
#[derive(Debug, Clone)]
pub enum Content {
    /// That is what differs, or nothing does.
    Known(ContentDifference),
    /// Why it is not known.
    Unknown(String),
}

/// Least, middle and most of several durations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// The least.
    pub least: Duration,
    /// The middle, or the mean of the two in the middle.
    pub median: Duration,
    /// The most.
    pub most: Duration,
}

impl Figures {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let (Some(least), Some(most)) = (times.first(), times.last()) else { return Self::default() };
        let upper = times[times.len() / 2];
        let lower = times[(times.len() - 1) / 2];
        Self { least: *least, median: (lower + upper) / 2, most: *most }
    }
}

/// What one side took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// From the request for the pod until the cluster says that the executor has ended.
    pub total: Figures,
    /// Of it, each kind of work.
    pub phases: BTreeMap<Phase, Figures>,
    /// Of the instructions, each, in the order of the first run.
    pub steps: Vec<(String, Figures)>,
    /// Of the context, how long bytes of it travelled.
    pub sending: Duration,
    /// Bytes of the context on the wire; of a clone, as git here would pack it.
    pub moved: Option<u64>,
}

impl Summary {
    /// The middle of what one kind of work took.
    pub fn median(&self, phase: Phase) -> Duration {
        self.phases.get(&phase).map_or(Duration::ZERO, |figures| figures.median)
    }
}

/// What git takes longer than the local directory, in seconds; less than nothing if it takes less.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// In all: between the medians.
    pub total: f64,
    /// Of each kind of work, the largest first.
    pub phases: Vec<(Phase, f64)>,
    /// Which share of the difference these add up to; none if there is hardly one.
    pub explained: Option<f64>,
}

/// A difference of less is none: seconds.
pub const HARDLY: f64 = 0.05;

impl Comparison {
    /// The runs of one side that count.
    pub fn counted(&self, side: Side) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.side == side && !run.is_warm_up)
    }

    /// What one side took.
    pub fn summary(&self, side: Side) -> Summary {
        let timelines: Vec<&Timeline> = self.counted(side).map(|run| &run.timeline).collect();
        let figures = |time: &dyn Fn(&Timeline) -> Duration| {
            Figures::of(timelines.iter().map(|timeline| time(timeline)).collect())
        };
        let phases = Phase::ALL.into_iter().map(|phase| (phase, figures(&|timeline| timeline.of(phase))));
        let names = timelines.first().into_iter().flat_map(|timeline| timeline.steps());
        let steps = names.map(|(name, nth, _)| {
            let took = |timeline: &Timeline| {
                let same = timeline.steps().into_iter().find(|(other, at, _)| (other, at) == (&name, &nth));
                same.map_or(Duration::ZERO, |(.., took)| took)
            };
            (name.clone(), figures(&took))
        });
        Summary {
            total: figures(&Timeline::total),
            steps: steps.collect(),
            sending: figures(&|timeline| timeline.sending.unwrap_or_default()).median,
            phases: phases.filter(|(_, figures)| !figures.most.is_zero()).collect(),
            moved: match side {
                Side::Local => timelines.iter().filter_map(|timeline| timeline.sent).max(),
                Side::Git => self.clone_bytes(),
            },
        }
    }

    /// Bytes of a clone, unless the local repository has too little of it to tell.
    fn clone_bytes(&self) -> Option<u64> {
        let history = self.history.as_ref().filter(|history| !history.shallow)?;
        // Branches of the server that are not here are cloned all the same.
        if history.missing > 0 && !self.is_single_branch {
            return None;
        }
        let reachable = if self.is_single_branch { &history.single_branch } else { &history.all };
        reachable.pack.map(|pack| pack.bytes)
    }

    /// What each instruction took, locally and from git, in the order of the local directory's first run; those that only
    /// git's Dockerfile has come last. Of several alike the first belongs to the first.
    pub fn instructions(&self) -> Vec<(String, Option<Figures>, Option<Figures>)> {
        let [local, mut git] = Side::BOTH.map(|side| self.summary(side).steps);
        let mut both: Vec<_> = local
            .into_iter()
            .map(|(name, of_local)| {
                let same = git.iter().position(|(other, _)| *other == name);
                let of_git = same.map(|same| git.remove(same).1);
                (name, Some(of_local), of_git)
            })
            .collect();
        both.extend(git.into_iter().map(|(name, of_git)| (name, None, Some(of_git))));
        both
    }

    /// What the difference is made of.
    pub fn difference(&self) -> Difference {
        let [local, git] = Side::BOTH.map(|side| self.summary(side));
        let more = |git: Duration, local: Duration| git.as_secs_f64() - local.as_secs_f64();
        let total = more(git.total.median, local.total.median);
        let phases = Phase::ALL.into_iter().map(|phase| (phase, more(git.median(phase), local.median(phase))));
        let mut phases: Vec<(Phase, f64)> = phases.collect();
        let sum: f64 = phases.iter().map(|(_, more)| more).sum();
        phases.retain(|(_, more)| more.abs() >= 0.001);
        phases.sort_by(|(_, left), (_, right)| right.abs().total_cmp(&left.abs()));
        let explained = (total.abs() >= HARDLY).then(|| 1.0 - (sum - total).abs() / total.abs());
        Difference { total, phases, explained }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::git::{Pack, Reachable};
    use crate::timeline::Span;

    /// A timeline of these phases, in milliseconds.
    pub(crate) fn timeline(phases: &[(Phase, u64)]) -> Timeline {
        let mut now = Duration::ZERO;
        let spans = phases.iter().map(|(phase, milliseconds)| {
            let took = Duration::from_millis(*milliseconds);
            let name = (*phase == Phase::Step).then(|| "RUN make".to_owned());
            now += took;
            Span { phase: *phase, instruction: name.is_some().then_some(1), name, from: now - took, took }
        });
        Timeline { spans: spans.collect(), ..Timeline::default() }
    }

    /// A comparison of runs whose context and whose instruction took so long.
    pub(crate) fn comparison(runs: &[(Side, u64, u64)]) -> Comparison {
        let run = |(side, context, step): &(Side, u64, u64)| Run {
            side: *side,
            is_warm_up: false,
            timeline: timeline(&[(Phase::Start, 1000), (Phase::Context, *context), (Phase::Step, *step)]),
            digest: "sha256:1".to_owned(),
        };
        Comparison {
            context: ".".to_owned(),
            repository: "https://git.example.com/app.git".to_owned(),
            commit: None,
            tags: vec![],
            runs: runs.iter().map(run).collect(),
            content: Content::Unknown("nobody looked".to_owned()),
            assumed: None,
            unfinished: None,
            history: None,
            is_single_branch: false,
            has_init_container: true,
            forecasts: vec![],
            unintended: vec![],
        }
    }

    #[test]
    fn runs_take_turns_in_going_first_and_the_local_directory_is_last() {
        use Side::{Git, Local};
        assert_eq!(order(1), [Git, Local]);
        assert_eq!(order(2), [Local, Git, Git, Local]);
        assert_eq!(order(3), [Git, Local, Local, Git, Git, Local]);
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        let figures = Figures::of([4, 1, 3, 2].map(Duration::from_secs).to_vec());
        assert_eq!(figures.median, Duration::from_millis(2500));
        assert_eq!((figures.least, figures.most), (Duration::from_secs(1), Duration::from_secs(4)));
        assert_eq!(Figures::of(vec![]), Figures::default());
    }

    #[test]
    fn a_difference_is_made_of_its_phases() {
        let compared = comparison(&[(Side::Local, 500, 3000), (Side::Git, 2500, 3100)]);
        let difference = compared.difference();
        assert!((difference.total - 2.1).abs() < 1e-9);
        assert_eq!(difference.phases[0].0, Phase::Context);
        assert_eq!(difference.phases.len(), 2, "what is the same is no part of it");
        assert!(difference.explained.unwrap() > 0.999);
        assert_eq!(compared.summary(Side::Git).steps[0].0, "RUN make");
    }

    #[test]
    fn an_instruction_of_one_side_takes_nothing_from_the_others() {
        let mut compared = comparison(&[(Side::Local, 400, 1), (Side::Git, 400, 1)]);
        let extra = Span {
            phase: Phase::Step,
            name: Some("RUN first".to_owned()),
            instruction: Some(7),
            ..compared.runs[0].timeline.spans[0].clone()
        };
        compared.runs[0].timeline.spans.insert(0, extra);
        let of_git = Span {
            phase: Phase::Step,
            name: Some("RUN last".to_owned()),
            instruction: Some(9),
            ..compared.runs[0].timeline.spans[0].clone()
        };
        compared.runs[1].timeline.spans.push(of_git);
        let sides: Vec<_> = compared
            .instructions()
            .into_iter()
            .map(|(name, local, git)| (name, local.is_some(), git.is_some()))
            .collect();
        let step = |name: &str, local, git| (name.to_owned(), local, git);
        assert_eq!(
            sides,
            [step("RUN first", true, false), step("RUN make", true, true), step("RUN last", false, true)]
        );
    }

    #[test]
    fn branches_that_are_not_here_make_the_bytes_of_a_clone_unknown() {
        let mut compared = comparison(&[(Side::Local, 400, 1), (Side::Git, 400, 1)]);
        let of = |bytes| Reachable { commits: 1, pack: Some(Pack { objects: 1, bytes }) };
        let history = |missing| History { all: of(100), single_branch: of(50), missing, shallow: false };
        compared.history = Some(history(0));
        assert_eq!(compared.summary(Side::Git).moved, Some(100));
        compared.history = Some(history(1));
        assert_eq!(compared.summary(Side::Git).moved, None);
        compared.is_single_branch = true;
        assert_eq!(compared.summary(Side::Git).moved, Some(50));
    }

    #[test]
    fn a_warm_up_is_not_counted() {
        let mut compared = comparison(&[(Side::Local, 9000, 1), (Side::Local, 1000, 1)]);
        compared.runs[0].is_warm_up = true;
        assert_eq!(compared.summary(Side::Local).median(Phase::Context), Duration::from_secs(1));
    }
}
