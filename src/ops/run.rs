//! One image from one pod: asked for, given its context, followed to its end; with another pod where that may help.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;

use super::manifest::{PodTemplate, context_name};
use super::sent::SentContext;
use super::signals::Signals;
use crate::cluster::client::Cluster;
use crate::cluster::manifest;
use crate::cluster::receiver::Nonce;
use crate::cluster::session::Session;
use crate::cluster::ways::{Step, Ways};
use crate::error::{ClusterError, Error, Signal};
use crate::event::{Event, Listener};
use crate::executor::GitPlace;
use crate::reference::Digest;
use crate::registry::Access;
use crate::report;
use crate::request::{PodRequest, Transport};

/// A signal within this time after the first is its echo; and a deletion under way gets as much time after a second.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// A deletion that takes longer is told of.
const SLOW: Duration = Duration::from_secs(5);

/// What is built, and where.
pub(super) struct Run<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) template: &'a PodTemplate,
    pub(super) request: &'a PodRequest,
    pub(super) access: &'a Access,
    pub(super) origin: Origin<'a>,
    /// The words before a command of kubectl's that names the pod.
    pub(super) kubectl: &'a str,
    pub(super) listener: Arc<dyn Listener>,
}

/// Where the executor has its context from.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// From us.
    Sent(&'a Arc<SentContext>),
    /// From a git repository.
    Git(&'a GitPlace),
}

impl Run<'_> {
    /// Follows the build to its end. Whoever calls it deletes the pod of the session.
    ///
    /// # Errors
    /// What there is of the Pod's own before it is asked for; what becomes of the build is within.
    pub(super) async fn follow(
        &self,
        ways: &mut Ways,
        signals: &mut Signals,
    ) -> Result<(Session, Result<Digest, Error>), Error> {
        let timeout = self.request.timeout;
        let deadline = Instant::now() + timeout;
        let (session, result) = loop {
            let nonce = Nonce::random();
            let pod = self.pod(deadline, ways.current(), &nonce)?;
            let mut session = Session::start(self.cluster, pod, ways.current(), self.listener.clone());
            let result = tokio::select! {
                result = self.steps(&mut session, &nonce) => result,
                signal = signals.next() => Err((Step::Build, Error::Interrupted(signal))),
                () = tokio::time::sleep_until(deadline.into()) => {
                    Err((Step::Build, Error::Deadline { timeout, trouble: None }))
                }
            };
            match result {
                Err((step, error)) if ways.another(step, &error) => {
                    self.listener.event(Event::Again { why: error.one_line(), transport: ways.current() });
                    // Nobody who wants an end to it waits for another pod.
                    if let Some(signal) = clean_up(&mut session, signals, self.kubectl).await {
                        break (session, Err(Error::Interrupted(signal)));
                    }
                }
                result => break (session, result.map_err(|(_, error)| error)),
            }
        };
        let result = match result {
            Err(Error::Cluster(ClusterError::PodEnded { reason, .. })) if reason == "DeadlineExceeded" => {
                Err(Error::Deadline { timeout, trouble: session.trouble() })
            }
            Err(Error::Deadline { timeout, .. }) => Err(Error::Deadline { timeout, trouble: session.trouble() }),
            result => result,
        };
        Ok((session, result))
    }

    fn pod(&self, deadline: Instant, transport: Transport, nonce: &Nonce) -> Result<Pod, Error> {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let left = PodRequest { timeout, ..self.request.clone() };
        let directory = context_name(&self.request.context.context);
        let pod = match self.origin {
            Origin::Sent(_) => manifest::pod(&left, self.access, transport, &directory, nonce),
            Origin::Git(git) => manifest::pod_of_git(&left, self.access, git, &directory, nonce),
        };
        Ok(self.template.apply(pod)?)
    }

    async fn steps(&self, session: &mut Session, nonce: &Nonce) -> Result<Digest, (Step, Error)> {
        let at = |step| move |error| (step, error);
        session.wait_until_ready(self.access).await.map_err(at(Step::Start))?;
        if let Origin::Sent(sent) = self.origin {
            let bytes = sent.plan().listing(sent.listing()).totals().bytes;
            let upload = session.upload(nonce, self.request.compression, sent.clone(), bytes);
            upload.await.map_err(at(Step::Upload))?;
        }
        session.follow_build().await.map_err(at(Step::Build))
    }
}

/// Deletes the pod; an impatient signal meanwhile ends the wait.
pub(super) async fn clean_up(session: &mut Session, signals: &mut Signals, kubectl: &str) -> Option<Signal> {
    let command = format!("{kubectl} delete pod {}", session.pod());
    let started = Instant::now();
    let mut delete = std::pin::pin!(session.delete());
    let mut heard = None;
    let mut tell_once = std::pin::pin!(async {
        tokio::time::sleep(SLOW).await;
        report::print_note(&format!("the pod is still being deleted: `{command}` does the same; Ctrl-C leaves it"));
        std::future::pending::<Infallible>().await
    });
    let failed = loop {
        tokio::select! {
            deleted = &mut delete => break deleted.err().map(|error| Error::from(error).one_line()),
            never = &mut tell_once => match never {},
            // A terminal that closes sends two, and so do wrappers that pass Ctrl-C on: only a later one is impatience.
            signal = signals.next() => {
                heard = Some(signal);
                if started.elapsed() > IMPATIENCE {
                    let last_chance = tokio::time::timeout(IMPATIENCE, &mut delete).await;
                    break match last_chance {
                        Ok(deleted) => deleted.err().map(|error| Error::from(error).one_line()),
                        Err(_) => Some(signal.name().to_owned()),
                    };
                }
            }
        }
    };
    if let Some(why) = failed {
        report::print_note(&format!("{why}; the pod may still be there, delete it with `{command}`"));
    }
    heard
}
