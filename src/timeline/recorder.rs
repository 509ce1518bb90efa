//! Brings a build's events onto one line of time.
//!
//! A line of the log has the node's time, to the nanosecond. It reaches us after it was written, so the least of the
//! differences between the two clocks over all lines is how far they are apart, but for the way of one message: as NTP
//! reads a clock, with one direction.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Phase, Span, Timeline};
use crate::event::Event;
use crate::executor::phases::{Begin, Instruction, Phases};

/// Takes a build's events as they come.
#[derive(Debug)]
pub struct Recorder {
    started: Instant,
    /// What begins when, since the start, by our clock.
    marks: Vec<(Duration, Phase)>,
    node: Option<String>,
    pulls: Duration,
    sent: Option<u64>,
    log: Option<LogTimes>,
    executor: Phases,
    built: Option<Duration>,
}

/// Times of the node's clock.
#[derive(Debug, Clone, Copy)]
struct LogTimes {
    first: Timestamp,
    last: Timestamp,
    /// The least time, in nanoseconds, between a line's own time and when it reached us, since the start.
    least: i128,
}

impl LogTimes {
    /// When by our clock it was, since the start; not before it.
    fn ours(&self, at: Timestamp) -> Duration {
        let nanoseconds = at.as_nanosecond() + self.least;
        Duration::from_nanos(u64::try_from(nanoseconds.max(0)).unwrap_or(u64::MAX))
    }
}

impl Recorder {
    /// Begins when the pod is asked for.
    pub fn new(now: Instant) -> Self {
        let executor = Phases::default();
        let pulls = Duration::ZERO;
        Self { started: now, marks: vec![], node: None, pulls, sent: None, log: None, executor, built: None }
    }

    /// Something happened now.
    pub fn event(&mut self, now: Instant, event: &Event) {
        let at = now.saturating_duration_since(self.started);
        match event {
            Event::Scheduled { node } => {
                self.node = Some(node.clone());
                self.mark(at, Phase::Start);
            }
            // Whatever failed is over; its time stays with the start of the pod that is tried next.
            Event::Again { .. } => self.marks = vec![(Duration::ZERO, Phase::Start)],
            Event::UploadStarted { .. } => self.mark(at, Phase::Context),
            Event::Uploaded { sent, .. } => {
                self.sent = Some(*sent);
                self.mark(at, Phase::Start);
            }
            Event::Log { time: Some(time), said, line } => {
                self.line(at, *time);
                match said {
                    Some(said) => self.executor.said(*time, said),
                    None => self.executor.put_out(*time, line),
                }
            }
            Event::Built { .. } => self.built = Some(at),
            _ => {}
        }
    }

    /// The kubelet told that pulling images of the pod took so long.
    pub fn pulled(&mut self, took: Duration) {
        self.pulls = took;
    }

    fn mark(&mut self, at: Duration, phase: Phase) {
        self.marks.push((at, phase));
    }

    fn line(&mut self, at: Duration, time: Timestamp) {
        let delay = i128::try_from(at.as_nanos()).unwrap_or(i128::MAX) - time.as_nanosecond();
        let log = self.log.get_or_insert(LogTimes { first: time, last: time, least: delay });
        log.least = log.least.min(delay);
        log.last = log.last.max(time);
    }

    /// What it went into; `wall` is what our clock showed when the build began. How far the node's clock is ahead is read
    /// better by some builds than by others: `ahead` is what others on that node read, in seconds.
    pub fn timeline(&self, wall: Timestamp, ahead: Option<f64>) -> Timeline {
        let log = self.log.map(|log| match ahead {
            Some(ahead) => LogTimes { least: log.least.min(-nanoseconds(ahead) - wall.as_nanosecond()), ..log },
            None => log,
        });
        let mut begins: Vec<(Duration, Phase, Option<Instruction>)> = vec![(Duration::ZERO, Phase::Schedule, None)];
        for (at, phase) in &self.marks {
            begins.push((*at, *phase, None));
        }
        self.insert_pulls(&mut begins);
        if let Some(log) = &log {
            begins.push((log.ours(log.first), Phase::Context, None));
            let ours = |begin: &Begin| (log.ours(begin.at), begin.phase, begin.instruction.clone());
            begins.extend(self.executor.begins().iter().map(ours));
            begins.push((log.ours(log.last), Phase::End, None));
        }
        let end = self.built.unwrap_or_else(|| begins.last().map_or(Duration::ZERO, |(at, ..)| *at));
        let clock_ahead = log.map(|log| {
            // Both at the start: what our clock showed, and what the node's did.
            let seconds = (-log.least - wall.as_nanosecond()) as f64 / 1e9;
            (seconds * 1000.0).round() / 1000.0
        });
        let node = self.node.clone();
        let mut timeline = Timeline { spans: spans(begins, end), sent: self.sent, sending: None, node, clock_ahead };
        // An upload packs while it sends.
        timeline.sending = match self.sent {
            Some(_) => Some(timeline.of(Phase::Context)),
            None => self.executor.fetched(),
        };
        timeline
    }

