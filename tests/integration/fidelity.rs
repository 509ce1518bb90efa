//! The image that Kaniko makes beside the one that `docker build` makes, of the same directory.
//!
//! The reference's differences first, each in its smallest case; then made-up contexts and Dockerfiles, each from its
//! seed alone: `KANIKO_LOCAL_FIDELITY=1:SEED`.

mod case;
mod generator;
mod in_cluster;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::oracle::{Asked, Difference, Image, Oracle, Place, Through, Tooled, alone, with_mounts};
use crate::support::tool::Tool;
use crate::support::{executor, random};
use case::Case;
use rows::{Outcome, Row, rows};

/// Cases and the first seed, in CI.
const CASES: (u64, u64) = (300, 1);
const VARIABLE: &str = "KANIKO_LOCAL_FIDELITY";

/// Whether what was found is what a row says; if not, what it is.
fn check(row: &Row, docker: &Result<Image, String>, kaniko: &Result<Image, String>) -> Result<(), String> {
    let has = |said: &str, words: &str| if said.contains(words) { Ok(()) } else { Err(said.to_owned()) };
    match (docker, kaniko, &row.upstream) {
        (Ok(docker), Ok(kaniko), Outcome::Same) if docker.differences(kaniko).is_empty() => Ok(()),
        (Ok(docker), Ok(kaniko), Outcome::Differs(expected)) => {
            let found = docker.differences(kaniko);
            if are(&found, expected) { Ok(()) } else { Err(listed(&found)) }
        }
        (Ok(docker), Ok(kaniko), _) => Err(listed(&docker.differences(kaniko))),
        (Ok(_), Err(said), Outcome::Fails(words)) | (Err(said), Ok(_), Outcome::BuildKitFails(words)) => {
            has(said, words)
        }
        (Err(_), Err(_), Outcome::BothFail) => Ok(()),
        (docker, kaniko, _) => {
            let why = |built: &Result<Image, String>| built.as_ref().err().map_or("builds", String::as_str).to_owned();
            Err(format!("BuildKit: {}\nKaniko: {}", why(docker), why(kaniko)))
        }
    }
}

/// Whether they are those, in any order.
fn are(found: &[Difference], expected: &[&str]) -> bool {
    let found: Vec<String> = found.iter().map(Difference::brief).collect();
    let is = |found: &str, expected: &str| match expected.strip_suffix('*') {
        Some(start) => found.starts_with(start),
        None => found == expected,
    };
    found.iter().all(|found| expected.iter().any(|expected| is(found, expected)))
        && expected.iter().all(|expected| found.iter().any(|found| is(found, expected)))
}

fn listed(differences: &[Difference]) -> String {
    let lines: Vec<String> = differences.iter().take(40).map(Difference::to_string).collect();
    if lines.is_empty() { "no difference".to_owned() } else { lines.join("\n") }
}

/// Does the work for each of so many, on two threads, and returns what there is to say, in no order.
fn each<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let result = work(number);
            done.lock().unwrap().push(result);
        }
    };
    std::thread::scope(|scope| [scope.spawn(worker), scope.spawn(worker)].map(|worker| worker.join().unwrap()));
    done.into_inner().unwrap()
}

#[test]
#[ignore = "needs root, the executor and BuildKit: scripts/test"]
fn the_differences_that_are_known_are_those_that_there_are() {
    let (oracle, program, rows) = (Oracle::shared(), executor::program(), rows());
    let mut wrong: Vec<String> = each(rows.len(), |number| {
        let row = &rows[number];
        let docker = oracle.build(row.case.lay().asked());
        let laid = row.case.lay();
        let kaniko = with_mounts(&program, laid.asked(), row.place, row.more, row.mounts);
        let said = check(row, &docker, &kaniko).err()?;
        let dockerfile = row.case.dockerfile.trim_end().replace('\n', " ; ");
        Some(format!("{}. {dockerfile}\nexpected {:?}, found:\n{said}", row.number, row.upstream))
    })
    .into_iter()
    .flatten()
    .collect();
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} of {} are not as they were said to be:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n\n")
    );
}

/// What came of a case, beside what came of it with BuildKit.
#[derive(Debug)]
enum Verdict {
    Equal,
    Differs(Vec<Difference>),
    /// BuildKit alone builds; why.
    Fails(String),
    /// The executor alone builds; why BuildKit does not.
    Builds(String),
    /// Why BuildKit does not build.
    BothFail(String),
    /// The tool sends nothing; why.
    Refused(String),
}

