//! A container of a manifest as an executor that somebody set up.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::facts::Facts;
use super::super::tree::{Node, Tree, place_of_value};
use super::super::{Finding, Place, Severity, Span, rules};
use super::group::{Group, Role};
use super::{EXECUTOR, RULES, members, text_of, volumes};
use crate::code::Code;
use crate::executor::files::{Mount, PodFiles};
use crate::executor::image::Image;
use crate::executor::resolve::{Resolution, Setup, Source, Stdin, UNPACKED, context_directory, resolve};
use crate::gopath;

/// A container, and what is around it.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    /// The manifest, as a user would name it.
    pub(super) file: &'a Path,
    /// All of it.
    pub(super) documents: &'a [Node],
    /// What it runs with.
    pub(super) group: &'a Group<'a>,
    /// When it runs.
    pub(super) role: Role,
    /// Its own.
    pub(super) node: &'a Tree,
    /// What is known of the files in its volumes.
    pub(super) mounts: &'a [Mount],
    /// Those files.
    pub(super) files: &'a dyn PodFiles,
}

/// What a container does.
pub(super) enum Run {
    /// It runs the executor with arguments that are known.
    Executor(Box<Resolution>),
    /// It runs the executor, with arguments that somebody fills in.
    FilledIn,
    /// It runs something else, a shell or what waits for one; or it is not known what.
    Other,
}

/// A container, and what it does.
pub(super) struct Running<'a> {
    pub(super) container: &'a Container<'a>,
    pub(super) run: Run,
    /// What its image says of the executor.
    pub(super) image: Image,
    /// Variables whose values are written there.
    pub(super) environment: &'a BTreeMap<String, String>,
}

impl Running<'_> {
    /// How far the executor comes, if its arguments are known.
    pub(super) fn resolution(&self) -> Option<&Resolution> {
        match &self.run {
            Run::Executor(resolution) => Some(resolution),
            Run::FilledIn | Run::Other => None,
        }
    }

    /// What a rule finds.
    pub(super) fn finding(&self, code: Code, severity: Severity, place: Option<Place>, message: String) -> Finding {
        let spans = place.map(|place| self.container.span(place)).into_iter().collect();
        Finding { code, severity, message, spans, notes: vec![], help: None }
    }

    /// Whether the executor is what it runs.
    pub(super) fn is_executor(&self) -> bool {
        match self.run {
            Run::Executor(_) | Run::FilledIn => true,
            Run::Other => false,
        }
    }

    /// Whether the context comes over standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        let context = self.resolution().and_then(|resolution| resolution.context.as_ref());
        context.is_some_and(|context| matches!(context.source, Source::Stdin))
    }
}

/// What there is to say of a container that runs Kaniko.
pub(super) fn findings(container: &Container) -> Vec<Finding> {
    if container.group.is_patched() {
        return vec![];
    }
    let environment = container.environment();
    let image = Image::named(container.image());
    let running = |run| Running { container, run, image, environment: &environment };
    let judged = |running: &Running| RULES.iter().flat_map(|rule| rule(running)).collect::<Vec<_>>();
    let Some(arguments) = container.arguments() else {
        return container.flags_as_command().into_iter().chain(judged(&running(Run::Other))).collect();
    };
    // Somebody else starts it, or gives it its arguments later.
    if arguments.is_empty() {
        return judged(&running(Run::Other));
    }
    let Some(texts) = container.texts(&arguments, &environment) else { return judged(&running(Run::FilledIn)) };
    let places =
        arguments.iter().enumerate().filter_map(|(index, (_, place))| Some((index, container.span((*place)?))));
    let at: Vec<Vec<u8>> = volumes::mounted(container).into_iter().map(|mounted| mounted.path).collect();
    let setup = Setup {
        image,
        arguments: &texts,
        working_directory: container.get("workingDir").and_then(|node| node.value.text()),
        environment: &environment,
        stdin: container.stdin(),
        mounts: &at,
        files: container.files,
    };
    let resolution = resolve(&setup);
    let facts = Facts {
        setup: &setup,
        resolution: &resolution,
        mounts: container.mounts,
        here: &[],
        places: &places.collect(),
    };
    let mut found = volumes::findings(container, &resolution);
    let is_lost = found.iter().any(|finding| finding.severity == Severity::Error);
    let mut of_rules = match container.knows_files(&resolution) && !is_lost {
        true => rules::findings(&facts),
        false => rules::of_arguments(&facts),
    };
    // That nothing is mounted at an address is no news.
    if let Some(address) = of_rules.iter_mut().find(|finding| finding.code == Code::GitAddress)
        && found.iter().any(|finding| finding.code == Code::ContextNotMounted)
    {
        address.severity = Severity::Error;
        found.retain(|finding| finding.code != Code::ContextNotMounted);
    }
    found.extend(of_rules);
    found.extend(judged(&running(Run::Executor(Box::new(resolution)))));
    found
}

