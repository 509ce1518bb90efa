//! Flags of instructions that `docker build` heeds (BuildKit v0.34.2 `frontend/dockerfile/instructions/parse.go`) and an
//! executor does not. Upstream reads Dockerfiles with BuildKit v0.22.0, whose stable syntax fails at some of them
//! (`dockerfile parse error … unknown flag`); others it reads and passes over (kaniko v1.24.0 `pkg/commands/add.go` and
//! `run.go` have no word of them). The fork passes over whatever it does not know.

use std::ops::Range;

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{
    Arguments, Dockerfile, FlagProblem, Instruction, InstructionProblem, Keyword, ParseError, Problem, Stages, Word,
};
use crate::executor::image::{Family, Way};

/// What an executor makes of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heed {
    /// It fails.
    Unknown,
    /// It goes on as if it were not there; what becomes of that is as bad as this.
    Ignored(Severity),
    /// What `docker build` makes of it, or nobody knows.
    Heeded,
}

/// A flag, with what upstream and the fork make of it.
type Row = (Keyword, &'static str, Heed, Heed);

const FLAGS: [Row; 9] = [
    (Keyword::Copy, "parents", Heed::Unknown, Heed::Ignored(Severity::Error)),
    (Keyword::Copy, "exclude", Heed::Unknown, Heed::Ignored(Severity::Error)),
    (Keyword::Add, "exclude", Heed::Unknown, Heed::Ignored(Severity::Error)),
    (Keyword::Add, "unpack", Heed::Unknown, Heed::Ignored(Severity::Error)),
    (Keyword::Run, "security", Heed::Unknown, Heed::Ignored(Severity::Warning)),
    (Keyword::Run, "network", Heed::Ignored(Severity::Warning), Heed::Ignored(Severity::Warning)),
    (Keyword::Run, "device", Heed::Ignored(Severity::Warning), Heed::Ignored(Severity::Warning)),
    (Keyword::Add, "keep-git-dir", Heed::Ignored(Severity::Warning), Heed::Ignored(Severity::Warning)),
    (Keyword::Add, "checksum", Heed::Ignored(Severity::Warning), Heed::Heeded),
];

/// A flag that was given.
struct Given<'a> {
    instruction: &'a Instruction,
    keyword: Keyword,
    name: &'static str,
    value: Option<&'a str>,
    heed: Heed,
    span: &'a Range<usize>,
}

/// Those of the flags of one instruction that there is something to say of.
fn given(instruction: &Instruction, family: Family) -> impl Iterator<Item = Given<'_>> {
    instruction.flags.iter().filter_map(move |Word { text, span }| {
        let keyword = instruction.keyword?;
        let (flag, value) = text.split_once('=').map_or((text.as_str(), None), |(flag, value)| (flag, Some(value)));
        let (_, name, upstream, fork) =
            FLAGS.iter().find(|(of, name, ..)| *of == keyword && flag.strip_prefix("--") == Some(name))?;
        let heed = if family.has(Way::PassesOverFlags) { *fork } else { *upstream };
        // These say what happens without them.
        let is_default = match (*name, value) {
            ("network", Some(value)) => ["default", "host"].contains(&value),
            ("security", Some(value)) => value == "sandbox",
            ("parents" | "keep-git-dir", Some(value)) => value == "false",
            _ => false,
        };
        (heed == Heed::Unknown || !is_default).then_some(Given { instruction, keyword, name, value, heed, span })
    })
}

/// Those that the executor fails at, where it fails at one of them and not at a flag that nobody knows.
pub(super) fn unknown(project: &Project, file: &Dockerfile, error: &ParseError) -> Option<Vec<Finding>> {
    let Problem::Instruction(InstructionProblem::Flag(FlagProblem::Unknown { .. })) = error.problem else {
        return None;
    };
    let all = file.instructions.iter().flat_map(|instruction| given(instruction, project.family));
    let all: Vec<Given> = all.filter(|given| given.heed == Heed::Unknown).collect();
    let is_first = |given: &Given| given.instruction.span == error.span;
    all.iter().any(is_first).then(|| {
        let finding = |given: &Given| {
            let notes = if is_first(given) {
                vec![format!("the executor would end with `error building image: parsing dockerfile: {error}`")]
            } else {
                vec![]
            };
            Finding {
                code: Code::InstructionFlagUnknown,
                severity: Severity::Error,
                message: format!("no flag `--{}` of `{}` in {}", given.name, given.keyword.name(), project.family),
                spans: vec![project.span(given.span)],
                notes: [vec![format!("docker build has it; {}", newest(project.family))], notes].concat(),
                help: Some(help(project, given)),
            }
        };
        all.iter().map(finding).collect()
    })
}

