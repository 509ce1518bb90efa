//! The command line as typed: clap structures and their help texts, no behaviour. [`crate::request`] turns them into
//! validated data.
//!
//! Docker's words for Docker's things, kubectl's for kubectl's: `--context` is the kube context, the build
//! context is the positional argument.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use crate::complete::Names;

/// Build container images with Kaniko on Kubernetes from a directory on your own disk.
#[derive(Debug, Parser)]
#[command(name = "kaniko-local", version, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Options every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  kaniko-local build -t registry.example.com/team/app:dev   # this directory, built and pushed
  kaniko-local check                                        # what would keep it from being built
  kaniko-local explain pod/kaniko                           # why a build failed, of any pod
  kaniko-local context ls                                   # what would be sent";

/// How to reach the cluster and how to talk to the user.
#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// Kube context to use (the build context is the positional argument)
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    #[arg(add = ArgValueCompleter::new(Names::KubeContexts))]
    pub context: Option<String>,
    /// Kubeconfig cluster to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    #[arg(add = ArgValueCompleter::new(Names::KubeClusters))]
    pub cluster: Option<String>,
    /// Kubeconfig user to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    #[arg(add = ArgValueCompleter::new(Names::KubeUsers))]
    pub user: Option<String>,
    /// Namespace the pod runs in [default: the kube context's]
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Cluster")]
    #[arg(add = ArgValueCompleter::new(Names::Namespaces))]
    pub namespace: Option<String>,
    /// Kubeconfig file [default: $KUBECONFIG, then ~/.kube/config, then the pod's own service account]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// Username to impersonate
    #[arg(long = "as", global = true, value_name = "USER", help_heading = "Cluster")]
    pub impersonate: Option<String>,
    /// How long one request to the API server may take, such as `30s`; uploads and logs are not bound by it
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", help_heading = "Cluster")]
    pub request_timeout: String,
    /// Say more: -v what is decided, -vv what is asked of the cluster
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_name = "auto|always|never", default_value = "auto", hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub color: ColorWhen,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build an image in the cluster from a local directory and push it
    #[command(after_help = BUILD_EXAMPLES)]
    Build(BuildArgs),
    /// Tell what can be known before a pod exists, of a build context or of somebody's manifest
    #[command(after_help = CHECK_NOTES)]
    Check(CheckArgs),
    /// Tell why a build failed, from its pod or its log
    #[command(after_help = EXPLAIN_NOTES)]
    Explain(ExplainArgs),
    /// Build the same image from the directory and from a git context, and tell what the difference is made of
    #[command(after_help = COMPARE_NOTES)]
    Compare(CompareArgs),
    /// Show or pack what would be sent
    #[command(subcommand, after_help = CONTEXT_EXAMPLES)]
    Context(ContextCommand),
    /// Print the Pod that `build` would create; nothing is created
    #[command(after_help = MANIFEST_EXAMPLES)]
    Manifest(ManifestArgs),
    /// Print what makes a shell complete commands, flags and names of this tool
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual's page on a command, or write all its pages
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Print the version
    #[command(after_help = VERSION_EXAMPLES)]
    Version(VersionArgs),
}

const BUILD_EXAMPLES: &str = "\
Examples:
  kaniko-local build -t registry.example.com/team/app:dev
  kaniko-local build services/api -f deploy/Dockerfile -t registry.example.com/team/api:dev
  tar -c app Dockerfile | kaniko-local build - -t registry.example.com/team/app:dev
  kaniko-local build -n builds -t 10.0.0.5:5000/app --insecure --build-arg VERSION=1.2
  kaniko-local build -t registry.example.com/team/app:dev -- --snapshot-mode=redo
  kaniko-local build -t registry.example.com/team/app:dev --progress json 2>events.jsonl

Exit codes:
    0  the image is built and pushed
    1  the build failed: change the Dockerfile, the context or the arguments
    2  the command line or what it names is wrong
    3  the cluster failed: a retry may help
  124  --timeout is over
  130  interrupted (143: terminated, 129: hung up)

Standard output carries only the reference by digest, one line for each -t.";

