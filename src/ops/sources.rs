//! What a Dockerfile takes from the build context, before a pod exists: for `check`, and for `build`, which begins nothing
//! that cannot succeed.

use std::collections::BTreeMap;
use std::path::Path;

use super::fidelity::{self, Compared, Disk};
use crate::code::Code;
use crate::context::as_sent::{self, AsSent};
use crate::context::dockerignore::Rules;
use crate::context::listing::{Kind, Listing};
use crate::context::locate::{BuildContext, TextFile};
use crate::context::mounts::Mounts;
use crate::diagnose::facts::Facts;
use crate::diagnose::rules;
use crate::diagnose::sources::{self, Project};
use crate::diagnose::{Finding, Severity};
use crate::executor::ContextPlace;
use crate::executor::files::Mount;
use crate::executor::flags::families_with;
use crate::executor::image::Image;
use crate::executor::resolve::{Resolution, Setup, Stdin, resolve};
use crate::repair::Plan;
use crate::request::{Cache, Fidelity};
use crate::sys::OsStrExt;

/// What is asked of the executor, as far as it decides which sources are looked for.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) image: Image,
    pub(super) target: Option<&'a str>,
    pub(super) build_args: &'a [String],
    pub(super) executor_flags: &'a [String],
    pub(super) cache: Cache,
    pub(super) fidelity: Fidelity,
}

/// What the Dockerfile takes from the context, as it would be sent.
pub(super) fn of_sources(
    context: &BuildContext,
    dockerfile: &TextFile,
    listing: &Listing,
    asked: &Asked,
    plan: &Plan,
) -> Vec<Finding> {
    with_project(context, dockerfile, listing, asked, plan, sources::findings)
}

/// Has a look at the project, as it would be sent.
pub(super) fn with_project(
    context: &BuildContext,
    dockerfile: &TextFile,
    listing: &Listing,
    asked: &Asked,
    plan: &Plan,
    look: impl FnOnce(&Project) -> Vec<Finding>,
) -> Vec<Finding> {
    let ignore = context.ignore_file.as_ref();
    let content = ignore.map_or(&b""[..], |file| &file.content);
    // What cannot be read or is no text has been told otherwise.
    let (Ok(rules), Ok(text)) = (Rules::from_file(content), str::from_utf8(&dockerfile.content)) else { return vec![] };
    let copy = plan.edits.apply(text);
    let all = listing;
    let listing = &*plan.listing(listing);
    let disk_of_context = Disk::new(&context.root, plan);
    let mut sent = AsSent::new(listing, copy.as_bytes(), &plan.beside);
    if let Some(disk) = &disk_of_context {
        sent = sent.looking(disk);
    }
    let mounts = as_sent::mounts();
    let (resolution, refused) = resolved(&sent, &mounts, asked, plan);
    let links = symlinks(listing);
    let disk = [Mount { local: context.root.clone(), pod: b"/".to_vec() }];
    let above = dockerfile.path.strip_prefix(&context.root).ok().and_then(Path::parent);
    let here = context.root.canonicalize().ok();
    let mut findings = refused;
    findings.extend(look(&Project {
        dockerfile: &dockerfile.path,
        text,
        family: asked.image.family,
        resolution: &resolution,
        ignore_file: ignore.map(|file| &*file.path),
        ignore: content,
        rules: &rules,
        disk: &Mounts::alone(&disk),
        sent: &sent,
        root: &as_sent::root(),
        links: &links,
        above: above.map(|above| above.as_os_str().as_bytes()).filter(|above| !above.is_empty()),
        mounts: &mounts,
        here: here.as_deref(),
        plan,
    }));
    // Where nothing is built, nothing differs.
    let is_built = findings.iter().all(|finding| finding.severity < Severity::Error);
    if let (true, Some(disk)) = (asked.fidelity != Fidelity::Off && is_built, &disk_of_context) {
        findings.extend(fidelity::findings(&Compared {
            disk,
            dockerfile: &dockerfile.path,
            text,
            listing: all,
            plan,
            resolution: &resolution,
            build_args: asked.build_args,
            target: asked.target,
        }));
    }
    told(findings, asked.fidelity)
}

/// What the executor makes of it, told of the user's own Dockerfile; and what it does not take of its flags.
fn resolved(sent: &AsSent, mounts: &[Vec<u8>], asked: &Asked, plan: &Plan) -> (Resolution, Vec<Finding>) {
    let (arguments, environment, places) = (arguments(asked, plan), BTreeMap::new(), BTreeMap::new());
    let setup = Setup {
        image: asked.image,
        arguments: &arguments,
        working_directory: None,
        environment: &environment,
        stdin: Stdin::Device,
        mounts,
        files: sent,
    };
    let mut resolution = resolve(&setup);
    let facts = Facts { setup: &setup, resolution: &resolution, mounts: &[], here: &[], places: &places };
    let refused = refused_flags(&facts);
    resolution.stages = resolution.stages.map(|stages| stages.moved(|at| plan.edits.original(&(at..at)).start));
    resolution.failed_at = resolution.failed_at.map(|at| plan.edits.original(&at));
    for copied in &mut resolution.copied {
        copied.span = plan.edits.original(&copied.span);
        copied.sources.iter_mut().for_each(|source| source.span = plan.edits.original(&source.span));
    }
    (resolution, refused)
}

/// Flags that the executor does not take, so that it ends before it builds.
fn refused_flags(facts: &Facts) -> Vec<Finding> {
    let Some((_, argument)) = facts.argument_error() else { return vec![] };
    let name = argument.trim_start_matches('-').split('=').next().unwrap_or_default();
    let mut findings = rules::findings(facts);
    for finding in &mut findings {
        // The image may be a fork's under another name.
        if finding.code == Code::UnknownFlag && !families_with(name).is_empty() {
            finding.severity = Severity::Warning;
        }
    }
    findings
}

fn arguments(asked: &Asked, plan: &Plan) -> Vec<String> {
    let mut arguments = ContextPlace::Volume.args();
    // Some flags want one; which it is has no say in what is copied.
    arguments.push("--destination=registry.example.com/any".to_owned());
    arguments.extend(asked.target.iter().map(|stage| format!("--target={stage}")));
    let build_args = asked.build_args.iter().chain(&plan.build_args);
    arguments.extend(build_args.map(|arg| format!("--build-arg={arg}")));
    if asked.cache == Cache::On {
        arguments.push("--cache=true".to_owned());
    }
    arguments.extend(plan.flags.iter().chain(asked.executor_flags).cloned());
    arguments
}

fn symlinks(listing: &Listing) -> Vec<Vec<u8>> {
    let links = listing.entries.iter().filter(|entry| matches!(entry.kind, Kind::Symlink { .. }));
    links.map(|entry| entry.path.as_os_str().as_bytes().to_vec()).collect()
}

/// Those that are wanted.
pub(super) fn told(mut findings: Vec<Finding>, fidelity: Fidelity) -> Vec<Finding> {
    findings.retain(|finding| fidelity != Fidelity::Off || !finding.code.is_of_fidelity());
    findings
}