    /// Images are pulled once the pod has its node.
    fn insert_pulls(&self, begins: &mut Vec<(Duration, Phase, Option<Instruction>)>) {
        let start = begins.iter().position(|(_, phase, _)| *phase == Phase::Start);
        if let Some(start) = start.filter(|_| !self.pulls.is_zero()) {
            let at = begins[start].0;
            let next = begins.get(start + 1).map_or(Duration::MAX, |(next, ..)| *next);
            begins.insert(start, (at, Phase::Images, None));
            begins[start + 1].0 = (at + self.pulls).min(next);
        }
    }
}

fn nanoseconds(seconds: f64) -> i128 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let nanoseconds = (seconds * 1e9) as i128;
    nanoseconds
}

/// Each lasts until the next begins. What follows cannot have begun before: clocks are not that exact.
fn spans(begins: Vec<(Duration, Phase, Option<Instruction>)>, end: Duration) -> Vec<Span> {
    let mut spans: Vec<Span> = vec![];
    let mut now = Duration::ZERO;
    let ends: Vec<Duration> = begins.iter().skip(1).map(|(at, ..)| *at).chain([end]).collect();
    for ((_, phase, step), end) in begins.into_iter().zip(ends) {
        let instruction = step.as_ref().map(|step| step.number);
        let end = end.max(now);
        let took = end - now;
        match spans.last_mut() {
            _ if took.is_zero() => {}
            Some(last) if last.phase == phase && last.instruction == instruction => last.took += took,
            _ => spans.push(Span { phase, name: step.map(|step| step.text), instruction, from: now, took }),
        }
        now = end;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A build whose node's clock is 100 s ahead; each line takes a tenth of a second to us, the last a hundredth.
    fn recorded(pulls: Duration, ahead: Option<f64>) -> Timeline {
        let start = Instant::now();
        let wall = Timestamp::from_second(1_000).unwrap();
        let mut recorder = Recorder::new(start);
        let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let line = |written: f64, text: &str| Event::Log {
            line: text.as_bytes().to_vec(),
            time: Some(Timestamp::from_millisecond(1_100_000 + (written * 1000.0) as i64).unwrap()),
            said: Some(text.to_owned()),
        };
        recorder.event(after(0.5), &Event::Scheduled { node: "n1".to_owned() });
        recorder.event(after(2.0), &Event::UploadStarted { total: 10 });
        let elapsed = Duration::from_secs(1);
        recorder.event(after(3.0), &Event::Uploaded { packed: 10, sent: 5, elapsed, proven: true });
        for (written, received, text) in [
            (4.0, 4.1, "Resolved base name a to b"),
            (5.0, 5.1, "RUN make"),
            (8.0, 8.1, "Pushing image to x"),
            (9.0, 9.01, "Pushed x"),
        ] {
            recorder.event(after(received), &line(written, text));
        }
        recorder.pulled(pulls);
        recorder.event(after(10.0), &Event::Built { elapsed: Duration::from_secs(7) });
        recorder.timeline(wall, ahead)
    }

    fn tenths(timeline: &Timeline) -> Vec<(Phase, u128)> {
        timeline.spans.iter().map(|span| (span.phase, (span.took.as_millis() + 50) / 100)).collect()
    }

    #[test]
    fn the_spans_of_three_clocks_follow_each_other_without_a_gap() {
        let timeline = recorded(Duration::ZERO, None);
        assert_eq!(
            tenths(&timeline),
            [
                (Phase::Schedule, 5),
                (Phase::Start, 15),
                (Phase::Context, 10),
                (Phase::Start, 10),
                (Phase::Base, 10),
                (Phase::Step, 30),
                (Phase::Push, 10),
                (Phase::End, 10),
            ]
        );
        assert_eq!(timeline.total(), Duration::from_secs(10));
        assert_eq!((timeline.sent, timeline.clock_ahead), (Some(5), Some(99.99)));
        assert_eq!(timeline.node.as_deref(), Some("n1"));
        assert_eq!(timeline.of(Phase::Start).as_secs_f64().round(), 3.0);
        assert_eq!(timeline.spans[5].name.as_deref(), Some("RUN make"));
    }

    #[test]
    fn an_instruction_that_stands_twice_in_a_row_is_two() {
        let start = Instant::now();
        let mut recorder = Recorder::new(start);
        for (second, text) in
            [(1, "RUN make"), (2, "Taking snapshot of full filesystem..."), (4, "RUN make"), (7, "Pushed x")]
        {
            let time = Some(Timestamp::from_second(second).unwrap());
            let at = start + Duration::from_secs(second.unsigned_abs());
            recorder.event(at, &Event::Log { line: vec![], time, said: Some(text.to_owned()) });
        }
        let steps = recorder.timeline(Timestamp::UNIX_EPOCH, None).steps();
        let make = |nth, seconds| ("RUN make".to_owned(), nth, Duration::from_secs(seconds));
        assert_eq!(steps, [make(0, 1), make(1, 3)]);
    }

    #[test]
    fn the_clock_that_another_build_on_the_node_read_better_counts() {
        let better = recorded(Duration::ZERO, Some(100.2));
        assert_eq!(better.clock_ahead, Some(100.2));
        let end = |timeline: &Timeline| timeline.of(Phase::End).as_millis();
        assert_eq!(end(&better) - end(&recorded(Duration::ZERO, None)), 210);
        assert_eq!(recorded(Duration::ZERO, Some(99.0)).clock_ahead, Some(99.99), "a worse one does not");
    }

    #[test]
    fn what_the_kubelet_says_of_pulling_images_is_taken_from_the_start() {
        let timeline = recorded(Duration::from_secs(1), None);
        assert_eq!(tenths(&timeline)[..3], [(Phase::Schedule, 5), (Phase::Images, 10), (Phase::Start, 5)]);
    }

    #[test]
    fn a_pod_that_failed_is_part_of_the_start_of_the_next() {
        let start = Instant::now();
        let mut recorder = Recorder::new(start);
        recorder.event(start + Duration::from_secs(1), &Event::UploadStarted { total: 1 });
        let again = Event::Again { why: String::new(), transport: crate::request::Transport::Attach };
        recorder.event(start + Duration::from_secs(2), &again);
        recorder.event(start + Duration::from_secs(3), &Event::UploadStarted { total: 1 });
        recorder.event(start + Duration::from_secs(4), &Event::Built { elapsed: Duration::from_secs(1) });
        assert_eq!(tenths(&recorder.timeline(Timestamp::UNIX_EPOCH, None)), [(Phase::Start, 30), (Phase::Context, 10)]);
    }

    proptest::proptest! {
        #[test]
        fn times_in_any_order_make_a_line(times: Vec<(u32, i64, bool)>) {
            let start = Instant::now();
            let mut recorder = Recorder::new(start);
            for (at, node, marks) in times {
                let at = start + Duration::from_millis(at.into());
                let time = Timestamp::from_millisecond(node % 100_000_000_000_000).ok();
                let said = Some("RUN x".to_owned());
                let log = Event::Log { line: vec![], time, said };
                recorder.event(at, &if marks { Event::Scheduled { node: String::new() } } else { log });
            }
            let timeline = recorder.timeline(Timestamp::MIN, None);
            let mut now = Duration::ZERO;
            for span in &timeline.spans {
                proptest::prop_assert_eq!(span.from, now);
                now += span.took;
            }
        }
    }
}
