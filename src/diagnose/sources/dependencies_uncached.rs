//! Dependencies that are downloaded in a layer which every change of a source file makes anew. The executor looks a `RUN`
//! up by what came before it, the files of `COPY` included (kaniko v1.24.0 `pkg/executor/build.go` `populateCompositeKey`).
//! Then a layer is pushed to the cache by each build, and found by none.

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{Command, Copy, Origin, Source, Stage, Stages, Step};

/// A build tool that downloads what a file of the project names.
struct Tool {
    /// Programs it is called by.
    programs: &'static [&'static str],
    /// Words of which one is among the arguments where it downloads.
    downloads: &'static [&'static str],
    /// Where among the arguments.
    at: At,
    /// Words of which one is among the arguments where it downloads nothing that the project names.
    without: &'static [&'static str],
    /// The file, at the top of the context.
    file: &'static str,
}

/// Where a word counts.
#[derive(Clone, Copy)]
enum At {
    /// As the command: the first that is no flag.
    Command,
    Anywhere,
}

const TOOLS: &[Tool] = &[
    Tool {
        programs: &["mvn", "mvnw"],
        downloads: &["compile", "test", "package", "verify", "install", "deploy"],
        at: At::Anywhere,
        without: &["-o", "--offline"],
        file: "pom.xml",
    },
    Tool {
        programs: &["npm"],
        downloads: &["ci", "install", "i"],
        at: At::Command,
        without: &["--offline", "-g", "--global"],
        file: "package.json",
    },
    Tool {
        programs: &["pip", "pip3"],
        downloads: &["-r", "--requirement"],
        at: At::Anywhere,
        without: &["--no-index"],
        file: "requirements.txt",
    },
    Tool {
        programs: &["go"],
        downloads: &["build", "install", "test", "mod"],
        at: At::Command,
        without: &["-mod=vendor"],
        file: "go.sum",
    },
    Tool {
        programs: &["cargo"],
        downloads: &["build", "test", "install"],
        at: At::Command,
        without: &["--offline", "--frozen"],
        file: "Cargo.lock",
    },
];

/// What is copied beside the sources when nothing is to be downloaded.
const VENDORED: [&str; 3] = ["vendor", "node_modules", ".m2"];

/// The first of each stage, where layers are cached.
pub(super) fn find(project: &Project, stages: &Stages) -> Vec<Finding> {
    if !project.resolution.flags.as_ref().is_some_and(|flags| flags.is_on("cache"))
        || VENDORED.iter().any(|path| project.is_sent(path.as_bytes()))
    {
        return vec![];
    }
    // A stage of this file may have resolved them for those that are built on it.
    let on_images = stages
        .stages
        .iter()
        .enumerate()
        .filter(|(index, stage)| matches!(stages.base(*index, &stage.base.text), Origin::Image(_)));
    on_images.filter_map(|(_, stage)| of_stage(project, stage)).collect()
}

fn of_stage(project: &Project, stage: &Stage) -> Option<Finding> {
    let mut sources: Option<&Step> = None;
    let mut resolved: Vec<&str> = vec![];
    for step in &stage.steps {
        match &step.command {
            Command::Copy(copy) | Command::Add(copy) if copy.from.is_some() => return None,
            Command::Copy(copy) | Command::Add(copy) if takes_sources(copy) => sources = sources.or(Some(step)),
            Command::Run(mounts) if mounts.is_empty() => {
                let text = project.text.get(step.instruction.span.clone()).unwrap_or_default();
                for tool in TOOLS {
                    let calls = calls(text, tool);
                    match sources {
                        None if !calls.is_empty() => resolved.push(tool.file),
                        Some(sources) if !resolved.contains(&tool.file) && is_due(project, tool, &calls) => {
                            return Some(finding(project, tool, sources, step));
                        }
                        _ => {}
                    }
                }
            }
            // A cache of the builder's: not told apart here.
            Command::Run(_) => return None,
            _ => {}
        }
    }
    None
}

/// All of the context, or a directory of sources by its usual name.
fn takes_sources(copy: &Copy) -> bool {
    copy.sources.iter().any(|source| match source {
        Source::Path(path) => {
            let path = path.text.trim_start_matches("./").trim_end_matches('/');
            matches!(path, "" | "." | "src")
        }
        Source::Heredoc(_) => false,
    })
}

/// The arguments of each call of a tool in a command of the shell or in the JSON form. No shell: what is quoted is no call.
fn calls<'t>(run: &'t str, tool: &Tool) -> Vec<Vec<&'t str>> {
    let commands = run.split(['&', '|', ';', '\n', '(', ')']);
    let words = |command: &'t str| -> Vec<&'t str> {
        let words = command.split(|letter: char| letter.is_whitespace() || "\\,[]\"'".contains(letter));
        words.filter(|word| !word.is_empty()).collect()
    };
    let is_before = |word: &&&str| ["RUN", "run", "exec", "time", "then", "do"].contains(*word) || word.contains('=');
    let arguments = |command: &'t str| {
        let words = words(command);
        let first = words.iter().take_while(is_before).count();
        let program = words.get(first)?.rsplit('/').next()?;
        tool.programs.contains(&program).then(|| words[first + 1..].to_vec())
    };
    commands.filter_map(arguments).collect()
}