/// The directory where the executor looks for its context, if its arguments tell.
pub(super) fn context_root(container: &Container) -> Option<Vec<u8>> {
    let environment = container.environment();
    let texts = container.texts(&container.arguments()?, &environment)?;
    context_directory(&Setup {
        image: Image::named(container.image()),
        working_directory: container.get("workingDir").and_then(|node| node.value.text()),
        ..Setup::new(&texts, container.files)
    })
}

/// What stands for a destination that somebody fills in: nothing else depends on it.
const SOME_DESTINATION: &str = "unknown.example/unknown";

impl<'a> Container<'a> {
    /// Its name, for a message.
    pub(super) fn name(&self) -> &'a str {
        text_of(self.node, "name").unwrap_or("without a name")
    }

    /// Its image, as far as it says one.
    pub(super) fn image(&self) -> &'a str {
        self.get("image").and_then(|node| node.value.text()).unwrap_or_default()
    }

    /// Whether the executor runs in it for certain, at once or when somebody calls it there. An image with a shell serves
    /// for other things too.
    pub(super) fn holds_executor(&self) -> bool {
        let texts = ["command", "args"].into_iter().flat_map(|field| members(self.node, field)).map(|node| &node.value);
        let scripts = ["script", "source"].into_iter().filter_map(|field| Some(&self.node.get(field)?.value));
        if texts.chain(scripts).any(|tree| tree.text().is_some_and(|text| text.contains(EXECUTOR))) {
            return true;
        }
        let is_script = ["script", "source"].iter().any(|field| self.node.get(field).is_some());
        let has_program = members(self.node, "command").next().is_some();
        Image::is_executor(self.image()) && !is_script && (!has_program || self.waits())
    }

    /// Whether it waits for somebody who calls programs in it, as CI systems do.
    fn waits(&self) -> bool {
        let words: Vec<&str> = ["command", "args"]
            .into_iter()
            .flat_map(|field| members(self.node, field))
            .filter_map(|node| node.value.text())
            .collect();
        let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
        let is_idle = |word: &str| ["cat", "sleep", "tail"].contains(&name(word).as_str());
        let is_shell = |word: &str| ["sh", "ash", "bash", "busybox"].contains(&name(word).as_str());
        let script = words.iter().skip(1).find(|word| !word.starts_with('-'));
        self.role == Role::Main
            && words.first().is_some_and(|program| {
                let says_idle = script.is_none_or(|script| script.split_whitespace().next().is_some_and(is_idle));
                is_idle(program) || is_shell(program) && (says_idle || self.is_on("stdin"))
            })
    }

    pub(super) fn span(&self, place: Place) -> Span {
        Span { file: self.file.to_owned(), place }
    }

    /// A field: its own, or that of the template for all.
    pub(super) fn get(&self, field: &str) -> Option<&'a Node> {
        self.node.get(field).or_else(|| self.group.for_all()?.get(field))
    }

    /// The members of a list: its own, and those of the template for all.
    pub(super) fn members(&self, field: &'a str) -> impl Iterator<Item = &'a Tree> {
        let for_all = self.group.for_all().into_iter().flat_map(move |tree| members(tree, field));
        members(self.node, field).chain(for_all).map(|node| &node.value)
    }

    /// A field of its security context, with what holds it; not of the pod's.
    pub(super) fn own_security(&self, field: &str) -> Option<(&'a Tree, &'a Node)> {
        let contexts = [Some(self.node), self.group.for_all()].into_iter().flatten();
        let mut contexts = contexts.filter_map(|tree| tree.get("securityContext"));
        contexts.find_map(|context| Some((&context.value, context.value.get(field)?)))
    }

    /// The same, or else of the pod's.
    pub(super) fn security(&self, field: &str) -> Option<(&'a Tree, &'a Node)> {
        let mut of_pod = self.group.security_contexts();
        self.own_security(field).or_else(|| of_pod.find_map(|context| Some((context, context.get(field)?))))
    }

    /// Whether a field says `true`.
    pub(super) fn is_on(&self, field: &str) -> bool {
        self.get(field).is_some_and(|node| node.value.scalar().as_deref() == Some("true"))
    }

    /// The executor's arguments, and where they are; none if something else is run.
    fn arguments(&self) -> Option<Vec<(String, Option<Place>)>> {
        let words = |field: &str| {
            let words = members(self.node, field).map(|node| (node.value.scalar(), Some(place_of_value(node))));
            words.filter_map(|(word, place)| Some((word?, place))).collect::<Vec<_>>()
        };
        let (mut command, arguments) = (words("command"), words("args"));
        // A task's `script` takes the place of its command.
        if self.node.get("script").is_some() {
            return None;
        }
        match command.first() {
            None if Image::is_warmer(self.image()) => None,
            None => Some(arguments),
            Some((program, _)) if program.ends_with(EXECUTOR) || program == "executor" => {
                command.remove(0);
                command.extend(arguments);
                Some(command)
            }
            Some(_) => None,
        }
    }

    /// The arguments as the executor gets them; none if some of them are filled in by others.
    fn texts(
        &self,
        arguments: &[(String, Option<Place>)],
        environment: &BTreeMap<String, String>,
    ) -> Option<Vec<String>> {
        let is_unknown = |text: &str| self.group.fills_in(text) || self.is_from_elsewhere(text);
        if is_unknown(self.image())
            || self.get("workingDir").is_some_and(|node| node.value.text().is_some_and(is_unknown))
        {
            return None;
        }
        let is_reference = |flag: &str| ["--destination", "-d", "--cache-repo"].contains(&flag);
        let mut before = "";
        let mut texts = vec![];
        for (given, _) in arguments {
            let text = expanded(given, environment);
            // A variable's value may be filled in too.
            texts.push(match given.split_once('=') {
                _ if !self.group.fills_in(given) && !is_unknown(&text) => text,
                Some((flag, _)) if is_reference(flag) => format!("{flag}={SOME_DESTINATION}"),
                _ if is_reference(before) => SOME_DESTINATION.to_owned(),
                _ => return None,
            });
            before = given;
        }
        Some(texts)
    }

    /// Flags where a program is meant: `command` takes the place of the image's entrypoint (kaniko#1433).
    fn flags_as_command(&self) -> Option<Finding> {
        let first = members(self.node, "command").next()?;
        let flag = first.value.text().filter(|word| word.starts_with('-'))?;
        Some(Finding {
            code: Code::FlagsAsCommand,
            severity: Severity::Error,
            message: format!("`{flag}` is run as a program"),
            spans: vec![self.span(place_of_value(first))],
            notes: vec!["`command` takes the place of the image's entrypoint, `/kaniko/executor`".to_owned()],
            help: Some("write `args` instead of `command`".to_owned()),
        })
    }

    /// Variables whose values are written there; they may be made of those before them.
    fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        let for_all = self.group.for_all().into_iter().flat_map(|tree| members(tree, "env"));
        for variable in for_all.chain(members(self.node, "env")).map(|node| &node.value) {
            let value = variable.get("value").and_then(|value| value.value.scalar());
            if let (Some(name), Some(value)) = (text_of(variable, "name"), value) {
                environment.insert(name.to_owned(), expanded(&value, &environment));
            }
        }
        environment
    }

    /// Whether a text has a variable whose value is in a ConfigMap, a Secret or the pod itself.
    fn is_from_elsewhere(&self, text: &str) -> bool {
        let mut names = text.split("$(").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        let has_source = self.members("envFrom").next().is_some();
        names.any(|name| has_source || self.variable(name).is_some())
    }

    /// The variable of this name.
    pub(super) fn variable(&self, name: &str) -> Option<&'a Tree> {
        self.members("env").find(|variable| text_of(variable, "name") == Some(name))
    }

    fn stdin(&self) -> Stdin {
        if self.is_on("stdin") && !self.is_on("tty") { Stdin::Stream } else { Stdin::Device }
    }

    /// Whether what the executor looks for is where something is known: in a mount of this disk, or not in a file at all.
    fn knows_files(&self, resolution: &Resolution) -> bool {
        let is_in_volume = |path: &[u8]| volumes::covering(self, path).is_some();
        let Some(context) = &resolution.context else {
            return !self
                .looks_for(resolution)
                .is_some_and(|path| is_in_volume(&path) && !is_known(self.mounts, &path));
        };
        let covered = |path: &[u8]| !is_in_volume(path) && is_of_image(path) || is_known(self.mounts, path);
        let mut candidates = resolution.dockerfile.iter().flat_map(|dockerfile| &dockerfile.candidates);
        if candidates.any(|candidate| !covered(&candidate.path) && is_in_volume(&candidate.path)) {
            return false;
        }
        match context.source {
            Source::Path | Source::Directory => covered(&context.absolute),
            // What is sent, cloned or unpacked is not known, unless somebody says what that was.
            Source::Stdin | Source::Archive(_) | Source::Remote => is_known(self.mounts, UNPACKED.as_bytes()),
        }
    }

    /// The directory or the archive that it looks for; none if it is not to be found by a path of the pod.
    fn looks_for(&self, resolution: &Resolution) -> Option<Vec<u8>> {
        let given = resolution.flags.as_ref()?.text("context", "");
        let path = ["dir://", "tar://"].iter().find_map(|scheme| given.strip_prefix(scheme))?;
        let directory = self.get("workingDir").and_then(|node| node.value.text());
        let directory = directory.unwrap_or_else(|| Image::named(self.image()).working_directory());
        Some(gopath::absolute(path.as_bytes(), directory.as_bytes()))
    }
}

