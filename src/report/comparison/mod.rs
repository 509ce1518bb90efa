//! A comparison of two ways to a context: as text with bars, as a document, as a page.

mod page;
mod text;

use std::time::Duration;

use serde_json::{Value, json};

use crate::compare::{Comparison, Content, Figures, Forecast, Run, Side, Summary, advice, verdict};
use crate::git::{History, Reachable};
use crate::timeline::rounded;

pub use page::comparison_page;
pub use text::comparison_text;

/// `compare -o json`. Times are seconds.
pub fn comparison_json(comparison: &Comparison) -> Value {
    let difference = comparison.difference();
    let sides = Side::BOTH.map(|side| (side.name().to_owned(), summary(&comparison.summary(side))));
    let phases = difference.phases.iter().map(|(phase, more)| json!({ "phase": phase, "seconds": thousandths(*more) }));
    json!({
        "schema": "kaniko-local/comparison/v1",
        "context": comparison.context,
        "git": comparison.repository,
        "commit": comparison.commit,
        "tags": comparison.tags,
        "runs": comparison.runs.iter().map(run).collect::<Vec<_>>(),
        "sides": sides.into_iter().collect::<serde_json::Map<_, _>>(),
        "difference": {
            "seconds": thousandths(difference.total),
            "phases": phases.collect::<Vec<_>>(),
            "explained": difference.explained.map(thousandths),
        },
        "content": match &comparison.content {
            Content::Known(content) => {
                json!({ "same": content.is_same(), "differences": content, "assumed": comparison.assumed })
            }
            Content::Unknown(why) => json!({ "same": null, "why": why, "assumed": comparison.assumed }),
        },
        "unfinished": comparison.unfinished,
        "history": comparison.history.as_ref().map(history),
        "forecasts": comparison.forecasts.iter().map(forecast).collect::<Vec<_>>(),
        "verdict": verdict(comparison),
        "advice": advice(comparison),
    })
}

fn history(history: &History) -> Value {
    let reachable = |reachable: &Reachable| {
        json!({
            "commits": reachable.commits,
            "objects": reachable.pack.map(|pack| pack.objects),
            "bytes": reachable.pack.map(|pack| pack.bytes),
        })
    };
    json!({
        "all": reachable(&history.all),
        "single_branch": reachable(&history.single_branch),
        "missing": history.missing,
        "shallow": history.shallow,
    })
}

fn run(run: &Run) -> Value {
    json!({
        "side": run.side.name(),
        "warm_up": run.is_warm_up,
        "seconds": rounded(run.timeline.total()),
        "phases": run.timeline.spans,
        "sent": run.timeline.sent,
        "clock_ahead": run.timeline.clock_ahead,
        "digest": run.digest,
    })
}

fn summary(summary: &Summary) -> Value {
    let phases = summary.phases.iter().map(|(phase, times)| {
        let mut document = figures(times);
        document["phase"] = json!(phase);
        document
    });
    let steps = summary.steps.iter().map(|(name, times)| {
        let mut document = figures(times);
        document["instruction"] = json!(name);
        document
    });
    let mut document = figures(&summary.total);
    document["phases"] = phases.collect();
    document["instructions"] = steps.collect();
    document["moved"] = json!(summary.moved);
    document["sending"] = json!(rounded(summary.sending));
    document
}

fn figures(figures: &Figures) -> Value {
    json!({ "least": rounded(figures.least), "median": rounded(figures.median), "most": rounded(figures.most) })
}

fn forecast(forecast: &Forecast) -> Value {
    let [context, total] = [forecast.context, forecast.total]
        .map(|[local, git]| json!({ "local": local.map(rounded), "git": git.map(rounded) }));
    json!({ "link": forecast.link.typed, "context": context, "total": total, "computed": true })
}

/// `2.10 s`.
fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// `2.10 s (2.02–2.31)`: the median, the least and the most.
fn spread(figures: Figures) -> String {
    match figures.least == figures.most {
        true => seconds(figures.median),
        false => format!(
            "{} ({:.2}–{:.2})",
            seconds(figures.median),
            figures.least.as_secs_f64(),
            figures.most.as_secs_f64()
        ),
    }
}

