//! Which way a context takes into a pod, and which it takes after one has failed. Pure.

use super::receiver::RECEIVER;
use crate::error::{ClusterError, Error};
use crate::request::Transport;

/// Pods that are tried where an upload cannot be repeated on the same one.
const PODS: u32 = 3;

/// Where in a pod's life something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before the pod was ready to take the context.
    Start,
    /// While it took the context.
    Upload,
    /// While the executor ran.
    Build,
}

/// The ways that are left.
#[derive(Debug)]
pub struct Ways {
    /// Asked for by name: no other is taken.
    fixed: bool,
    current: Transport,
    pods: u32,
}

impl Ways {
    /// The way that was asked for, or whichever works, best first: `exec` alone can try again on the same pod.
    pub fn new(asked: Option<Transport>) -> Self {
        Self { fixed: asked.is_some(), current: asked.unwrap_or(Transport::Exec), pods: 1 }
    }

    /// The way to take now.
    pub fn current(&self) -> Transport {
        self.current
    }

    /// Whether another pod may have what failed on this one; [`Ways::current`] is then the way to it.
    pub fn another(&mut self, step: Step, error: &Error) -> bool {
        let Error::Cluster(error) = error else { return false };
        if let Some(other) = self.instead(step, error) {
            (self.current, self.pods) = (other, 1);
            return true;
        }
        // An upload by exec was tried again on the same pod already.
        let broke = self.current != Transport::Exec && error.may_pass() && is_upload(step, error);
        if broke && self.pods < PODS {
            self.pods += 1;
            return true;
        }
        false
    }

    fn instead(&self, step: Step, error: &ClusterError) -> Option<Transport> {
        match (self.current, step, error) {
            _ if self.fixed => None,
            (Transport::Exec, Step::Upload, ClusterError::Refused { code: 403, .. }) => Some(Transport::Attach),
            (Transport::Exec | Transport::Attach, Step::Start, error) if is_receivers(error) => Some(Transport::Stdin),
            _ => None,
        }
    }
}

/// Whether the receiver's image is at fault: it cannot be pulled, or has nothing that can be run.
fn is_receivers(error: &ClusterError) -> bool {
    match error {
        ClusterError::ImagePull { container, .. }
        | ClusterError::ContainerStart { container, .. }
        | ClusterError::ContainerEnded { container, .. } => container == RECEIVER,
        _ => false,
    }
}

/// Whether the context did not arrive: a request to attach may have used the standard input up, whatever became of it.
fn is_upload(step: Step, error: &ClusterError) -> bool {
    match step {
        Step::Start => false,
        Step::Upload => true,
        Step::Build => matches!(error, ClusterError::UploadBroken { .. } | ClusterError::Receiver { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden() -> Error {
        let text = String::new;
        ClusterError::Refused { action: text(), reason: text(), message: text(), code: 403 }.into()
    }

    fn no_image(container: &str) -> Error {
        let text = String::new;
        ClusterError::ImagePull { container: container.into(), image: text(), reason: text(), message: text() }.into()
    }

    fn broken() -> Error {
        ClusterError::UploadBroken { sent: None, why: String::new() }.into()
    }

    #[test]
    fn where_exec_is_forbidden_the_context_goes_to_an_init_containers_standard_input() {
        let mut ways = Ways::new(None);
        assert!(ways.another(Step::Upload, &forbidden()));
        assert_eq!(ways.current(), Transport::Attach);
        assert!(!ways.another(Step::Upload, &forbidden()), "the executor's standard input takes the same right");
    }

    #[test]
    fn where_no_helper_image_runs_the_executor_takes_the_context_itself() {
        let mut ways = Ways::new(None);
        assert!(!ways.another(Step::Start, &no_image("kaniko")));
        assert!(ways.another(Step::Start, &no_image(RECEIVER)));
        assert_eq!(ways.current(), Transport::Stdin);
    }

    #[test]
    fn a_way_that_was_asked_for_is_not_left() {
        let mut ways = Ways::new(Some(Transport::Exec));
        assert!(!ways.another(Step::Upload, &forbidden()));
        assert!(!ways.another(Step::Start, &no_image(RECEIVER)));
    }

    #[test]
    fn a_request_to_attach_that_broke_is_an_upload_that_broke() {
        let lost = || Error::from(ClusterError::Request { action: String::new(), why: String::new() });
        let mut ways = Ways::new(Some(Transport::Attach));
        assert!(!ways.another(Step::Start, &lost()));
        assert!(ways.another(Step::Upload, &lost()));
        assert!(!ways.another(Step::Build, &lost()));
        assert!(!ways.another(Step::Upload, &forbidden()));
    }

    #[test]
    fn an_upload_that_cannot_be_repeated_on_the_same_pod_gets_two_more() {
        for transport in [Transport::Attach, Transport::Stdin] {
            let mut ways = Ways::new(Some(transport));
            assert_eq!([1, 2, 3].map(|_| ways.another(Step::Build, &broken())), [true, true, false]);
            assert_eq!(ways.current(), transport);
        }
        assert!(!Ways::new(None).another(Step::Upload, &broken()), "exec was tried again already");
    }
}
