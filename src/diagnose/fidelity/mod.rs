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
use crate::dockerfile::{Command, Dockerfile, Instruction, Stages};
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
    let (lineage, mounts) = (&images.docker.lineage[..], images.mounts);
    let telling = Telling { dockerfile, text, stages, file, lineage, mounts };
    let mut findings: Vec<Finding> = images.kaniko.lost.iter().map(|by| telling.lost((images.original)(*by))).collect();
    findings.extend(images.kaniko.unheeded.iter().map(|by| telling.unheeded((images.original)(*by))));
    findings.extend(groups.iter().map(|((by, group), differences)| telling.finding(*by, *group, differences)));
    findings
}

/// What `docker build` would fail at, though the executor goes on.
pub fn fails(by: usize, words: &str, dockerfile: &Path, text: &str, stages: &Stages, file: &Dockerfile) -> Finding {
    let telling = Telling { dockerfile, text, stages, file, lineage: &[], mounts: &[] };
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

    fn help(self) -> Option<&'static str> {
        match self {
            Self::Mode => Some("set the mode where it matters: `--chmod`, or a `RUN chmod` behind it"),
            Self::Owner => Some("set the owner where it matters: `--chown`, or a `RUN chown` behind it"),
            Self::Added => Some("name each file or directory that is to be copied"),
            Self::Missing | Self::Other | Self::Setting => None,
        }
    }
}

struct Telling<'a> {
    dockerfile: &'a Path,
    text: &'a str,
    stages: &'a Stages<'a>,
    file: &'a Dockerfile,
    /// The stages that the image was made in.
    lineage: &'a [usize],
    mounts: &'a [Vec<u8>],
}

impl Telling<'_> {
    fn finding(&self, by: usize, group: Group, differences: &[Difference]) -> Finding {
        let may_change = match group {
            Group::Setting => false,
            Group::Missing if differences.iter().all(|difference| self.is_hidden(difference)) => false,
            // What something is put over may have changed before.
            Group::Missing | Group::Other => self.is_run_after(0),
            Group::Added | Group::Mode | Group::Owner => self.is_run_after(by),
        };
        let severity = match (may_change, group.severity()) {
            (true, Severity::Error) => Severity::Warning,
            (true, _) => Severity::Advice,
            (false, severity) => severity,
        };
        let mut notes: Vec<String> = differences.iter().take(NAMED).map(note).collect();
        if differences.len() > NAMED {
            notes.push(format!("and {} more", differences.len() - NAMED));
        }
        if may_change {
            notes.push("what a `RUN` makes of it is not known".to_owned());
        }
        Finding {
            code: group.code(),
            severity,
            message: group.message(&self.name(by), differences.len()),
            spans: self.span(by),
            notes,
            help: group.help().map(str::to_owned),
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
            help: Some("pack the archive with that owner, or have a `RUN chown` behind it".to_owned()),
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

    /// The instruction that begins there, one that `ONBUILD` keeps too.
    fn instruction(&self, by: usize) -> Option<&Instruction> {
        let mut instructions = self.file.instructions.iter();
        instructions.rfind(|instruction| instruction.span.start <= by)
    }

    fn name(&self, by: usize) -> String {
        self.instruction(by).map_or_else(String::new, |instruction| instruction.name.text.to_ascii_uppercase())
    }

    fn span(&self, by: usize) -> Vec<Span> {
        let place = self.instruction(by).map(|instruction| Place::in_text(self.text, &instruction.span));
        place.map(|place| Span { file: self.dockerfile.to_owned(), place }).into_iter().collect()
    }

    /// Whether a mount hides it, or all that is in it, which no command changes.
    fn is_hidden(&self, difference: &Difference) -> bool {
        let Subject::Path(path) = &difference.subject else { return false };
        self.mounts.iter().any(|mount| gopath::below(path, mount).is_some() || gopath::below(mount, path).is_some())
    }

    /// Whether a `RUN` stands behind it: of this stage, or of one that builds on it.
    fn is_run_after(&self, by: usize) -> bool {
        let stages = self.lineage.iter().filter_map(|index| self.stages.stages.get(*index));
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
