//! What upstream's executor fails at, though the Dockerfile is one: with its words, the instruction, and one edit that
//! both builders take. What to do is told by what it says, which is in `src/executor/resolve` word for word.

use std::ops::Range;

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{Command, Dockerfile, Expansion, Instruction, Source, Step, Word};
use crate::executor::resolve::{BROKEN, CUT, NO_HEADER, UNREADABLE, channel};
use crate::gopath;
use crate::members::Found;

/// The finding for an executor that would end with `words` at the instruction `at`.
pub(super) fn find(project: &Project, file: &Dockerfile, at: Option<&Range<usize>>, words: &str) -> Finding {
    let instruction = at.and_then(|at| file.instruction_at(at.start));
    let mut notes = vec![format!("it would end with `{words}`")];
    let unknown = instruction.filter(|_| words.contains(HEREDOC)).and_then(|found| unknown_variable(project, found));
    notes.extend(unknown.iter().map(|name| format!("nobody knows `{name}` before the build: an image may set it")));
    Finding {
        code: Code::DockerfileRefused,
        severity: Severity::Error,
        message: match instruction {
            Some(found) => format!("the executor cannot build this `{}`", found.name.text.to_ascii_uppercase()),
            None => format!("the executor cannot build `{}`", project.dockerfile.display()),
        },
        spans: at
            .map(|at| project.span(&instruction.map_or(at.clone(), |found| found.span.clone())))
            .into_iter()
            .collect(),
        notes,
        help: instruction.and_then(|found| of_archive(project, found, words).or_else(|| help(found, words, unknown))),
    }
}

/// What it says to a text in the Dockerfile.
const HEREDOC: &str = "resolved envs is empty";

/// One edit for an `ADD` that fails over what it takes for an archive.
fn of_archive(project: &Project, instruction: &Instruction, words: &str) -> Option<String> {
    let (_, why) = words.rsplit_once("unpacking local tar: ")?;
    let is_hollow = |found: &Found| matches!(found, Found::Hollow(_));
    let found = |word: &Word| project.sent.found(&gopath::join(&[project.root, word.text.as_bytes()]));
    let (_, sources) = instruction.arguments.words().split_last()?;
    match (why, sources) {
        (CUT | NO_HEADER | BROKEN, [_]) => Some("write `COPY` instead of `ADD`: no archive is in it".to_owned()),
        (CUT | NO_HEADER | BROKEN | UNREADABLE, _) if sources.iter().any(|word| is_hollow(&found(word))) => {
            let hollow = sources.iter().filter(|word| is_hollow(&found(word)));
            let names: Vec<String> = hollow.map(|word| format!("`{}`", word.text)).collect();
            Some(format!("take {} with `COPY`: no archive is in it", names.join(" and ")))
        }
        (UNREADABLE, [only]) => {
            let programs = [(".xz", "xz"), (".txz", "xz"), (".zst", "zstd")];
            let (end, program) = programs.iter().find(|(end, _)| only.text.ends_with(end))?;
            let name = only.text.strip_suffix(end)?;
            let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
            is_plain.then(|| format!("pack it with gzip: `{program} -dc {} | gzip >{name}.gz`", only.text))
        }
        _ => None,
    }
}

/// One edit, where one is sure to help.
fn help(instruction: &Instruction, words: &str, unknown: Option<String>) -> Option<String> {
    let has = |part: &str| words.contains(part);
    Some(match () {
        () if has("invalid protocol: ") => {
            let typed = instruction.arguments.words();
            let is_known = |word: &&Word| {
                let protocol = word.text.rsplit_once('/').map_or("tcp", |(_, protocol)| protocol);
                ["tcp", "udp"].contains(&&*protocol.to_lowercase())
            };
            if let Some(word) = typed.iter().filter(is_known).find(|word| word.text != word.text.to_lowercase()) {
                return Some(format!("write it in small letters: `{}`", word.text.to_lowercase()));
            }
            let ports = typed.iter().filter(|word| {
                let protocol = word.text.rsplit_once('/').map(|(_, protocol)| protocol);
                protocol.is_some_and(|protocol| !["tcp", "udp"].contains(&protocol))
            });
            match &ports.map(|word| format!("`{}`", word.text)).collect::<Vec<_>>()[..] {
                [] => return None,
                ports if ports.len() == typed.len() => {
                    format!("leave out this `{}`: a port is reached without it, too", instruction.name.text)
                }
                ports => format!("leave out {}: a port is reached without it, too", ports.join(" and ")),
            }
        }
        () if has("getting user group from chown: ") => format!("write it in numbers: {}", in_numbers(instruction)),
        () if has("getting permissions from chmod: ") => "write it as a number, as in `--chmod=755`".to_owned(),
        () if has("identifying uid and gid for user ") => "write the user in numbers, as in `USER 1000`".to_owned(),
        () if has(HEREDOC) => match unknown {
            Some(name) => format!("set `{name}` before it, with `ENV` or `ARG`"),
            None => "put the text into a file of the build context".to_owned(),
        },
        () if has("could not save file: copying file: ") => {
            "name the directories that are to be copied, or build on the stage with `FROM`".to_owned()
        }
        () if has("could not save file: copying ownership: ") => {
            "name what is to be copied from there, but for what is called `kaniko`".to_owned()
        }
        () if has("open /proc/") || has("mkdir /proc/") => "choose another path: `/proc` is the kernel's".to_owned(),
        () if has("text file busy") => "choose another path: the executor itself runs from there".to_owned(),
        () => return None,
    })
}

