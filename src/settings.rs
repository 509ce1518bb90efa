//! What a project or an environment has set, so that the daily command is `kaniko-local build`: keys of `kaniko-local.toml`
//! and variables `KANIKO_LOCAL_*` are flags by the same names, given before those that were typed. Pure but for the search
//! for the file.
//!
//! A flag that was typed wins over the environment, that over the file, that over the default. A list is replaced whole.
//! Nothing that says who somebody is can be set: a file comes with a project, and a project may be anybody's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use toml::{Table, Value};

use crate::error::UsageError;
use crate::sys::real;
use crate::words;

/// The file in a project.
pub const FILE: &str = "kaniko-local.toml";

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A text, or a number where that is one.
    Text,
    /// A path, from the directory of the file.
    Path,
    /// A text, or a list of them.
    List,
    /// The same, or a table of names and values.
    Pairs,
    /// `true` or `false`.
    Switch,
}

/// A key: the flag of its name, and what clap calls it.
struct Key {
    name: &'static str,
    id: &'static str,
    shape: Shape,
}

const fn key(name: &'static str, id: &'static str, shape: Shape) -> Key {
    Key { name, id, shape }
}

const KEYS: [Key; 24] = [
    key("tag", "tags", Shape::List),
    key("file", "file", Shape::Path),
    key("target", "target", Shape::Text),
    key("build-arg", "build_args", Shape::Pairs),
    key("label", "labels", Shape::Pairs),
    key("platform", "platform", Shape::Text),
    key("cache-repo", "cache_repo", Shape::Text),
    key("insecure", "insecure", Shape::Switch),
    key("executor-image", "executor_image", Shape::Text),
    key("helper-image", "helper_image", Shape::Text),
    key("registry-secret", "registry_secret", Shape::Text),
    key("registry-ca", "registry_ca", Shape::Path),
    key("pod-template", "pod_template", Shape::Path),
    key("cpu", "cpu", Shape::Text),
    key("memory", "memory", Shape::Text),
    key("service-account", "service_account", Shape::Text),
    key("security", "security", Shape::Text),
    key("compression", "compression", Shape::Text),
    key("transport", "transport", Shape::Text),
    key("timeout", "timeout", Shape::Text),
    key("fidelity", "fidelity", Shape::Text),
    key("keep", "keep", Shape::Text),
    key("context", "context", Shape::Text),
    key("namespace", "namespace", Shape::Text),
];

/// A value that was set and is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, which is the flag's name.
    pub key: &'static str,
    /// Where it was set: a file's path, or a variable.
    pub from: String,
    flags: Vec<OsString>,
}

