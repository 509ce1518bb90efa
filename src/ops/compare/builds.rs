//! The builds of a comparison, one after the other, and their times.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::manifest::PodTemplate;
use super::super::run::{Origin, Run, clean_up};
use super::super::sent::SentContext;
use super::super::signals::Signals;
use super::super::timing::Timing;
use crate::cluster::client::Cluster;
use crate::cluster::ways::Ways;
use crate::compare::{Run as Measured, Side, order};
use crate::error::Error;
use crate::executor::GitPlace;
use crate::registry::Access;
use crate::report::{self, Ending, LogForm, Progress, Style, Ticker};
use crate::request::CompareRequest;
use crate::timeline::Timeline;
use crate::words;

/// All builds, one after the other.
pub(super) struct Builds<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) template: &'a PodTemplate,
    pub(super) request: &'a CompareRequest,
    pub(super) access: &'a Access,
    pub(super) sent: &'a Arc<SentContext>,
    pub(super) place: &'a GitPlace,
    pub(super) kubectl: &'a str,
}

/// A build that is over.
struct Built {
    side: Side,
    is_warm_up: bool,
    timing: Arc<Timing>,
    digest: String,
}

impl Builds<'_> {
    /// What was built, and whether it was all.
    pub(super) async fn all(&self, signals: &mut Signals) -> (Vec<Measured>, Result<(), Error>) {
        // The first build fills the layer cache for the other side.
        let warm_ups = if self.request.warm_up || self.request.pod.cache_repo.is_some() { 1 } else { 0 };
        let sides = order(warm_ups).into_iter().map(|side| (side, true));
        let sides: Vec<(Side, bool)> =
            sides.chain(order(self.request.runs).into_iter().map(|side| (side, false))).collect();
        // What works in the first build is what is measured.
        let mut ways = Ways::new(self.request.pod.transport);
        let mut builds = vec![];
        let mut ended = Ok(());
        for (number, (side, is_warm_up)) in (1..).zip(&sides) {
            let count = sides.len();
            let kind = if *is_warm_up { ", not counted" } else { "" };
            report::print_note(&format!("build {number} of {count}: {}{kind}", side.title()));
            match self.one(*side, *is_warm_up, &mut ways, signals).await {
                Ok(built) => {
                    report::print_note(&words::times(&built.timing.timeline(None)));
                    builds.push(built);
                }
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        (measured(builds), ended)
    }

    async fn one(&self, side: Side, is_warm_up: bool, ways: &mut Ways, signals: &mut Signals) -> Result<Built, Error> {
        let progress = Arc::new(Progress::new(Style::Quiet, LogForm::Text));
        let timing = Arc::new(Timing::start(progress.clone()));
        let origin = match side {
            Side::Local => Origin::Sent(self.sent),
            Side::Git => Origin::Git(self.place),
        };
        let run = Run {
            cluster: self.cluster,
            template: self.template,
            request: &self.request.pod,
            access: self.access,
            origin,
            kubectl: self.kubectl,
            listener: timing.clone(),
        };
        let ticker = Ticker::start(side.title());
        let followed = run.follow(ways, signals).await;
        drop(ticker);
        let (mut session, result) = followed?;
        progress.finish(Ending::from(&result));
        timing.pulled(session.pulls().await);
        clean_up(&mut session, signals, self.kubectl).await;
        let digest = result?.to_string();
        Ok(Built { side, is_warm_up, timing, digest })
    }
}

/// Their times, with each node's clock as the build read it that read it best: the one that heard a line soonest.
fn measured(builds: Vec<Built>) -> Vec<Measured> {
    let alone: Vec<Timeline> = builds.iter().map(|built| built.timing.timeline(None)).collect();
    let mut clocks: BTreeMap<&str, f64> = BTreeMap::new();
    for timeline in &alone {
        if let (Some(node), Some(ahead)) = (&timeline.node, timeline.clock_ahead) {
            clocks.entry(node).and_modify(|most| *most = most.max(ahead)).or_insert(ahead);
        }
    }
    let run = |(Built { side, is_warm_up, timing, digest }, alone): (Built, &Timeline)| {
        let ahead = alone.node.as_deref().and_then(|node| clocks.get(node).copied());
        Measured { side, is_warm_up, timeline: timing.timeline(ahead), digest }
    };
    builds.into_iter().zip(&alone).map(run).collect()
}
