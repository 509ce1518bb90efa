//! Where Kaniko's image is not the one that `docker build` would make: findings from two models of the same Dockerfile.
//! Pure.
//!
//! What the models do not know (images from elsewhere, what `RUN` does, what is in archives) is not told, and what a later
//! `RUN` may still change is told with less weight.

mod difference;

use std::collections::BTreeMap;
use std::path::Path;

use super::facts::shown;
use super::{Finding, Place, Severity, Span};
use crate::code::Code;
use crate::dockerfile::{Command, Dockerfile, Stages};
use crate::executor::{MOUNTED_DIRECTORIES, MOUNTED_FILES};
use crate::gopath;
use crate::rootfs::{Id, Owner, Setting};

pub use difference::{Difference, Images, Subject, What, differences};

/// Paths that a finding names.
const NAMED: usize = 3;

/// What there is to say of two images.
pub fn findings(images: &Images, dockerfile: &Path, text: &str, stages: &Stages, file: &Dockerfile) -> Vec<Finding> {
    let leak = images.kaniko.leak.map(images.original);
    let mut groups: BTreeMap<(usize, Group), Vec<Difference>> = BTreeMap::new();
    for difference in differences(images) {
        // All of it is told in one, with the pattern that matches nothing.
        if Some(difference.by) == leak && difference.what == What::Added {
            continue;
        }
        groups.entry((difference.by, Group::of(&difference))).or_default().push(difference);
    }
    let telling = Telling { dockerfile, text, stages, file, images: Some(images) };
    let mut findings: Vec<Finding> = images.kaniko.lost.iter().map(|by| telling.lost((images.original)(*by))).collect();
    findings.extend(images.kaniko.unheeded.iter().map(|by| telling.unheeded((images.original)(*by))));
    findings.extend(groups.into_iter().map(|((by, group), differences)| telling.finding(by, group, differences)));
    findings
}

/// What `docker build` would fail at, though the executor goes on.
pub fn fails(by: usize, words: &str, dockerfile: &Path, text: &str, stages: &Stages, file: &Dockerfile) -> Finding {
    let telling = Telling { dockerfile, text, stages, file, images: None };
    Finding {
        code: Code::DockerBuildFails,
        severity: Severity::Warning,
        message: format!("docker build fails at this `{}`, Kaniko does not", telling.name(by)),
        spans: telling.span(by),
        notes: vec![format!("docker build says: {words}")],
        help: None,
    }
}

/// Differences that are told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Missing,
    Added,
    Other,
    Mode,
    Owner,
    Setting,
}

impl Group {
    fn of(difference: &Difference) -> Self {
        match (&difference.subject, &difference.what) {
            (Subject::Setting(..), _) | (_, What::Value(..)) => Self::Setting,
            (_, What::Missing) => Self::Missing,
            (_, What::Added) => Self::Added,
            (_, What::Other(..)) => Self::Other,
            (_, What::Mode(..)) => Self::Mode,
            (_, What::Owner(..)) => Self::Owner,
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Missing => Code::ImageFilesMissing,
            Self::Added => Code::ImageFilesAdded,
            Self::Other => Code::ImageFilesDiffer,
            Self::Mode => Code::ImageModesDiffer,
            Self::Owner => Code::ImageOwnersDiffer,
            Self::Setting => Code::ImageSettingsDiffer,
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Missing | Self::Added | Self::Other => Severity::Error,
            Self::Mode | Self::Owner | Self::Setting => Severity::Warning,
        }
    }

    fn message(self, instruction: &str, count: usize) -> String {
        let paths = if count == 1 { "a path".to_owned() } else { format!("{count} paths") };
        let are = if count == 1 { "is" } else { "are" };
        match self {
            Self::Missing => format!("{paths} of this `{instruction}` will be missing in the image"),
            Self::Added => {
                format!("{paths} of this `{instruction}` will be in the image, and {are} not with docker build")
            }
            Self::Other => format!("{paths} of this `{instruction}` will be something else than with docker build"),
            Self::Mode => format!("{paths} of this `{instruction}` will have another mode than with docker build"),
            Self::Owner => format!("{paths} of this `{instruction}` will have another owner than with docker build"),
            Self::Setting => format!("this `{instruction}` sets something else than with docker build"),
        }
    }

