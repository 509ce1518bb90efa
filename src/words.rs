//! Counts and sizes in words, the same wherever they are shown, and the word that was meant. Pure.

use std::time::Duration;

use crate::context::listing::Totals;
use crate::timeline::{Phase, Timeline};

/// `1 file`, `41,230 files`.
pub fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(count)) }
}

/// `41,230`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// What is shorter is not worth a word.
const SHORT: Duration = Duration::from_millis(50);

/// `12.3 s`, `2 m 05 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..100 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} m {:02} s", seconds / 60, seconds % 60),
    }
}

/// `374 B`, `1.20 MiB`.
pub fn size(bytes: u64) -> String {
    let mut left = bytes as f64;
    let mut shown = format!("{bytes} B");
    for unit in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if left < 1024.0 {
            break;
        }
        left /= 1024.0;
        shown = format!("{left:.2} {unit}");
    }
    shown
}

/// `3 files, 374 B`.
pub fn totals(totals: &Totals) -> String {
    format!("{}, {}", plural(totals.files, "file"), size(totals.bytes))
}

/// A share in whole percent, rounded down; nothing of nothing is none of it.
pub fn percent(part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(part) * 100 / u128::from(whole.max(1))).unwrap_or(100)
}

/// `pod 2.1 s · context 2.10 MiB in 0.3 s · base 3.4 s · build 12.8 s · push 0.2 s`: what a build's time went into.
pub fn times(timeline: &Timeline) -> String {
    let context = timeline.sent.map_or_else(|| "context".to_owned(), |sent| format!("context {} in", size(sent)));
    let groups: [(&str, &[Phase]); 8] = [
        ("pod", &[Phase::Schedule, Phase::Images, Phase::Start]),
        (&context, &[Phase::Context]),
        ("base", &[Phase::Base]),
        ("build", &[Phase::Step, Phase::Stage]),
        ("snapshots", &[Phase::Snapshot]),
        ("cache", &[Phase::Cache]),
        ("push", &[Phase::Push]),
        ("end", &[Phase::End]),
    ];
    let told = groups.into_iter().filter_map(|(name, phases)| {
        let took: Duration = phases.iter().map(|phase| timeline.of(*phase)).sum();
        let is_told = took >= SHORT || phases == [Phase::Context];
        is_told.then(|| format!("{name} {:.1} s", took.as_secs_f64()))
    });
    told.collect::<Vec<_>>().join(" · ")
}

/// The one of some names that was meant, two slips away at most.
pub fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|name| (strsim::damerau_levenshtein(name, typed), name)).min();
    near.filter(|(slips, _)| *slips <= 2).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Span;

    #[test]
    fn sizes_and_counts_are_told_in_units_and_groups() {
        for (bytes, shown) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (1_258_291, "1.20 MiB"), (u64::MAX, "16.00 EiB")]
        {
            assert_eq!(size(bytes), shown);
        }
        for (count, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (41_230, "41,230"), (1_000_000, "1,000,000")] {
            assert_eq!(grouped(count), shown);
        }
    }

    #[test]
    fn times_are_told_by_what_they_are_part_of_and_short_ones_are_left_out() {
        let span = |phase, milliseconds| Span {
            phase,
            name: None,
            instruction: None,
            from: Duration::ZERO,
            took: Duration::from_millis(milliseconds),
        };
        let spans = vec![
            span(Phase::Schedule, 60),
            span(Phase::Start, 2000),
            span(Phase::Context, 20),
            span(Phase::Base, 3400),
            span(Phase::Step, 12_000),
            span(Phase::Stage, 750),
            span(Phase::Cache, 49),
            span(Phase::Push, 200),
        ];
        let timeline = Timeline { spans, sent: Some(2_200_000), ..Timeline::default() };
        assert_eq!(times(&timeline), "pod 2.1 s · context 2.10 MiB in 0.0 s · base 3.4 s · build 12.8 s · push 0.2 s");
    }
}
