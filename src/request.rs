//! From what was typed to what is asked: validated plain data, and the only reader of argument strings.
//!
//! Everything that can be told from the arguments alone is told here, before a file is read or a socket opened.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::buildkit::Platform;
use crate::cli;
use crate::compare::Link;
use crate::context::Compression;
use crate::context::dockerignore::Dialect;
use crate::error::UsageError;
use crate::executor::files::Mount;
use crate::executor::image::{Family, Image};
use crate::executor::reserved_flag;
use crate::git::Address;
use crate::quantity::Resource;
use crate::reference::{Reference, registry_of};
use crate::sys;

/// Everything that shapes the Pod of a build.
#[derive(Debug, Clone)]
pub struct PodRequest {
    /// What is built.
    pub context: ContextRequest,
    /// Where to push; empty only with [`PodRequest::no_push`].
    pub tags: Vec<Reference>,
    /// The stage to build.
    pub target: Option<String>,
    /// Build arguments, each `KEY=VALUE`.
    pub build_args: Vec<String>,
    /// Image labels, each `KEY=VALUE`.
    pub labels: Vec<String>,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// Repository of cached layers; the layer cache is off without it.
    pub cache_repo: Option<Reference>,
    /// Push nothing.
    pub no_push: bool,
    /// Plain HTTP to the registries named by the tags and the cache repository.
    pub insecure: bool,
    /// Image of the build container.
    pub executor_image: String,
    /// Image of the receiving init container.
    pub helper_image: String,
    /// Name of a Secret with registry credentials in the pod's namespace.
    pub registry_secret: Option<String>,
    /// Where else logins come from.
    pub registry_auth: RegistryAuth,
    /// File with certificates that the registries are trusted by.
    pub registry_ca: Option<PathBuf>,
    /// What is merged over the Pod.
    pub pod_template: Option<PathBuf>,
    /// CPUs of each container, requested and at most: a quantity of Kubernetes.
    pub cpu: Option<String>,
    /// Memory of each container, requested and at most: a quantity of Kubernetes.
    pub memory: Option<String>,
    /// The pod's service account; the namespace's default if there is none.
    pub service_account: Option<String>,
    /// Rights of the containers.
    pub security: Security,
    /// User and machine that started the build, if known.
    pub started_by: Option<String>,
    /// How the archive travels.
    pub compression: Compression,
    /// The way into the pod; none to take the first that works.
    pub transport: Option<Transport>,
    /// Bound on everything.
    pub timeout: Duration,
    /// What becomes of differences to `docker build`.
    pub fidelity: Fidelity,
    /// The user's own executor flags.
    pub executor_flags: Vec<String>,
    /// Variables of the executor's environment.
    pub environment: Vec<(&'static str, &'static str)>,
}

