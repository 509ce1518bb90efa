//! `ARG TARGETARCH` and its like: BuildKit gives them their values, Kaniko leaves them empty. A build argument makes them
//! equal (tried with kaniko v1.24.0 and BuildKit v0.34.2, in `FROM` as well).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use super::{Plan, Project};
use crate::buildkit::Platform;
use crate::dockerfile::{Command, Expansion, Origin, Stage};

/// The platform of a node, in Kubernetes' words; none where those leave open which it is.
pub fn of_node(os: &str, architecture: &str) -> Option<Platform> {
    if architecture == "arm" { None } else { format!("{os}/{architecture}").parse().ok() }
}

/// The platforms of a build, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Platforms {
    /// That of the image, if it was asked for.
    pub target: Option<Platform>,
    /// That of the node which builds.
    pub own: Option<Platform>,
}

/// The arguments, each with the platform that it is taken from (BuildKit v0.34.2 `dockerfile2llb/platform.go`
/// `defaultArgs`). What is in no platform of Linux is left out.
const ARGUMENTS: [(&str, Of); 9] = [
    ("BUILDARCH", Of::Own),
    ("BUILDOS", Of::Own),
    ("BUILDPLATFORM", Of::Own),
    ("BUILDVARIANT", Of::Own),
    ("TARGETARCH", Of::Target),
    ("TARGETOS", Of::Target),
    ("TARGETPLATFORM", Of::Target),
    ("TARGETVARIANT", Of::Target),
    ("TARGETSTAGE", Of::Stage),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Own,
    Target,
    Stage,
}

/// Whether an argument is one of these.
pub(super) fn is_argument(name: &str) -> bool {
    ARGUMENTS.iter().any(|(known, _)| *known == name)
}

/// The value BuildKit gives an argument of this name, if it is one of these and that is known.
pub(super) fn value(name: &str, project: &Project) -> Option<String> {
    let platforms = &project.build.platforms;
    let (_, of) = ARGUMENTS.iter().find(|(known, _)| *known == name)?;
    let platform = match of {
        // That of the last stage, whatever it is called, if none was asked for.
        Of::Stage => {
            let last = project.stages.stages.last().and_then(|stage| stage.name.as_ref());
            let name = project.target_name.as_deref().or(last.map(|name| &*name.text));
            return Some(name.unwrap_or("default").to_owned());
        }
        Of::Own => platforms.own.as_ref()?,
        Of::Target => platforms.target.as_ref().or(platforms.own.as_ref())?,
    };
    Some(match &name[if *of == Of::Own { 5 } else { 6 }..] {
        "ARCH" => platform.architecture.clone(),
        "OS" => platform.os.clone(),
        "VARIANT" => platform.variant.clone().unwrap_or_default(),
        _ => platform.to_string(),
    })
}

pub(super) fn repair(project: &Project, plan: &mut Plan) {
    for (name, _) in ARGUMENTS {
        let uses = uses(name, project);
        let Some(first) = uses.first() else { continue };
        match value(name, project).filter(|_| !is_otherwise_elsewhere(name, project)) {
            Some(value) => {
                plan.build_args.push(format!("{name}={value}"));
                if !value.is_empty() {
                    plan.tell(first.clone(), format!("`{name}` is `{value}`"));
                }
            }
            None => plan.empty.extend(uses.iter().map(|span| (name, span.clone()))),
        }
    }
}

/// Where an argument counts that nobody gives: it is declared without a default, or is in a `FROM`, which needs no
/// declaration. The executor does not read `--platform` of a `FROM`.
fn uses(name: &str, project: &Project) -> Vec<Range<usize>> {
    let meta = &project.stages.meta_args;
    if project.given.contains_key(name) || meta.iter().any(|arg| arg.name == name && arg.default.is_some()) {
        return vec![];
    }
    let mut uses: Vec<Range<usize>> = meta
        .iter()
        .filter(|arg| arg.default.as_ref().is_some_and(|default| mentions(default, name)))
        .map(|arg| arg.span.clone())
        .collect();
    for stage in project.built() {
        uses.extend(mentions(&stage.base.text, name).then(|| stage.base.span.clone()));
        uses.extend(declared(stage, name).filter(|(_, has_default)| !has_default).map(|(span, _)| span));
    }
    uses
}

/// Each `ARG` of this name in a stage, and whether it has a default.
fn declared<'s>(stage: &'s Stage, name: &'s str) -> impl Iterator<Item = (Range<usize>, bool)> + 's {
    let args = stage.steps.iter().filter_map(|step| match &step.command {
        Command::Arg(args) => Some(args),
        _ => None,
    });
    args.flatten().filter(move |arg| arg.name == name).map(|arg| (arg.span.clone(), arg.default.is_some()))
}

/// Whether a build argument would change what is right without it: another `ARG` has a default, which BuildKit prefers
/// to the platform; or a stage names it without an `ARG`, behind one that has it: in Kaniko these live on.
fn is_otherwise_elsewhere(name: &str, project: &Project) -> bool {
    let mut is_declared = BTreeSet::new();
    let mut lives_on = false;
    for (index, stage) in project.built().enumerate() {
        if declared(stage, name).any(|(_, has_default)| has_default) {
            return true;
        }
        let is_inherited = match project.base(index) {
            Some(Origin::Stage(base)) => is_declared.contains(&base),
            _ => false,
        };
        let is_own = declared(stage, name).next().is_some();
        if is_own || is_inherited {
            is_declared.insert(index);
        }
        let names = |span: &Range<usize>| project.build.text.get(span.clone()).is_some_and(|text| text.contains(name));
        if lives_on && !is_own && !is_inherited && stage.steps.iter().any(|step| names(&step.instruction.span)) {
            return true;
        }
        lives_on |= is_own;
    }
    false
}

