//! The comparison as a page: one file that needs nothing else, and no script. It is readable without colour: sides differ
//! by pattern, kinds of work by number.

use std::time::Duration;

use askama::Template;

use super::{more, seconds, spread};
use crate::compare::{Comparison, Content, Figures, Run, Side, Summary, advice, verdict};
use crate::error::Error;
use crate::report::sanitise;
use crate::timeline::Phase;
use crate::words;

/// The page, with what is told as text.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    context: String,
    repository: String,
    commit: Option<String>,
    verdict: String,
    advice: Vec<String>,
    /// What differs, if something does.
    content: Option<String>,
    /// What is known if nothing does.
    sameness: String,
    /// What is to be known of where that comes from.
    notes: Vec<String>,
    lanes: Vec<Lane>,
    axis: String,
    rows: Vec<Row>,
    all: Row,
    steps: Vec<Row>,
    forecasts: Vec<ForecastRow>,
    runs: Vec<RunRow>,
    moved: String,
}

struct Lane {
    side: &'static str,
    title: &'static str,
    total: String,
    spans: Vec<LaneSpan>,
}

struct LaneSpan {
    class: &'static str,
    width: String,
    title: String,
    number: String,
}

#[derive(Default)]
struct Row {
    number: usize,
    title: String,
    local: String,
    git: String,
    more: String,
    local_width: String,
    git_width: String,
}

struct ForecastRow {
    link: String,
    times: Vec<String>,
}

struct RunRow {
    number: usize,
    title: String,
    time: String,
    digest: String,
}

/// `compare -o html`.
///
/// # Errors
/// It cannot be made.
pub fn comparison_page(comparison: &Comparison) -> Result<String, Error> {
    let [local, git] = Side::BOTH.map(|side| comparison.summary(side));
    let phases: Vec<Phase> = Phase::ALL
        .into_iter()
        .filter(|phase| local.phases.contains_key(phase) || git.phases.contains_key(phase))
        .collect();
    let (content, sameness) = match &comparison.content {
        Content::Known(content) if content.is_same() => (None, "Both contexts have the same content.".to_owned()),
        Content::Known(content) => (Some(plain(&content.to_string())), String::new()),
        Content::Unknown(why) => {
            (None, format!("Whether both contexts have the same content is not known: {}", plain(why)))
        }
    };
    let nearest = Side::BOTH.map(|side| nearest(comparison, side));
    let longest = nearest.iter().flatten().map(|run| run.timeline.total()).max().unwrap_or_default();
    let page = Page {
        context: plain(&comparison.context),
        repository: plain(&comparison.repository),
        commit: comparison.commit.clone(),
        verdict: plain(&verdict(comparison)),
        advice: advice(comparison).iter().map(|one| plain(one)).collect(),
        content,
        sameness,
        notes: notes(comparison),
        lanes: nearest.into_iter().flatten().map(|run| lane(run, &phases, longest)).collect(),
        axis: seconds(longest),
        rows: rows(&phases, &local, &git),
        all: row("all", local.total, git.total, Duration::ZERO),
        steps: steps(comparison),
        forecasts: forecasts(comparison),
        runs: runs(comparison),
        moved: moved(&local, &git),
    };
    page.render().map_err(|error| Error::Output { what: "the page".to_owned(), source: std::io::Error::other(error) })
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let unfinished = comparison.unfinished.as_ref().map(|why| format!("not all runs were made: {why}"));
    comparison.assumed.iter().chain(&unfinished).map(|note| plain(note)).collect()
}

/// Without what would move a terminal's cursor: it is as out of place here.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(&sanitise(text.as_bytes())).to_string()
}

/// The run that stands for a side.
fn nearest(comparison: &Comparison, side: Side) -> Option<&Run> {
    let median = comparison.summary(side).total.median;
    comparison.counted(side).min_by_key(|run| run.timeline.total().abs_diff(median))
}

fn lane(run: &Run, phases: &[Phase], longest: Duration) -> Lane {
    let spans = run.timeline.spans.iter().map(|span| {
        let name = span.name.as_ref().map_or_else(String::new, |name| format!(": {}", plain(name)));
        let number = phases.iter().position(|phase| *phase == span.phase).map_or(0, |place| place + 1);
        LaneSpan {
            class: match span.phase {
                Phase::Context => "context",
                Phase::Step => "step",
                _ => "",
            },
            width: percent(span.took, longest),
            title: format!("{}{name}, {}", span.phase.title(), seconds(span.took)),
            number: number.to_string(),
        }
    });
    Lane {
        side: run.side.name(),
        title: run.side.title(),
        total: seconds(run.timeline.total()),
        spans: spans.collect(),
    }
}

fn rows(phases: &[Phase], local: &Summary, git: &Summary) -> Vec<Row> {
    let longest = phases.iter().flat_map(|phase| [local.median(*phase), git.median(*phase)]).max().unwrap_or_default();
    let of = |side: &Summary, phase: &Phase| side.phases.get(phase).copied().unwrap_or_default();
    let rows = phases.iter().enumerate().map(|(place, phase)| Row {
        number: place + 1,
        ..row(phase.title(), of(local, phase), of(git, phase), longest)
    });
    rows.collect()
}

fn row(title: &str, local: Figures, git: Figures, longest: Duration) -> Row {
    Row {
        number: 0,
        title: plain(title),
        local: spread(local),
        git: spread(git),
        more: more(local, git),
        local_width: percent(local.median, longest),
        git_width: percent(git.median, longest),
    }
}

fn steps(comparison: &Comparison) -> Vec<Row> {
    let rows = comparison.instructions().into_iter();
    // What one side does not have took no time there: that is not 0.00 s.
    let shown = |figures: Option<Figures>| figures.map_or("–".to_owned(), spread);
    let steps = rows.map(|(name, local, git)| Row {
        local: shown(local),
        git: shown(git),
        ..row(&name, local.unwrap_or_default(), git.unwrap_or_default(), Duration::ZERO)
    });
    steps.collect()
}

fn forecasts(comparison: &Comparison) -> Vec<ForecastRow> {
    let time = |time: &Option<Duration>| time.map_or("not known".to_owned(), seconds);
    let rows = comparison.forecasts.iter().map(|forecast| ForecastRow {
        link: plain(&forecast.link.typed),
        times: forecast.context.iter().chain(&forecast.total).map(time).collect(),
    });
    rows.collect()
}

fn runs(comparison: &Comparison) -> Vec<RunRow> {
    let rows = comparison.runs.iter().enumerate().map(|(place, run)| RunRow {
        number: place + 1,
        title: format!("{}{}", run.side.title(), if run.is_warm_up { ", not counted" } else { "" }),
        time: seconds(run.timeline.total()),
        digest: plain(&run.digest),
    });
    rows.collect()
}

fn moved(local: &Summary, git: &Summary) -> String {
    let size = |moved: Option<u64>| moved.map_or("an unknown size".to_owned(), words::size);
    format!("The context moved: {} uploaded, {} cloned.", size(local.moved), size(git.moved))
}

fn percent(part: Duration, whole: Duration) -> String {
    format!("{:.2}", 100.0 * part.as_secs_f64() / whole.as_secs_f64().max(0.001))
}