impl PodRequest {
    /// Validates what was typed. `environment` answers for `--build-arg KEY` without a value.
    ///
    /// # Errors
    /// A [`UsageError`] that names the argument.
    pub fn new(args: cli::PodArgs, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, UsageError> {
        if let Some(flag) = args.executor_flags.iter().find_map(|given| reserved_flag(given)) {
            return Err(UsageError::ReservedExecutorFlag { flag });
        }
        if let Some(word) = args.executor_flags.first().filter(|word| !word.starts_with('-')) {
            return Err(UsageError::ExecutorArgument { word: word.clone() });
        }
        if args.tags.is_empty() && !args.no_push {
            return Err(UsageError::NoTag);
        }
        Ok(Self {
            tags: args.tags.iter().map(|tag| reference("--tag", tag)).collect::<Result<_, _>>()?,
            cache_repo: match (&args.cache_repo, args.no_cache) {
                (Some(repository), false) => Some(reference("--cache-repo", repository)?),
                _ => None,
            },
            build_args: args
                .build_args
                .iter()
                .filter_map(|given| build_arg(given, &environment).transpose())
                .collect::<Result<_, _>>()?,
            labels: args.labels.iter().map(|given| label(given)).collect::<Result<_, _>>()?,
            compression: compression(&args.compression)?,
            transport: match args.transport {
                cli::TransportChoice::Auto => None,
                cli::TransportChoice::Exec => Some(Transport::Exec),
                cli::TransportChoice::Attach => Some(Transport::Attach),
                cli::TransportChoice::Stdin => Some(Transport::Stdin),
            },
            timeout: duration("--timeout", &args.timeout)?,
            cpu: args.cpu.map(|typed| Resource::Cpu.quantity(typed)).transpose()?,
            memory: args.memory.map(|typed| Resource::Memory.quantity(typed)).transpose()?,
            security: args.security.into(),
            pod_template: args.pod_template,
            service_account: object_name("--service-account", args.service_account)?,
            started_by: None,
            context: ContextRequest::new(args.build_context, args.file)?,
            target: args.target,
            platform: args.platform.map(one_platform).transpose()?,
            no_push: args.no_push,
            insecure: args.insecure,
            executor_image: args.executor_image,
            helper_image: args.helper_image,
            registry_auth: match (&args.registry_auth, &args.registry_secret) {
                (_, Some(_)) => RegistryAuth::None,
                (None, None) => RegistryAuth::local(&environment),
                (Some(typed), None) if typed == "local" => RegistryAuth::local(&environment),
                (Some(typed), None) if typed == "none" => RegistryAuth::None,
                (Some(typed), None) => RegistryAuth::File(typed.into()),
            },
            registry_secret: object_name("--registry-secret", args.registry_secret)?,
            registry_ca: args.registry_ca,
            fidelity: args.fidelity.into(),
            executor_flags: args.executor_flags,
            environment: vec![],
        })
    }

    /// Whether layers are cached.
    pub fn cache(&self) -> Cache {
        Cache::of(self.cache_repo.as_ref())
    }

    /// What shapes the pod that a cluster is asked about.
    fn asked(context: ContextRequest, platform: Option<String>, args: cli::AskArgs) -> Result<Self, UsageError> {
        let plain = Self::plain(context);
        Ok(Self {
            platform,
            registry_secret: object_name("--registry-secret", args.registry_secret)?,
            service_account: object_name("--service-account", args.service_account)?,
            cpu: args.cpu.map(|typed| Resource::Cpu.quantity(typed)).transpose()?,
            memory: args.memory.map(|typed| Resource::Memory.quantity(typed)).transpose()?,
            executor_image: args.executor_image.unwrap_or(plain.executor_image),
            helper_image: args.helper_image.unwrap_or(plain.helper_image),
            security: args.security.map_or(plain.security, Security::from),
            pod_template: args.pod_template,
            ..plain
        })
    }

    /// Has the executor say something as soon as it starts, so that what it does first can be timed: upstream warns of
    /// a flag by its old name, which says what holds anyhow (kaniko v1.24.0 `cmd/executor/cmd/root.go`,
    /// `MarkDeprecated`).
    fn tell_start(&mut self) {
        let is_given =
            |flag: &String| ["--ignore-var-run", "--whitelist-var-run"].iter().any(|name| flag.starts_with(name));
        let family = Image::named(&self.executor_image).family;
        if family == Family::Upstream && !self.executor_flags.iter().any(is_given) {
            self.executor_flags.push("--whitelist-var-run=true".to_owned());
        }
    }

    /// The registries to speak plain HTTP to, each once.
    pub fn insecure_registries(&self) -> Vec<&str> {
        let mut hosts = Vec::new();
        if self.insecure {
            for host in self.tags.iter().chain(&self.cache_repo).map(Reference::registry) {
                if !hosts.contains(&host) {
                    hosts.push(host);
                }
            }
        }
        hosts
    }

    /// The registries that a build of a Dockerfile on these images needs, each once.
    pub fn registries<'a>(&'a self, base_images: &'a [String]) -> Vec<String> {
        let pushed = if self.no_push { &[] } else { self.tags.as_slice() };
        let own = pushed.iter().chain(&self.cache_repo).map(Reference::registry);
        let mut hosts: Vec<String> = Vec::new();
        for host in own.chain(base_images.iter().map(|image| registry_of(image))) {
            if !hosts.iter().any(|other| other == host) {
                hosts.push(host.to_owned());
            }
        }
        hosts
    }

    /// A request with every option at its default, for tests to vary.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::plain(ContextRequest {
            context: ContextSource::Directory(".".into()),
            dockerfile: DockerfileSource::Default,
        })
    }

    /// With every option at its default, and nothing of this machine.
    fn plain(context: ContextRequest) -> Self {
        Self {
            context,
            tags: vec![],
            target: None,
            build_args: vec![],
            labels: vec![],
            platform: None,
            cache_repo: None,
            no_push: false,
            insecure: false,
            executor_image: crate::executor::EXECUTOR_IMAGE.into(),
            helper_image: crate::executor::HELPER_IMAGE.into(),
            registry_secret: None,
            registry_auth: RegistryAuth::None,
            registry_ca: None,
            pod_template: None,
            cpu: None,
            memory: None,
            service_account: None,
            security: Security::Default,
            started_by: None,
            compression: Compression::Gzip(1),
            transport: None,
            timeout: Duration::from_secs(3600),
            fidelity: Fidelity::default(),
            executor_flags: vec![],
            environment: vec![],
        }
    }
}