/// Whether a word has a variable of this name.
fn mentions(word: &str, name: &str) -> bool {
    let found = RefCell::new(false);
    let lookup = |asked: &str| {
        *found.borrow_mut() |= asked == name;
        None
    };
    // What is wrong with it, the builder tells.
    let _ = Expansion::new(Default::default()).word(word, &lookup);
    found.into_inner()
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use super::*;

    fn arguments(dockerfile: &str) -> Vec<String> {
        Case::of(dockerfile).own("linux/amd64").plan().build_args
    }

    #[test]
    fn arguments_that_are_declared_have_their_values() {
        assert_eq!(arguments("FROM scratch\nARG TARGETARCH\nCOPY a /o-$TARGETARCH\n"), ["TARGETARCH=amd64"]);
        let all = "FROM a\nARG TARGETPLATFORM TARGETOS TARGETVARIANT BUILDPLATFORM BUILDARCH TARGETSTAGE\n";
        assert_eq!(
            Case::of(all).own("linux/arm64").asked_for("linux/arm/v7").plan().build_args,
            [
                "BUILDARCH=arm64",
                "BUILDPLATFORM=linux/arm64",
                "TARGETOS=linux",
                "TARGETPLATFORM=linux/arm/v7",
                "TARGETVARIANT=v7",
                "TARGETSTAGE=default",
            ]
        );
        let of_stage = Case::of("FROM a AS b\nARG TARGETSTAGE\nFROM a AS c\n");
        assert_eq!(of_stage.plan().build_args, ["TARGETSTAGE=c"]);
        assert_eq!(of_stage.target("B").plan().build_args, ["TARGETSTAGE=B"]);
    }

    #[test]
    fn from_needs_no_declaration() {
        assert_eq!(arguments("FROM scratch AS s-amd64\nFROM s-$TARGETARCH\n"), ["TARGETARCH=amd64"]);
        assert_eq!(arguments("ARG TARGETARCH\nFROM scratch AS s-amd64\nFROM s-${TARGETARCH}\n"), ["TARGETARCH=amd64"]);
        assert_eq!(arguments("ARG B=s-$TARGETARCH\nFROM $B\n"), ["TARGETARCH=amd64"]);
        // The executor does not look at it.
        assert_eq!(arguments("FROM --platform=$BUILDPLATFORM a\nRUN x\n"), [""; 0]);
    }

    #[test]
    fn what_is_told_names_the_value_and_its_place() {
        let plan = Case::of("FROM a\nARG TARGETARCH TARGETVARIANT\n").own("linux/amd64").plan();
        assert_eq!(plan.build_args, ["TARGETARCH=amd64", "TARGETVARIANT="]);
        assert_eq!(plan.told.len(), 1);
        assert_eq!((plan.told[0].what.as_str(), plan.told[0].span.clone()), ("`TARGETARCH` is `amd64`", 11..21));
    }

    #[test]
    fn values_that_are_given_stay() {
        let given = Case::of("FROM a\nARG TARGETARCH\n").own("linux/amd64").build_arg("TARGETARCH=mine");
        assert_eq!(given.plan().build_args, [""; 0]);
        let given = Case::of("FROM a\nARG TARGETARCH\n").own("linux/amd64").flag("--build-arg=TARGETARCH=mine");
        assert_eq!(given.plan().build_args, [""; 0]);
        for with_default in [
            "FROM a\nARG TARGETARCH=x\n",
            "ARG TARGETARCH=x\nFROM a\nARG TARGETARCH\n",
            "FROM a\nRUN echo $TARGETARCH\n",
        ] {
            let plan = Case::of(with_default).own("linux/amd64").plan();
            assert_eq!((plan.build_args, plan.empty), (vec![], vec![]), "{with_default}");
        }
        // A stage that is not built.
        let plan = Case::of("FROM a AS b\nFROM c\nARG TARGETARCH\n").own("linux/amd64").target("b").plan();
        assert_eq!((plan.build_args, plan.empty), (vec![], vec![]));
    }

    #[test]
    fn what_one_argument_cannot_make_equal_is_left() {
        let left = |dockerfile: &str| {
            let plan = Case::of(dockerfile).own("linux/amd64").plan();
            assert_eq!(plan.build_args, [""; 0], "{dockerfile}");
            plan.empty
        };
        // BuildKit prefers the default.
        let two = "FROM a AS b\nARG TARGETARCH\nFROM c\nARG TARGETARCH=x\n";
        assert_eq!(left(two), [("TARGETARCH", 16..26)]);
        // In BuildKit it is empty in the second stage.
        left("FROM a AS b\nARG TARGETARCH\nFROM c\nRUN echo $TARGETARCH\n");
        // In a stage on the first it is not.
        let on_it = "FROM a AS b\nARG TARGETARCH\nFROM b\nRUN echo $TARGETARCH\n";
        assert_eq!(arguments(on_it), ["TARGETARCH=amd64"]);
    }

    #[test]
    fn a_platform_that_nobody_knows_is_left() {
        let plan = Case::of("FROM a\nARG TARGETARCH BUILDARCH\n").plan();
        assert_eq!(plan.empty, [("BUILDARCH", 22..31), ("TARGETARCH", 11..21)]);
        // That of the image says nothing of the node.
        let plan = Case::of("FROM a\nARG TARGETARCH BUILDARCH\n").asked_for("linux/arm64").plan();
        assert_eq!((plan.build_args, plan.empty), (vec!["TARGETARCH=arm64".to_owned()], vec![("BUILDARCH", 22..31)]));
    }

    #[test]
    fn a_node_need_not_tell_which_it_is() {
        assert_eq!(of_node("linux", "arm"), None);
        assert_eq!(of_node("linux", "arm64").unwrap().to_string(), "linux/arm64");
    }
}