impl Verdict {
    fn of(docker: &Result<Image, String>, kaniko: Result<Image, String>) -> Self {
        match (docker, kaniko) {
            (Ok(docker), Ok(kaniko)) => match docker.differences(&kaniko) {
                differences if differences.is_empty() => Self::Equal,
                differences => Self::Differs(differences),
            },
            (Ok(_), Err(said)) => Self::Fails(said),
            (Err(said), Ok(_)) => Self::Builds(said.clone()),
            (Err(said), Err(_)) => Self::BothFail(said.clone()),
        }
    }

    /// Whether the user gets what Docker gives, or nothing as with Docker.
    fn is_right(&self, docker: &Result<Image, String>) -> bool {
        match self {
            Self::Equal | Self::BothFail(_) => true,
            Self::Refused(_) => docker.is_err(),
            Self::Differs(_) | Self::Fails(_) | Self::Builds(_) => false,
        }
    }

    /// Its kind, and that of the failure.
    fn word(&self) -> String {
        match self {
            Self::Equal => "same image".to_owned(),
            Self::Differs(differences) => {
                let words: BTreeSet<&str> = differences.iter().map(Difference::word).collect();
                format!("other image: {}", words.into_iter().collect::<Vec<_>>().join(", "))
            }
            Self::Fails(said) => format!("Kaniko alone fails: {}", gist(said)),
            Self::Builds(said) => format!("BuildKit alone fails: {}", gist(said)),
            Self::BothFail(said) => format!("both fail: {}", gist(said)),
            Self::Refused(_) => "refused by the tool".to_owned(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.word())?;
        match self {
            Self::Equal => Ok(()),
            Self::Differs(differences) => write!(formatter, "\n{}", listed(differences)),
            Self::Fails(said) | Self::Builds(said) | Self::BothFail(said) | Self::Refused(said) => {
                write!(formatter, "\n{}", said.trim_end())
            }
        }
    }
}

/// A failure without what differs from case to case.
fn gist(words: &str) -> String {
    let kept = words
        .split(' ')
        .filter(|word| !word.contains(['/', '"', '=', ':']) && !word.ends_with(|end: char| end.is_ascii_digit()));
    kept.take(10).collect::<Vec<_>>().join(" ")
}

/// Codes of what `check` says of it before it is built: what named a difference, and what was a false alarm.
fn findings(asked: Asked<'_>) -> BTreeSet<String> {
    let mut check = Tool::new(&["check", "-o", "json"]).arg(asked.context);
    check = check.arg("-f").arg(asked.context.join(asked.dockerfile));
    for argument in asked.build_args {
        check = check.args(&["--build-arg", argument]);
    }
    if let Some(target) = asked.target {
        check = check.args(&["--target", target]);
    }
    let finished = check.run();
    if finished.stdout.is_empty() {
        // It could not even read the context.
        return BTreeSet::from(["refused".to_owned()]);
    }
    let document = finished.json();
    let findings = document["findings"].as_array().unwrap();
    let codes = findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
    // What is said of the context's content is not of the image.
    codes.filter(|code| !code.starts_with("context-")).collect()
}

/// Whether a finding says that the image is not Docker's.
fn is_of_images(code: &String) -> bool {
    code.starts_with("image-") || code == "docker-build-fails"
}

/// What came of one seed.
struct Compared {
    seed: u64,
    case: Case,
    builds: bool,
    alone: Verdict,
    /// By the fork, where there is one.
    fork: Option<Verdict>,
    tooled: Verdict,
    alone_is_right: bool,
    tooled_is_right: bool,
    findings: BTreeSet<String>,
}

impl fmt::Display for Compared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}", self.seed)?;
        self.case.things.iter().try_for_each(|thing| writeln!(formatter, "  {thing}"))?;
        writeln!(formatter, "{}", self.case.dockerfile.trim_end())?;
        writeln!(formatter, "arguments {:?}, target {:?}", self.case.build_args, self.case.target)?;
        writeln!(formatter, "executor alone: {}", self.alone)?;
        self.fork.iter().try_for_each(|fork| writeln!(formatter, "fork alone: {fork}"))?;
        writeln!(formatter, "through the tool: {}\nfindings: {:?}", self.tooled, self.findings)
    }
}