/// What becomes of differences between Kaniko's image and Docker's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fidelity {
    /// They are repaired, and the rest is told.
    #[default]
    Repair,
    /// They are told.
    Warn,
    /// They stay, and nothing is said.
    Off,
}

impl From<cli::FidelityChoice> for Fidelity {
    fn from(typed: cli::FidelityChoice) -> Self {
        match typed {
            cli::FidelityChoice::Repair => Self::Repair,
            cli::FidelityChoice::Warn => Self::Warn,
            cli::FidelityChoice::Off => Self::Off,
        }
    }
}

/// Whether layers are cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cache {
    /// They are made anew.
    #[default]
    Off,
    /// They are kept in a repository.
    On,
}

impl Cache {
    fn of(repository: Option<&Reference>) -> Self {
        if repository.is_some() { Self::On } else { Self::Off }
    }
}

/// Where logins to registries come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryAuth {
    /// From nowhere.
    None,
    /// From this `config.json` of Docker, if it is there.
    Local(PathBuf),
    /// From this file, which has to be there.
    File(PathBuf),
}

impl RegistryAuth {
    /// Docker's own place for it (docker/cli `cli/config/config.go`).
    fn local(environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let directory = set("DOCKER_CONFIG").or_else(|| set(sys::HOME).map(|home| home.join(".docker")));
        directory.map_or(Self::None, |directory| Self::Local(directory.join("config.json")))
    }
}

/// Rights of the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Those of a container of `docker build`: the runtime's default capabilities and seccomp profile.
    Default,
    /// No capabilities but those that Kaniko needs, and no way to more.
    Hardened,
}

impl From<cli::SecurityChoice> for Security {
    fn from(typed: cli::SecurityChoice) -> Self {
        match typed {
            cli::SecurityChoice::Default => Self::Default,
            cli::SecurityChoice::Hardened => Self::Hardened,
        }
    }
}

/// The way of a context into its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A command run in an init container takes it, and proves that it is whole. It is tried again on the same pod.
    Exec,
    /// An init container takes it on its standard input, and proves that it is whole.
    Attach,
    /// The executor takes it on its standard input; no init container.
    Stdin,
}

impl Transport {
    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::Stdin => "stdin",
        }
    }
}

/// A whole `build`.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// What shapes the Pod.
    pub pod: PodRequest,
    /// What becomes of the pod in the end.
    pub keep: Keep,
    /// Look at the cluster before the pod is created.
    pub check: bool,
    /// Where digest and name of the image are written to.
    pub metadata_file: Option<PathBuf>,
}

impl BuildRequest {
    /// Validates what was typed, like [`PodRequest::new`].
    ///
    /// # Errors
    /// A [`UsageError`] that names the argument.
    pub fn new(args: cli::BuildArgs, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, UsageError> {
        Ok(Self {
            pod: PodRequest::new(args.pod, environment)?,
            keep: args.keep.into(),
            check: !args.no_check,
            metadata_file: args.metadata_file,
        })
    }
}

/// What becomes of a build when what it was given has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuild {
    /// It is given up.
    Cancel,
    /// It ends first.
    Finish,
}

impl From<cli::WatchChoice> for Rebuild {
    fn from(choice: cli::WatchChoice) -> Self {
        match choice {
            cli::WatchChoice::Cancel => Self::Cancel,
            cli::WatchChoice::Finish => Self::Finish,
        }
    }
}

/// What becomes of the pod in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is deleted.
    Never,
    /// It is deleted if the image is there.
    OnFailure,
    /// It stays.
    Always,
}

impl From<cli::KeepChoice> for Keep {
    fn from(typed: cli::KeepChoice) -> Self {
        match typed {
            cli::KeepChoice::Never => Self::Never,
            cli::KeepChoice::OnFailure => Self::OnFailure,
            cli::KeepChoice::Always => Self::Always,
        }
    }
}

/// Which build context, and which Dockerfile.
#[derive(Debug, Clone)]
pub struct ContextRequest {
    /// Where the build context is.
    pub context: ContextSource,
    /// Where the Dockerfile is.
    pub dockerfile: DockerfileSource,
}