/// What `build` and `manifest` share: everything that shapes the Pod.
#[derive(Debug, Clone, Args)]
pub struct PodArgs {
    /// Build context: the directory COPY and ADD take files from; `-` reads a tar archive, or a Dockerfile that needs no
    /// context, from standard input
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub build_context: PathBuf,
    /// Destination reference to push to (can be repeated)
    #[arg(short, long = "tag", visible_alias = "destination", value_name = "REF")]
    pub tags: Vec<String>,
    /// Dockerfile, relative to the current directory, else to CONTEXT; `-` reads it from standard input [default:
    /// CONTEXT/Dockerfile]
    #[arg(short, long, visible_alias = "dockerfile", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Stage to build
    #[arg(long, value_name = "STAGE", add = ArgValueCompleter::new(Names::Stages))]
    pub target: Option<String>,
    /// Build argument; without a value, it is taken from the environment (can be repeated)
    #[arg(long = "build-arg", value_name = "KEY[=VALUE]")]
    pub build_args: Vec<String>,
    /// Label of the image (can be repeated)
    #[arg(long = "label", value_name = "KEY[=VALUE]")]
    pub labels: Vec<String>,
    /// Platform of the image, such as `linux/arm64`; the node has to be able to run it
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Use no cached layers, even with --cache-repo
    #[arg(long)]
    pub no_cache: bool,
    /// Repository for cached layers; turns Kaniko's layer cache on
    #[arg(long, value_name = "REF")]
    pub cache_repo: Option<String>,
    /// Build only, push nothing
    #[arg(long)]
    pub no_push: bool,
    /// Speak plain HTTP to the registries of -t and --cache-repo
    #[arg(long, help_heading = "Registry")]
    pub insecure: bool,
    /// Image that runs the build
    #[arg(long, value_name = "IMAGE", default_value = crate::executor::EXECUTOR_IMAGE, help_heading = "Pod")]
    pub executor_image: String,
    /// Image that receives the context: any with busybox, or with a shell, GNU tar and coreutils
    #[arg(long, value_name = "IMAGE", default_value = crate::executor::HELPER_IMAGE, help_heading = "Pod")]
    pub helper_image: String,
    /// Existing Secret of type kubernetes.io/dockerconfigjson to push and pull with
    #[arg(long, value_name = "NAME", conflicts_with = "registry_auth", help_heading = "Registry")]
    pub registry_secret: Option<String>,
    /// Logins to push and pull with: `local` are those of `docker push` on this machine, FILE is another config.json. Only
    /// those of the registries that the build needs reach the pod [default: local]
    #[arg(long, value_name = "local|none|FILE", help_heading = "Registry")]
    pub registry_auth: Option<OsString>,
    /// Certificates, as PEM, of a private authority that the registries are trusted by
    #[arg(long, value_name = "FILE", help_heading = "Registry")]
    pub registry_ca: Option<PathBuf>,
    /// A Pod, or a part of one, that is merged over the tool's own: tolerations, volumes, annotations, sidecars…
    #[arg(long, value_name = "FILE", help_heading = "Pod")]
    pub pod_template: Option<PathBuf>,
    /// CPUs of the pod, requested and at most, such as `2` or `500m`
    #[arg(long, value_name = "QUANTITY", help_heading = "Pod")]
    pub cpu: Option<String>,
    /// Memory of the pod, requested and at most, such as `2Gi`
    #[arg(long, value_name = "QUANTITY", help_heading = "Pod")]
    pub memory: Option<String>,
    /// Service account of the pod; its token is not mounted
    #[arg(long, value_name = "NAME", help_heading = "Pod")]
    pub service_account: Option<String>,
    /// Rights of the containers: `default` are those of a container of `docker build`, `hardened` drops all capabilities
    /// that Kaniko can do without
    #[arg(long, value_name = "default|hardened", default_value = "default", hide_possible_values = true)]
    #[arg(help_heading = "Pod")]
    pub security: SecurityChoice,
    /// How the archive is compressed on its way; `auto` compresses more the slower the connection is
    #[arg(long, value_name = "auto|none|gzip[:1-9]", default_value = "auto")]
    pub compression: String,
    /// How the context gets into the pod: `exec` runs a command in an init container, `attach` needs only the right to
    /// attach to one, `stdin` needs no init container; `auto` takes the first that works
    #[arg(long, value_name = "auto|exec|attach|stdin", default_value = "auto", hide_possible_values = true)]
    #[arg(help_heading = "Pod")]
    pub transport: TransportChoice,
    /// Time for a build, with waiting and upload, such as `90s` or `1h`
    #[arg(long, value_name = "DURATION", default_value = "1h", help_heading = "Pod")]
    pub timeout: String,
    /// Where Kaniko's image would differ from Docker's: `repair` changes what the executor is given so that it does not,
    /// where that can be done exactly, and tells the rest; `warn` tells all of it; `off` leaves it to Kaniko
    #[arg(long, value_name = "repair|warn|off", default_value = "repair", hide_possible_values = true)]
    pub fidelity: FidelityChoice,
    /// Flags for the executor itself
    #[arg(last = true, value_name = "EXECUTOR-FLAGS")]
    pub executor_flags: Vec<String>,
}