fn newest(family: Family) -> &'static str {
    match family {
        Family::Upstream | Family::Chainguard => "v1.24.0, the last release of this executor, does not know it",
        Family::Fork => "this executor does not know it",
    }
}

/// Those that the executor passes over.
pub(super) fn ignored(project: &Project, stages: &Stages) -> Vec<Finding> {
    let steps = project.steps(stages).map(|step| step.instruction);
    let all = steps.flat_map(|instruction| given(instruction, project.family));
    let finding = |given: Given| {
        let Heed::Ignored(severity) = given.heed else { return None };
        Some(Finding {
            code: Code::InstructionFlagIgnored,
            severity,
            message: format!(
                "`--{}` of this `{}` does nothing in {}",
                given.name,
                given.keyword.name(),
                project.family
            ),
            spans: vec![project.span(given.span)],
            notes: vec![format!("the executor passes over it: {}", without(given.name))],
            help: Some(help(project, &given)),
        })
    };
    all.filter_map(finding).collect()
}

/// What happens without it.
fn without(name: &str) -> &'static str {
    match name {
        "parents" => "everything comes into the destination itself",
        "exclude" => "what it names is copied too",
        "unpack" => "an archive of the context is unpacked, and nothing else is",
        "checksum" => "whatever is fetched comes into the image",
        "keep-git-dir" => "no repository is cloned",
        "network" => "the command has the pod's network",
        "device" => "the command has the devices that the pod has",
        _ => "the command has the rights that the pod has",
    }
}

/// The one edit to make.
fn help(project: &Project, given: &Given) -> String {
    let words = match &given.instruction.arguments {
        Arguments::Words(words) => words.as_slice(),
        _ => &[],
    };
    let has_from = given.instruction.flags.iter().any(|flag| flag.text.starts_with("--from="));
    let sources = words.split_last().map_or(&[][..], |(_, sources)| sources);
    let is_address = sources.iter().any(|source| source.text.contains("://"));
    match (given.name, given.value) {
        ("parents", _) => match with_parents(given.instruction) {
            Some(line) => format!("write `{line}`"),
            None => "write one `COPY` for each source, with the whole path in its destination".to_owned(),
        },
        ("exclude", Some(pattern)) if !has_from && matches!(sources, [source] if source.text == ".") => format!(
            "add `{pattern}` to `{}` instead, if nothing else is to take what it names",
            project.ignore_file().display()
        ),
        ("exclude", _) => "name what is to be copied".to_owned(),
        ("unpack", Some("false")) if !is_address => "write `COPY` instead of `ADD`".to_owned(),
        ("unpack", value) if is_address && value != Some("false") => {
            "drop it, and unpack the archive in a `RUN`".to_owned()
        }
        ("checksum", Some(value)) if value.starts_with("sha256:") => {
            format!("check it in a `RUN` behind it: `echo \"{}  FILE\" | sha256sum -c`", &value["sha256:".len()..])
        }
        ("checksum", _) => "check it in a `RUN` behind it".to_owned(),
        ("keep-git-dir", _) => "drop it, and clone the repository in a `RUN`".to_owned(),
        ("network", _) => "drop it, and see that the command gets by with the pod's network".to_owned(),
        ("device", _) => "drop it, and have the pod get the device".to_owned(),
        _ => "drop it".to_owned(),
    }
}

