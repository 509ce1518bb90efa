//! Containers that run together, wherever a document holds them: a pod's, the steps of a Tekton task, those of an Argo
//! template. What is around them decides over their volumes, and over what fills in their texts.

use serde_json::{Map, Value};

use super::super::tree::{Node, Tree};
use super::{is_kaniko, members, names_kaniko, text_of};
use crate::cluster::privileges::{Excess, excess};

/// What the fields of a [`Group`] are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A pod's spec, wherever there is a list `containers`.
    Pod,
    /// The spec of a task, wherever there is a list `steps`: Tekton's, and Shipwright's, which becomes one.
    Task,
    /// A member of the list `templates` in a workflow's spec: Argo's.
    Template,
}

/// Containers that run together.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// Where it is in its document.
    pub(super) path: String,
    /// What holds the containers.
    pub(super) node: &'a Tree,
    pub(super) form: Form,
    /// What holds that: of a pod, what has its `metadata`; of a template, the workflow's spec.
    pub(super) around: Option<&'a Tree>,
    /// All of it.
    pub(super) document: &'a Tree,
}

/// When a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// After this many others have ended.
    After(usize),
    /// After all of those, beside others.
    Main,
}

/// The groups of a document in which something runs Kaniko.
pub(super) fn groups(document: &Node) -> Vec<Group<'_>> {
    let mut found = vec![];
    walk(String::new(), &document.value, None, &mut |path, node, around| {
        let is_list = |field: &str| members(node, field).next().is_some();
        let form = match () {
            () if around.is_some_and(|around| is_template(node, around)) => Form::Template,
            () if is_list("containers") || is_list("initContainers") => Form::Pod,
            () if is_list("steps") => Form::Task,
            () => return Below::Look,
        };
        let group = Group { path, node, form, around, document: &document.value };
        if !group.kaniko().is_empty() {
            found.push(group);
        }
        // The containers of a set are the template's.
        if form == Form::Template { Below::Skip } else { Below::Look }
    });
    found
}

/// Whether to look at what is below.
enum Below {
    Look,
    Skip,
}

/// Calls `tell` with each map below `tree`, the path to it, and the nearest map above.
fn walk<'a>(
    path: String,
    tree: &'a Tree,
    around: Option<&'a Tree>,
    tell: &mut impl FnMut(String, &'a Tree, Option<&'a Tree>) -> Below,
) {
    match tree {
        Tree::Leaf(_) => {}
        Tree::List(list) => {
            for (index, member) in list.iter().enumerate() {
                walk(format!("{path}[{index}]"), &member.value, around, tell);
            }
        }
        Tree::Map(map) => {
            if let Below::Look = tell(path.clone(), tree, around) {
                for (key, member) in map {
                    walk(joined(&path, &key.value), &member.value, Some(tree), tell);
                }
            }
        }
    }
}