/// What becomes of differences to `docker build`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FidelityChoice {
    /// They are repaired, or told.
    Repair,
    /// They are told.
    Warn,
    /// They stay, and nothing is said.
    Off,
}

/// How the context gets into the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransportChoice {
    /// The first that works.
    Auto,
    /// A command in an init container.
    Exec,
    /// The standard input of an init container.
    Attach,
    /// The standard input of the executor.
    Stdin,
}

/// Rights of the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SecurityChoice {
    /// The runtime's default.
    Default,
    /// No more than Kaniko needs.
    Hardened,
}

/// When the pod is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeepChoice {
    /// When there is no image.
    OnFailure,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `build`.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// What shapes the Pod.
    #[command(flatten)]
    pub pod: PodArgs,
    /// When to leave the pod for you to look inside; it still ends when --timeout is over
    #[arg(long, value_name = "on-failure|always|never", default_value = "never", hide_possible_values = true)]
    #[arg(help_heading = "Pod")]
    pub keep: KeepChoice,
    /// Skip what is checked before the pod is created: whether the Dockerfile can be built from what is sent, and whether
    /// the namespace refuses Kaniko
    #[arg(long, help_heading = "Pod")]
    pub no_check: bool,
    /// Write the image's digest and name as JSON, under BuildKit's keys, and what the time went into
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub metadata_file: Option<PathBuf>,
    /// Build anew whenever what would be sent has changed. A build that runs then is given up, its pod deleted, with
    /// `cancel`; with `finish` it ends first
    #[arg(long, value_name = "cancel|finish", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "cancel", hide_possible_values = true)]
    pub watch: Option<WatchChoice>,
    /// Print only the reference and errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
    /// How the build's log is shown: `text` without what would move a terminal's cursor, retitle its window or write to
    /// its clipboard, `raw` byte for byte
    #[arg(short, long, value_name = "text|raw", default_value = "text", hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub output: LogForm,
    /// How progress is shown: `tty` redraws what goes on, `plain` writes lines, `json` a document a line; `auto` is `tty`
    /// on a terminal, unless it is dumb, CI runs the build, or -v or `-o raw` wants lines
    #[arg(long, value_name = "auto|tty|plain|json", default_value = "auto", hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub progress: ProgressHow,
}

/// What becomes of a build when what it was given has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WatchChoice {
    /// It is given up.
    Cancel,
    /// It ends first.
    Finish,
}

/// How a build's log is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// Without anything that a terminal takes for a command.
    Text,
    /// Byte for byte.
    Raw,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressHow {
    /// Redrawn on a terminal, else lines.
    Auto,
    /// What goes on is redrawn.
    Tty,
    /// Lines.
    Plain,
    /// Documents.
    Json,
}