/// Where a build context is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextSource {
    /// In this directory, as typed.
    Directory(PathBuf),
    /// On standard input, as a tar archive; or a Dockerfile is there, without a context.
    Stdin,
}

/// Where a Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerfileSource {
    /// In the build context, by its usual name.
    Default,
    /// Here, as typed.
    File(PathBuf),
    /// On standard input.
    Stdin,
}

impl DockerfileSource {
    fn new(typed: PathBuf) -> Self {
        if typed.as_os_str() == "-" { Self::Stdin } else { Self::File(typed) }
    }

    /// The path that was typed, if it was one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Default | Self::Stdin => None,
        }
    }
}

impl ContextRequest {
    /// Tells `-` from paths.
    ///
    /// # Errors
    /// Both are on standard input.
    pub fn new(build_context: PathBuf, file: Option<PathBuf>) -> Result<Self, UsageError> {
        let context = match build_context.as_os_str() == "-" {
            true => ContextSource::Stdin,
            false => ContextSource::Directory(build_context),
        };
        let dockerfile = file.map_or(DockerfileSource::Default, DockerfileSource::new);
        match (&context, &dockerfile) {
            (ContextSource::Stdin, DockerfileSource::Stdin) => Err(UsageError::StdinTwice),
            _ => Ok(Self { context, dockerfile }),
        }
    }
}

impl TryFrom<cli::ContextArgs> for ContextRequest {
    type Error = UsageError;

    fn try_from(args: cli::ContextArgs) -> Result<Self, UsageError> {
        Self::new(args.build_context, args.file)
    }
}

/// Paths of a build context to be explained.
#[derive(Debug, Clone)]
pub struct WhyRequest {
    /// The build context's directory, as typed.
    pub directory: PathBuf,
    /// Where the Dockerfile is: its own ignore file wins.
    pub dockerfile: DockerfileSource,
    /// The paths as typed.
    pub paths: Vec<PathBuf>,
    /// Whose rules decide.
    pub dialect: Dialect,
}

impl From<cli::ContextWhyArgs> for WhyRequest {
    fn from(args: cli::ContextWhyArgs) -> Self {
        let dialect = match args.dialect {
            cli::IgnoreDialect::Docker => Dialect::Docker,
            cli::IgnoreDialect::Kaniko => Dialect::Kaniko,
        };
        let dockerfile = args.file.map_or(DockerfileSource::Default, DockerfileSource::new);
        Self { directory: args.build_context, dockerfile, paths: args.paths, dialect }
    }
}

/// What is checked, and how it is told.
#[derive(Debug, Clone)]
pub struct CheckRequest {
    /// What is checked.
    pub subject: Subject,
    /// What of this disk is in the volumes of manifests.
    pub mounts: Vec<Mount>,
    /// The stage that would be built.
    pub target: Option<String>,
    /// Build arguments, each `KEY=VALUE`.
    pub build_args: Vec<String>,
    /// What would be built for, if it was asked for.
    pub platform: Option<String>,
    /// Whether layers would be cached.
    pub cache: Cache,
    /// What is told of differences to `docker build`.
    pub fidelity: Fidelity,
    /// The pod that the cluster is asked about, if it is asked.
    pub pod: Option<PodRequest>,
    /// In which form it is told.
    pub form: FindingsForm,
}

/// What is checked.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A build context.
    Context(ContextRequest),
    /// The manifests in this file, as typed.
    Manifest(PathBuf),
    /// The manifests on standard input.
    ManifestOnStdin,
    /// An executor that is started with these arguments.
    Executor(ExecutorSetup),
}

/// How an executor is started.
#[derive(Debug, Clone)]
pub struct ExecutorSetup {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Whose it is.
    pub image: Image,
    /// The directory it starts in, if not that of its image.
    pub directory: Option<String>,
    /// What of this disk it sees.
    pub mounts: Mounted,
}

/// What of this disk an executor sees.
#[derive(Debug, Clone)]
pub enum Mounted {
    /// These directories.
    At(Vec<Mount>),
    /// This one, where its context is.
    AtContext(PathBuf),
}

/// Form of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingsForm {
    /// As errors are told.
    Text,
    /// A JSON document.
    Json,
    /// A document in SARIF.
    Sarif,
}