/// The path to a field.
pub(super) fn joined(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// Argo's, by what it may hold (argo-workflows `pkg/apis/workflow/v1alpha1/workflow_types.go` `Template`).
fn is_template(node: &Tree, around: &Tree) -> bool {
    let is_map = |name: &str| node.get(name).is_some_and(|field| matches!(field.value, Tree::Map(_)));
    ["container", "script", "containerSet"].iter().any(|name| is_map(name))
        && members(around, "templates").any(|member| std::ptr::eq(&member.value, node))
}

impl<'a> Group<'a> {
    /// Its containers, and when they run.
    pub(super) fn containers(&self) -> Vec<(Role, &'a Tree)> {
        let list = |tree: &'a Tree, field: &str| members(tree, field).map(|member| &member.value);
        let in_turn = |field: &str| list(self.node, field).enumerate().map(|(index, node)| (Role::After(index), node));
        let beside = |tree: &'a Tree, field: &str| list(tree, field).map(|node| (Role::Main, node)).collect::<Vec<_>>();
        match self.form {
            Form::Pod => in_turn("initContainers").chain(beside(self.node, "containers")).collect(),
            Form::Task => in_turn("steps").chain(beside(self.node, "sidecars")).collect(),
            Form::Template => {
                let single = ["container", "script"].iter().filter_map(|field| self.node.get(field));
                let set = self.node.get("containerSet").map(|set| beside(&set.value, "containers")).unwrap_or_default();
                in_turn("initContainers")
                    .chain(single.map(|node| (Role::Main, &node.value)))
                    .chain(set)
                    .chain(beside(self.node, "sidecars"))
                    .collect()
            }
        }
    }

    /// Those of them that run Kaniko, and when they do.
    pub(super) fn kaniko(&self) -> Vec<(Role, &'a Tree)> {
        let mut containers = self.containers();
        containers.retain(|(_, node)| is_kaniko(node) || self.default_image(node).is_some_and(names_kaniko));
        containers
    }

    /// The image that a parameter of a task stands for, unless a run says otherwise.
    fn default_image(&self, container: &Tree) -> Option<&'a str> {
        let image = text_of(container, "image").filter(|_| self.form == Form::Task)?;
        let name = image.strip_prefix("$(")?.strip_suffix(')')?;
        let name = name.strip_prefix("inputs.").unwrap_or(name).strip_prefix("params.")?;
        let inputs = self.node.get("inputs").map(|inputs| &inputs.value);
        let mut parameters = [Some(self.node), inputs].into_iter().flatten().flat_map(|tree| members(tree, "params"));
        text_of(&parameters.find(|node| text_of(&node.value, "name") == Some(name))?.value, "default")
    }

    /// Whether something can have put files into a volume before or while a container of this role runs.
    pub(super) fn has_helpers(&self, role: Role) -> bool {
        let sidecars = members(self.node, "sidecars").next().is_some();
        // Artifacts are laid into volumes too.
        let artifacts = self.inputs().next().is_some();
        let others = match role {
            Role::After(earlier) => earlier > 0,
            Role::Main => self.containers().len() > 1,
        };
        sidecars || artifacts || others
    }

    /// Artifacts that are there before it starts.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &'a Tree> {
        let inputs = self.node.get("inputs").filter(|_| self.form == Form::Template);
        inputs.into_iter().flat_map(|inputs| members(&inputs.value, "artifacts")).map(|artifact| &artifact.value)
    }

    /// Its volumes.
    pub(super) fn volumes(&self) -> impl Iterator<Item = &'a Tree> {
        let around = self.around.filter(|_| self.form == Form::Template);
        std::iter::once(self.node).chain(around).flat_map(|tree| members(tree, "volumes")).map(|volume| &volume.value)
    }

    /// What holds for all of its containers unless they say otherwise.
    pub(super) fn security_contexts(&self) -> impl Iterator<Item = &'a Tree> {
        let around = match (self.form, self.around) {
            (Form::Pod, _) | (_, None) => None,
            (Form::Task, Some(run)) => run.get("podTemplate").map(|template| &template.value),
            (Form::Template, Some(workflow)) => Some(workflow),
        };
        let of = |tree: &'a Tree| tree.get("securityContext").map(|context| &context.value);
        // The nearest one takes the place of the whole other one.
        let own = of(self.node).filter(|_| self.form != Form::Task);
        own.or_else(|| of(around?)).into_iter()
    }

    /// Whether something else changes its containers before Kubernetes sees them, so that they are not known
    /// (argo-workflows `workflow_types.go` `podSpecPatch`, `templateDefaults`).
    pub(super) fn is_patched(&self) -> bool {
        let trees = [Some(self.node), self.around].into_iter().flatten().filter(|_| self.form == Form::Template);
        trees.into_iter().any(|tree| ["podSpecPatch", "templateDefaults"].iter().any(|field| tree.get(field).is_some()))
    }

    /// What all of its containers share with a template for them.
    pub(super) fn for_all(&self) -> Option<&'a Tree> {
        let field = match self.form {
            Form::Pod => return None,
            Form::Task => "stepTemplate",
            Form::Template => "containerSet",
        };
        self.node.get(field).map(|node| &node.value)
    }

    /// Labels and annotations of its pod.
    pub(super) fn metadata(&self) -> Option<&'a Tree> {
        self.around?.get("metadata").map(|metadata| &metadata.value)
    }

    /// Whether somebody fills this text in before Kubernetes sees it: Helm, Argo, Tekton (`$(params.NAME)`, where
    /// Kubernetes has `$(NAME)`).
    pub(super) fn fills_in(&self, text: &str) -> bool {
        let names = || text.split("$(").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        text.contains("{{") || self.form == Form::Task && names().any(|name| name.contains(['.', '[']))
    }

    /// What it asks for too much: the path to what holds it, that, and what it is.
    pub(super) fn excess(&self) -> Vec<(String, &'a Tree, Excess)> {
        let here = |excess| (self.path.clone(), self.node, excess);
        let mut found: Vec<_> = match self.form {
            Form::Pod => excess(&self.node.to_value()).into_iter().map(here).collect(),
            Form::Task => self.excess_of(&["steps", "sidecars"]).into_iter().map(here).collect(),
            Form::Template => {
                let lists = ["container", "script", "containerSet.containers", "initContainers", "sidecars"];
                self.excess_of(&lists).into_iter().map(here).collect()
            }
        };
        if let (Form::Template, Some(workflow)) = (self.form, self.around) {
            let above = self.path.rsplit_once("templates[").map_or("", |(above, _)| above).trim_end_matches('.');
            let of_workflow = excess(&as_pod(workflow)).into_iter();
            found.extend(of_workflow.map(|excess| (above.to_owned(), workflow, excess)));
        }
        found
    }

    /// The same of containers that are elsewhere than in a pod.
    fn excess_of(&self, fields: &[&str]) -> Vec<Excess> {
        let mut found = excess(&as_pod(self.node));
        for field in fields {
            let at = field.split('.').try_fold(self.node, |tree, name| Some(&tree.get(name)?.value));
            let (containers, member) = match at {
                Some(Tree::List(list)) => (list.iter().map(|node| node.value.to_value()).collect(), "["),
                Some(single @ Tree::Map(_)) => (vec![nameless(single.to_value())], "[]"),
                Some(Tree::Leaf(_)) | None => continue,
            };
            let mut pod = Map::new();
            pod.insert("containers".to_owned(), Value::Array(containers));
            found.extend(excess(&Value::Object(pod)).into_iter().map(|excess| {
                let rest = excess.path.strip_prefix(&format!("containers{member}")).unwrap_or(&excess.path).to_owned();
                let member = member.trim_end_matches("[]");
                Excess { path: format!("{field}{member}{rest}"), ..excess }
            }));
        }
        found
    }
}