fn compare(oracle: &Oracle, program: &std::path::Path, through: &Through, seed: u64) -> Compared {
    let case = Case::of(seed);
    // Each gets its own: nobody sees what another left.
    let docker = oracle.build(case.lay().asked());
    let by =
        |program: &std::path::Path| Verdict::of(&docker, alone(program, case.lay().asked(), Place::Workspace, &[]));
    let (alone, fork) = (by(program), executor::fork().map(|fork| by(&fork)));
    let laid = case.lay();
    let findings = findings(laid.asked());
    let tooled = match through.build(laid.asked()) {
        Tooled::Ran(image) => Verdict::of(&docker, image),
        Tooled::Refused(said) => Verdict::Refused(said),
    };
    drop(laid);
    let (alone_is_right, tooled_is_right) = (alone.is_right(&docker), tooled.is_right(&docker));
    Compared { seed, case, builds: docker.is_ok(), alone, fork, tooled, alone_is_right, tooled_is_right, findings }
}

/// How often each comes, with the first seeds.
fn counted<'a>(verdicts: impl Iterator<Item = (u64, &'a Verdict)>) -> String {
    let mut seeds = BTreeMap::<String, Vec<u64>>::new();
    verdicts.for_each(|(seed, verdict)| seeds.entry(verdict.word()).or_default().push(seed));
    let mut seeds: Vec<_> = seeds.into_iter().collect();
    seeds.sort_by_key(|(_, seeds)| std::cmp::Reverse(seeds.len()));
    let line =
        |(word, seeds): &(String, Vec<u64>)| format!("{:6}  {word}  {:?}\n", seeds.len(), &seeds[..seeds.len().min(4)]);
    seeds.iter().map(line).collect()
}

#[test]
#[ignore = "needs root, the executor and BuildKit: scripts/test"]
fn the_image_is_the_one_that_docker_would_have_built() {
    let (oracle, program) = (Oracle::shared(), executor::program());
    let (cases, first) = random::cases(VARIABLE, CASES);
    let free = Mutex::new(vec![Through::new(&program), Through::new(&program)]);
    let mut compared = each(usize::try_from(cases).unwrap(), |number| {
        let through = free.lock().unwrap().pop().unwrap();
        let compared = compare(&oracle, &program, &through, first + number as u64);
        free.lock().unwrap().push(through);
        compared
    });
    compared.sort_by_key(|case| case.seed);

    let count = |is: &dyn Fn(&Compared) -> bool| compared.iter().filter(|case| is(case)).count();
    println!("the executor alone:\n{}", counted(compared.iter().map(|case| (case.seed, &case.alone))));
    if executor::fork().is_some() {
        let forks = compared.iter().filter_map(|case| Some((case.seed, case.fork.as_ref()?)));
        println!("the fork alone:\n{}", counted(forks));
    }
    println!("through the tool:\n{}", counted(compared.iter().map(|case| (case.seed, &case.tooled))));
    println!(
        "of {cases}: BuildKit builds {}; as with Docker: alone {}, through the tool {}, and named by findings {}",
        count(&|case| case.builds),
        count(&|case| case.alone_is_right),
        count(&|case| case.tooled_is_right),
        count(&|case| !case.tooled_is_right && !case.findings.is_empty()),
    );
    let is_silent = |case: &&Compared| !case.tooled_is_right && case.findings.is_empty();
    let silent: Vec<&Compared> = compared.iter().filter(is_silent).collect();
    let is_alarm = |case: &&Compared| matches!(case.tooled, Verdict::Equal) && case.findings.iter().any(is_of_images);
    let alarms: Vec<&Compared> = compared.iter().filter(is_alarm).collect();
    let seeds = |cases: &[&Compared]| cases.iter().map(|case| case.seed).collect::<Vec<_>>();
    println!("without a word: {:?}\nfalse alarms: {:?}", seeds(&silent), seeds(&alarms));
    // A single seed is looked at.
    let shown: Vec<&Compared> = match cases {
        1 => compared.iter().collect(),
        _ => silent.iter().chain(&alarms).take(12).copied().collect(),
    };
    shown.iter().for_each(|case| println!("{case}"));
    assert!(silent.is_empty(), "{} differences were not told before", silent.len());
    assert!(alarms.is_empty(), "{} times a difference was told, and there was none", alarms.len());
    if cases >= 100 {
        let at_least =
            |share: usize, of: usize, what: &str| assert!(of * 100 >= share * compared.len(), "{what}: {of}");
        at_least(65, count(&|case| case.builds), "cases that BuildKit builds");
        at_least(35, count(&|case| case.alone_is_right), "cases that are the same alone");
        at_least(50, count(&|case| case.tooled_is_right), "cases that are the same through the tool");
    }
}