    fn help(self, is_unpacked: bool) -> Option<&'static str> {
        match self {
            Self::Mode if is_unpacked => Some("pack the archive with that mode, or have a `RUN chmod` behind it"),
            Self::Owner if is_unpacked => Some(PACK_WITH_OWNER),
            Self::Added if is_unpacked => None,
            Self::Mode => Some("set the mode where it matters: `--chmod`, or a `RUN chmod` behind it"),
            Self::Owner => Some("set the owner where it matters: `--chown`, or a `RUN chown` behind it"),
            Self::Added => Some("name each file or directory that is to be copied"),
            Self::Missing | Self::Other | Self::Setting => None,
        }
    }
}

/// Kaniko heeds no `--chown` where it unpacks.
const PACK_WITH_OWNER: &str = "pack the archive with that owner, or have a `RUN chown` behind it";

/// Where the executor looks away while it unpacks, unless it is told otherwise.
const VAR_RUN: &[u8] = b"/var/run";

struct Telling<'a> {
    dockerfile: &'a Path,
    text: &'a str,
    stages: &'a Stages<'a>,
    file: &'a Dockerfile,
    /// Both, where there are both.
    images: Option<&'a Images<'a>>,
}

impl Telling<'_> {
    fn finding(&self, by: usize, group: Group, mut differences: Vec<Difference>) -> Finding {
        // What nobody sees in a container comes last.
        differences.sort_by_key(|difference| self.is_mounted_over(difference));
        let differences = &differences[..];
        let is_seen = differences.iter().any(|difference| !self.is_mounted_over(difference));
        let may_change = match group {
            Group::Setting => false,
            Group::Missing if differences.iter().all(|difference| self.is_hidden(difference)) => false,
            // What something is put over may have changed before.
            Group::Missing | Group::Other => self.is_run_after(0),
            Group::Added | Group::Mode | Group::Owner => self.is_run_after(by),
        };
        let may_be_below =
            group == Group::Missing && differences.iter().all(|difference| self.may_be_below(difference));
        let severity = match (may_change || may_be_below, group.severity()) {
            _ if !is_seen => Severity::Advice,
            (true, Severity::Error) => Severity::Warning,
            (true, _) => Severity::Advice,
            (false, severity) => severity,
        };
        let mut notes: Vec<String> = differences.iter().take(NAMED).map(note).collect();
        if differences.len() > NAMED {
            notes.push(format!("and {} more", differences.len() - NAMED));
        }
        if !is_seen {
            notes.push("every runtime mounts something over it".to_owned());
        } else if may_change {
            notes.push("what a `RUN` makes of it is not known".to_owned());
        }
        if may_be_below {
            notes.push("the image below may have it, too".to_owned());
        }
        Finding {
            code: group.code(),
            severity,
            message: group.message(&self.name(by), differences.len()),
            spans: self.span(by),
            notes,
            help: self.help(by, group, differences).map(str::to_owned),
        }
    }

    fn help(&self, by: usize, group: Group, differences: &[Difference]) -> Option<&'static str> {
        let is_by = |unpacking: &usize| self.images.is_some_and(|images| (images.original)(*unpacking) == by);
        let is_unpacked = self.images.is_some_and(|images| images.kaniko.unpacking.iter().any(is_by));
        let is_of_var_run = |difference: &Difference| match &difference.subject {
            Subject::Path(path) => gopath::below(path, VAR_RUN).is_some(),
            Subject::Setting(..) => false,
        };
        let mut seen = differences.iter().filter(|difference| !self.is_mounted_over(difference)).peekable();
        let is_passed_over = seen.peek().is_some() && seen.all(is_of_var_run);
        match group {
            Group::Missing if is_unpacked && is_passed_over => Some("use `--ignore-var-run=false`"),
            group => group.help(is_unpacked),
        }
    }

    fn unheeded(&self, by: usize) -> Finding {
        Finding {
            code: Code::ImageOwnersDiffer,
            severity: Severity::Warning,
            message: "what this `ADD` unpacks will have another owner than with docker build".to_owned(),
            spans: self.span(by),
            notes: vec![
                "docker build gives it the owner of `--chown`, Kaniko leaves it the one that the archive says"
                    .to_owned(),
            ],
            help: Some(PACK_WITH_OWNER.to_owned()),
        }
    }

    fn lost(&self, by: usize) -> Finding {
        Finding {
            code: Code::ImageFilesMissing,
            severity: Severity::Error,
            message: "what this `ADD` unpacks will be missing in the image".to_owned(),
            spans: self.span(by),
            notes: vec!["there is no `WORKDIR` before it, and the executor then looks for it elsewhere".to_owned()],
            help: Some("write the destination from the root, with a `/` before it".to_owned()),
        }
    }

    fn name(&self, by: usize) -> String {
        self.file.instruction_at(by).map_or_else(String::new, |instruction| instruction.name.text.to_ascii_uppercase())
    }

    fn span(&self, by: usize) -> Vec<Span> {
        let place = self.file.instruction_at(by).map(|instruction| Place::in_text(self.text, &instruction.span));
        place.map(|place| Span { file: self.dockerfile.to_owned(), place }).into_iter().collect()
    }

    /// Whether it is a directory that may be in the image from elsewhere.
    fn may_be_below(&self, difference: &Difference) -> bool {
        let Subject::Path(path) = &difference.subject else { return false };
        self.images.is_some_and(|images| !images.docker.is_known && images.docker.rootfs.is_directory(path))
    }

    /// Whether nobody sees it in a container, or a directory that is there in every one: there every runtime mounts
    /// something of its own, whatever an image has.
    fn is_mounted_over(&self, difference: &Difference) -> bool {
        let Subject::Path(path) = &difference.subject else { return false };
        let mounted = MOUNTED_DIRECTORIES.into_iter().chain(MOUNTED_FILES);
        let is_it = |path: &[u8]| mounted.clone().any(|over| gopath::below(path, over.as_bytes()).is_some());
        let of_docker = self.images.map(|images| &images.docker.rootfs);
        let mut below = of_docker.into_iter().flat_map(|rootfs| rootfs.below(path)).peekable();
        is_it(path) || below.peek().is_some() && below.all(|(path, _)| is_it(path))
    }

    /// Whether a mount hides it, or all that is in it, which no command changes.
    fn is_hidden(&self, difference: &Difference) -> bool {
        let Subject::Path(path) = &difference.subject else { return false };
        let mut mounts = self.images.into_iter().flat_map(|images| images.mounts);
        mounts.any(|mount| gopath::below(path, mount).is_some() || gopath::below(mount, path).is_some())
    }

    /// Whether a `RUN` stands behind it: of this stage, or of one that builds on it.
    fn is_run_after(&self, by: usize) -> bool {
        let lineage = self.images.into_iter().flat_map(|images| &images.docker.lineage);
        let stages = lineage.filter_map(|index| self.stages.stages.get(*index));
        let steps = stages.flat_map(|stage| &stage.steps);
        let mut runs = steps.filter(|step| matches!(step.command, Command::Run(_)));
        runs.any(|step| step.instruction.span.start > by)
    }
}

