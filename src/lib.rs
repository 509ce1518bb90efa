//! kaniko-local builds container images with Kaniko on Kubernetes from a directory on your own disk.
//!
//! A library for its own binary, with no promise of a stable interface.
//!
//! # Where things are
//!
//! ```text
//! cli         what was typed (clap)
//! program     the names the tool is called by (pure)
//! complete    names that a shell completes (I/O)
//! settings    what a project's file and the environment set, as flags (pure; find: I/O)
//! request     typed -> asked: validated plain data
//! error       every way to fail, its exit code and its code
//! code        the codes of findings
//! event       what happens during a build, as data
//! reference   image references and digests
//! quantity    amounts of CPU and memory
//! ops         the commands: the order of steps
//! context     build context: ignore file, listing, as_sent, tarball, sizes, advice (pure); locate, scan, stdin, content,
//!             facts, unpack, pack, watch, why, mounts (I/O)
//! compare     the same image in two ways, and what the difference is made of (pure)
//! dockerfile  instructions, stages and variables of a Dockerfile, as the builder reads them (pure)
//! registry    config.json, certificates (pure); credential helpers (programs)
//! buildkit    what `docker build` makes of a Dockerfile: a model of BuildKit (pure)
//! rootfs      what an image holds, as data (pure)
//! members     what an archive holds, as data (pure)
//! timeline    what the time of a build went into (pure)
//! executor    Kaniko's executor: its arguments, a model of how it comes to its context, its Dockerfile and what it
//!             copies, and what its log says (pure)
//! git         git contexts: addresses, parts, objects, outputs, difference (pure); run, repository, contents (programs)
//! repair      what is changed so that Kaniko gives the image that Docker would (pure)
//! diagnose    findings, and what is one: in arguments of an executor, in a Dockerfile, in a manifest, in what is left of
//!             a build that failed (pure)
//! cluster     manifest, template, privileges, rights, refusal, status, receiver, ways (pure); client, ask, pod_security,
//!             stream, upload, watch, logs, observe, events, secret, session (network)
//! report      what a user sees: errors, progress, documents
//! mistyped    words of a command line that are none (pure)
//! words       counts and sizes in words, and the word that was meant
//! sys         all that differs between operating systems (I/O)
//! gopath      paths as Go understands them (pure)
//! ```
//!
//! Data flows one way: `main` calls [`run`], which calls [`ops`]; these call the parts that do I/O, and all of them call
//! the pure parts. The parts that do I/O do not print: they return errors and emit events, and [`report`] shows both.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests make trees and run the receiver's scripts"))]

pub mod buildkit;
pub mod cli;
pub mod cluster;
pub mod code;
pub mod compare;
mod complete;
pub mod context;
pub mod diagnose;
pub mod dockerfile;
pub mod error;
pub mod event;
pub mod executor;
pub mod git;
pub mod gopath;
pub mod members;
pub mod mistyped;
pub mod ops;
pub mod program;
pub mod quantity;
pub mod reference;
pub mod registry;
pub mod repair;
pub mod report;
pub mod request;
pub mod rootfs;
pub mod settings;
pub mod sys;
pub mod timeline;
pub mod words;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, FromArgMatches};
use clap_complete::CompleteEnv;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use cli::{
    BuildArgs, Cli, ColorWhen, Command, ContextCommand, DocumentFormat, GlobalArgs, ManifestFormat, ProgressHow,
};
use cluster::client::ClusterOptions;
use diagnose::Severity;
use error::{Error, UsageError};
use ops::{ManifestForm, WhyForm};
use program::Program;
use report::{Events, LogForm, Style, Verbose};
use request::{ArchiveOutput, BuildRequest, CheckRequest, CompareRequest, PodRequest};
use settings::Setting;