impl CheckRequest {
    /// Reads the arguments; `environment` gives build arguments without a value theirs.
    ///
    /// # Errors
    /// What of them is none.
    pub fn new(args: cli::CheckArgs, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, UsageError> {
        let build_args = args.build_args.iter().filter_map(|given| build_arg(given, &environment).transpose());
        let build_args = build_args.collect::<Result<_, _>>()?;
        let cache_repo = args.cache_repo.iter().map(|typed| reference("--cache-repo", typed)).next().transpose()?;
        let mounts = args.mounts.iter().map(|given| mount(given)).collect::<Result<Vec<_>, _>>()?;
        let subject = match args.manifest {
            _ if !args.executor_flags.is_empty() => Subject::Executor(ExecutorSetup {
                image: args.executor.as_deref().map_or(Ok(Image::default()), image)?,
                directory: args.workdir,
                mounts: match mounts.is_empty() {
                    false => Mounted::At(mounts.clone()),
                    true => Mounted::AtContext(args.build_context.unwrap_or_else(|| PathBuf::from("."))),
                },
                arguments: args.executor_flags,
            }),
            Some(file) if file.as_os_str() == "-" => Subject::ManifestOnStdin,
            Some(file) => Subject::Manifest(file),
            None => {
                let context = args.build_context.unwrap_or_else(|| PathBuf::from("."));
                Subject::Context(ContextRequest::new(context, args.file)?)
            }
        };
        let form = match args.output {
            cli::FindingsFormat::Text => FindingsForm::Text,
            cli::FindingsFormat::Json => FindingsForm::Json,
            cli::FindingsFormat::Sarif => FindingsForm::Sarif,
        };
        let (target, platform) = (args.target, args.platform.map(one_platform).transpose()?);
        let pod = match &subject {
            Subject::Context(context) if args.ask.ask_cluster => {
                Some(PodRequest::asked(context.clone(), platform.clone(), args.ask)?)
            }
            _ => None,
        };
        let fidelity = args.fidelity.into();
        let cache = Cache::of(cache_repo.as_ref());
        Ok(Self { subject, mounts, target, build_args, platform, cache, fidelity, pod, form })
    }
}

/// What is compared, and how it is told.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// What shapes the Pods.
    pub pod: PodRequest,
    /// The build context's directory, as typed.
    pub directory: PathBuf,
    /// The repository.
    pub git: Address,
    /// A Secret to log in to it with.
    pub secret: Option<String>,
    /// How many builds from each.
    pub runs: u32,
    /// Whether one from each goes before and is not counted.
    pub warm_up: bool,
    /// Links that it is computed for.
    pub links: Vec<Link>,
    /// In which form it is told.
    pub form: ComparisonForm,
    /// Where else it is written to, and in which form.
    pub saves: Vec<(PathBuf, ComparisonForm)>,
}

/// Form of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonForm {
    /// For a terminal.
    Text,
    /// A JSON document.
    Json,
    /// A page in HTML.
    Html,
}

impl ComparisonForm {
    /// The form that a file's name ends in.
    fn of_name(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "txt" => Some(Self::Text),
            "json" => Some(Self::Json),
            "html" => Some(Self::Html),
            _ => None,
        }
    }
}

impl CompareRequest {
    /// Validates what was typed, like [`PodRequest::new`].
    ///
    /// # Errors
    /// A [`UsageError`] that names the argument.
    pub fn new(args: cli::CompareArgs, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, UsageError> {
        let link = |typed: &String| Link::parse(typed).ok_or_else(|| UsageError::Link { typed: typed.clone() });
        let links = args.models.iter().map(link).collect::<Result<_, _>>()?;
        let save = |file: PathBuf| match ComparisonForm::of_name(&file) {
            Some(form) => Ok((file, form)),
            None => Err(UsageError::SaveForm { file }),
        };
        let saves = args.saves.into_iter().map(save).collect::<Result<_, _>>()?;
        let mut pod = PodRequest::new(args.pod, environment)?;
        let directory = match (&pod.context.context, &pod.context.dockerfile) {
            (ContextSource::Directory(directory), DockerfileSource::Default | DockerfileSource::File(_)) => {
                directory.clone()
            }
            _ => return Err(UsageError::CompareStdin),
        };
        pod.tell_start();
        Ok(Self {
            pod,
            directory,
            git: Address::parse(&args.git)?,
            secret: object_name("--git-secret", args.git_secret)?,
            runs: args.runs,
            warm_up: args.warm_up,
            saves,
            links,
            form: match args.output {
                cli::ComparisonFormat::Text => ComparisonForm::Text,
                cli::ComparisonFormat::Json => ComparisonForm::Json,
                cli::ComparisonFormat::Html => ComparisonForm::Html,
            },
        })
    }
}

/// What is explained, and how it is told.
#[derive(Debug, Clone)]
pub struct ExplainRequest {
    /// What is left of the build.
    pub remains: Remains,
    /// The build context, if it is at hand: a directory.
    pub context: Option<(PathBuf, DockerfileSource)>,
    /// What else of this disk was in the pod.
    pub mounts: Vec<Mount>,
    /// Whether it is told as a document.
    pub is_document: bool,
}

/// What is left of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remains {
    /// The pod of this name.
    Pod(String),
    /// A log in this file, as typed.
    Log(PathBuf),
    /// A log on standard input.
    LogOnStdin,
}

