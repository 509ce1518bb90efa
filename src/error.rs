//! Every way to fail, and the exit code each has.
//!
//! A variant carries what its message needs. [`Error::exit_code`] matches without a wildcard: a new variant does not
//! compile until someone decides its code. The text has three parts, shown by [`crate::report`]: the message (one
//! phrase that names the thing), notes (the evidence) and a help (one action). What is a finding has a [`Code`] too.

use std::io;
use std::path::{Path, PathBuf};

use crate::cluster::refusal::{ANOTHER_NAMESPACE, Refusal, has_no_shell, pod_end};
use crate::cluster::template::TemplateError;
use crate::code::Code;
use crate::context::tarball::TarballError;
use crate::executor::Failure;
use crate::git::{AddressError, ObjectId};
use crate::quantity::Resource;
use crate::reference::ReferenceError;

/// What a command ends with when it does not do its job.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or what it names is wrong.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The build context cannot be sent as it is.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The cluster, or the way to it, failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The executor ran and failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The build cannot succeed, as findings that were told say.
    #[error("nothing was built: it cannot succeed")]
    Checked,
    /// `--timeout` is over.
    #[error("not done within {}", human_duration(*.timeout))]
    Deadline {
        /// The time that was given.
        timeout: std::time::Duration,
        /// What went wrong while it was waited for, if anything is known.
        trouble: Option<String>,
    },
    /// A signal asked us to stop.
    #[error("{}", .0.name())]
    Interrupted(Signal),
    /// The system refuses what the tool cannot work without.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A build context cannot be watched.
    #[error("cannot watch `{}`", .root.display())]
    Watch {
        /// Which.
        root: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Results cannot be written.
    #[error("cannot write {what}")]
    Output {
        /// Where to.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Signals that end a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, a CI system's cancel.
    Terminate,
    /// The terminal is gone.
    Hangup,
    /// What is built has changed, and is built anew; this never ends a command.
    Change,
}

impl Signal {
    /// What happened, in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
            Self::Hangup => "hung up",
            Self::Change => "given up for a change",
        }
    }
}

impl Error {
    /// What becomes of a failure to write a file.
    pub fn not_written(path: &Path) -> impl Fn(io::Error) -> Self {
        let what = format!("`{}`", path.display());
        move |source| Self::Output { what: what.clone(), source }
    }