/// What Dockerfiles come to, as a document.
const TABLE: &str = "docs/fidelity.md";

/// A verdict, for a reader of the table.
fn in_words(verdict: &Verdict, docker: &Result<Image, String>) -> String {
    match verdict {
        Verdict::Equal => "the same image".to_owned(),
        Verdict::Differs(differences) => {
            let words: BTreeSet<&str> = differences.iter().map(Difference::word).collect();
            format!("another image: {}", words.into_iter().collect::<Vec<_>>().join(", "))
        }
        Verdict::Fails(_) => "fails".to_owned(),
        Verdict::Builds(_) => "builds what Docker does not".to_owned(),
        Verdict::BothFail(_) => "fails, as with Docker".to_owned(),
        Verdict::Refused(_) if docker.is_err() => "refused, as with Docker".to_owned(),
        Verdict::Refused(_) => "refused".to_owned(),
    }
}

/// One line of it, and whether the image is Docker's alone, through the tool, or a finding says that it is not.
fn line(row: &Row, oracle: &Oracle, program: &std::path::Path, through: &Through) -> (String, [bool; 3]) {
    let docker = oracle.build(row.case.lay().asked());
    let alone = Verdict::of(&docker, with_mounts(program, row.case.lay().asked(), row.place, row.more, row.mounts));
    let laid = row.case.lay();
    let findings = findings(laid.asked());
    let tooled = match through.build(laid.asked()) {
        Tooled::Ran(image) => Verdict::of(&docker, image),
        Tooled::Refused(said) => Verdict::Refused(said),
    };
    let is_told = !findings.is_empty();
    let codes: Vec<String> = findings.iter().map(|code| format!("`{code}`")).collect();
    let told = match (tooled.is_right(&docker), is_told) {
        (true, _) => String::new(),
        (false, true) => format!("; told: {}", codes.join(", ")),
        (false, false) => "; not told".to_owned(),
    };
    let dockerfile =
        row.case.dockerfile.trim_end().replace("FROM scratch\n", "").replace('\n', " ⏎ ").replace('|', "\\|");
    let dockerfile = dockerfile.replace('`', "'");
    let text = format!(
        "| {} | `{dockerfile}` | {} | {}{told} |\n",
        row.number,
        in_words(&alone, &docker),
        in_words(&tooled, &docker)
    );
    (text, [alone.is_right(&docker), tooled.is_right(&docker), is_told])
}

#[test]
#[ignore = "needs root, the executor and BuildKit: scripts/test"]
fn the_table_of_differences_says_what_was_seen() {
    let (oracle, program) = (Oracle::shared(), executor::program());
    // Flags of the executor, and contexts at other places, are not what this tool does.
    let rows: Vec<Row> =
        rows().into_iter().filter(|row| row.more.is_empty() && row.place == Place::BuildContext).collect();
    let free = Mutex::new(vec![Through::new(&program), Through::new(&program)]);
    let mut lines = each(rows.len(), |number| {
        let through = free.lock().unwrap().pop().unwrap();
        let line = line(&rows[number], &oracle, &program, &through);
        free.lock().unwrap().push(through);
        (number, line)
    });
    lines.sort_by_key(|(number, _)| *number);
    let count = |is: &dyn Fn([bool; 3]) -> bool| lines.iter().filter(|(_, (_, seen))| is(*seen)).count();
    let text = format!(
        "# What Kaniko makes of a Dockerfile, beside docker build\n\n\
         Each line was built with BuildKit v0.34.2, with Kaniko v1.24.0 alone, and with it through `kaniko-local build`; a test\n\
         writes this table anew and compares it. `FROM scratch` is left out, `⏎` is the end of a line. \"As with Docker\" is the\n\
         same image, or none.\n\n\
         Of {} Dockerfiles, chosen because something differs or might: {} are as with Docker with Kaniko alone, {} through this\n\
         tool. Of the other {}, {} are told before the build.\n\n\
         | Kind | Dockerfile | Kaniko alone | Through this tool |\n| --- | --- | --- | --- |\n{}",
        lines.len(),
        count(&|[alone, _, _]| alone),
        count(&|[_, tooled, _]| tooled),
        count(&|[_, tooled, _]| !tooled),
        count(&|[_, tooled, told]| !tooled && told),
        lines.iter().map(|(_, (line, _))| line.as_str()).collect::<String>(),
    );
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("KANIKO_LOCAL_WRITE_TABLES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "{TABLE} is not what was seen; KANIKO_LOCAL_WRITE_TABLES=1 writes it anew:\n{text}");
}