impl TryFrom<cli::ExplainArgs> for ExplainRequest {
    type Error = UsageError;

    fn try_from(args: cli::ExplainArgs) -> Result<Self, UsageError> {
        let mut subjects = args.subjects.into_iter();
        let (remains, context) = match args.log {
            Some(file) => {
                let remains = if file.as_os_str() == "-" { Remains::LogOnStdin } else { Remains::Log(file) };
                (remains, subjects.next())
            }
            None => {
                let mut first = subjects.next();
                // As kubectl has it, too: `pod NAME`.
                if first.as_deref().is_some_and(is_kind_of_pod) {
                    first = subjects.next().map(|name| Path::new("pod").join(name)).or(first);
                }
                let pod = first.as_deref().and_then(pod_name);
                (Remains::Pod(pod.ok_or(UsageError::NothingToExplain { typed: first })?), subjects.next())
            }
        };
        if let Some(typed) = subjects.next() {
            return Err(UsageError::NothingToExplain { typed: Some(typed) });
        }
        let dockerfile = args.file.map_or(DockerfileSource::Default, DockerfileSource::new);
        let context = match context {
            None if dockerfile.path().is_some() => Some(PathBuf::from(".")),
            context => context,
        };
        let is_document = args.output == cli::DocumentFormat::Json;
        let mounts = args.mounts.iter().map(|given| mount(given)).collect::<Result<_, _>>()?;
        Ok(Self { remains, context: context.map(|context| (context, dockerfile)), mounts, is_document })
    }
}

/// `pod/NAME`, as kubectl has it.
fn pod_name(typed: &Path) -> Option<String> {
    let (kind, name) = typed.to_str()?.split_once('/')?;
    (is_kind_of_pod(Path::new(kind)) && !name.is_empty() && !name.contains('/')).then(|| name.to_owned())
}

fn is_kind_of_pod(typed: &Path) -> bool {
    matches!(typed.to_str(), Some("pod" | "pods" | "po"))
}

fn image(given: &str) -> Result<Image, UsageError> {
    let wanted = "`upstream`, `fork` or `chainguard`, and a version like `@v1.24.0` if need be";
    given.parse().map_err(|()| UsageError::Value { flag: "--executor", typed: given.to_owned(), wanted })
}

/// One platform of Linux: of a list, and of another system, the executor would make a Linux image of that name; without a
/// slash it panics (seen of kaniko v1.24.0).
fn one_platform(given: String) -> Result<String, UsageError> {
    let refused = |typed, wanted| Err(UsageError::Value { flag: "--platform", typed, wanted });
    match given.parse::<Platform>() {
        _ if given.contains(',') => refused(given, "one platform; Kaniko builds one"),
        Ok(platform) if platform.os == "linux" => Ok(given),
        Ok(_) | Err(_) => refused(given, "`linux/` with an architecture, such as `linux/arm64`"),
    }
}

/// `LOCAL:POD`: a path in a pod has no colon as rarely as a path here, but it starts with a slash.
fn mount(given: &str) -> Result<Mount, UsageError> {
    match given.rfind(":/") {
        Some(at) if at > 0 => {
            Ok(Mount { local: given[..at].into(), pod: crate::gopath::clean(&given.as_bytes()[at + 1..]) })
        }
        _ => {
            let wanted = "`LOCAL:POD`, a path here and an absolute path in the pod";
            Err(UsageError::Value { flag: "--mount", typed: given.to_owned(), wanted })
        }
    }
}

/// How a build context is listed.
#[derive(Debug, Clone)]
pub struct ListRequest {
    /// Which build context.
    pub context: ContextRequest,
    /// Which part of it.
    pub part: Part,
    /// In which order.
    pub order: Order,
    /// In which form.
    pub form: ListingForm,
}

/// A part of a build context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is sent.
    Sent,
    /// What the ignore file keeps out.
    Excluded,
}

/// Order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// That of the archive.
    Archive,
    /// The largest first, with sizes.
    Size,
}