/// `--chown=0:0` for `--chown=root:root`; no other name says its number.
fn in_numbers(instruction: &Instruction) -> String {
    let said = instruction.flags.iter().find_map(|flag| flag.text.strip_prefix("--chown=")).unwrap_or_default();
    let number = |name: &str| match name {
        "" | "root" => Some("0".to_owned()),
        name if name.bytes().all(|byte| byte.is_ascii_digit()) => Some(name.to_owned()),
        _ => None,
    };
    let parts: Option<Vec<String>> = said.split(':').map(number).collect();
    format!("`--chown={}`", parts.map_or_else(|| "1000:1000".to_owned(), |parts| parts.join(":")))
}

/// The first variable in a text of that instruction that nothing sets by then; none if all of them are set. What a base
/// image sets, nobody sees.
fn unknown_variable(project: &Project, instruction: &Instruction) -> Option<String> {
    // In somebody else's set-up a value would change nothing.
    if !project.is_ours() {
        return None;
    }
    let file = crate::dockerfile::parse(project.text).ok()?;
    let stages = file.stages(channel(project.family)).ok()?;
    let is_it = |step: &Step| step.instruction.span == instruction.span;
    let stage = stages.stages.iter().find(|stage| stage.steps.iter().any(is_it))?;
    let mut set: Vec<String> = Vec::new();
    for step in &stage.steps {
        match &step.command {
            Command::Arg(args) => set.extend(args.iter().map(|arg| arg.name.clone())),
            Command::Env(pairs) => set.extend(pairs.iter().map(|pair| pair.name.text.clone())),
            Command::Copy(copy) | Command::Add(copy) if is_it(step) => {
                let texts = copy.sources.iter().filter_map(|source| match source {
                    Source::Heredoc(file) if file.expand => Some(file.content()),
                    Source::Heredoc(_) | Source::Path(_) => None,
                });
                let unknown = std::cell::RefCell::new(None);
                for text in texts {
                    let see = |name: &str| {
                        if !set.iter().any(|known| known == name) {
                            unknown.borrow_mut().get_or_insert(name.to_owned());
                        }
                        Some(String::new())
                    };
                    let _ = Expansion::new(file.escape).word(&text, &see);
                }
                return unknown.into_inner();
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    #[track_caller]
    fn told(dockerfile: &str) -> (usize, Option<String>) {
        let finding = Case::of(dockerfile, &["/a", "/d/x/kaniko"]).finding(Code::DockerfileRefused);
        (finding.spans[0].place.line, finding.help)
    }

    /// In an image, too: whatever it holds.
    #[test]
    fn each_has_its_place_and_one_edit() {
        for base in ["scratch", "debian"] {
            for (instructions, line, help) in [
                ("EXPOSE 80/TCP", 2, "write it in small letters: `80/tcp`"),
                ("EXPOSE 53/sctp", 2, "leave out this `EXPOSE`: a port is reached without it, too"),
                ("EXPOSE 80 53/sctp", 2, "leave out `53/sctp`: a port is reached without it, too"),
                ("ENV A=b\nCOPY --chmod=u+x a /o", 3, "write it as a number, as in `--chmod=755`"),
                ("COPY <<EOF /o\ntext\nEOF", 2, "put the text into a file of the build context"),
                ("COPY a /a\nCOPY <<EOF /o\n$JAVA_HOME\nEOF", 3, "set `JAVA_HOME` before it, with `ENV` or `ARG`"),
                ("COPY a /proc/p", 2, "choose another path: `/proc` is the kernel's"),
                ("COPY d/x /proc/p/q", 2, "choose another path: `/proc` is the kernel's"),
                ("COPY a /kaniko/executor", 2, "choose another path: the executor itself runs from there"),
                (
                    "COPY d /d\nFROM scratch\nCOPY a /b\nCOPY --from=0 /d /o",
                    5,
                    "name what is to be copied from there, but for what is called `kaniko`",
                ),
                (
                    "COPY a /a\nFROM scratch\nCOPY --from=0 / /",
                    4,
                    "name the directories that are to be copied, or build on the stage with `FROM`",
                ),
            ] {
                let dockerfile = format!("FROM {base}\n{instructions}\n");
                assert_eq!(told(&dockerfile), (line, Some(help.to_owned())), "{dockerfile}");
            }
        }
    }

    #[test]
    fn what_is_compressed_and_no_archive_is_to_be_copied() {
        let told = |instruction: &str| {
            let case = Case::of(&format!("FROM debian\n{instruction}\nCOPY --chmod=u+x a /o\n"), &["/a"]);
            let case = case.holding("/dump.bz2", b"BZh9 and no more of it".to_vec());
            let case = case.holding("/t.tar.xz", b"\xfd7zXZ\0 and no more of it".to_vec());
            let found = case.holding("/t.zst", b"\x28\xb5\x2f\xfd".to_vec()).findings();
            // What follows is told as well.
            assert_eq!(
                found.iter().map(|finding| finding.spans[0].place.line).collect::<Vec<_>>(),
                [2, 3],
                "{found:?}"
            );
            found[0].help.clone().unwrap()
        };
        assert_eq!(told("ADD dump.bz2 /o/"), "write `COPY` instead of `ADD`: no archive is in it");
        assert_eq!(told("ADD a dump.bz2 /o/"), "take `dump.bz2` with `COPY`: no archive is in it");
        assert_eq!(told("ADD t.tar.xz /o/"), "take `t.tar.xz` with `COPY`: no archive is in it");
        assert_eq!(told("ADD a dump.bz2 t.zst /o/"), "take `dump.bz2` and `t.zst` with `COPY`: no archive is in it");
    }

    #[test]
    fn an_archive_that_the_executor_cannot_read_is_to_be_packed_with_gzip() {
        use std::process::{Command, Stdio};
        let plain = tempfile::NamedTempFile::new().unwrap();
        let mut builder = tar::Builder::new(plain.as_file());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        builder.append_data(&mut header, "m", &b""[..]).unwrap();
        builder.finish().unwrap();
        let xz = Command::new("xz").arg("-c").arg(plain.path()).stderr(Stdio::inherit()).output().unwrap().stdout;
        let case = Case::of("FROM debian\nADD d/t.tar.xz /o/\n", &["/d/x"]).holding("/d/t.tar.xz", xz);
        assert_eq!(
            case.finding(Code::DockerfileRefused).help.as_deref(),
            Some("pack it with gzip: `xz -dc d/t.tar.xz | gzip >d/t.tar.gz`")
        );
    }

    #[test]
    fn names_of_users_are_not_known_without_an_image() {
        for (said, help) in
            [("root:root", "`--chown=0:0`"), (":2", "`--chown=0:2`"), ("app:app", "`--chown=1000:1000`")]
        {
            let told = told(&format!("FROM scratch\nCOPY --chown={said} a /a\n"));
            assert_eq!(told, (2, Some(format!("write it in numbers: {help}"))));
            Case::of(&format!("FROM debian\nCOPY --chown={said} a /a\n"), &["/a"]).no_findings();
        }
        assert_eq!(
            told("FROM scratch\nUSER app\nWORKDIR /a\n"),
            (3, Some("write the user in numbers, as in `USER 1000`".to_owned()))
        );
    }

    /// A `RUN` may remove what was there; what an image sets may be a path like any other.
    #[test]
    fn what_may_be_otherwise_is_not_told() {
        for dockerfile in [
            "FROM debian AS s\nCOPY d /d\nRUN rm -r /d/x\nFROM debian\nCOPY --from=s /d /o\n",
            "FROM debian AS s\nRUN make\nFROM tomcat\nCOPY --from=s $CATALINA_HOME /o\n",
            "FROM debian\nCOPY a /kaniko/x\n",
            "FROM debian AS s\nRUN make\nFROM debian\nCOPY --from=s /usr/* /o/\n",
        ] {
            Case::of(dockerfile, &["/a", "/d/x/kaniko"]).no_findings();
        }
        Case::of("FROM debian AS s\nRUN make\nCOPY d /d\nFROM debian\nCOPY --from=s /d /o\n", &["/d/x/kaniko"])
            .finding(Code::DockerfileRefused);
    }

    #[test]
    fn the_fork_keeps_off_its_own_directory() {
        Case::of("FROM debian\nCOPY a /kaniko/executor\n", &["/a"])
            .family(crate::executor::image::Family::Fork)
            .no_finding(Code::DockerfileRefused);
    }
}