/// The same without `--parents`, where that is one line: of one source that is a plain path.
fn with_parents(instruction: &Instruction) -> Option<String> {
    let Arguments::Words(words) = &instruction.arguments else { return None };
    let [source, destination] = &words[..] else { return None };
    let path = source.text.trim_start_matches('/').trim_end_matches('/');
    let is_plain = |text: &str| !text.contains(['*', '?', '[', '$', '\\', '"', '\'', '<']);
    let has_detour = path.split('/').any(|part| ["", ".", ".."].contains(&part));
    if !is_plain(path) || !is_plain(&destination.text) || has_detour {
        return None;
    }
    let above = destination.text.trim_end_matches('/');
    let flags = instruction.flags.iter().map(|flag| flag.text.as_str()).filter(|flag| !flag.starts_with("--parents"));
    let onto = format!("{above}/{path}");
    Some([instruction.name.text.as_str()].into_iter().chain(flags).chain([path, &onto]).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[test]
    fn a_flag_that_only_docker_knows_is_told_with_its_place() {
        for (instruction, name, column, help) in [
            ("COPY --parents s/b /o/", "--parents` of `COPY", 6, "write `COPY s/b /o/s/b`"),
            ("COPY --chown=1:2 --parents s /", "--parents` of `COPY", 18, "write `COPY --chown=1:2 s /s`"),
            (
                "COPY --parents s/* /o/",
                "--parents` of `COPY",
                6,
                "write one `COPY` for each source, with the whole path in its destination",
            ),
            (
                "COPY --exclude=*.md . /o/",
                "--exclude` of `COPY",
                6,
                "add `*.md` to `.dockerignore` instead, if nothing else is to take what it names",
            ),
            ("ADD --exclude=*.md s /o/", "--exclude` of `ADD", 5, "name what is to be copied"),
            ("ADD --unpack=false t.tar /o/", "--unpack` of `ADD", 5, "write `COPY` instead of `ADD`"),
            ("ADD --unpack=true t.tar /o/", "--unpack` of `ADD", 5, "drop it"),
            (
                "ADD --unpack https://example.com/t.tar /o/",
                "--unpack` of `ADD",
                5,
                "drop it, and unpack the archive in a `RUN`",
            ),
            ("RUN --security=insecure make", "--security` of `RUN", 5, "drop it"),
        ] {
            let found = Case::of(&format!("FROM scratch\n{instruction}\n"), &["/s/b"]).findings();
            let [finding] = &found[..] else { panic!("{instruction}: {found:?}") };
            assert_eq!((finding.code, finding.severity), (Code::InstructionFlagUnknown, Severity::Error));
            assert_eq!(finding.message, format!("no flag `{name}` in GoogleContainerTools/kaniko"));
            assert_eq!((finding.spans[0].place.line, finding.spans[0].place.column), (2, column), "{instruction}");
            assert!(finding.notes[1].contains("dockerfile parse error on line 2: unknown flag: --"), "{finding:?}");
            assert_eq!(finding.help.as_deref(), Some(help), "{instruction}");
        }
    }

    #[test]
    fn all_of_them_are_told_at_once() {
        let dockerfile = "FROM scratch\nCOPY --parents a /o/\nCOPY --exclude=b . /p/\n";
        let lines: Vec<usize> =
            Case::of(dockerfile, &["/a"]).findings().iter().map(|finding| finding.spans[0].place.line).collect();
        assert_eq!(lines, [2, 3]);
    }

    /// Nobody knows it.
    #[test]
    fn a_mistyped_flag_is_no_dockerfile() {
        Case::of("FROM scratch\nCOPY --parent s /o/\n", &["/s"]).finding(Code::DockerfileSyntax);
        Case::of("FROM scratch\nCOPY --form=a s /o/\nCOPY --parents s /\n", &["/s"]).finding(Code::DockerfileSyntax);
    }

    #[test]
    fn a_flag_that_is_passed_over_is_told() {
        let fork = |instruction: &str| {
            Case::of(&format!("FROM alpine\n{instruction}\n"), &["/s/b"]).family(Family::Fork).findings()
        };
        let found = fork("COPY --parents s/b /o/");
        assert_eq!((found[0].code, found[0].severity), (Code::InstructionFlagIgnored, Severity::Error));
        assert_eq!(found[0].message, "`--parents` of this `COPY` does nothing in osscontainertools/kaniko");
        assert_eq!(fork("RUN --security=insecure make")[0].severity, Severity::Warning);
        let upstream = |instruction: &str| Case::of(&format!("FROM alpine\n{instruction}\n"), &["/s/b"]);
        for (instruction, note) in [
            ("RUN --network=none make", "the executor passes over it: the command has the pod's network"),
            (
                "ADD --checksum=sha256:0a https://example.com/a /a",
                "the executor passes over it: whatever is fetched comes into the image",
            ),
            ("RUN --device=a make", "the executor passes over it: the command has the devices that the pod has"),
        ] {
            let finding = upstream(instruction).finding(Code::InstructionFlagIgnored);
            assert_eq!((finding.severity, &finding.notes[..]), (Severity::Warning, &[note.to_owned()][..]));
        }
        for harmless in ["RUN --network=default make", "RUN --network=host make", "COPY --link s/b /b"] {
            upstream(harmless).no_findings();
        }
        assert_eq!(fork("RUN --security=sandbox make"), []);
    }
}