/// Form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListingForm {
    /// A line each.
    Lines,
    /// Each ended by NUL.
    Nul,
    /// A JSON document.
    Json,
}

impl ListRequest {
    /// Whether what is left out has to be counted, which means to walk all of it.
    pub fn counts(&self) -> bool {
        self.form == ListingForm::Json || self.part == Part::Excluded
    }
}

impl TryFrom<cli::ContextLsArgs> for ListRequest {
    type Error = UsageError;

    fn try_from(args: cli::ContextLsArgs) -> Result<Self, UsageError> {
        Ok(Self {
            context: args.context.try_into()?,
            part: if args.excluded { Part::Excluded } else { Part::Sent },
            order: match args.sort {
                Some(cli::SortBy::Size) => Order::Size,
                None => Order::Archive,
            },
            form: match args.output {
                cli::DocumentFormat::Json => ListingForm::Json,
                cli::DocumentFormat::Text if args.null => ListingForm::Nul,
                cli::DocumentFormat::Text => ListingForm::Lines,
            },
        })
    }
}

/// Where an archive goes.
#[derive(Debug, Clone)]
pub enum ArchiveOutput {
    /// Standard output.
    Stdout,
    /// This file.
    File(PathBuf),
}

impl From<OsString> for ArchiveOutput {
    fn from(typed: OsString) -> Self {
        if typed == "-" { Self::Stdout } else { Self::File(typed.into()) }
    }
}

fn reference(flag: &'static str, typed: &str) -> Result<Reference, UsageError> {
    typed.parse().map_err(|why| UsageError::Reference { flag, typed: typed.to_owned(), why })
}

/// `KEY=VALUE`, or `KEY` with the environment's value; a key that is not set there is left out, as Docker does.
fn build_arg(given: &str, environment: impl Fn(&str) -> Option<OsString>) -> Result<Option<String>, UsageError> {
    match given.split_once('=') {
        _ if given.is_empty() || given.starts_with('=') => {
            Err(UsageError::KeyValue { flag: "--build-arg", typed: given.to_owned() })
        }
        Some(_) => Ok(Some(given.to_owned())),
        None => match environment(given).map(OsString::into_string) {
            Some(Ok(value)) => Ok(Some(format!("{given}={value}"))),
            Some(Err(_)) => Err(UsageError::NotText { key: given.to_owned() }),
            None => Ok(None),
        },
    }
}

/// `KEY=VALUE`; a key alone has the empty value, as in Docker.
fn label(given: &str) -> Result<String, UsageError> {
    match given.split_once('=') {
        _ if given.is_empty() || given.starts_with('=') => {
            Err(UsageError::KeyValue { flag: "--label", typed: given.to_owned() })
        }
        Some(_) => Ok(given.to_owned()),
        None => Ok(format!("{given}=")),
    }
}

/// Reads `auto`, `none`, `gzip` or `gzip:1` to `gzip:9`.
///
/// # Errors
/// Anything else.
pub fn compression(typed: &str) -> Result<Compression, UsageError> {
    match typed {
        "none" => Ok(Compression::None),
        "auto" => Ok(Compression::Auto),
        "gzip" => Ok(Compression::Gzip(1)),
        _ => typed
            .strip_prefix("gzip:")
            .and_then(|level| level.parse().ok())
            .filter(|level| (1..=9).contains(level))
            .map(Compression::Gzip)
            .ok_or_else(|| UsageError::Compression { typed: typed.to_owned() }),
    }
}

/// Reads a duration such as `90s`, `10m` or `1h30m`, longer than nothing.
///
/// # Errors
/// Anything else; `flag` names where it was typed.
pub fn duration(flag: &'static str, typed: &str) -> Result<Duration, UsageError> {
    typed
        .parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| duration.as_secs() > 0)
        .ok_or_else(|| UsageError::Duration { flag, typed: typed.to_owned() })
}