/// Whether one of the calls downloads what the context names.
fn is_due(project: &Project, tool: &Tool, calls: &[Vec<&str>]) -> bool {
    let has = |arguments: &[&str], words: &[&str]| arguments.iter().any(|argument| words.contains(argument));
    let is_command = |arguments: &[&str]| {
        let command = arguments.iter().find(|argument| !argument.starts_with('-'));
        command.is_some_and(|command| tool.downloads.contains(command))
    };
    let is_meant = |arguments: &[&str]| match tool.at {
        At::Command => is_command(arguments),
        At::Anywhere => has(arguments, tool.downloads),
    };
    // Something of a version of its own is not what the project names: `go install example.com/tool@latest`.
    let is_named = |arguments: &[&str]| !arguments.iter().any(|argument| argument.contains('@'));
    let downloads = |arguments: &Vec<&str>| is_meant(arguments) && is_named(arguments) && !has(arguments, tool.without);
    calls.iter().any(downloads) && project.is_sent(tool.file.as_bytes())
}

fn finding(project: &Project, tool: &Tool, sources: &Step, step: &Step) -> Finding {
    let copy = project.text.get(sources.instruction.span.clone()).unwrap_or_default();
    let copy = copy.lines().next().unwrap_or_default().trim();
    let program = tool.programs[0];
    Finding {
        code: Code::DependenciesUncached,
        severity: Severity::Advice,
        message: format!("`{program}` downloads everything anew whenever a source file changes"),
        spans: vec![project.span(&step.instruction.span)],
        notes: vec![format!(
            "a cached layer is found by the files that were copied before it, and `{copy}` takes the sources"
        )],
        help: Some(format!(
            "copy what names the dependencies (`{}`), and have them downloaded, before `{copy}`",
            tool.file
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::diagnose::Severity;

    fn cached(dockerfile: &str, files: &[&str]) -> Case {
        Case::of(dockerfile, files).argument("--cache=true")
    }

    const JOB: &[&str] = &["/pom.xml", "/src/App.java"];

    #[test]
    fn a_download_behind_the_sources_is_told_where_layers_are_cached() {
        let dockerfile =
            "FROM maven AS b\nWORKDIR /src\nCOPY . .\nRUN mvn -B package\nFROM flink\nCOPY --from=b /src/a /\n";
        let finding = cached(dockerfile, JOB).finding(Code::DependenciesUncached);
        assert_eq!((finding.severity, finding.spans[0].place.line), (Severity::Advice, 4));
        let help = "copy what names the dependencies (`pom.xml`), and have them downloaded, before `COPY . .`";
        assert_eq!(finding.help.as_deref(), Some(help));
        Case::of(dockerfile, JOB).no_finding(Code::DependenciesUncached);
    }

    #[test]
    fn every_tool_is_known_by_its_calls() {
        for (run, file) in [
            ("COPY pom.xml .\nCOPY src ./src\nRUN mvn -q clean package", "/pom.xml"),
            ("COPY . /app\nRUN cd /app && ./mvnw verify", "/pom.xml"),
            ("COPY ./ ./\nRUN [\"npm\", \"ci\"]", "/package.json"),
            ("COPY . .\nRUN mvn --version\nRUN npm run lint\nRUN mvn package", "/pom.xml"),
            ("COPY . .\nRUN CI=1 npm install \\\n && npm run build", "/package.json"),
            ("ADD . .\nRUN pip3 install --no-cache-dir -r requirements.txt", "/requirements.txt"),
            ("COPY . .\nRUN CGO_ENABLED=0 go build -o /app .", "/go.sum"),
            ("COPY . .\nRUN cargo build --release", "/Cargo.lock"),
        ] {
            cached(&format!("FROM a\n{run}\n"), &[file, "/src/x"]).finding(Code::DependenciesUncached);
        }
    }

    #[test]
    fn what_is_resolved_before_the_sources_or_not_at_all_is_fine() {
        for (run, file) in [
            ("COPY pom.xml .\nRUN mvn dependency:go-offline\nCOPY src src\nRUN mvn package", "/pom.xml"),
            ("COPY . .\nRUN mvn -o package", "/pom.xml"),
            ("COPY . .\nRUN mvn --version", "/pom.xml"),
            ("COPY . .\nRUN echo 'mvn package'", "/pom.xml"),
            ("COPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build", "/package.json"),
            ("COPY . .\nRUN npm run build", "/package.json"),
            (
                "COPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nRUN pip install -r more.txt",
                "/requirements.txt",
            ),
            ("COPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go build", "/go.sum"),
            ("COPY . .\nRUN npm install -g serve", "/package.json"),
            ("COPY . .\nRUN npm run ci", "/package.json"),
            ("COPY . .\nRUN npm run build -- install", "/package.json"),
            ("COPY . .\nRUN go install example.com/tool@latest", "/go.sum"),
            // Nothing to be downloaded.
            ("COPY . .\nRUN go build", "/go.mod"),
            ("COPY dist /app\nRUN npm ci", "/package.json"),
            // Somebody else's cache, or another stage's.
            ("COPY . .\nRUN --mount=type=cache,target=/root/.m2 mvn package", "/pom.xml"),
            ("COPY . .\nCOPY --from=deps /root/.m2 /root/.m2\nRUN mvn package", "/pom.xml"),
        ] {
            cached(&format!("FROM a AS deps\nFROM a\n{run}\n"), &[file, "/src/x"])
                .no_finding(Code::DependenciesUncached);
        }
        cached("FROM a\nCOPY . .\nRUN go build\n", &["/go.sum", "/vendor/x"]).no_finding(Code::DependenciesUncached);
        let on_a_stage =
            "FROM a AS deps\nCOPY pom.xml .\nRUN mvn dependency:resolve\nFROM deps\nCOPY . .\nRUN mvn package\n";
        cached(on_a_stage, JOB).no_finding(Code::DependenciesUncached);
    }
}