/// Runs the command line `arguments` (the program's name first) and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let typed: Vec<OsString> = arguments.into_iter().collect();
    let program = Program::called(typed.first().map(OsString::as_os_str));
    // A shell that completes calls the tool with `COMPLETE` set; then this prints and ends.
    CompleteEnv::with_factory(|| program.command()).complete();
    report::set_program(program);
    let matches = match program.command().try_get_matches_from(&typed) {
        Ok(matches) => matches,
        Err(error) => return usage(error, &[]),
    };
    let settings = match settings_for(&matches) {
        Ok(settings) => settings,
        Err(error) => return failed(&error.into()).into(),
    };
    let parsed = match settings.is_empty() {
        true => Cli::from_arg_matches(&matches),
        false => {
            let all = program.command().try_get_matches_from(settings::with(typed, &settings));
            all.and_then(|matches| Cli::from_arg_matches(&matches))
        }
    };
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(error, &settings),
    };
    let is_text = !matches!(&cli.command, Command::Build(args) if args.progress == ProgressHow::Json);
    set_up_output(&cli.global, is_text);
    for setting in &settings {
        tracing::debug!("{} set by {}", setting.shown(), setting.from);
    }
    let code = match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            let code = failed(&error);
            if matches!(error, Error::Usage(_)) {
                tell_where_set(&error.to_string(), &settings);
            }
            code
        }
    };
    report::finished(code);
    ExitCode::from(code)
}

fn failed(error: &Error) -> u8 {
    report::print_error(error);
    error.exit_code()
}

/// Whether a message names this flag, and not one that only begins like it.
fn names_flag(message: &str, name: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '-');
    message.split("`--").skip(1).filter_map(|rest| rest.strip_prefix(name)).any(|rest| !goes_on(rest))
}

/// What is wrong with a flag that nobody typed is to be mended where it was set.
fn tell_where_set(error: &str, settings: &[Setting]) {
    for setting in settings.iter().filter(|setting| names_flag(error, setting.key)) {
        report::print_note(&format!("`--{}` is set by {}", setting.key, setting.from));
    }
}

/// What the project of the build context and the environment have set for what was typed.
fn settings_for(matches: &ArgMatches) -> Result<Vec<Setting>, UsageError> {
    let Some(heeding) = settings::heeding(matches) else { return Ok(vec![]) };
    let typed = heeding.1;
    let paths = ["build_context", "subjects"].into_iter().filter_map(|id| typed.try_get_many::<PathBuf>(id).ok()?);
    // A pod, standard input and what is not there are in no project.
    let context = paths.flatten().find(|path| path.is_dir());
    let file = settings::find(context.map_or(Path::new("."), PathBuf::as_path))?;
    settings::settings(heeding, file.as_ref(), environment)
}

fn dispatch(cli: Cli) -> Result<u8, Error> {
    match cli.command {
        Command::Check(args) => {
            let request = CheckRequest::new(args, environment)?;
            let options = cluster_options(cli.global)?;
            let worst = ops::check(&request, |pod| run_async(ops::refusals(pod, &options)))?;
            return Ok(u8::from(worst == Some(Severity::Error)));
        }
        Command::Build(args) => build(args, cli.global),
        Command::Explain(args) => {
            let options = cluster_options(cli.global)?;
            let failed = run_async(ops::explain(&args.try_into()?, &options))?;
            return Ok(u8::from(failed));
        }
        Command::Compare(args) => {
            let options = cluster_options(cli.global)?;
            let mut request = CompareRequest::new(args, environment)?;
            request.pod.started_by = started_by();
            run_async(ops::compare(request, options))
        }
        Command::Context(ContextCommand::Ls(args)) => ops::list(&args.try_into()?),
        Command::Context(ContextCommand::Pack(args)) => {
            let compression = request::compression(&args.compression)?;
            let request = args.context.try_into()?;
            match args.output.into() {
                ArchiveOutput::Stdout => ops::pack_to_stdout(&request, compression),
                ArchiveOutput::File(path) => run_async(ops::pack_to_file(&request, &path, compression)),
            }
        }
        Command::Context(ContextCommand::Why(args)) => {
            let form = match args.output {
                DocumentFormat::Json => WhyForm::Json,
                DocumentFormat::Text => WhyForm::Text,
            };
            ops::why(&args.into(), form)
        }
        Command::Manifest(args) => {
            let form = match args.output {
                ManifestFormat::Yaml => ManifestForm::Yaml,
                ManifestFormat::Json => ManifestForm::Json,
            };
            ops::manifest(&PodRequest::new(args.pod, environment)?, cli.global.namespace, form)
        }
        Command::Completions(args) => ops::completions(args.shell),
        Command::Man(args) => match args.output_dir {
            Some(directory) => ops::man_to_directory(&directory),
            None => ops::man(&args.words),
        },
        Command::Version(args) => report::write_stdout(version(args.output).as_bytes()),
    }
    .map(|()| 0)
}