/// A name that Kubernetes takes; what it does not take is not asked for.
pub fn object_name(flag: &'static str, typed: Option<String>) -> Result<Option<String>, UsageError> {
    let is_part = |part: &str| {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(is_inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    match typed {
        Some(typed) if typed.len() > 253 || !typed.split('.').all(is_part) => {
            Err(UsageError::ObjectName { flag, typed })
        }
        typed => Ok(typed),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<PodRequest, UsageError> {
        let line = ["kaniko-local", "manifest"].iter().chain(arguments);
        match cli::Cli::try_parse_from(line).unwrap().command {
            cli::Command::Manifest(manifest) => {
                PodRequest::new(manifest.pod, |key| (key == "SET").then(|| "here".into()))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_build_argument_without_a_value_comes_from_the_environment_or_is_left_out() {
        let request = parse(&["-t", "app", "--build-arg", "A=", "--build-arg", "SET", "--build-arg", "UNSET"]).unwrap();
        assert_eq!(request.build_args, ["A=", "SET=here"]);
    }

    #[test]
    fn no_tag_is_an_error_unless_nothing_is_pushed() {
        assert!(matches!(parse(&[]), Err(UsageError::NoTag)));
        assert!(parse(&["--no-push"]).unwrap().tags.is_empty());
    }

    #[test]
    fn a_build_that_pushes_nothing_needs_no_registry_of_a_tag() {
        let registries = |arguments: &[&str]| parse(arguments).unwrap().registries(&["r.example.com/base".to_owned()]);
        let arguments = ["-t", "push.example.com/app", "--cache-repo", "cache.example.com/layers"];
        assert_eq!(registries(&arguments), ["push.example.com", "cache.example.com", "r.example.com"]);
        assert_eq!(registries(&[&arguments[..], &["--no-push"]].concat()), ["cache.example.com", "r.example.com"]);
    }

    #[test]
    fn no_cache_wins_over_a_cache_repository() {
        assert!(parse(&["-t", "app", "--cache-repo", "cache", "--no-cache"]).unwrap().cache_repo.is_none());
        assert!(parse(&["-t", "app", "--cache-repo", "cache"]).unwrap().cache_repo.is_some());
    }

    #[test]
    fn executor_flags_that_this_tool_sets_are_refused() {
        assert!(matches!(
            parse(&["-t", "app", "--", "--context=dir:///x"]),
            Err(UsageError::ReservedExecutorFlag { flag: "--context" })
        ));
        assert!(matches!(parse(&["-t", "app", "--", "true"]), Err(UsageError::ExecutorArgument { .. })));
        assert_eq!(parse(&["-t", "app", "--", "--cleanup"]).unwrap().executor_flags, ["--cleanup"]);
    }

    #[test]
    fn a_platform_is_one_of_linux() {
        for taken in ["linux/amd64", "linux/arm/v7"] {
            assert_eq!(one_platform(taken.to_owned()).unwrap(), taken);
        }
        for wrong in ["windows/amd64", "arm", "arm64", "", "linux", "linux/amd64,linux/arm64", "linux/a/b/c"] {
            assert!(one_platform(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pod_is_named_in_one_word_or_in_two() {
        for typed in [&["pod/kaniko"][..], &["pod", "kaniko"], &["po/kaniko", "dir"]] {
            let words = ["kaniko-local", "explain"].into_iter().chain(typed.iter().copied());
            let cli::Command::Explain(args) = cli::Cli::parse_from(words).command else { panic!("{typed:?}") };
            let request = ExplainRequest::try_from(args).unwrap();
            assert!(matches!(&request.remains, Remains::Pod(name) if name == "kaniko"), "{typed:?}");
        }
    }

    #[test]
    fn a_name_that_kubernetes_does_not_take_is_refused_before_it_is_asked() {
        let name = |typed: &str| object_name("--namespace", Some(typed.to_owned()));
        for taken in ["builds", "a-1", "my.push.secret", "0"] {
            assert_eq!(name(taken).unwrap().as_deref(), Some(taken));
        }
        for wrong in ["", "Bad Name", "Bad_NS", "-a", "a-", "a..b", ".a", &"a".repeat(254)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn compression_is_auto_none_or_gzip_with_a_level() {
        assert_eq!(compression("none").unwrap(), Compression::None);
        assert_eq!(compression("auto").unwrap(), Compression::Auto);
        assert_eq!(compression("gzip").unwrap(), Compression::Gzip(1));
        assert_eq!(compression("gzip:9").unwrap(), Compression::Gzip(9));
        for wrong in ["", "gzip:0", "gzip:10", "gzip:", "zstd", "GZIP"] {
            assert!(compression(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_units_and_are_longer_than_nothing() {
        assert_eq!(duration("--timeout", "90s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("--timeout", "10m").unwrap(), Duration::from_secs(600));
        assert_eq!(duration("--timeout", "1h30m").unwrap(), Duration::from_secs(5400));
        for wrong in ["", "10", "0s", "-5m", "tomorrow"] {
            assert!(duration("--timeout", wrong).is_err(), "{wrong}");
        }
    }
}