    /// The exit code that scripts rely on.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Context(_) | Self::Build(_) | Self::Checked => 1,
            Self::Cluster(_) => 3,
            Self::Output { .. } | Self::System { .. } | Self::Watch { .. } => 1,
            Self::Deadline { .. } => 124,
            Self::Interrupted(Signal::Hangup) => 129,
            Self::Interrupted(Signal::Interrupt | Signal::Change) => 130,
            Self::Interrupted(Signal::Terminate) => 143,
        }
    }

    /// What it is as a finding. Of what was typed only a missing Dockerfile is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Usage(UsageError::NoDockerfile { .. }) => Some(Code::DockerfileNotFound),
            Self::Usage(_)
            | Self::Checked
            | Self::Interrupted(_)
            | Self::System { .. }
            | Self::Output { .. }
            | Self::Watch { .. } => None,
            Self::Context(error) => Some(error.code()),
            Self::Cluster(error) => Some(error.code()),
            Self::Build(error) => Some(error.code()),
            Self::Deadline { .. } => Some(Code::Deadline),
        }
    }

    /// The evidence, a line each.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Usage(error) => error.notes(),
            Self::Context(error) => error.notes(),
            Self::Cluster(error) => error.notes(),
            Self::Build(error) => error.notes(),
            Self::Deadline { trouble, .. } => trouble.iter().cloned().collect(),
            Self::Checked | Self::Interrupted(_) => vec![],
            Self::Output { source, .. } | Self::System { source, .. } | Self::Watch { source, .. } => {
                vec![source.to_string()]
            }
        }
    }

    /// Message and notes in one line, where it is a detail of something else.
    pub fn one_line(&self) -> String {
        std::iter::once(self.to_string()).chain(self.notes()).collect::<Vec<_>>().join(": ")
    }

    /// One action, if one is sure to help.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Usage(error) => error.help(),
            Self::Cluster(error) => error.help(),
            Self::Build(error) => error.help(),
            Self::Deadline { trouble: None, .. } => Some("give it longer with `--timeout`".to_owned()),
            Self::Deadline { trouble: Some(_), .. } => None,
            Self::Context(error) => error.help(),
            Self::Checked => Some("change what is named above; `--no-check` builds all the same".to_owned()),
            Self::Interrupted(_) | Self::Output { .. } | Self::System { .. } | Self::Watch { .. } => None,
        }
    }
}

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
    #[error("`{one}` and `{other}` do not go together")]
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
    fn notes(&self) -> Vec<String> {
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

    fn help(&self) -> Option<String> {
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
            Self::ReservedExecutorFlag { flag } => match *flag {
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

/// Exit code 1: the context cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file or directory cannot be read.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// `read`, `list`, `examine`.
        action: &'static str,
        /// Relative to the context, or as typed.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file lost bytes between being listed and being packed.
    #[error("`{}` shrank while it was packed", .path.display())]
    Shrank {
        /// Relative to the context.
        path: PathBuf,
        /// Bytes at listing.
        expected: u64,
        /// Bytes read.
        read: u64,
    },
    /// The archive on standard input is none that can be built.
    #[error("the build context on standard input cannot be used")]
    Stdin {
        /// What is wrong with it.
        why: TarballError,
    },
    /// The archive on standard input has to be decompressed first.
    #[error("the build context on standard input is compressed with {compression}")]
    StdinCompressed {
        /// The program that does it.
        compression: &'static str,
    },
    /// The ignore file holds a pattern that Docker refuses too.
    #[error("`{}` cannot be used", .path.display())]
    IgnoreFile {
        /// The ignore file.
        path: PathBuf,
        /// Line and pattern.
        why: String,
    },
}

impl ContextError {
    fn code(&self) -> Code {
        match self {
            Self::Io { .. } => Code::ContextUnreadable,
            Self::Shrank { .. } => Code::ContextChanged,
            Self::Stdin { .. } | Self::StdinCompressed { .. } => Code::ContextArchive,
            Self::IgnoreFile { .. } => Code::IgnoreFile,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Io { source, .. } => vec![source.to_string()],
            Self::Shrank { expected, read, .. } => {
                vec![format!("{expected} bytes when listed, {read} when read"), "nothing was built".to_owned()]
            }
            Self::IgnoreFile { why, .. } => vec![why.clone()],
            Self::Stdin { why: TarballError::Read(source) } => vec![source.to_string()],
            Self::Stdin { why } => vec![why.to_string()],
            Self::StdinCompressed { .. } => vec![],
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::StdinCompressed { compression } => {
                Some(format!("decompress it on the way: `{compression} -dc FILE | kaniko-local …`"))
            }
            Self::Io { .. } | Self::Shrank { .. } | Self::IgnoreFile { .. } | Self::Stdin { .. } => None,
        }
    }
}

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

    fn code(&self) -> Code {
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

    fn notes(&self) -> Vec<String> {
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

    fn help(&self) -> Option<String> {
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

/// Exit code 1: the executor ran and failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The executor ended with a code of its own.
    #[error("build failed: executor ended with {code}")]
    Failed {
        /// Its exit code; that of a failing `RUN` is passed on.
        code: i32,
        /// The executor's own last words, if it had any.
        said: Option<String>,
        /// Which instruction it was at, and where that is, as far as is known.
        at: Option<String>,
    },
    /// The executor ended well and left no digest.
    #[error("executor ended with success but left no digest")]
    NoDigest {
        /// The termination message it left instead.
        found: String,
    },
    /// The executor ended well and said in its log that files are missing from the image.
    #[error("image is incomplete: the executor left files out of it")]
    Incomplete {
        /// Its words.
        said: String,
    },
    /// The kernel ended the executor.
    #[error("build failed: executor was out of memory")]
    OutOfMemory {
        /// The container's limit, if it has one.
        limit: Option<String>,
    },
}

impl BuildError {
    fn code(&self) -> Code {
        match self {
            Self::Failed { said, .. } => Failure::read(said.as_deref().unwrap_or_default()).code,
            Self::NoDigest { .. } => Code::NoDigest,
            Self::Incomplete { .. } => Code::ImageIncomplete,
            Self::OutOfMemory { .. } => Code::ExecutorOomKilled,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Failed { said, at, .. } => at.iter().chain(said).cloned().collect(),
            Self::NoDigest { found } => vec![format!("termination message: `{found}`")],
            Self::Incomplete { said } => {
                vec![said.clone(), "it was pushed all the same, unless `--no-push` was given".to_owned()]
            }
            Self::OutOfMemory { limit: Some(limit) } => vec![format!("its memory limit is {limit}")],
            Self::OutOfMemory { limit: None } => {
                vec!["the container has no limit of its own: the node ran out".to_owned()]
            }
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Failed { said, .. } => Failure::read(said.as_deref()?).help(),
            Self::NoDigest { .. } => None,
            Self::Incomplete { .. } => Some("remove the symlink named above, or name it in the ignore file".to_owned()),
            Self::OutOfMemory { .. } => Some("give it more with `--memory 4Gi`".to_owned()),
        }
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
    let is_address = typed.contains("://") || typed.starts_with("git@");
    match alike.first() {
        Some(other) => Some(format!("there is `{}`", other.display())),
        None if is_address => Some("clone it, and name the directory".to_owned()),
        None if found != A_FILE => None,
        None if [".tar", ".tar.gz", ".tgz"].iter().any(|end| typed.ends_with(end)) => {
            Some(format!("an archive is read from standard input: `- < {typed}`"))
        }
        None => Some(format!("a Dockerfile is named by `-f {typed}`")),
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

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
}

fn human_duration(duration: std::time::Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{}s", duration.as_secs()), |duration| format!("{duration:#}"))
}
