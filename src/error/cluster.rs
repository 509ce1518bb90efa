//! What the cluster refuses, and how it fails.

use crate::cluster::refusal::{ANOTHER_NAMESPACE, Refusal, has_no_shell, pod_end};
use crate::code::Code;

/// Exit code 3: a retry may help, the build itself is not at fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClusterError {
    /// No answer from the API server.
    #[error("cluster at {server} is unreachable")]
    Unreachable {
        /// URL of the API server.
        server: String,
        /// Why.
        why: String,
    },
    /// The API server refused a request.
    #[error("cannot {action}: {reason}")]
    Refused {
        /// What was asked.
        action: String,
        /// The server's reason word.
        reason: String,
        /// The server's message.
        message: String,
        /// 403 for a missing right, and the like.
        code: u16,
    },
    /// A request was not answered in time or broke off.
    #[error("cannot {action}")]
    Request {
        /// What was asked.
        action: String,
        /// Why.
        why: String,
    },
    /// The namespace's labels say that the pod would be refused.
    #[error("namespace `{namespace}` enforces the Pod Security Standard `restricted`, and Kaniko needs root")]
    PodSecurity {
        /// The namespace.
        namespace: String,
        /// The label that says so.
        label: String,
    },
    /// No node takes the pod.
    #[error("pod `{pod}` is unschedulable")]
    Unschedulable {
        /// The pod.
        pod: String,
        /// The scheduler's words.
        message: String,
    },
    /// A container's image cannot be pulled.
    #[error("image `{image}` of container `{container}` cannot be pulled: {reason}")]
    ImagePull {
        /// The container.
        container: String,
        /// Its image.
        image: String,
        /// The kubelet's reason word.
        reason: String,
        /// The kubelet's words.
        message: String,
    },
    /// A container cannot be started.
    #[error("container `{container}` cannot start: {reason}")]
    ContainerStart {
        /// The container.
        container: String,
        /// The kubelet's reason word.
        reason: String,
        /// The kubelet's words.
        message: String,
    },
    /// A container ended before it did its work.
    #[error("container `{container}` ended with {code}{}", if .reason.is_empty() { String::new() } else { format!(": {}", .reason) })]
    ContainerEnded {
        /// The container.
        container: String,
        /// Its exit code.
        code: i32,
        /// The kubelet's reason word.
        reason: String,
        /// Its last words, or the runtime's.
        message: String,
    },
    /// The pod was ended from outside.
    #[error("pod `{pod}` was ended by the cluster: {reason}")]
    PodEnded {
        /// The pod.
        pod: String,
        /// `Evicted`, `DeadlineExceeded`, `deleted`…
        reason: String,
        /// The cluster's words.
        message: String,
    },
    /// The upload broke before the receiver had proof that all of it arrived.
    #[error("upload broke off{}", .sent.map(|sent| format!(" after {}", mebibytes(sent))).unwrap_or_default())]
    UploadBroken {
        /// Bytes handed to the connection, where that is known.
        sent: Option<u64>,
        /// Why, as far as this side knows.
        why: String,
    },
    /// The receiver got something and refused it.
    #[error("receiver in the pod refused the upload")]
    Receiver {
        /// Its exit code.
        code: i32,
        /// What it said.
        said: String,
    },
}

/// The receiver's exit code (`cluster/receiver/receive.sh`) if what arrived is not what was sent.
const DAMAGED: i32 = 65;
/// The same, if it was cut off.
pub const CUT_OFF: i32 = 75;

impl ClusterError {
    /// Whether the same request or upload may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Request { .. } | Self::UploadBroken { .. } => true,
            Self::Refused { code, .. } => matches!(code, 401 | 429 | 500..),
            Self::Receiver { code, .. } => *code == DAMAGED,
            Self::PodSecurity { .. }
            | Self::Unschedulable { .. }
            | Self::ImagePull { .. }
            | Self::ContainerStart { .. }
            | Self::ContainerEnded { .. }
            | Self::PodEnded { .. } => false,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } => Code::ClusterUnreachable,
            Self::Request { .. } => Code::RequestFailed,
            Self::Refused { code, message, .. } => Refusal::read(*code, message).code(),
            Self::PodSecurity { .. } => Code::PodSecurityRestricted,
            Self::Unschedulable { .. } => Code::Unschedulable,
            Self::ImagePull { .. } => Code::ImagePull,
            Self::ContainerStart { container, message, .. } | Self::ContainerEnded { container, message, .. }
                if has_no_shell(container, message) =>
            {
                Code::NoShell
            }
            Self::ContainerStart { .. } => Code::ContainerStart,
            Self::ContainerEnded { .. } => Code::ContainerEnded,
            Self::PodEnded { reason, message, .. } => pod_end(reason, message),
            Self::UploadBroken { .. } => Code::UploadBroken,
            Self::Receiver { said, .. } if said.contains("No space left on device") => Code::OutOfDisk,
            Self::Receiver { .. } => Code::ReceiverRefused,
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let lines = |text: &str| text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
        match self {
            Self::Unreachable { why, .. } | Self::Request { why, .. } => lines(why),
            Self::Refused { code, message, .. } => {
                let mut notes: Vec<String> = lines(message);
                notes.extend(Refusal::read(*code, message).note());
                notes
            }
            Self::PodSecurity { label, .. } => vec![
                format!("its label: `{label}`"),
                "nothing was created; if the cluster exempts you, `--no-check` asks it all the same".to_owned(),
            ],
            Self::Unschedulable { message, .. }
            | Self::ImagePull { message, .. }
            | Self::ContainerStart { message, .. }
            | Self::ContainerEnded { message, .. }
            | Self::PodEnded { message, .. } => lines(message),
            Self::UploadBroken { why, .. } => {
                vec![why.clone(), "the pod had not confirmed that all of it arrived".to_owned()]
            }
            Self::Receiver { code, said } => {
                let mut notes: Vec<String> = lines(said);
                notes.push(format!("it ended with {code}; the build was not started"));
                notes
            }
        }
    }

    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => {
                Some("check the cluster and the kube context with `kubectl cluster-info`".to_owned())
            }
            Self::Refused { code, message, .. } => Refusal::read(*code, message).help(message),
            Self::PodSecurity { .. } => Some(ANOTHER_NAMESPACE.to_owned()),
            Self::ContainerStart { .. } | Self::ContainerEnded { .. } if self.code() == Code::NoShell => {
                Some("use an image that has a shell: `--helper-image IMAGE`".to_owned())
            }
            Self::Request { .. }
            | Self::Unschedulable { .. }
            | Self::ImagePull { .. }
            | Self::ContainerStart { .. }
            | Self::ContainerEnded { .. }
            | Self::PodEnded { .. }
            | Self::Receiver { .. } => None,
            Self::UploadBroken { .. } => Some("run the same command again".to_owned()),
        }
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
}
