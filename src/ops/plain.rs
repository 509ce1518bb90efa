//! What a plain set-up of Kaniko would make of a project, where that is something else than what `build` does: the
//! directory in a volume at `/workspace`, as it is, and its Dockerfile by its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::context::listing::Listing;
use crate::context::locate::{BuildContext, TextFile};
use crate::context::mounts::Mounts;
use crate::diagnose::facts::Facts;
use crate::diagnose::sources::Project;
use crate::diagnose::sources::plain::{self, Unsent};
use crate::diagnose::{Finding, Severity, rules};
use crate::executor::files::{Kind, Mount, PodFiles};
use crate::executor::image::Image;
use crate::executor::resolve::{Resolution, Setup, Stdin, resolve};
use crate::sys::{OsStrExt, slashed};

/// Where the directory is in the pod.
const ROOT: &str = "/workspace";

/// The directory in its volume, as far as it takes to find a Dockerfile: nothing is read, and no directory below it is
/// listed. It may be large.
struct Surface<'a>(Mounts<'a>);

impl PodFiles for Surface<'_> {
    fn kind(&self, path: &[u8]) -> Option<Kind> {
        self.0.kind(path)
    }

    fn names(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        if directory == ROOT.as_bytes() { self.0.names(directory) } else { vec![] }
    }

    fn content(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// What would be wrong there. `project` is as it is sent, where nothing is; `typed` is the Dockerfile as typed.
pub(super) fn findings(
    context: &BuildContext,
    dockerfile: &TextFile,
    typed: Option<&Path>,
    project: &Project,
    (listing, kept_out): (&Listing, &[PathBuf]),
) -> Vec<Finding> {
    let mounts = [Mount { local: context.root.clone(), pod: ROOT.into() }];
    let at = [ROOT.into()];
    let surface = Surface(Mounts::new(&mounts));
    let name = typed.map(|typed| below(&context.root, &dockerfile.path).unwrap_or_else(|| typed.to_owned()));
    let name = name.map(|name| format!("--dockerfile={}", name.display()));
    let mut arguments = vec![format!("--context=dir://{ROOT}"), "--no-push".to_owned()];
    arguments.extend(name.clone());
    let (environment, places) = (BTreeMap::new(), BTreeMap::new());
    let setup = Setup {
        image: Image::default(),
        arguments: &arguments,
        working_directory: None,
        environment: &environment,
        stdin: Stdin::Device,
        mounts: &at,
        files: &surface,
    };
    let resolution = resolve(&setup);
    let facts = Facts { setup: &setup, resolution: &resolution, mounts: &mounts, here: &[], places: &places };
    let mut findings = match facts.failure() {
        Some(_) => rules::findings(&facts),
        None => {
            let bytes = |paths: &[PathBuf]| -> Vec<Vec<u8>> {
                paths.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect()
            };
            let unsent = Unsent { kept_out: &bytes(kept_out), special: &bytes(&listing.special) };
            let resolution = Resolution { copied: plain::copied(project, &unsent), ..resolution };
            let sent: &dyn PodFiles = &surface.0;
            let root = ROOT.as_bytes();
            plain::findings(&Project { resolution: &resolution, sent, root, mounts: &at, ..*project })
        }
    };
    for finding in &mut findings {
        finding.severity = Severity::Advice;
        let given = name.as_ref().map_or_else(String::new, |name| format!(" and `{name}`"));
        let set_up = format!("a set-up of your own, with the directory at `--context=dir://{ROOT}`{given}");
        finding.notes.insert(0, format!("this is about {set_up}; with `kaniko-local build` it is no matter"));
    }
    findings
}

/// The Dockerfile's path in the context, if it is in it. Its own name may be a symlink's.
fn below(root: &Path, dockerfile: &Path) -> Option<PathBuf> {
    let above = dockerfile.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let above = above.canonicalize().ok()?;
    Some(slashed(above.strip_prefix(root.canonicalize().ok()?).ok()?.join(dockerfile.file_name()?)))
}
