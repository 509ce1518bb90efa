//! What is known about Kaniko's executor: its images, its arguments and where it finds things. Pure.

pub mod archive;
mod args;
mod failure;
pub mod files;
pub mod flags;
pub mod image;
pub mod log;
pub mod phases;
pub mod resolve;
pub mod steps;

pub use args::{executor_args, reserved_flag};
pub use failure::Failure;
#[cfg(test)]
pub(crate) use failure::told;

/// Executor image used unless `--executor-image` names another: the last upstream release.
pub const EXECUTOR_IMAGE: &str = "gcr.io/kaniko-project/executor:v1.24.0";

/// Image of the receiving init container: the executor's `-debug` variant brings busybox and shares its layers with
/// the executor image, so that a node pulls little more than one image.
pub const HELPER_IMAGE: &str = "gcr.io/kaniko-project/executor:v1.24.0-debug";

/// Where the context volume is mounted, in both containers. The executor never deletes or snapshots below `/kaniko`
/// (kaniko v1.24.0 `pkg/util/fs_util.go`, the ignore list), and a mount here is safe in every release.
pub const CONTEXT_VOLUME: &str = "/kaniko/buildcontext";

/// Files that a kubelet mounts into every container (Kubernetes v1.33 `pkg/kubelet/kubelet_pods.go` `makeMounts`, and the
/// container runtimes): whatever an image has there does not show, and does not come into an image that is built there.
pub const MOUNTED_FILES: [&str; 4] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"];

/// Directories that are mounts in every container.
pub const MOUNTED_DIRECTORIES: [&str; 3] = ["/dev", "/proc", "/sys"];

/// The build context below [`CONTEXT_VOLUME`].
pub const CONTEXT_DIRECTORY: &str = "context";

/// Where the executor finds the context and its Dockerfile, which lies outside of the context: it is no part of what
/// `COPY . .` copies unless the context has it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextPlace {
    /// In [`CONTEXT_VOLUME`], where somebody else has put them and proven that they are whole.
    Volume,
    /// On its own standard input, as a gzip tar archive that it unpacks into [`CONTEXT_VOLUME`]. Nobody proves anything
    /// before it builds; the archive's order does. The Dockerfile is the very last entry, so whatever is cut off, the
    /// executor has no complete image to build: inside of a gzip member or of an entry it ends with `unexpected EOF`,
    /// between two it finds no Dockerfile, and behind the Dockerfile everything is there (kaniko v1.24.0
    /// `pkg/buildcontext/tar.go`, `cmd/executor/cmd/root.go` `resolveDockerfilePath`).
    Stdin {
        /// The Dockerfile's name. It is random: the executor looks for a missing Dockerfile a second time, below the
        /// context, and must not find one there that the user happens to have.
        dockerfile: String,
    },
    /// In a git repository that it clones into [`CONTEXT_VOLUME`].
    Git(GitPlace),
}

/// A context that the executor clones (kaniko v1.24.0 `pkg/buildcontext/git.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitPlace {
    /// `git://host/path#ref`.
    pub context: String,
    /// The directory of the repository that is the context, if it is not its top.
    pub sub_path: Option<String>,
    /// The Dockerfile, from the top of the repository.
    pub dockerfile: String,
    /// `GIT_PULL_METHOD`: `http` or `https`.
    pub pull_method: &'static str,
    /// A Secret with any of [`GIT_CREDENTIALS`].
    pub secret: Option<String>,
}

/// Variables of its environment that the executor logs in to a git server with.
pub const GIT_CREDENTIALS: [&str; 3] = ["GIT_USERNAME", "GIT_PASSWORD", "GIT_TOKEN"];

impl ContextPlace {
    /// On standard input, for the build with this nonce.
    pub fn stdin(nonce: &str) -> Self {
        Self::Stdin { dockerfile: format!("Dockerfile-{nonce}") }
    }

    /// The Dockerfile below [`CONTEXT_VOLUME`].
    pub fn dockerfile(&self) -> &str {
        match self {
            Self::Volume => "Dockerfile",
            Self::Stdin { dockerfile } | Self::Git(GitPlace { dockerfile, .. }) => dockerfile,
        }
    }

    /// An empty ignore file beside the Dockerfile. The executor prefers it to the context's own `.dockerignore`
    /// (`pkg/util/fs_util.go` `getExcludedFiles`), so that its second, different filter drops nothing.
    pub fn dockerfile_ignore(&self) -> String {
        format!("{}.dockerignore", self.dockerfile())
    }

    /// The arguments that name them: absolute paths, so that neither the working directory nor a file that happens to lie
    /// there can change what they mean.
    pub fn args(&self) -> Vec<String> {
        let mut args = match self {
            Self::Volume => vec![format!("--context=dir://{CONTEXT_VOLUME}/{CONTEXT_DIRECTORY}")],
            Self::Stdin { .. } => {
                vec!["--context=tar://stdin".to_owned(), format!("--context-sub-path={CONTEXT_DIRECTORY}")]
            }
            Self::Git(git) => {
                let sub_path = git.sub_path.iter().map(|path| format!("--context-sub-path={path}"));
                [format!("--context={}", git.context)].into_iter().chain(sub_path).collect()
            }
        };
        args.push(format!("--dockerfile={CONTEXT_VOLUME}/{}", self.dockerfile()));
        args
    }
}

/// Whether the executor's last word says that it came to no context and Dockerfile. Where both were laid out for it, that
/// can only mean that not all of them arrived. (kaniko v1.24.0 `cmd/executor/cmd/root.go`)
pub fn is_about_context(said: &str) -> bool {
    let said = said.strip_prefix("Error: ").unwrap_or(said);
    said.starts_with("error resolving source context") || said.starts_with("error resolving dockerfile path")
}

/// The file whose content Kubernetes hands back as the container's termination message.
pub const DIGEST_FILE: &str = "/dev/termination-log";
