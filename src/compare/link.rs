//! What a comparison would come to over another link, computed from what was measured. Pure.
//!
//! What travels over it are the context and nothing else: from here to the cluster, or from the git server to it. Work on
//! either end goes on while bytes travel, so that part takes as long as the slower of both. What comes before and after it
//! stays (a server that counts objects, an executor that checks them out), and the turns of the protocol come on top.
//!
//! Of a clone, how much of the work on what arrives can be done while more is on its way depends on its objects.
//! Measured at 50 and 20 or 25 Mbit/s: of 40,000 small ones all of it, of one of 24 MiB none. Half is taken, which is
//! wrong by 7 % at most for either.

use std::time::Duration;

use super::{Comparison, Side};
use crate::timeline::Phase;

/// A link as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As typed.
    pub typed: String,
    /// Bits in a second.
    pub bits: u64,
    /// From one end to the other and back.
    pub round_trip: Duration,
}

/// What one link would make of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Over which.
    pub link: Link,
    /// What the context would take, each side; none if the bytes are not known.
    pub context: [Option<Duration>; 2],
    /// And all of it.
    pub total: [Option<Duration>; 2],
}

/// Turns of an upload before its first byte: TCP, TLS, the upgrade of the connection, the receiver's word at the end.
/// Requests for the pod and its watch are the same for both sides.
const TURNS_OF_UPLOAD: u32 = 5;
/// Turns of a clone before its first byte: TCP, the refs, the request for objects, its answer; and the same again where a
/// ref is fetched by its name (kaniko v1.24.0 `pkg/buildcontext/git.go`).
const TURNS_OF_CLONE: u32 = 8;
/// Bytes on the wire for one of the content: headers of Ethernet, IP, TCP and TLS at a segment of 1,448 bytes.
const OVERHEAD: f64 = 1.055;

impl Link {
    /// Reads `20mbit` or `20mbit,40ms`: a rate as `tc` writes it, and the time of a round trip.
    pub fn parse(typed: &str) -> Option<Self> {
        let (rate, delay) = match typed.split_once(',') {
            Some((rate, delay)) => (rate, Some(delay)),
            None => (typed, None),
        };
        let digits = rate.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, unit) = rate.split_at(digits);
        let factor = match unit {
            "kbit" => 1e3,
            "mbit" => 1e6,
            "gbit" => 1e9,
            _ => return None,
        };
        let bits = number.parse::<f64>().ok()? * factor;
        let round_trip = match delay {
            Some(delay) => delay.trim().parse::<jiff::SignedDuration>().ok()?.try_into().ok()?,
            None => Duration::ZERO,
        };
        (1.0..1e13).contains(&bits).then(|| Self { typed: typed.to_owned(), bits: bits as u64, round_trip })
    }

    fn carries(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 * 8.0 * OVERHEAD / self.bits as f64)
    }
}

/// What it would come to over this link.
pub fn forecast(comparison: &Comparison, link: &Link) -> Forecast {
    let of = |side: Side| {
        let summary = comparison.summary(side);
        let measured = summary.median(Phase::Context);
        let turns = match side {
            Side::Local => TURNS_OF_UPLOAD,
            Side::Git => TURNS_OF_CLONE,
        };
        let sending = summary.sending.min(measured);
        let carried = link.carries(summary.moved?);
        let left = match side {
            Side::Git if carried > sending => sending / 2,
            Side::Git | Side::Local => Duration::ZERO,
        };
        let context = measured - sending + sending.max(carried) + left + link.round_trip * turns;
        Some((context, summary.total.median.saturating_sub(measured) + context))
    };
    let [local, git] = Side::BOTH.map(of);
    Forecast {
        link: link.clone(),
        context: [local, git].map(|side| side.map(|(context, _)| context)),
        total: [local, git].map(|side| side.map(|(_, total)| total)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::comparison;
    use super::*;

    #[test]
    fn a_link_is_a_rate_and_the_time_of_a_round_trip() {
        let link = |typed: &str| Link::parse(typed).map(|link| (link.bits, link.round_trip.as_millis()));
        assert_eq!(link("20mbit,40ms"), Some((20_000_000, 40)));
        assert_eq!(link("1.5gbit"), Some((1_500_000_000, 0)));
        assert_eq!(link("800kbit,1s"), Some((800_000, 1000)));
        for none in ["", "20", "mbit", "20mb", "20mbit,", "20mbit,40", "0mbit", "-1mbit", "1e400mbit", "20mbit,-1ms"] {
            assert_eq!(link(none), None, "{none}");
        }
    }

    #[test]
    fn a_context_takes_as_long_as_the_slower_of_link_and_work() {
        let mut compared = comparison(&[(Side::Local, 1000, 2000), (Side::Git, 1000, 2000)]);
        for run in &mut compared.runs {
            run.timeline.sent = Some(1_000_000);
            run.timeline.sending = Some(Duration::from_millis(800));
        }
        let over = |typed: &str| forecast(&compared, &Link::parse(typed).unwrap());
        let slow = over("1mbit,100ms");
        assert_eq!(slow.context[0].unwrap().as_millis(), 200 + 8440 + 500);
        assert_eq!(slow.total[0].unwrap().as_millis(), 200 + 8440 + 500 + 3000);
        assert_eq!(over("1gbit").context[0].unwrap().as_millis(), 1000);
        assert_eq!(slow.context[1], None, "nobody knows how big the clone is");
    }
}
