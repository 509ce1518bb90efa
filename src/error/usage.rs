//! What was typed, and what it names.

use std::io;
use std::path::{Path, PathBuf};

use crate::cluster::template::TemplateError;
use crate::git::{AddressError, ObjectId};
use crate::quantity::Resource;
use crate::reference::ReferenceError;

/// Exit code 2: what was typed cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// A command of which a page is wanted, and that there is not.
    #[error("`{typed}` is no command")]
    NoCommand {
        /// As typed.
        typed: String,
    },
    /// No `-t`.
    #[error("no destination given")]
    NoTag,
    /// A reference that is none.
    #[error("`{typed}` is no image reference for `{flag}`")]
    Reference {
        /// The flag it was given to.
        flag: &'static str,
        /// As typed.
        typed: String,
        /// Why not.
        why: ReferenceError,
    },
    /// `--build-arg =x`.
    #[error("`{typed}` has no key for `{flag}`")]
    KeyValue {
        /// The flag it was given to.
        flag: &'static str,
        /// As typed.
        typed: String,
    },
    /// A build argument whose value in the environment is no text.
    #[error("`{key}` has a value in the environment that is no UTF-8")]
    NotText {
        /// The variable.
        key: String,
    },
    /// A value that is none.
    #[error("`{typed}` is no value for `{flag}`")]
    Value {
        /// The flag it was given to.
        flag: &'static str,
        /// As typed.
        typed: String,
        /// What is one.
        wanted: &'static str,
    },
    /// An unknown compression.
    #[error("`{typed}` is no compression")]
    Compression {
        /// As typed.
        typed: String,
    },
    /// A duration that is none.
    #[error("`{typed}` is no duration for `{flag}`")]
    Duration {
        /// The flag it was given to.
        flag: &'static str,
        /// As typed.
        typed: String,
    },
    /// A quantity that is none.
    #[error("`{typed}` is no quantity for `{}`", .of.flag())]
    Quantity {
        /// What it was given for.
        of: Resource,
        /// As typed.
        typed: String,
    },
    /// A pod template that cannot be read.
    #[error("pod template `{}` cannot be read", .file.display())]
    NoPodTemplate {
        /// As typed.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A pod template that cannot be used.
    #[error("pod template `{}` {why}", .file.display())]
    PodTemplate {
        /// As typed.
        file: PathBuf,
        /// Why not.
        why: TemplateError,
    },
    /// A manifest that cannot be read.
    #[error("manifest `{}` cannot be read", .file.display())]
    Manifest {
        /// As typed; `-` for standard input.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// `explain` without a pod or a log.
    #[error("{}", nothing_to_explain(.typed.as_deref()))]
    NothingToExplain {
        /// What was typed instead, if anything was.
        typed: Option<PathBuf>,
    },
    /// A flag of `docker build` that makes no sense here.
    #[error("`{flag}` is a flag of `docker build`, and none of this tool")]
    DockersFlag {
        /// As typed.
        flag: &'static str,
        /// What to do here.
        here: &'static str,
    },
    /// No name of an object of Kubernetes' (RFC 1123 as `k8s.io/apimachinery` `IsDNS1123Subdomain` reads it).
    #[error("`{typed}` is no name for `{flag}`")]
    ObjectName {
        /// The flag.
        flag: &'static str,
        /// As typed.
        typed: String,
    },
    /// A flag with a value that takes none.
    #[error("`{flag}` takes no value")]
    NoValueWanted {
        /// The flag.
        flag: String,
        /// As typed.
        value: String,
    },
    /// An archive would be written to a terminal.
    #[error("standard output is a terminal, and an archive is not for eyes")]
    StdoutTerminal,
    /// No command of that name.
    #[error("`{typed}` is no command of `{command}`")]
    UnknownCommand {
        /// As typed.
        typed: String,
        /// The words before it.
        command: String,
        /// One that looks alike.
        meant: Option<String>,
    },
    /// No flag of that name.
    #[error("`{typed}` is no flag of `{command}`")]
    UnknownFlag {
        /// As typed.
        typed: String,
        /// The command.
        command: String,
        /// One that looks alike.
        meant: Option<String>,
    },
    /// A flag of Kaniko's executor before `--`.
    #[error("`{flag}` is a flag of the executor")]
    ExecutorsFlag {
        /// As typed, without its value.
        flag: String,
        /// The command.
        command: String,
    },
    /// An argument too many.
    #[error("`{typed}` is one argument more than `{command}` takes")]
    OneMore {
        /// As typed.
        typed: String,
        /// The command.
        command: String,
    },
    /// What a command cannot do without.
    #[error("`{command}` wants {}", ticked(.missing))]
    MissingArgument {
        /// The arguments.
        missing: Vec<String>,
        /// The command.
        command: String,
    },
    /// Two arguments of which one is allowed.
    #[error("{}", conflict(one, other))]
    Conflict {
        /// The one.
        one: String,
        /// The other.
        other: String,
    },
    /// A flag's value that is none.
    #[error("{}", no_value(flag, value))]
    FlagValue {
        /// The flag.
        flag: String,
        /// As typed; empty if there is none.
        value: String,
        /// All that there are, if these can be counted.
        known: Vec<String>,
        /// One that looks alike.
        meant: Option<String>,
        /// Why it is none.
        why: Option<String>,
    },
    /// A pod that is not there.
    #[error("no pod `{name}` in namespace `{namespace}`")]
    NoPod {
        /// As typed.
        name: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// A log that cannot be read.
    #[error("log `{}` cannot be read", .file.display())]
    Log {
        /// As typed; `-` for standard input.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is said to be in a pod, and is not here.
    #[error("`{}` of `--mount` cannot be read", .local.display())]
    Mount {
        /// As typed.
        local: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A `config.json` that cannot be used.
    #[error("logins in `{}` cannot be used", .file.display())]
    RegistryAuth {
        /// The file.
        file: PathBuf,
        /// Why not; nothing of what is in it.
        why: String,
    },
    /// A credential helper that gave no answer.
    #[error(transparent)]
    Helper(#[from] crate::registry::HelperError),
    /// A file that holds no certificates.
    #[error("certificates in `{}` cannot be used", .file.display())]
    RegistryCa {
        /// As typed.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// A flag after `--` that this tool sets itself.
    #[error("`{flag}` after `--` is set by kaniko-local itself")]
    ReservedExecutorFlag {
        /// The flag.
        flag: &'static str,
    },
    /// A word after `--` that is no flag: the executor would take it for a sub-command.
    #[error("`{word}` after `--` is no flag of the executor")]
    ExecutorArgument {
        /// The word.
        word: String,
    },
    /// `-` both for the build context and for the Dockerfile.
    #[error("build context and Dockerfile cannot both come from standard input")]
    StdinTwice,
    /// `compare` with something on standard input.
    #[error("a comparison needs the build context and the Dockerfile on disk: it is built more than once")]
    CompareStdin,
    /// `--watch` with something on standard input.
    #[error("what comes from standard input cannot be watched: it is there once")]
    WatchStdin,
    /// A Dockerfile that the repository cannot have.
    #[error("`{}` is outside of the build context: a git context cannot have it", .file.display())]
    CompareDockerfile {
        /// As typed.
        file: PathBuf,
    },
    /// `--model` is no link.
    #[error("`--model`: `{typed}` is no rate and delay")]
    Link {
        /// As typed.
        typed: String,
    },
    /// `--save` names a file of no known format.
    #[error("`--save`: the name of `{}` does not tell its format", .file.display())]
    SaveForm {
        /// As typed.
        file: PathBuf,
    },
    /// A file with settings that cannot be used.
    #[error("`{}` cannot be used", .file.display())]
    Settings {
        /// Where it is.
        file: PathBuf,
        /// Why not.
        why: String,
        /// What to write instead.
        help: Option<String>,
    },
    /// A variable with a setting that cannot be used.
    #[error("`{variable}` is to be {wanted}")]
    SettingsVariable {
        /// Its name.
        variable: String,
        /// What it is to be.
        wanted: &'static str,
    },
    /// `--git` names what its repository does not have.
    #[error("`{address}` names no branch, tag or commit that is there")]
    NotInRepository {
        /// The address.
        address: String,
        /// Branches and tags that are there, a few.
        known: Vec<String>,
    },
    /// The commit that `--git` names lacks what is to be built.
    #[error("`{file}` is not in commit {commit} of `{address}`")]
    NotCommitted {
        /// The Dockerfile below the context, or the directory of the context.
        file: String,
        /// The address.
        address: String,
        /// The commit.
        commit: ObjectId,
    },
    /// `--git` is nothing that can be cloned.
    #[error("`--git`: {0}")]
    Git(#[from] AddressError),
    /// `-` with nothing piped into it.
    #[error("standard input is a terminal")]
    StdinTerminal,
    /// `-o` names a file that the archive is made from.
    #[error("`{}` says what is packed: it cannot be the archive, too", .path.display())]
    OutputIsInput {
        /// As typed.
        path: PathBuf,
    },
    /// Something else was piped in.
    #[error("standard input is {found}")]
    StdinUnusable {
        /// What came.
        found: &'static str,
    },
    /// A Dockerfile was piped in and another one was named.
    #[error("`-f {}` names a Dockerfile in an archive, and standard input is none", .file.display())]
    StdinIsDockerfile {
        /// As typed.
        file: PathBuf,
    },
    /// The build context does not exist or is something else.
    #[error("build context `{}` is {}", .path.display(), .found)]
    NoDirectory {
        /// As typed.
        path: PathBuf,
        /// What was found there.
        found: &'static str,
        /// Directories nearby whose name is alike.
        alike: Vec<PathBuf>,
    },
    /// A path that no pattern of the build context speaks about.
    #[error("`{}` is outside of the build context", .path.display())]
    OutsideContext {
        /// As typed.
        path: PathBuf,
        /// The build context's real path.
        root: PathBuf,
    },
    /// No Dockerfile where it was looked for.
    #[error("no Dockerfile at `{}`", .given.display())]
    NoDockerfile {
        /// As typed, or the default.
        given: PathBuf,
        /// Each path tried and what was there.
        tried: Vec<(PathBuf, &'static str)>,
        /// Files of the context that look like a Dockerfile, relative to the current directory as `-f` takes them.
        alike: Vec<PathBuf>,
    },
    /// The named kube context is not in the kubeconfig.
    #[error("kube context `{name}` does not exist")]
    NoKubeContext {
        /// As typed.
        name: String,
        /// The contexts there are.
        known: Vec<String>,
        /// The name is a directory here: the build context was meant.
        is_directory: bool,
    },
    /// No kubeconfig and not in a pod, or one that cannot be used.
    #[error("no usable kubeconfig")]
    Kubeconfig {
        /// Why.
        why: String,
    },
}

impl UsageError {
    pub(super) fn notes(&self) -> Vec<String> {
        match self {
            Self::Reference { why, .. } => vec![why.to_string()],
            Self::NoDockerfile { tried, .. } => {
                tried.iter().map(|(path, what)| format!("tried `{}`: {what}", path.display())).collect()
            }
            Self::OutsideContext { root, .. } => vec![format!("the build context is `{}`", root.display())],
            Self::NoKubeContext { known, .. } => {
                vec![there_are(known).unwrap_or_else(|| "there are no kube contexts".to_owned())]
            }
            Self::Kubeconfig { why }
            | Self::Manifest { why, .. }
            | Self::RegistryAuth { why, .. }
            | Self::RegistryCa { why, .. }
            | Self::Settings { why, .. } => vec![why.clone()],
            Self::NoPodTemplate { source, .. } | Self::Log { source, .. } | Self::Mount { source, .. } => {
                vec![source.to_string()]
            }
            Self::PodTemplate { why, .. } => why.note().into_iter().collect(),
            Self::Git(address) => address.notes(),
            Self::ObjectName { .. } => vec!["a name has lower-case letters, digits, `-` and `.`".to_owned()],
            Self::FlagValue { known, why, .. } => there_are(known).into_iter().chain(why.clone()).collect(),
            Self::NotInRepository { known, .. } => there_are(known).into_iter().collect(),
            Self::Helper(error) if error.complaint.is_empty() => vec![],
            Self::Helper(error) => vec![error.complaint.clone()],
            Self::NoTag
            | Self::KeyValue { .. }
            | Self::Value { .. }
            | Self::NotText { .. }
            | Self::Compression { .. }
            | Self::Duration { .. }
            | Self::Quantity { .. }
            | Self::ReservedExecutorFlag { .. }
            | Self::ExecutorArgument { .. }
            | Self::StdinTwice
            | Self::CompareStdin
            | Self::WatchStdin
            | Self::CompareDockerfile { .. }
            | Self::NotCommitted { .. }
            | Self::Link { .. }
            | Self::SaveForm { .. }
            | Self::SettingsVariable { .. }
            | Self::StdinTerminal
            | Self::StdinUnusable { .. }
            | Self::OutputIsInput { .. }
            | Self::StdinIsDockerfile { .. }
            | Self::NothingToExplain { .. }
            | Self::DockersFlag { .. }
            | Self::NoValueWanted { .. }
            | Self::StdoutTerminal
            | Self::UnknownCommand { .. }
            | Self::UnknownFlag { .. }
            | Self::ExecutorsFlag { .. }
            | Self::OneMore { .. }
            | Self::MissingArgument { .. }
            | Self::Conflict { .. }
            | Self::NoCommand { .. }
            | Self::NoPod { .. }
            | Self::NoDirectory { .. } => vec![],
        }
    }

    pub(super) fn help(&self) -> Option<String> {
        let help = match self {
            Self::NoTag => "say where to push: `-t registry.example.com/team/app:dev`, or `--no-push`".to_owned(),
            Self::Reference { flag: "--cache-repo", .. } => {
                "write it as `registry.example.com/team/cache`, without a tag".to_owned()
            }
            Self::Reference { .. } => "write it as `registry.example.com/team/app:tag`".to_owned(),
            Self::KeyValue { flag, .. } => format!("write it as `{flag} KEY=VALUE`"),
            Self::Value { wanted, .. } => format!("it takes {wanted}"),
            Self::NotText { key } => format!("give it as text: `--build-arg {key}=VALUE`"),
            Self::Compression { .. } => "use `auto`, `none`, `gzip` or `gzip:1` to `gzip:9`".to_owned(),
            Self::Duration { .. } => "write it like `90s`, `10m` or `1h30m`".to_owned(),
            Self::Quantity { of, typed } => of.help(typed),
            Self::NoPodTemplate { .. } | Self::Manifest { .. } | Self::RegistryCa { .. } => return None,
            Self::PodTemplate { why, .. } => return why.help(),
            Self::RegistryAuth { .. } | Self::Helper(_) => {
                "build without this machine's logins: `--registry-auth none`, or name a Secret: `--registry-secret NAME`"
                    .to_owned()
            }
            Self::ObjectName { .. } => return None,
            Self::NoValueWanted { flag, value } => match value.as_str() {
                "false" => format!("leave `{flag}` out"),
                value => format!("leave `={value}` out"),
            },
            Self::StdoutTerminal => "write it to a file: `-o context.tar.gz`".to_owned(),
            Self::ReservedExecutorFlag { flag } => match *flag {
                "--destination" | "-d" => "name the image before `--`: `-t REF`".to_owned(),
                "--no-push" => "write it before `--`: `--no-push`".to_owned(),
                "--dockerfile" | "-f" => "name the Dockerfile before `--`: `-f FILE`".to_owned(),
                "--digest-file" => "the digest is on standard output and in `--metadata-file FILE`".to_owned(),
                _ => "name the directory before `--`: `kaniko-local build DIRECTORY`".to_owned(),
            },
            Self::ExecutorArgument { .. } => "write values as `--flag=value`".to_owned(),
            Self::StdinTwice => "put the Dockerfile into the archive, or name it: `-f FILE`".to_owned(),
            Self::CompareStdin | Self::WatchStdin => "unpack it into a directory, and name that".to_owned(),
            Self::CompareDockerfile { .. } => "put it into the build context".to_owned(),
            Self::NotCommitted { file, .. } => format!("commit `{file}` and push it"),
            Self::Link { .. } => "write it as `20mbit` or `20mbit,40ms`".to_owned(),
            Self::SaveForm { .. } => "let it end in `.txt`, `.json` or `.html`".to_owned(),
            Self::Git(address) => return address.help(),
            Self::StdinTerminal => "pipe an archive into it: `tar -c . | kaniko-local build - -t …`".to_owned(),
            Self::NothingToExplain { typed } => how_to_explain(typed.as_deref()),
            Self::DockersFlag { here, .. } => (*here).to_owned(),
            Self::UnknownCommand { meant: Some(meant), .. }
            | Self::UnknownFlag { meant: Some(meant), .. }
            | Self::FlagValue { meant: Some(meant), .. } => format!("write `{meant}`"),
            Self::UnknownCommand { command, .. } | Self::UnknownFlag { command, .. } => {
                format!("`{command} --help` lists them")
            }
            Self::ExecutorsFlag { flag, .. } if flag == "--cache" => {
                "layers are cached in a repository: `--cache-repo registry.example.com/team/cache`".to_owned()
            }
            Self::ExecutorsFlag { flag, command } => format!("write it after `--`: `{command} … -- {flag}`"),
            Self::OneMore { command, .. }
            | Self::MissingArgument { command, .. } => format!("`{command} --help` has examples"),
            Self::FlagValue { flag, value, .. } if value.is_empty() => format!("write it with one: `{flag}`"),
            Self::FlagValue { .. } => return None,
            Self::Conflict { .. } => "leave one of them out".to_owned(),
            Self::NoCommand { .. } => "`kaniko-local --help` has all of them".to_owned(),
            Self::NoPod { .. } => "name its namespace: `-n NAMESPACE`".to_owned(),
            Self::Settings { help, .. } => return help.clone(),
            Self::SettingsVariable { .. } | Self::NotInRepository { .. } | Self::StdinUnusable { .. } | Self::Log { .. } | Self::Mount { .. } => return None,
            Self::OutputIsInput { .. } => "write it to another file: `-o context.tar.gz`".to_owned(),
            Self::StdinIsDockerfile { .. } => "leave `-f` out to build the Dockerfile on standard input".to_owned(),
            Self::NoDirectory { path, found, alike } => return instead_of_directory(path, found, alike),
            Self::OutsideContext { .. } => "name another build context with `-C DIRECTORY`".to_owned(),
            Self::NoDockerfile { alike, .. } => match alike.as_slice() {
                [] => return None,
                [one] => format!("use `-f {}`", one.display()),
                many => format!(
                    "these look like Dockerfiles, choose one with `-f`: {}",
                    ticked(many.iter().map(|path| path.display()))
                ),
            },
            Self::NoKubeContext { name, is_directory: true, .. } => format!(
                "`--context` names a kube context; the build context is an argument of its own: `kaniko-local build {name}`"
            ),
            Self::NoKubeContext { .. } => return None,
            Self::Kubeconfig { .. } => "name one with `--kubeconfig FILE` or `KUBECONFIG`".to_owned(),
        };
        Some(help)
    }
}

fn nothing_to_explain(typed: Option<&Path>) -> String {
    typed.map_or_else(
        || "neither a pod nor a log is given".to_owned(),
        |typed| format!("`{}` is neither a pod nor a log", typed.display()),
    )
}

/// What a file is where a directory is wanted.
pub const A_FILE: &str = "a file, not a directory";

/// How to write what was meant: a log's file, something else of the cluster's, a pod's name alone.
fn how_to_explain(typed: Option<&Path>) -> String {
    let typed = typed.and_then(Path::to_str).unwrap_or_default();
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match typed.split_once('/') {
        None if typed.ends_with(".log") || typed.ends_with(".txt") => {
            format!("a log is `kaniko-local explain --log {typed}`")
        }
        None if is_name(typed) => format!("a pod is `kaniko-local explain pod/{typed}`"),
        Some(("job" | "jobs", name)) if is_name(name) => {
            format!("the log of a job: `kubectl logs job/{name} | kaniko-local explain --log -`")
        }
        _ => "name the pod, `kaniko-local explain pod/NAME`, or its log, `kaniko-local explain --log FILE`".to_owned(),
    }
}

/// What was meant by a build context that is none.
fn instead_of_directory(path: &Path, found: &str, alike: &[PathBuf]) -> Option<String> {
    let typed = path.to_string_lossy();
    let is_kanikos = ["dir://", "tar://", "s3://", "gs://"].iter().any(|scheme| typed.starts_with(scheme));
    let is_address = typed.contains("://") || typed.starts_with("git@");
    match alike.first() {
        Some(other) => Some(format!("there is `{}`", other.display())),
        None if is_kanikos => Some("name the directory on this disk, without a scheme".to_owned()),
        None if is_address => Some("clone it, and name the directory".to_owned()),
        None if found != A_FILE => None,
        None if [".tar", ".tar.gz", ".tgz"].iter().any(|end| typed.ends_with(end)) => {
            Some(format!("an archive is read from standard input: `- < {typed}`"))
        }
        None => Some(format!("a Dockerfile is named by `-f {typed}`")),
    }
}

fn conflict(one: &str, other: &str) -> String {
    match one == other {
        true => format!("`{one}` is given twice"),
        false => format!("`{one}` and `{other}` do not go together"),
    }
}

fn no_value(flag: &str, value: &str) -> String {
    match value {
        "" => format!("`{flag}` wants a value"),
        value => format!("`{value}` is no value for `{flag}`"),
    }
}

/// What could have been named instead.
fn there_are(known: &[String]) -> Option<String> {
    (!known.is_empty()).then(|| format!("there are: {}", ticked(known)))
}

/// `` `a`, `b` and `c` ``.
fn ticked(items: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