const CHECK_NOTES: &str = "\
Examples:
  kaniko-local check                       # this directory: Dockerfile, ignore file, what is sent
  kaniko-local check --manifest pod.yaml   # what a pod that runs Kaniko gets too much of
  kubectl get pods -o yaml | kaniko-local check --manifest -
  kaniko-local check --ask-cluster -n ci   # what the cluster would refuse as well

Findings go to standard output, each with a code that TROUBLESHOOTING.md explains. Exit codes:
  0  no error among them
  1  an error
  2  the command line or what it names is wrong
  3  the cluster was asked and gave no answer";

/// `check`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("setup").args(["manifest", "executor_flags"]))]
pub struct CheckArgs {
    /// Build context; `-` reads a tar archive from standard input [default: .]
    #[arg(value_name = "CONTEXT")]
    pub build_context: Option<PathBuf>,
    /// Dockerfile, relative to the current directory, else to CONTEXT [default: CONTEXT/Dockerfile]
    #[arg(short, long, visible_alias = "dockerfile", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Stage to build
    #[arg(long, value_name = "STAGE", add = ArgValueCompleter::new(Names::Stages))]
    pub target: Option<String>,
    /// Build argument; without a value, it is taken from the environment (can be repeated)
    #[arg(long = "build-arg", value_name = "KEY[=VALUE]")]
    pub build_args: Vec<String>,
    /// Platform of the image, such as `linux/arm64` [default: linux/amd64]
    #[arg(long, value_name = "PLATFORM", conflicts_with = "setup")]
    pub platform: Option<String>,
    /// Repository for cached layers, as for `build`: what keeps the cache from being of use is told too
    #[arg(long, value_name = "REF", conflicts_with = "setup")]
    pub cache_repo: Option<String>,
    /// Manifests to check instead, YAML or JSON; `-` reads them from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["build_context", "file"])]
    pub manifest: Option<PathBuf>,
    /// What the executor sees of this disk (can be repeated) [default: CONTEXT where --context points at]
    #[arg(long = "mount", value_name = "LOCAL:POD", requires = "setup")]
    pub mounts: Vec<String>,
    /// Directory that the executor starts in [default: that of its image]
    #[arg(long, value_name = "DIR", requires = "executor_flags")]
    pub workdir: Option<String>,
    /// Whose executor it is [default: upstream]
    #[arg(long, value_name = "upstream|fork|chainguard[@VERSION]", requires = "executor_flags")]
    pub executor: Option<String>,
    /// Format of the findings; `sarif` is SARIF 2.1.0, which editors and code hosts show
    #[arg(short, long, value_name = "text|json|sarif", default_value = "text", hide_possible_values = true)]
    pub output: FindingsFormat,
    /// What is told of differences to `docker build`: `repair` those that `build` does not repair, `warn` all of them,
    /// `off` none
    #[arg(long, value_name = "repair|warn|off", default_value = "repair", hide_possible_values = true)]
    pub fidelity: FidelityChoice,
    /// What the cluster is asked.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Arguments of an executor to check instead
    #[arg(last = true, value_name = "EXECUTOR-FLAGS", conflicts_with_all = ["manifest", "file"])]
    pub executor_flags: Vec<String>,
}

