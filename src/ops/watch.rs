//! `build --watch`: builds anew whenever what would be sent has changed.

use std::path::PathBuf;

use super::build::Prepared;
use super::signals::Signals;
use crate::cluster::client::ClusterOptions;
use crate::context::watch::Changes;
use crate::error::{Error, Signal, UsageError};
use crate::report::{self, LogForm, Style};
use crate::request::{BuildRequest, ContextSource, DockerfileSource, Rebuild};

/// Paths that a change is told by.
const TOLD: usize = 3;

/// Builds, waits for a change, and builds again, until a signal ends it.
///
/// # Errors
/// A build context that cannot be watched; the signal. What becomes of a build is told, and ends nothing.
pub async fn watch(
    request: BuildRequest,
    options: ClusterOptions,
    style: Style,
    log: LogForm,
    rebuild: Rebuild,
) -> Result<(), Error> {
    let (ContextSource::Directory(root), false) =
        (&request.pod.context.context, request.pod.context.dockerfile == DockerfileSource::Stdin)
    else {
        return Err(UsageError::WatchStdin.into());
    };
    crate::context::locate::check_directory(root)?;
    let mut signals = Signals::listen()?;
    let not_watched = |source| Error::Watch { root: root.clone(), source };
    let mut changes = Changes::watch(root, request.pod.context.dockerfile.path()).map_err(not_watched)?;
    loop {
        let (result, changed) = {
            let give_up = signals.heed_change();
            let build = build(request.clone(), &options, style, log, &mut signals);
            tokio::pin!(build);
            tokio::select! {
                result = &mut build => (result, None),
                changed = changes.next() => {
                    let changed = changed.map_err(not_watched);
                    if rebuild == Rebuild::Cancel || changed.is_err() {
                        // It may be over already.
                        let _ = give_up.send(());
                    }
                    (build.await, Some(changed?))
                }
            }
        };
        match result {
            Err(Error::Interrupted(Signal::Change)) | Ok(()) => {}
            Err(error @ Error::Interrupted(_)) => return Err(error),
            Err(error) => report::print_error(&error),
        }
        // It may have come while the pod was deleted.
        if let Some(signal) = signals.heard() {
            return Err(Error::Interrupted(signal));
        }
        let changed = match changed {
            Some(changed) => changed,
            None => {
                report::print_note("waiting for a change of what is sent; Ctrl-C ends it");
                signals.or(async { changes.next().await.map_err(not_watched) }).await?
            }
        };
        report::print_note(&format!("changed: {}", told(&changed)));
    }
}

async fn build(
    request: BuildRequest,
    options: &ClusterOptions,
    style: Style,
    log: LogForm,
    signals: &mut Signals,
) -> Result<(), Error> {
    let prepared = signals.or(Prepared::of(request, options, style, log)).await?;
    prepared.build(signals).await
}

fn told(paths: &[PathBuf]) -> String {
    let mut told: Vec<String> = paths.iter().take(TOLD).map(|path| format!("`{}`", path.display())).collect();
    if let more @ 1.. = paths.len().saturating_sub(TOLD) {
        told.push(format!("and {more} more"));
    }
    told.join(", ")
}