fn build(args: BuildArgs, global: GlobalArgs) -> Result<(), Error> {
    let style = style(&args, global.verbose);
    if style == Style::Events {
        Events::begin();
    }
    let log = match args.output {
        cli::LogForm::Text => LogForm::Text,
        cli::LogForm::Raw => LogForm::Raw,
    };
    let options = cluster_options(global)?;
    let rebuild = args.watch.map(Into::into);
    let mut request = BuildRequest::new(args, environment)?;
    request.pod.started_by = started_by();
    match rebuild {
        Some(rebuild) => run_async(ops::watch(request, options, style, log, rebuild)),
        None => run_async(ops::build(request, options, style, log)),
    }
}

/// Does not wait for a thread that is still reading a slow disk when everything else is over.
fn run_async<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { action: "start threads", source })?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

fn version(format: DocumentFormat) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match format {
        DocumentFormat::Text => format!("kaniko-local {version}\n"),
        DocumentFormat::Json => {
            let document = serde_json::json!({ "schema": "kaniko-local/version/v1", "version": version });
            format!("{document:#}\n")
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "edge: the only look at the environment")]
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn started_by() -> Option<String> {
    let user = sys::USER.into_iter().find_map(environment).unwrap_or_default();
    cluster::manifest::started_by(&user.to_string_lossy(), &sys::host_name(environment))
}

fn cluster_options(global: GlobalArgs) -> Result<ClusterOptions, Error> {
    Ok(ClusterOptions {
        context: global.context,
        cluster: global.cluster,
        user: global.user,
        namespace: request::object_name("--namespace", global.namespace)?,
        kubeconfig: global.kubeconfig,
        kubeconfig_list: environment("KUBECONFIG"),
        impersonate: global.impersonate,
        request_timeout: request::duration("--request-timeout", &global.request_timeout)?,
    })
}

fn style(args: &BuildArgs, verbose: u8) -> Style {
    match args.progress {
        _ if args.quiet => Style::Quiet,
        ProgressHow::Json => Style::Events,
        ProgressHow::Plain => Style::Lines,
        // What others write, and a raw log, do not go together with lines that are redrawn.
        ProgressHow::Auto if verbose > 0 || args.output == cli::LogForm::Raw => Style::Lines,
        ProgressHow::Tty => Style::Redrawn,
        ProgressHow::Auto if redraws(std::io::stderr().is_terminal(), environment) => Style::Redrawn,
        ProgressHow::Auto => Style::Lines,
    }
}

/// Whether standard error can redraw lines, and somebody watches.
fn redraws(is_terminal: bool, environment: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_dumb = environment("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let is_ci = environment("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    is_terminal && !is_dumb && !is_ci
}

fn set_up_output(global: &GlobalArgs, is_text: bool) {
    match global.color {
        ColorWhen::Auto => anstream::ColorChoice::Auto,
        ColorWhen::Always => anstream::ColorChoice::Always,
        ColorWhen::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    let shown = match global.verbose {
        0 => return,
        1 => Targets::new().with_target("kaniko_local", Level::DEBUG),
        _ => Targets::new().with_target("kaniko_local", Level::TRACE).with_target("kube", Level::DEBUG),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(is_text && std::io::stderr().is_terminal() && global.color != ColorWhen::Never)
        .with_writer(|| Verbose)
        .without_time()
        .with_filter(shown);
    tracing_subscriber::registry().with(lines).init();
}

/// clap's own messages: help and version are results, anything else is a usage error.
fn usage(mut error: clap::Error, settings: &[Setting]) -> ExitCode {
    if let Some(mistake) = mistyped::mistake(&error) {
        let message = mistake.to_string();
        let code = failed(&mistake.into());
        tell_where_set(&message, settings);
        return code.into();
    }
    // "To pass it as a value, use `-- …`" would hand a mistyped flag to the executor.
    error.remove(ContextKind::Suggested);
    // Nobody is left to be told if this cannot be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}

#[cfg(test)]
mod tests {
    use super::names_flag;

    #[test]
    fn a_flag_that_begins_like_another_is_not_the_other() {
        assert!(names_flag("`2gb` is no quantity for `--memory`", "memory"));
        assert!(names_flag("`x` is no value for `--security <default|hardened>`", "security"));
        assert!(!names_flag("`--target <STAGE>` wants a value", "tag"));
        assert!(!names_flag("`--cache-repo` is no flag", "cache"));
        assert!(!names_flag("no tag", "tag"));
    }
}