fn is_of_image(path: &[u8]) -> bool {
    path.starts_with(b"/workspace")
}

fn is_known(mounts: &[Mount], path: &[u8]) -> bool {
    crate::executor::files::local(mounts, path).is_some()
}

/// `$(NAME)`, as Kubernetes expands it: what it does not know stays (`k8s.io/kubernetes/third_party/forked/golang/
/// expansion`).
fn expanded(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        rest = match (name, rest.strip_prefix("$$")) {
            (_, Some(after)) => {
                out.push('$');
                after
            }
            (Some((name, after)), None) => {
                match environment.get(name) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&format!("$({name})")),
                }
                after
            }
            (None, None) => {
                out.push('$');
                &rest[1..]
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<Code> {
        super::super::case::found(text).into_iter().map(|finding| finding.code).collect()
    }

    /// Argo lays artifacts where their `path` says, and fills in `{{…}}`.
    #[test]
    fn a_template_is_judged_with_its_artifacts_and_the_volumes_of_its_workflow() {
        let workflow = |of_workflow: &str, of_template: &str, context: &str, mounts: &str| {
            told(&format!(
                "kind: Workflow\nspec:\n  {of_workflow}\n  templates:\n  - name: build\n    {of_template}\n    container:\n      \
                 image: gcr.io/kaniko-project/executor:v1.24.0\n      args: [\"--context={context}\", \
                 \"--destination={{{{inputs.parameters.image}}}}\"]\n      volumeMounts: [{mounts}]\n"
            ))
        };
        let on_node = "volumes: [{name: src, hostPath: {path: /home/me/app}}]";
        let mount = "{name: src, mountPath: /src}";
        let artifact = "inputs: {artifacts: [{name: a, path: /src/app}]}";
        let unknown = "inputs: {artifacts: [{name: a, path: \"{{inputs.parameters.path}}\"}]}";
        let empty = "volumes: [{name: src, emptyDir: {}}]";
        assert_eq!(workflow(on_node, "", "dir:///src", mount), [Code::ContextOnNode]);
        assert_eq!(workflow("", "", "/src/app", ""), [Code::ContextNotMounted]);
        assert_eq!(workflow("", artifact, "/src/app/web", ""), []);
        assert_eq!(workflow("", unknown, "/src/app", ""), []);
        assert_eq!(workflow("podSpecPatch: x", "", "/src/app", ""), []);
        assert_eq!(workflow(empty, "", "/src", mount), [Code::ContextVolumeEmpty]);
        assert_eq!(workflow(empty, artifact, "/src", mount), []);
        assert_eq!(workflow("", "", "{{inputs.parameters.path}}", ""), []);
    }

    /// Tekton mounts workspaces at `/workspace/NAME` and fills in `$(params.NAME)`.
    #[test]
    fn a_step_is_judged_with_the_workspaces_of_its_task_and_the_template_for_steps() {
        let task = |of_task: &str, context: &str| {
            told(&format!(
                "kind: Task\nspec:\n  {of_task}\n  steps:\n  - name: build\n    image: gcr.io/kaniko-project/executor:v1.24.0\n    \
                 args: [\"--context={context}\", --destination, $(params.image)]\n"
            ))
        };
        let template = "stepTemplate: {volumeMounts: [{name: data, mountPath: /data}]}";
        assert_eq!(task("", "/workspace/source"), []);
        assert_eq!(task("", "/data"), [Code::ContextNotMounted]);
        assert_eq!(task("workspaces: [{name: source, mountPath: /data}]", "/data"), []);
        assert_eq!(task("workspaces: [{name: source, mountPath: $(params.path)}]", "/data"), []);
        assert_eq!(task(template, "/data"), []);
        assert_eq!(
            task(&format!("{template}\n  volumes: [{{name: data, emptyDir: {{}}}}]"), "/data"),
            [Code::ContextVolumeEmpty]
        );
        assert_eq!(task("", "$(workspaces.source.path)/app"), []);
        assert_eq!(task("stepTemplate: {securityContext: {runAsUser: 1000}}", "/workspace/a"), [Code::ExecutorNotRoot]);
    }

    #[test]
    fn a_shell_in_an_image_of_the_executor_need_not_run_it() {
        let pod = |field: &str, command: &str| {
            let kaniko = format!(
                "  {field}:\n  - image: gcr.io/kaniko-project/executor:debug\n    command: {command}\n    securityContext: {{runAsUser: \
                 1000}}\n"
            );
            told(&format!("kind: Pod\nspec:\n{kaniko}"))
        };
        for command in [
            "[sleep, infinity]",
            "[/busybox/cat]",
            "[/busybox/sh]",
            "[/busybox/sh, -c, sleep infinity]",
            "[sh, -c, /kaniko/executor --no-push]",
        ] {
            assert_eq!(pod("containers", command), [Code::ExecutorNotRoot], "{command}");
        }
        for command in ["[sh, -c, wget -O- https://example.com/a.tgz]", "[/busybox/wget]"] {
            assert_eq!(pod("containers", command), [], "{command}");
        }
        assert_eq!(pod("initContainers", "[/busybox/sh, -c, sleep 5]"), []);
        assert_eq!(pod("initContainers", "[/busybox/sh, -c, /kaniko/executor version]"), [Code::ExecutorNotRoot]);
    }

    #[test]
    fn an_init_container_is_judged_with_those_before_it() {
        let pod = |before: &str| {
            told(&format!(
                "kind: Pod\nspec:\n  initContainers:\n{before}  - name: kaniko\n    image: gcr.io/kaniko-project/executor:v1.24.0\n    \
                 args: [\"--context=/src\", \"--no-push\"]\n    volumeMounts: [{{name: src, mountPath: /src}}]\n  containers:\n  \
                 - image: nginx\n  volumes: [{{name: src, emptyDir: {{}}}}]\n"
            ))
        };
        assert_eq!(pod(""), [Code::ContextVolumeEmpty]);
        assert_eq!(pod("  - {name: clone, image: alpine/git}\n"), []);
    }

    #[test]
    fn variables_of_the_container_are_expanded_as_in_kubernetes() {
        let environment = BTreeMap::from([("A".to_owned(), "x".to_owned())]);
        for (text, result) in [("$(A)/b", "x/b"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A")]
        {
            assert_eq!(expanded(text, &environment), result);
        }
    }
}