/// What `check` asks the cluster; all but the first shape the Pod, as for `build`. The switch is not `--cluster`: that
/// is kubectl's for a cluster of the kubeconfig.
#[derive(Debug, Clone, Args)]
pub struct AskArgs {
    /// Ask the cluster as well what it would say to the pod that `build` creates, and whether you have the rights; nothing
    /// is created
    #[arg(long, conflicts_with = "setup", help_heading = "Cluster")]
    pub ask_cluster: bool,
    /// Existing Secret of type kubernetes.io/dockerconfigjson to push and pull with
    #[arg(long, value_name = "NAME", requires = "ask_cluster", help_heading = ASKED)]
    pub registry_secret: Option<String>,
    /// Service account of the pod
    #[arg(long, value_name = "NAME", requires = "ask_cluster", help_heading = ASKED)]
    pub service_account: Option<String>,
    /// CPUs of the pod, requested and at most
    #[arg(long, value_name = "QUANTITY", requires = "ask_cluster", help_heading = ASKED)]
    pub cpu: Option<String>,
    /// Memory of the pod, requested and at most
    #[arg(long, value_name = "QUANTITY", requires = "ask_cluster", help_heading = ASKED)]
    pub memory: Option<String>,
    /// Image that runs the build
    #[arg(long, value_name = "IMAGE", requires = "ask_cluster", help_heading = ASKED)]
    pub executor_image: Option<String>,
    /// Image that receives the context
    #[arg(long, value_name = "IMAGE", requires = "ask_cluster", help_heading = ASKED)]
    pub helper_image: Option<String>,
    /// Rights of the containers [default: default]
    #[arg(long, value_name = "default|hardened", hide_possible_values = true, requires = "ask_cluster")]
    #[arg(help_heading = ASKED)]
    pub security: Option<SecurityChoice>,
    /// A Pod, or a part of one, that is merged over the tool's own
    #[arg(long, value_name = "FILE", requires = "ask_cluster", help_heading = ASKED)]
    pub pod_template: Option<PathBuf>,
}

/// Heading of the flags that shape the Pod that a cluster is asked about.
const ASKED: &str = "With --ask-cluster, as for `build`";

/// Format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingsFormat {
    /// For people.
    Text,
    /// A document with a schema.
    Json,
    /// A document in the OASIS standard's form.
    Sarif,
}

const EXPLAIN_NOTES: &str = "\
Examples:
  kaniko-local explain pod/kaniko                      # a pod of anybody's, live or ended
  kaniko-local explain pod/kaniko -n ci services/api   # with the build context it should have had
  kaniko-local explain --log build.log .               # a log that was saved
  kubectl logs job/build | kaniko-local explain --log -

Each cause says how sure it is. With the build context, a file that the executor did not find is
looked for there.

Exit codes: 0 if nothing failed, 1 if something did, 2 for what was typed, 3 for the cluster.";

/// `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The pod, as `pod/NAME`, and the build context, if it is at hand
    #[arg(value_name = "pod/NAME | CONTEXT", num_args = 0..=2)]
    pub subjects: Vec<PathBuf>,
    /// What of this disk was in the pod, if not CONTEXT where the executor looks for its context (can be repeated)
    #[arg(long = "mount", value_name = "LOCAL:POD", conflicts_with = "log")]
    pub mounts: Vec<String>,
    /// A saved log of the executor; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Dockerfile, relative to the current directory, else to CONTEXT [default: CONTEXT/Dockerfile]
    #[arg(short, long, visible_alias = "dockerfile", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Format of the causes
    #[arg(short, long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub output: DocumentFormat,
}

const COMPARE_NOTES: &str = "\
Examples:
  kaniko-local compare --git https://git.example.com/app.git#main -t registry.example.com/app:try
  kaniko-local compare --git https://git.example.com/app.git#dev:api api --no-push
  kaniko-local compare --git https://git.example.com/app.git --git-secret git-login --no-push
  kaniko-local compare --git https://git.example.com/app.git --no-push --runs 5 --warm-up
  kaniko-local compare --git https://git.example.com/app.git --no-push --model 20mbit,40ms
  kaniko-local compare --git https://git.example.com/app.git --no-push --save app.html

Both pods are the same in everything but the context. Builds take turns, the local directory comes
last. Before them it is told what differs in content: what git does not have is not in its image.

Times are medians, with the least and the most. --model computes what the context would take over
another link, from the bytes and times that were measured; it is said to be computed.

Exit codes are those of `build`.";

