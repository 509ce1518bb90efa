//! What is known about Kaniko's executor: its images and its arguments. Pure.

mod args;

pub use args::{executor_args, reserved_flag};

/// Executor image used unless `--executor-image` names another: the last upstream release.
pub const EXECUTOR_IMAGE: &str = "gcr.io/kaniko-project/executor:v1.24.0";

/// Image of the receiving init container: the executor's `-debug` variant brings busybox and shares its layers with
/// the executor image, so that a node pulls little more than one image.
pub const HELPER_IMAGE: &str = "gcr.io/kaniko-project/executor:v1.24.0-debug";

/// Where the context volume is mounted, in both containers. The executor never deletes or snapshots below `/kaniko`
/// (kaniko v1.24.0 `pkg/util/fs_util.go`, the ignore list), and a mount here is safe in every release.
pub const CONTEXT_VOLUME: &str = "/kaniko/buildcontext";

/// The build context below [`CONTEXT_VOLUME`].
pub const CONTEXT_DIRECTORY: &str = "context";

/// The Dockerfile below [`CONTEXT_VOLUME`], outside the context: it is no part of what `COPY . .` copies unless the
/// context has it too.
pub const DOCKERFILE: &str = "Dockerfile";

/// An empty ignore file beside [`DOCKERFILE`]. The executor prefers it to the context's own `.dockerignore`
/// (`pkg/util/fs_util.go` `getExcludedFiles`), so that its second, different filter drops nothing.
pub const DOCKERFILE_IGNORE: &str = "Dockerfile.dockerignore";

/// The file whose content Kubernetes hands back as the container's termination message.
pub const DIGEST_FILE: &str = "/dev/termination-log";