/// One difference in a line.
fn note(difference: &Difference) -> String {
    let subject = match &difference.subject {
        Subject::Path(path) => format!("`{}`", shown(path)),
        Subject::Setting(setting, name) => match setting {
            Setting::Environment => format!("the variable `{name}`"),
            Setting::Label => format!("the label `{name}`"),
            Setting::Port => format!("the port `{name}`"),
            Setting::Volume => format!("the volume `{name}`"),
            Setting::User => "the user".to_owned(),
            Setting::WorkingDirectory => "the working directory".to_owned(),
            Setting::HealthCheck => format!("`--{name}` of the health check"),
        },
    };
    match &difference.what {
        What::Missing => format!("{subject} is there with docker build"),
        What::Added => format!("{subject} is there with Kaniko"),
        What::Other(docker, kaniko) => format!("{subject} is {docker} with docker build, and {kaniko} with Kaniko"),
        What::Mode(docker, kaniko) => {
            format!("{subject} is {docker:04o} with docker build, and {kaniko:04o} with Kaniko")
        }
        What::Owner(docker, kaniko) => {
            format!("{subject} is {} with docker build, and {} with Kaniko", owner(*docker), owner(*kaniko))
        }
        What::Value(docker, kaniko) => {
            format!("{subject} is `{docker}` with docker build, and `{kaniko}` with Kaniko")
        }
    }
}

fn owner(owner: Owner) -> String {
    let number = |id| match id {
        Id::Known(number) => number.to_string(),
        Id::Unknown => "?".to_owned(),
    };
    format!("{}:{}", number(owner.user), number(owner.group))
}

#[cfg(test)]
mod tests;