/// `compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// What shapes the Pods.
    #[command(flatten)]
    pub pod: PodArgs,
    /// Git repository to compare with, as for `docker build`: `https://host/path.git#ref:directory`
    #[arg(long, value_name = "URL[#REF[:DIR]]", help_heading = "Comparison")]
    pub git: String,
    /// Existing Secret to log in to the git server with: any of the keys GIT_USERNAME, GIT_PASSWORD and GIT_TOKEN
    #[arg(long, value_name = "NAME", help_heading = "Comparison")]
    pub git_secret: Option<String>,
    /// Builds from each
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    #[arg(help_heading = "Comparison")]
    pub runs: u32,
    /// Build once from each before, and do not count it
    #[arg(long, help_heading = "Comparison")]
    pub warm_up: bool,
    /// Compute what the context would take over another link, by its rate and the time of a round trip (can be repeated)
    #[arg(long = "model", value_name = "RATE[,DELAY]", help_heading = "Comparison")]
    pub models: Vec<String>,
    /// Format of the comparison; `html` is one page with a picture of it
    #[arg(short, long, value_name = "text|json|html", default_value = "text", hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub output: ComparisonFormat,
    /// Write the comparison to this file as well, in the format that its name ends in: .txt, .json or .html (can be
    /// repeated)
    #[arg(long = "save", value_name = "FILE", help_heading = "Output")]
    pub saves: Vec<PathBuf>,
}

/// Format of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    /// For a terminal.
    Text,
    /// A document with a schema.
    Json,
    /// A page.
    Html,
}

/// `context …`.
#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// List what would be sent: one path a line in archive order, directories end in /
    #[command(after_help = LS_NOTES)]
    Ls(ContextLsArgs),
    /// Write what would be sent as a tar archive
    #[command(after_help = PACK_EXAMPLES)]
    Pack(ContextPackArgs),
    /// Say why paths are sent or left out: the deciding pattern and its line
    #[command(after_help = WHY_EXAMPLES)]
    Why(ContextWhyArgs),
}

const CONTEXT_EXAMPLES: &str = "\
Examples:
  kaniko-local context ls                 # what would be sent, and advice about it
  kaniko-local context pack -o app.tgz    # the same as an archive
  kaniko-local context why node_modules   # why it is sent or left out";

const PACK_EXAMPLES: &str = "\
Examples:
  kaniko-local context pack -o app.tgz                  # what `build` would send
  kaniko-local context pack --compression none | tar -t
  kaniko-local context pack services/api -f deploy/Dockerfile -o api.tgz";

const LS_NOTES: &str = "\
Examples:
  kaniko-local context ls --sort size | head                   # what makes the context big
  kaniko-local context ls --excluded --sort size | head        # what the ignore file saves
  kaniko-local context ls -0 | xargs -0 grep -d skip -l TODO   # names with any bytes

With --sort size a line is a size and a path, the largest first, ties by path; a directory counts
everything below it, which is listed too. With -0 as well it is the number of bytes, a tab and the
path. With -o json, --sort size orders `entries` and gives directories a `total`; --excluded adds
`excluded`.

Totals go to standard error, and so does advice: what is big and looks unintended, what looks like
a secret. To tell, the first 4 KiB of at most 1,536 files are read; no content is ever shown. With
-o json all of it is in the document.";

/// The build context and the ignore file that belongs to it.
#[derive(Debug, Clone, Args)]
pub struct ContextArgs {
    /// Build context; `-` reads a tar archive from standard input
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub build_context: PathBuf,
    /// Dockerfile, relative to the current directory, else to CONTEXT: its own ignore file wins
    #[arg(short, long, visible_alias = "dockerfile", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `context ls`.
#[derive(Debug, Clone, Args)]
pub struct ContextLsArgs {
    /// Which context.
    #[command(flatten)]
    pub context: ContextArgs,
    /// List what is left out instead; a directory of which nothing is sent is one line
    #[arg(long)]
    pub excluded: bool,
    /// Order: `size` lists the largest first, with sizes [default: the archive's]
    #[arg(long, value_name = "size", hide_possible_values = true)]
    pub sort: Option<SortBy>,
    /// End each path with NUL instead of a newline
    #[arg(short = '0', long, conflicts_with = "output")]
    pub null: bool,
    /// Format of the listing
    #[arg(short, long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub output: DocumentFormat,
}

/// What a listing is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// The largest first.
    Size,
}

/// Text for people or a document for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DocumentFormat {
    /// For people and simple scripts.
    Text,
    /// A document with a schema.
    Json,
}