impl Setting {
    /// The flags, as if they had been typed; without the values of build arguments, which may be anything.
    pub fn shown(&self) -> String {
        let shown = self.flags.iter().map(|flag| {
            let flag = flag.to_string_lossy();
            match flag.strip_prefix("--build-arg=").map(|pair| pair.split('=').next().unwrap_or_default()) {
                Some(name) => format!("--build-arg={name}=…"),
                None => flag.into_owned(),
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

/// A file with settings.
#[derive(Debug)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// The file for a build context: the nearest one upwards, but not beyond the repository that it is in.
///
/// # Errors
/// There is one, and it cannot be read.
pub fn find(context: &Path) -> Result<Option<File>, UsageError> {
    let Ok(start) = real(context) else { return Ok(None) };
    for directory in start.ancestors() {
        let path = directory.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok(Some(File { path, text })),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(UsageError::Settings { file: path, why: error.to_string(), help: None }),
        }
        if std::fs::symlink_metadata(directory.join(".git")).is_ok() {
            break;
        }
    }
    Ok(None)
}

/// The command that was typed and its arguments, if it heeds settings.
pub fn heeding(matches: &ArgMatches) -> Option<(&str, &ArgMatches)> {
    let (command, typed) = matches.subcommand()?;
    let typed = match command {
        "context" => typed.subcommand()?.1,
        _ => typed,
    };
    // Somebody else's set-up is checked as it is.
    let is_anothers = ["manifest", "executor_flags"].iter().any(|id| is_typed(typed, id));
    (command != "check" || !is_anothers).then_some((command, typed))
}

/// The settings that count for a [command that heeds them](heeding).
///
/// # Errors
/// A key that there is not, a value that is none.
pub fn settings(
    (command, typed): (&str, &ArgMatches),
    file: Option<&File>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<Setting>, UsageError> {
    let table = file.map(|file| table(file).map(|table| (file, table))).transpose()?;
    let mut settings = vec![];
    for key in &KEYS {
        let has = typed.try_contains_id(key.id).is_ok() && heeds(command, key);
        let excluded = key.name == "registry-secret" && is_typed(typed, "registry_auth");
        if !has || excluded || is_typed(typed, key.id) {
            continue;
        }
        if let Some(setting) = of_environment(key, &environment)? {
            settings.push(setting);
        } else if let Some((file, value)) = table.as_ref().and_then(|(file, table)| Some((file, table.get(key.name)?)))
        {
            let flags = flags(key, value, &file.path)?;
            settings.push(Setting { key: key.name, from: file.path.display().to_string(), flags });
        }
    }
    Ok(settings)
}

/// What was typed with what was set, as if all of it had been typed.
pub fn with(mut arguments: Vec<OsString>, settings: &[Setting]) -> Vec<OsString> {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    arguments.splice(end..end, settings.iter().flat_map(|setting| setting.flags.iter().cloned()));
    arguments
}

fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Whether a command, which may have a flag of that name, takes it from a project.
fn heeds(command: &str, key: &Key) -> bool {
    let keys: &[&str] = match command {
        "build" | "manifest" | "compare" => return true,
        // Its flags for the Pod want `--ask-cluster`.
        "check" => &["file", "target", "build-arg", "platform", "cache-repo", "fidelity", "context", "namespace"],
        "explain" => &["file", "context", "namespace"],
        // The Dockerfile's own ignore file decides what is sent.
        "context" => &["file"],
        _ => &[],
    };
    keys.contains(&key.name)
}

fn table(file: &File) -> Result<Table, UsageError> {
    let refused = |why, help| UsageError::Settings { file: file.path.clone(), why, help };
    let table: Table = toml::from_str(&file.text).map_err(|error| {
        let line = error.span().map(|span| file.text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        refused(line.map_or_else(String::new, |line| format!("line {line}: ")) + error.message(), None)
    })?;
    match table.keys().find(|name| KEYS.iter().all(|key| key.name != *name)) {
        Some(unknown) => {
            let near = words::nearest(unknown, KEYS.iter().map(|key| key.name));
            let help = near.map(|name| format!("write `{name}`"));
            Err(refused(format!("there is no key `{unknown}`"), help))
        }
        None => Ok(table),
    }
}

/// `KANIKO_LOCAL_CACHE_REPO`. One value: a list is for the file.
fn of_environment(key: &Key, environment: impl Fn(&str) -> Option<OsString>) -> Result<Option<Setting>, UsageError> {
    let variable = format!("KANIKO_LOCAL_{}", key.name.to_uppercase().replace('-', "_"));
    let Some(value) = environment(&variable).filter(|value| !value.is_empty()) else { return Ok(None) };
    let flags = match (key.shape, value.to_str()) {
        (Shape::Switch, Some("true" | "1")) => vec![format!("--{}", key.name).into()],
        (Shape::Switch, Some("false" | "0")) => vec![],
        (Shape::Switch, _) => return Err(UsageError::SettingsVariable { variable, wanted: "true or false" }),
        (Shape::Text | Shape::Path | Shape::List | Shape::Pairs, _) => vec![flag(key.name, &value)],
    };
    Ok(Some(Setting { key: key.name, from: variable, flags }))
}

fn flags(key: &Key, value: &Value, file: &Path) -> Result<Vec<OsString>, UsageError> {
    let refused = |wanted: &str| UsageError::Settings {
        file: file.to_owned(),
        why: format!("`{}` is to be {wanted}", key.name),
        help: None,
    };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    };
    match (key.shape, value) {
        (Shape::Switch, Value::Boolean(true)) => Ok(vec![format!("--{}", key.name).into()]),
        (Shape::Switch, Value::Boolean(false)) => Ok(vec![]),
        (Shape::Switch, _) => Err(refused("true or false")),
        (Shape::Path, Value::String(path)) => {
            let path = file.parent().unwrap_or(Path::new("")).join(path);
            Ok(vec![flag(key.name, path.as_os_str())])
        }
        (Shape::Path, _) => Err(refused("a path")),
        (Shape::List | Shape::Pairs, Value::Array(values)) => {
            let values = values.iter().map(|value| text(value).ok_or_else(|| refused("a list of texts")));
            values.map(|value| Ok(flag(key.name, OsStr::new(&value?)))).collect()
        }
        (Shape::Pairs, Value::Table(pairs)) => {
            let pairs = pairs.iter().map(|(name, value)| {
                let value = text(value).ok_or_else(|| refused("a table of texts"))?;
                Ok(flag(key.name, OsStr::new(&format!("{name}={value}"))))
            });
            pairs.collect()
        }
        (Shape::Text | Shape::List | Shape::Pairs, value) => {
            let value = text(value).ok_or_else(|| refused("a text"))?;
            Ok(vec![flag(key.name, OsStr::new(&value))])
        }
    }
}

fn flag(name: &str, value: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(value);
    flag
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// The flags that are added to what was typed.
    fn added(typed: &[&str], text: &str, variables: &[(&str, &str)]) -> Result<Vec<String>, UsageError> {
        let typed: Vec<OsString> =
            std::iter::once("kaniko-local").chain(typed.iter().copied()).map(Into::into).collect();
        let matches = Cli::command().try_get_matches_from(&typed).unwrap();
        let file = File { path: "/p/kaniko-local.toml".into(), text: text.to_owned() };
        let environment =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        let settings = match heeding(&matches) {
            Some(heeding) => settings(heeding, Some(&file), environment)?,
            None => vec![],
        };
        let before = typed.len();
        let all = with(typed, &settings);
        Ok(all[before..].iter().map(|flag| flag.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn every_key_is_a_flag_of_build() {
        let command = Cli::command();
        let build = command.find_subcommand("build").unwrap();
        let flags = || build.get_arguments().chain(command.get_arguments());
        for key in KEYS {
            let found = flags().find(|argument| argument.get_id() == key.id);
            assert_eq!(found.and_then(clap::Arg::get_long), Some(key.name));
        }
    }

    #[test]
    fn a_file_gives_flags_and_paths_are_from_its_directory() {
        let text = "tag = [\"r/a:1\", \"r/b\"]\nfile = \"deploy/Dockerfile\"\ncpu = 2\ninsecure = true\nnamespace = \"ci\"\n\
                    [build-arg]\nVERSION = 1.5\n";
        assert_eq!(
            added(&["build"], text, &[]).unwrap(),
            [
                "--tag=r/a:1",
                "--tag=r/b",
                "--file=/p/deploy/Dockerfile",
                "--build-arg=VERSION=1.5",
                "--insecure",
                "--cpu=2",
                "--namespace=ci"
            ]
        );
    }

    #[test]
    fn what_was_typed_wins_over_the_environment_and_that_over_the_file() {
        let text = "tag = \"r/file\"\nmemory = \"1Gi\"\ninsecure = true\n";
        let variables = [("KANIKO_LOCAL_MEMORY", "2Gi"), ("KANIKO_LOCAL_INSECURE", "false"), ("KANIKO_LOCAL_CPU", "1")];
        assert_eq!(added(&["build", "-t", "r/typed"], text, &variables).unwrap(), ["--cpu=1", "--memory=2Gi"]);
        assert_eq!(added(&["build", "--memory=3Gi"], text, &[]).unwrap(), ["--tag=r/file", "--insecure"]);
    }

    #[test]
    fn flags_of_the_executor_stay_last() {
        let typed: Vec<OsString> = ["kaniko-local", "build", "--", "--cleanup"].map(Into::into).to_vec();
        let setting = Setting { key: "tag", from: String::new(), flags: vec!["--tag=r/a".into()] };
        assert_eq!(with(typed, &[setting]), ["kaniko-local", "build", "--tag=r/a", "--", "--cleanup"]);
    }

    #[test]
    fn a_command_takes_what_it_has_a_flag_for() {
        let text = "tag = \"r/a\"\ntarget = \"run\"\nmemory = \"1Gi\"\n";
        assert_eq!(added(&["check"], text, &[]).unwrap(), ["--target=run"]);
        assert_eq!(added(&["check", "--manifest", "x"], text, &[]).unwrap(), [""; 0]);
        assert_eq!(added(&["context", "ls"], text, &[]).unwrap(), [""; 0]);
        let text = "file = \"a.Dockerfile\"\nnamespace = \"ci\"\nmemory = \"1Gi\"\n";
        assert_eq!(added(&["context", "why", "x"], text, &[]).unwrap(), ["--file=/p/a.Dockerfile"]);
        assert_eq!(added(&["explain", "pod/x"], text, &[]).unwrap(), ["--file=/p/a.Dockerfile", "--namespace=ci"]);
        assert_eq!(added(&["version"], text, &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_key_that_there_is_not_and_a_value_that_is_none_are_told() {
        let refused = |text: &str| match added(&["build"], text, &[]) {
            Err(UsageError::Settings { why, help, .. }) => (why, help),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("tags = 1"), ("there is no key `tags`".to_owned(), Some("write `tag`".to_owned())));
        assert_eq!(refused("kubeconfig = \"x\""), ("there is no key `kubeconfig`".to_owned(), None));
        assert_eq!(refused("insecure = \"yes\"").0, "`insecure` is to be true or false");
        assert_eq!(refused("tag = [[1]]").0, "`tag` is to be a list of texts");
        assert!(refused("a = 1\nb = =").0.starts_with("line 2: "));
        let variable = added(&["build"], "", &[("KANIKO_LOCAL_INSECURE", "yes")]);
        assert!(matches!(variable, Err(UsageError::SettingsVariable { .. })));
    }

    #[test]
    fn values_of_build_arguments_are_not_shown() {
        let setting = Setting {
            key: "build-arg",
            from: String::new(),
            flags: vec!["--build-arg=TOKEN=hush".into(), "--build-arg=B".into()],
        };
        assert_eq!(setting.shown(), "--build-arg=TOKEN=… --build-arg=B=…");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            let _ = added(&["build"], &text, &[]);
        }
    }
}