/// What a pod's spec has beside containers.
fn as_pod(tree: &Tree) -> Value {
    let fields = ["volumes", "securityContext", "hostNetwork", "automountServiceAccountToken"];
    let fields = fields.iter().filter_map(|field| Some(((*field).to_owned(), tree.get(field)?.value.to_value())));
    Value::Object(fields.collect())
}

fn nameless(mut container: Value) -> Value {
    if let Value::Object(fields) = &mut container {
        fields.remove("name");
    }
    container
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::tree::documents;
    use super::*;
    use crate::code::Code;

    const IMAGE: &str = "image: gcr.io/kaniko-project/executor";

    fn told(text: &str) -> Vec<(String, Form, usize)> {
        let documents = documents(text).unwrap();
        let groups = documents.iter().flat_map(groups);
        groups.map(|group| (group.path.clone(), group.form, group.containers().len())).collect()
    }

    #[test]
    fn containers_are_found_in_what_makes_pods_of_them() {
        let one = |path: &str, form, count| vec![(path.to_owned(), form, count)];
        for (text, wanted) in [
            (
                format!("kind: Pod\nspec: {{initContainers: [{{{IMAGE}}}], containers: [{{image: a}}]}}"),
                one("spec", Form::Pod, 2),
            ),
            (format!("kind: Task\nspec: {{steps: [{{image: git}}, {{{IMAGE}}}]}}"), one("spec", Form::Task, 2)),
            (
                format!("kind: TaskRun\nspec: {{taskSpec: {{steps: [{{{IMAGE}}}]}}}}"),
                one("spec.taskSpec", Form::Task, 1),
            ),
            (
                format!("kind: Pipeline\nspec: {{tasks: [{{taskSpec: {{steps: [{{{IMAGE}}}]}}}}]}}"),
                one("spec.tasks[0].taskSpec", Form::Task, 1),
            ),
            (
                format!(
                    "kind: Workflow\nspec: {{templates: [{{steps: [[{{template: b}}]]}}, {{container: {{{IMAGE}}}}}]}}"
                ),
                one("spec.templates[1]", Form::Template, 1),
            ),
            (
                format!("kind: CronWorkflow\nspec: {{workflowSpec: {{templates: [{{script: {{{IMAGE}}}}}]}}}}"),
                one("spec.workflowSpec.templates[0]", Form::Template, 1),
            ),
            (
                format!("spec: {{templates: [{{containerSet: {{containers: [{{image: a}}, {{{IMAGE}}}]}}}}]}}"),
                one("spec.templates[0]", Form::Template, 2),
            ),
            // Jenkins keeps pods in a list of that name.
            (
                format!("jenkins: {{templates: [{{containers: [{{{IMAGE}}}]}}]}}"),
                one("jenkins.templates[0]", Form::Pod, 1),
            ),
            (
                "kind: Task\nspec: {params: [{name: i, default: r.example.com/kaniko/executor}], steps: [{image: $(params.i)}]}"
                    .to_owned(),
                one("spec", Form::Task, 1),
            ),
            ("kind: Task\nspec: {steps: [{image: git}, {image: $(params.i)}]}".to_owned(), vec![]),
        ] {
            assert_eq!(told(&text), wanted, "{text}");
        }
    }

    #[test]
    fn privileges_are_told_where_they_are() {
        let privileged = format!("{IMAGE}, name: k, securityContext: {{privileged: true}}");
        for (text, path, line) in [
            (format!("spec:\n  steps:\n  - {{{privileged}}}\n"), "spec.steps[k].securityContext.privileged", 3),
            (
                format!("spec:\n  templates:\n  - container: {{{privileged}}}\n"),
                "spec.templates[0].container.securityContext.privileged",
                3,
            ),
            (
                format!("spec:\n  templates:\n  - containerSet:\n      containers:\n      - {{{privileged}}}\n"),
                "spec.templates[0].containerSet.containers[k].securityContext.privileged",
                5,
            ),
            (
                format!(
                    "spec:\n  hostNetwork: true\n  templates:\n  - container: {{{IMAGE}}}\n  - container: {{{IMAGE}}}\n"
                ),
                "spec.hostNetwork",
                2,
            ),
        ] {
            let files = crate::context::mounts::Mounts::new(&[]);
            let found = super::super::findings(Path::new("a.yaml"), &text, &[], &files).unwrap();
            let found = super::super::super::finding::told::the_one(&found, Code::ExcessPrivileges);
            assert_eq!(found.message.split('`').nth(1), Some(path));
            assert_eq!(found.spans.first().map(|span| span.place.line), Some(line), "{text}");
        }
    }

    #[test]
    fn texts_that_somebody_fills_in_are_known() {
        let nothing = Tree::List(vec![]);
        let group = |form| Group { path: String::new(), node: &nothing, form, around: None, document: &nothing };
        for (form, text, is_filled_in) in [
            (Form::Task, "--context=$(workspaces.source.path)/x", true),
            (Form::Task, "$(params[\"a\"])", true),
            (Form::Task, "$(NAME)", false),
            (Form::Pod, "$(NAME)", false),
            (Form::Pod, "$(a.b)", false),
            (Form::Pod, "{{ .Values.image }}", true),
            (Form::Template, "{{inputs.parameters.x}}", true),
        ] {
            assert_eq!(group(form).fills_in(text), is_filled_in, "{text}");
        }
    }
}