/// `context pack`.
#[derive(Debug, Clone, Args)]
pub struct ContextPackArgs {
    /// Which context.
    #[command(flatten)]
    pub context: ContextArgs,
    /// File to write, `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: OsString,
    /// Compression of the archive; `gzip` is `gzip:1`, and the same tree gives the same bytes. `auto` compresses more while
    /// the reader is slow, so its bytes differ from run to run
    #[arg(long, value_name = "auto|none|gzip[:1-9]", default_value = "gzip")]
    pub compression: String,
}

const WHY_EXAMPLES: &str = "\
Examples:
  kaniko-local context why src/main.go node_modules/x/index.js
  kaniko-local context why -C services/api -f deploy/Dockerfile services/api/dist
  kaniko-local context why --dialect kaniko a/b/node_modules/x

  $ kaniko-local context why docs/a.tmp
  docs/a.tmp: excluded by `docs/*.tmp` (.dockerignore:3)
    .dockerignore:1: `*` excludes `docs`
    .dockerignore:2: `!docs` includes `docs`
    .dockerignore:3: `docs/*.tmp` excludes `docs/a.tmp`

A path need not exist. Standard output carries a line for each path that starts with the path as
typed and `included` or `excluded`; the exit code is 0 either way.";

/// `context why`.
#[derive(Debug, Clone, Args)]
pub struct ContextWhyArgs {
    /// Paths, relative to the current directory if that leads into the build context, else to the build context
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Build context
    #[arg(short = 'C', long = "directory", value_name = "CONTEXT", default_value = ".")]
    pub build_context: PathBuf,
    /// Dockerfile, relative to the current directory, else to CONTEXT: its own ignore file wins
    #[arg(short, long, visible_alias = "dockerfile", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Whose rules: Docker's, which decide what is sent, or those of Kaniko's own filter
    #[arg(long, value_name = "docker|kaniko", default_value = "docker", hide_possible_values = true)]
    pub dialect: IgnoreDialect,
    /// Format of the answers
    #[arg(short, long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub output: DocumentFormat,
}

/// Whose rules apply an ignore file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IgnoreDialect {
    /// Docker's.
    Docker,
    /// Those of Kaniko's executor.
    Kaniko,
}

const MANIFEST_EXAMPLES: &str = "\
Examples:
  kaniko-local manifest -t registry.example.com/team/app:dev
  kaniko-local manifest -t registry.example.com/team/app:dev --memory 2Gi -o json
  kaniko-local manifest -t registry.example.com/team/app:dev | kaniko-local check --manifest -";

/// `manifest`.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// What shapes the Pod.
    #[command(flatten)]
    pub pod: PodArgs,
    /// Format of the Pod
    #[arg(short, long, value_name = "yaml|json", default_value = "yaml", hide_possible_values = true)]
    pub output: ManifestFormat,
}

/// Format of `manifest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  echo 'source <(kaniko-local completions bash)' >>~/.bashrc
  echo 'source <(kaniko-local completions zsh)' >>~/.zshrc
  echo 'kaniko-local completions fish | source' >>~/.config/fish/config.fish

In PowerShell's $PROFILE: `kaniko-local completions powershell | Out-String | Invoke-Expression`

Contexts, namespaces and stages are looked up when they are completed.";

/// `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "bash|zsh|fish|powershell", hide_possible_values = true)]
    pub shell: Shell,
}

/// Shells that are completed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
}

const MAN_EXAMPLES: &str = "\
Examples:
  kaniko-local man build | man -l -                       # a page, as `man` shows it
  kaniko-local man --output-dir ~/.local/share/man/man1   # all, where `man` looks for them";

/// `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The words of the command, such as `context ls` [default: the tool itself]
    #[arg(value_name = "COMMAND", conflicts_with = "output_dir")]
    pub words: Vec<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

const VERSION_EXAMPLES: &str = "\
Examples:
  kaniko-local version
  kaniko-local version -o json";

/// `version`.
#[derive(Debug, Clone, Args)]
pub struct VersionArgs {
    /// Format of the version
    #[arg(short, long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub output: DocumentFormat,
}