/// `+0.30 s`: what git takes longer.
fn more(local: Figures, git: Figures) -> String {
    let more = git.median.as_secs_f64() - local.median.as_secs_f64();
    // No `-0.00`.
    let more = if more.abs() < 0.005 { 0.0 } else { more };
    format!("{more:+.2} s")
}

fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Link;
    use crate::compare::tests::comparison;
    use crate::git::{Pack, Reachable};
    use crate::timeline::Phase;

    fn compared() -> Comparison {
        let mut compared = comparison(&[(Side::Git, 2600, 3100), (Side::Local, 400, 3000)]);
        for (run, sending) in compared.runs.iter_mut().zip([2000, 400]) {
            run.timeline.sending = Some(Duration::from_millis(sending));
        }
        compared.runs[1].timeline.sent = Some(2_200_000);
        let of = |bytes| Reachable { commits: 7, pack: Some(Pack { objects: 40_000, bytes }) };
        compared.history =
            Some(History { all: of(160_000_000), single_branch: of(20_000_000), missing: 0, shallow: false });
        compared.forecasts = vec![crate::compare::forecast(&compared, &Link::parse("20mbit,40ms").unwrap())];
        compared
    }

    #[test]
    fn the_text_has_a_line_and_two_bars_for_each_kind_of_work() {
        let text = comparison_text(&compared(), 60);
        let expected = "\
whether both contexts have the same content is not known: nobody looked

               local directory           git context               difference
start          1.00 s                    1.00 s                    +0.00 s
         local █████████████
           git ▒▒▒▒▒▒▒▒▒▒▒▒▒
context        0.40 s                    2.60 s                    +2.20 s
         local █████
           git ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
instructions   3.00 s                    3.10 s                    +0.10 s
         local ███████████████████████████████████████
           git ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
all            4.40 s                    6.70 s                    +2.30 s

instructions: local directory, git context
  RUN make                              3.00 s    3.10 s

computed, not measured: over a link of 20mbit,40ms the context would take 1.13 s from here and 69.44 s from git, the whole build 5.13 s and 73.54 s
";
        assert!(text.starts_with(expected), "{text}");
        let end = &text[expected.len()..];
        assert!(end.starts_with("\nthe local directory is 2.3 s faster: "), "{end}");
        assert!(end.contains("advice: of the 152.59 MiB that a clone moves"), "{end}");
        assert!(!comparison_text(&compared(), 20).contains('█'), "no room for a bar");
    }

    #[test]
    fn the_document_has_the_numbers_of_the_text() {
        let document = comparison_json(&compared());
        assert_eq!(document["schema"], "kaniko-local/comparison/v1");
        assert_eq!(document["sides"]["git"]["median"], 6.7);
        assert_eq!(document["sides"]["git"]["moved"], 160_000_000);
        assert_eq!(document["difference"]["phases"][0], json!({ "phase": Phase::Context, "seconds": 2.2 }));
        assert_eq!(document["difference"]["explained"], 1.0);
        assert_eq!(document["runs"][1]["side"], "local");
        assert_eq!(document["runs"][1]["phases"][1]["phase"], "context");
        assert_eq!(document["forecasts"][0]["computed"], true);
        assert_eq!(document["content"]["same"], Value::Null);
    }

    #[test]
    fn the_page_has_them_too_and_nothing_of_it_is_taken_for_markup() {
        let mut compared = compared();
        compared.context = "<script>alert(1)</script>".to_owned();
        compared.runs[1].timeline.spans[2].name = Some("RUN echo '<b>' \u{1b}[2J".to_owned());
        let page = comparison_page(&compared).unwrap();
        for told in ["4.40 s", "6.70 s", "+2.30 s", "69.44 s", "the local directory is 2.3 s faster"] {
            assert!(page.contains(told), "{told}");
        }
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains('\u{1b}'), "{page}");
        assert!(!page.contains("http:") && !page.contains("src="), "nothing is fetched");
    }
}
