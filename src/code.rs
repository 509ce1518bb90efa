//! Codes of findings: in brackets after `error`, in documents, and as samples in TROUBLESHOOTING.md. Pure.

/// Declares [`Code`] with a name for each variant, and the list of all of them.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What a finding is about. Its name is a promise to scripts, and TROUBLESHOOTING.md has a sample of each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As it is printed.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it says of itself above, in a sentence.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+
                }
            }
        }
    };
}

impl Code {
    /// Whether it is about a difference to `docker build`, and not about a build that fails.
    pub fn is_of_fidelity(self) -> bool {
        matches!(
            self,
            Self::RunHeredoc
                | Self::InstructionFlagIgnored
                | Self::CopyLinkUnknown
                | Self::CopySourceSymlink
                | Self::PlatformArgumentEmpty
                | Self::ImageFilesMissing
                | Self::ImageFilesAdded
                | Self::ImageFilesDiffer
                | Self::ImageModesDiffer
                | Self::ImageOwnersDiffer
                | Self::ImageSettingsDiffer
                | Self::DockerBuildFails
        )
    }
}

codes! {
    /// No Dockerfile where it was looked for.
    DockerfileNotFound = "dockerfile-not-found",
    /// The executor finds no Dockerfile.
    DockerfileMissing = "dockerfile-missing",
    /// The executor finds no Dockerfile: its name has other letter case.
    DockerfileLetterCase = "dockerfile-letter-case",
    /// The Dockerfile is there, and is no file that can be read.
    DockerfileUnusable = "dockerfile-unusable",
    /// A Dockerfile in the working directory goes before the one in the context.
    DockerfileShadowed = "dockerfile-shadowed",
    /// A Dockerfile that is fetched from the web.
    DockerfileUrl = "dockerfile-url",
    /// A Dockerfile in `/workspace`, while the context is unpacked elsewhere.
    DockerfileOutsideContext = "dockerfile-outside-context",
    /// An ignore file beside a Dockerfile that the executor does not read.
    IgnoreFileUnread = "ignore-file-unread",
    /// A path of this machine that is not in the pod.
    PathOfThisMachine = "path-of-this-machine",
    /// A relative path, and a working directory in which it leads nowhere.
    WorkingDirectory = "working-directory",
    /// `--dockerfile` repeats the directory of the context.
    ContextRepeated = "context-repeated",
    /// `dir://` and a relative path.
    ContextTwoSlashes = "context-two-slashes",
    /// The directory of the context is not there.
    ContextMissing = "context-missing",
    /// The context is the root of the pod.
    ContextIsRoot = "context-is-root",
    /// `--context` is empty.
    ContextEmpty = "context-empty",
    /// `--context` begins with a scheme that the executor does not know.
    ContextScheme = "context-scheme",
    /// `--context-sub-path` counts only behind a scheme.
    SubPathIgnored = "sub-path-ignored",
    /// `--context-sub-path` is not in the context.
    SubPathMissing = "sub-path-missing",
    /// The context comes over standard input, and there is none.
    NoStdin = "no-stdin",
    /// No archive where `tar://` points at.
    ArchiveMissing = "archive-missing",
    /// An archive that is not compressed with gzip.
    ArchiveNotGzip = "archive-not-gzip",
    /// An archive that is compressed twice.
    ArchiveCompressedTwice = "archive-compressed-twice",
    /// A hard link of an archive whose target does not come before it.
    ArchiveHardLink = "archive-hard-link",
    /// All of an archive is below one directory.
    ArchiveTopDirectory = "archive-top-directory",
    /// The executor of one release that cannot use buckets.
    BucketRegression = "bucket-regression",
    /// The address of a git repository without `git://`.
    GitAddress = "git-address",
    /// `git://` before an address that has the form of SSH.
    GitScpAddress = "git-scp-address",
    /// `git://` before another scheme.
    GitTwoSchemes = "git-two-schemes",
    /// A branch, and the executor of one release that cannot fetch it from a private repository.
    GitBranchRegression = "git-branch-regression",
    /// A pull request of a host that the executor cannot fetch it from.
    GitPullRequest = "git-pull-request",
    /// A switch with a value in the next argument.
    SwitchValue = "switch-value",
    /// The executor's own path is among its arguments.
    ExecutorPath = "executor-path",
    /// An argument begins with a dash of a typesetter.
    TypographicDash = "typographic-dash",
    /// One dash before a long name.
    SingleDash = "single-dash",
    /// A flag without a value takes the next flag for it.
    FlagAsValue = "flag-as-value",
    /// Two arguments in one.
    ArgumentsInOne = "arguments-in-one",
    /// Quotes that nobody takes off.
    QuotedValue = "quoted-value",
    /// A variable that nobody expands.
    VariableNotExpanded = "variable-not-expanded",
    /// A flag that this executor does not have.
    UnknownFlag = "unknown-flag",
    /// Nowhere to push to.
    NoDestination = "no-destination",
    /// A destination that is none.
    DestinationMalformed = "destination-malformed",
    /// The executor does not start, for a reason that has no code of its own.
    ExecutorArguments = "executor-arguments",
    /// `--insecure`, and a base image of the same registry, for which it does not count.
    InsecurePullMissing = "insecure-pull-missing",
    /// A Dockerfile that no builder takes.
    DockerfileSyntax = "dockerfile-syntax",
    /// A flag of an instruction that `docker build` has and this executor does not.
    InstructionFlagUnknown = "instruction-flag-unknown",
    /// A flag of an instruction that this executor passes over.
    InstructionFlagIgnored = "instruction-flag-ignored",
    /// A Dockerfile that the executor does not take, for a reason that has no code of its own.
    DockerfileRefused = "dockerfile-refused",
    /// A source of `COPY` or `ADD` that leads out of the build context.
    CopySourceOutside = "copy-source-outside",
    /// A source that the ignore file keeps out.
    CopySourceIgnored = "copy-source-ignored",
    /// A source whose name has other letter case.
    CopySourceLetterCase = "copy-source-letter-case",
    /// A source that is not there.
    CopySourceMissing = "copy-source-missing",
    /// A pattern of `COPY` or `ADD` that nothing matches.
    CopyPatternUnmatched = "copy-pattern-unmatched",
    /// A source that is a symlink.
    CopySourceSymlink = "copy-source-symlink",
    /// A file whose name says in an image's layer that another is deleted.
    CopyWhiteout = "copy-whiteout",
    /// A git repository that is not cloned.
    AddRepository = "add-repository",
    /// A path of an image or of another stage that may be a symlink.
    CopyLinkUnknown = "copy-link-unknown",
    /// A pattern of an ignore file that keeps out less with the executor than with Docker.
    IgnorePatternWeaker = "ignore-pattern-weaker",
    /// A socket or a FIFO that is copied.
    ContextSpecialFile = "context-special-file",
    /// Something that `docker build` puts into the image is not there with Kaniko.
    ImageFilesMissing = "image-files-missing",
    /// Something is in the image that `docker build` does not put there.
    ImageFilesAdded = "image-files-added",
    /// Something in the image is not what `docker build` makes of it.
    ImageFilesDiffer = "image-files-differ",
    /// Something in the image has other permission bits than with `docker build`.
    ImageModesDiffer = "image-modes-differ",
    /// Something in the image has another owner than with `docker build`.
    ImageOwnersDiffer = "image-owners-differ",
    /// What the image is run with is not what `docker build` sets.
    ImageSettingsDiffer = "image-settings-differ",
    /// The executor's own files come into the image.
    ImageHoldsExecutor = "image-holds-executor",
    /// `docker build` fails where Kaniko goes on.
    DockerBuildFails = "docker-build-fails",
    /// `RUN` of a text that stands in the Dockerfile.
    RunHeredoc = "run-heredoc",
    /// `ARG TARGETARCH` and the like without a value: `docker build` sets them, Kaniko does not.
    PlatformArgumentEmpty = "platform-argument-empty",
    /// `RUN --mount` of what a command needs, which the executor passes over.
    RunMount = "run-mount",
    /// Dependencies that are downloaded anew with every change of a source file, though layers are cached.
    DependenciesUncached = "dependencies-uncached",
    /// A command of the last stage in a directory that is mounted.
    RunInMount = "run-in-mount",
    /// A symlink that leads to itself is copied.
    SymlinkLoop = "symlink-loop",
    /// Several sources, and a destination that is no directory.
    CopyDestination = "copy-destination",
    /// A file of the build context, or what governs it, cannot be read.
    ContextUnreadable = "context-unreadable",
    /// A file changed while it was packed.
    ContextChanged = "context-changed",
    /// An archive on standard input that cannot be built.
    ContextArchive = "context-archive",
    /// An ignore file that Docker would refuse too.
    IgnoreFile = "ignore-file",
    /// Something big that looks as if nobody wanted to send it.
    ContextUnintended = "context-unintended",
    /// Something that looks like a secret and is sent.
    ContextSecret = "context-secret",
    /// A disk without permission bits: what is sent has others than it may be meant to have.
    ContextModes = "context-modes",
    /// A manifest whose context is a directory of a node.
    ContextOnNode = "context-on-node",
    /// A manifest whose context is a volume that nobody fills.
    ContextVolumeEmpty = "context-volume-empty",
    /// A manifest whose context is where nothing is mounted.
    ContextNotMounted = "context-not-mounted",
    /// A manifest whose context is a volume of symlinks.
    ContextOfLinks = "context-of-links",
    /// A manifest with a volume over the executor.
    MountOverExecutor = "mount-over-executor",
    /// A manifest with the executor's flags in the place of its program.
    FlagsAsCommand = "flags-as-command",
    /// A manifest whose executor is not root.
    ExecutorNotRoot = "executor-not-root",
    /// A manifest takes capabilities away that the executor needs.
    CapabilityMissing = "capability-missing",
    /// A manifest whose executor cannot write to its root file system.
    ReadOnlyRoot = "read-only-root",
    /// A manifest with a context over standard input that nobody closes.
    StdinStaysOpen = "stdin-stays-open",
    /// A manifest with a context over standard input that starts the executor again.
    RestartPolicy = "restart-policy",
    /// A manifest whose executor leaves a directory in which something is mounted.
    KanikoDirMounted = "kaniko-dir-mounted",
    /// A manifest that runs a shell in an image without one.
    ImageWithoutShell = "image-without-shell",
    /// A manifest that wants a proxy of a service mesh beside the executor.
    SidecarInjected = "sidecar-injected",
    /// A manifest that runs the executor in an image of another name.
    ForeignExecutorImage = "foreign-executor-image",
    /// A manifest that has logins where the executor does not look.
    RegistryConfigName = "registry-config-name",
    /// A manifest that mounts a directory as `config.json`.
    RegistryConfigDirectory = "registry-config-directory",
    /// A manifest that has the login to Docker Hub under a wrong name.
    DockerHubKey = "docker-hub-key",
    /// A manifest without any login, and a registry that wants one.
    RegistryLoginMissing = "registry-login-missing",
    /// A manifest with a volume over the executor's certificates.
    CertificatesHidden = "certificates-hidden",
    /// A manifest with a variable that goes before the logins of a file.
    LoginShadowed = "login-shadowed",
    /// A manifest with a volume where base images have files.
    MountInImagePath = "mount-in-image-path",
    /// Less memory than the layer cache takes.
    MemoryForCache = "memory-for-cache",
    /// A manifest gives a Kaniko pod more than a container of `docker build` has.
    ExcessPrivileges = "excess-privileges",
    /// A manifest in which nothing runs Kaniko.
    NoKaniko = "no-kaniko",

    /// No answer from the API server.
    ClusterUnreachable = "cluster-unreachable",
    /// A request was not answered, or broke off.
    RequestFailed = "request-failed",
    /// A request was refused for a reason that has no code of its own.
    RequestRefused = "request-refused",
    /// The API server does not know who asks.
    NotAuthenticated = "not-authenticated",
    /// RBAC, or another authorizer, does not allow it.
    AccessDenied = "access-denied",
    /// The namespace is not there.
    NamespaceNotFound = "namespace-not-found",
    /// The namespace is being deleted.
    NamespaceTerminating = "namespace-terminating",
    /// The pod's service account is not there.
    ServiceAccountNotFound = "service-account-not-found",
    /// A ResourceQuota is used up.
    QuotaExceeded = "quota-exceeded",
    /// A ResourceQuota wants requests or limits.
    QuotaNeedsResources = "quota-needs-resources",
    /// A LimitRange allows less, or wants more.
    LimitRange = "limit-range",
    /// The Pod Security Standard `restricted` is enforced.
    PodSecurityRestricted = "pod-security-restricted",
    /// The Pod Security Standard `baseline` is enforced, and the pod goes beyond it.
    PodSecurityBaseline = "pod-security-baseline",
    /// OpenShift has no security context constraint that fits.
    SecurityContextConstraint = "security-context-constraint",
    /// The Secret with logins is not there.
    RegistrySecretNotFound = "registry-secret-not-found",
    /// The Secret with logins has not the key that the pod mounts.
    RegistrySecretUnusable = "registry-secret-unusable",
    /// No node runs what the image is for.
    PlatformWithoutNode = "platform-without-node",
    /// An admission webhook or policy says no.
    AdmissionDenied = "admission-denied",
    /// An admission webhook that has to be asked does not answer.
    AdmissionUnavailable = "admission-unavailable",
    /// A field of the Pod has a value that the API server does not take.
    PodFieldRefused = "pod-field-refused",

    /// No node takes the pod.
    Unschedulable = "unschedulable",
    /// An image cannot be pulled.
    ImagePull = "image-pull",
    /// A container cannot be started.
    ContainerStart = "container-start",
    /// The helper image has no shell.
    NoShell = "no-shell",
    /// A container ended before it did its work.
    ContainerEnded = "container-ended",
    /// The kubelet ended the pod because its node ran short of something.
    Evicted = "evicted",
    /// A disk, or what may be used of it, is full.
    OutOfDisk = "out-of-disk",
    /// Somebody deleted the pod.
    PodDeleted = "pod-deleted",
    /// The cluster ended the pod otherwise.
    PodEnded = "pod-ended",
    /// The upload broke off.
    UploadBroken = "upload-broken",
    /// The receiver refused the upload.
    ReceiverRefused = "receiver-refused",
    /// `--timeout` is over.
    Deadline = "deadline",

    /// The executor failed for a reason that has no code of its own.
    BuildFailed = "build-failed",
    /// A command of the Dockerfile failed.
    RunFailed = "run-failed",
    /// Standard input was closed before the context came.
    ContextStreamEmpty = "context-stream-empty",
    /// The context was cut off on its way.
    ContextStreamCut = "context-stream-cut",
    /// An archive that is damaged, or none.
    ArchiveDamaged = "archive-damaged",
    /// A context that cannot be downloaded.
    ContextDownload = "context-download",
    /// A bucket that may not be read.
    BucketLogin = "bucket-login",
    /// A git repository that wants a login.
    GitLogin = "git-login",
    /// A branch, tag or commit that is not in the repository.
    GitReference = "git-reference",
    /// A repository that the executor's git cannot check out.
    GitWorktree = "git-worktree",
    /// A server that the executor's git does not understand.
    GitServer = "git-server",
    /// The executor does not believe that it is in a container.
    ContainerNotRecognised = "container-not-recognised",
    /// The context was deleted with the rest of the file system between stages.
    ContextNotKept = "context-not-kept",
    /// A file that an earlier stage did not make.
    StageFileMissing = "stage-file-missing",
    /// Something is mounted where a base image has a file.
    MountInTheWay = "mount-in-the-way",
    /// A program of another architecture.
    OtherArchitecture = "other-architecture",
    /// The kernel ended the executor.
    ExecutorOomKilled = "executor-oom-killed",
    /// The executor left files out of the image.
    ImageIncomplete = "image-incomplete",
    /// The executor left no digest.
    NoDigest = "no-digest",
    /// The registry wants a login, or another one.
    RegistryUnauthorized = "registry-unauthorized",
    /// The registry's certificate is of an authority that nobody told the executor of.
    RegistryUnknownAuthority = "registry-unknown-authority",
    /// The registry's certificate has expired, or is not yet valid.
    RegistryCertificateTime = "registry-certificate-time",
    /// The registry's certificate is for another name.
    RegistryCertificateName = "registry-certificate-name",
    /// The registry speaks plain HTTP.
    RegistryPlainHttp = "registry-plain-http",
    /// The pod does not reach the registry.
    RegistryUnreachable = "registry-unreachable",
    /// The registry has had too many requests.
    RegistryRateLimit = "registry-rate-limit",
    /// The registry, or what is before it, does not take a layer of that size.
    RegistryLayerSize = "registry-layer-size",
    /// A base image whose name can be none.
    BaseImageMalformed = "base-image-malformed",
    /// An image that the Dockerfile names is not in its registry.
    BaseImageNotFound = "base-image-not-found",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_kebab_case_and_each_is_one_codes() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
            assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"), "{name}");
        }
    }
}
