//! The comparison for a terminal: a line and two bars for each kind of work, readable without colour.

use std::fmt::Write;
use std::time::Duration;

use super::{more, seconds, spread};
use crate::compare::{Comparison, Content, Figures, Forecast, Side, advice, verdict};
use crate::report::sanitise;
use crate::timeline::Phase;

/// Columns of a kind of work.
const TITLE: usize = 15;
/// Columns of a side.
const CELL: usize = 26;
/// Columns of a bar at most; none on a terminal that is too narrow for it.
const BAR: usize = 40;
/// Columns that a bar has to have to be of use.
const LEAST_BAR: usize = 10;
/// Columns of an instruction.
const INSTRUCTION: usize = 34;
/// A part of less than this is left out of the table.
const SHORT: Duration = Duration::from_millis(5);

/// As text for so many columns.
pub fn comparison_text(comparison: &Comparison, columns: usize) -> String {
    let mut text = content(&comparison.content);
    comparison.assumed.iter().for_each(|assumed| text.push_str(&format!("{assumed}\n")));
    if let Some(why) = &comparison.unfinished {
        let _ = writeln!(text, "not all runs were made: {why}");
    }
    text.push('\n');
    text.push_str(&table(comparison, columns));
    text.push_str(&instructions(comparison));
    for forecast in &comparison.forecasts {
        text.push_str(&forecast_text(forecast));
    }
    let _ = writeln!(text, "\n{}.", verdict(comparison));
    for advice in advice(comparison) {
        let _ = writeln!(text, "advice: {advice}");
    }
    sanitise(text.as_bytes()) + "\n"
}

fn content(content: &Content) -> String {
    match content {
        Content::Known(content) if content.is_same() => "both contexts have the same content\n".to_owned(),
        Content::Known(content) => format!("the contexts differ, so the images do:\n{content}"),
        Content::Unknown(why) => format!("whether both contexts have the same content is not known: {why}\n"),
    }
}

/// Medians, how far the runs spread, and bars on one scale.
fn table(comparison: &Comparison, columns: usize) -> String {
    let [local, git] = Side::BOTH.map(|side| comparison.summary(side));
    let title = |side: Side| format!("{:CELL$}", side.title());
    let mut text = format!("{:TITLE$}{}{}difference\n", "", title(Side::Local), title(Side::Git));
    let longest = Phase::ALL.into_iter().flat_map(|phase| [local.median(phase), git.median(phase)]).max();
    let room = BAR.min(columns.saturating_sub(TITLE));
    for phase in Phase::ALL {
        let [of_local, of_git] = [&local, &git].map(|side| side.phases.get(&phase).copied().unwrap_or_default());
        if of_local.most < SHORT && of_git.most < SHORT {
            continue;
        }
        text.push_str(&row(phase.title(), of_local, of_git));
        if room >= LEAST_BAR {
            for (side, figures) in [(Side::Local, of_local), (Side::Git, of_git)] {
                let bar = bar(figures.median, longest.unwrap_or_default(), room, side);
                if bar.is_empty() {
                    continue;
                }
                let _ = writeln!(text, "{:>width$} {bar}", side.name(), width = TITLE - 1);
            }
        }
    }
    text.push_str(&row("all", local.total, git.total));
    text
}

fn row(title: &str, local: Figures, git: Figures) -> String {
    format!("{title:TITLE$}{:CELL$}{:CELL$}{}\n", spread(local), spread(git), more(local, git))
}

/// The two sides are told apart without colour.
fn bar(time: Duration, longest: Duration, room: usize, side: Side) -> String {
    let share = time.as_secs_f64() / longest.as_secs_f64().max(0.001);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the room")]
    let length = (share * room as f64).round() as usize;
    let brick = match side {
        Side::Local => "█",
        Side::Git => "▒",
    };
    if length == 0 && !time.is_zero() { "▏".to_owned() } else { brick.repeat(length.min(room)) }
}

/// The instructions that took time.
fn instructions(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (name, of_local, of_git) in comparison.instructions() {
        let medians = [of_local, of_git].map(|figures| figures.map(|figures| figures.median));
        if medians.iter().flatten().all(|median| *median < Duration::from_millis(50)) {
            continue;
        }
        let short: String = name.chars().take(INSTRUCTION).collect();
        let [one, other] =
            medians.map(|median| median.map_or("–".to_owned(), |median| format!("{:.2} s", median.as_secs_f64())));
        let _ = writeln!(text, "  {short:INSTRUCTION$} {one:>9} {other:>9}");
    }
    if text.is_empty() { text } else { format!("\ninstructions: local directory, git context\n{text}") }
}

fn forecast_text(forecast: &Forecast) -> String {
    let side = |side: Option<Duration>| side.map_or("not known".to_owned(), seconds);
    format!(
        "\ncomputed, not measured: over a link of {} the context would take {} from here and {} from git, the whole \
         build {} and {}\n",
        forecast.link.typed,
        side(forecast.context[0]),
        side(forecast.context[1]),
        side(forecast.total[0]),
        side(forecast.total[1]),
    )
}
