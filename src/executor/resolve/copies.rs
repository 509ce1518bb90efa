//! What `COPY` and `ADD` take from the context, and where they put it: kaniko v1.24.0 `pkg/util/command_util.go`,
//! `pkg/commands/copy.go`, `pkg/util/fs_util.go`. Twice the executor looks for the sources: first to know which files it
//! uses, then to copy them; the first time decides how most mistakes are told.

use std::ops::Range;

use super::path_error;
use super::variables::{Environment, expand, expand_known};
use crate::context::dockerignore::{Dialect, Rules};
use crate::dockerfile::go::quote;
use crate::dockerfile::{self, ExpandError, Source};
use crate::executor::files::{Attributes, Errno, Follow, Found, Kind, Pod};
use crate::executor::image::{Family, Way};
use crate::gopath;
use crate::rootfs::Owner;

/// What one `COPY` or `ADD` from the context does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The instruction, in bytes of the Dockerfile.
    pub span: Range<usize>,
    /// Its sources, variables expanded, in order.
    pub sources: Vec<CopySource>,
    /// Where it goes, variables expanded.
    pub destination: Vec<u8>,
    /// What is notable of what it took.
    pub taken: Taken,
    /// Whether nothing at all is copied, of which it tells no more than a warning.
    pub nothing: bool,
    /// Why it fails, in the executor's words.
    pub failure: Option<String>,
    /// Whether everything that is in the image by then is known.
    pub all_known: bool,
}

/// What is notable of what a `COPY` or `ADD` took. Paths are relative to the context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// What the ignore file kept out.
    pub ignored: Vec<Vec<u8>>,
    /// Files and symlinks that Docker's reading of the ignore file leaves out, and the executor's does not.
    pub let_in: Vec<Vec<u8>>,
    /// FIFOs and sockets: the executor opens them as it does files.
    pub special: Vec<(Vec<u8>, Kind)>,
    /// Sources that are symlinks: they are copied as such, not followed.
    pub links: Vec<TakenLink>,
    /// Where it put something that an image's layer has another meaning for: a whiteout.
    pub whiteouts: Vec<Vec<u8>>,
    /// Where it fails to make something, whatever is in the image: there the kernel or the executor has files of its own.
    pub barred: Option<Vec<u8>>,
}

/// A source that is a symlink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenLink {
    /// The source.
    pub path: Vec<u8>,
    /// What the symlink says.
    pub says: Vec<u8>,
    /// Where it is in the image.
    pub placed: Vec<u8>,
    /// What it leads to in the context, from the root of the pod; none if it leads to nothing.
    pub meant: Option<Found>,
    /// What is where it leads to in the image when its stage ends.
    pub there: There,
}

/// What is where a symlink leads to in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum There {
    /// What it leads to in the context, or a directory.
    Same,
    /// Something else, or nobody knows.
    #[default]
    Unknown,
    /// Nothing: all that is in the image is known.
    Nothing,
}

/// A source of `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The word, in bytes of the Dockerfile.
    pub span: Range<usize>,
    /// As typed.
    pub typed: String,
    /// Its variables expanded, and without detours; a leading slash is still there.
    pub path: Vec<u8>,
    /// Whether all of its variables are known: those of an image are not.
    pub is_known: bool,
}

impl Copied {
    /// The executor's last words, if it fails here.
    pub fn last_words(&self) -> Option<String> {
        self.failure.as_ref().map(|why| format!("error building image: error building stage: {why}"))
    }
}

impl CopySource {
    /// Whether it is a pattern to the executor.
    pub fn is_pattern(&self) -> bool {
        has_wildcard(&self.path)
    }

    /// Whether it is an address, and nothing of the context.
    pub fn is_url(&self) -> bool {
        is_url(&String::from_utf8_lossy(&self.path))
    }
}

/// The build context as `COPY` and `ADD` see it.
pub(super) struct FileContext<'a> {
    /// Absolute and clean.
    root: Vec<u8>,
    ignore: Option<&'a Rules>,
    /// The executor's own program, if it writes to that all the same.
    program: Option<&'static [u8]>,
}

/// The path of the executor's own program in its image.
const PROGRAM: &[u8] = b"/kaniko/executor";

impl<'a> FileContext<'a> {
    /// At an absolute path.
    pub(super) fn new(root: &[u8], ignore: &'a Rules) -> Self {
        Self { root: gopath::clean(root), ignore: Some(ignore).filter(|rules| !rules.is_empty()), program: None }
    }

    /// What was saved of another stage: no ignore file is asked.
    pub(super) fn of_stage(root: Vec<u8>) -> Self {
        Self { root, ignore: None, program: None }
    }

    /// The same to an executor of this family: the fork keeps off its own directory.
    pub(super) fn to(self, family: Family) -> Self {
        Self { program: Some(PROGRAM).filter(|_| !family.has(Way::SparesItself)), ..self }
    }

    /// A path below the context.
    pub(super) fn path(&self, source: &[u8]) -> Vec<u8> {
        gopath::join(&[&self.root, source])
    }

    /// `FileContext.ExcludesFile`: below the context a path is taken relative to it, others are taken as they are.
    fn excludes(&self, path: &[u8]) -> bool {
        let Some(ignore) = self.ignore else { return false };
        let clean = gopath::clean(path);
        let judged = gopath::below(&clean, &self.root).unwrap_or(path);
        ignore.judge(Dialect::Kaniko, judged).excluded()
    }

    /// The same, and then it is told relative to the context.
    fn keeps_out(&self, path: &[u8], taken: &mut Taken) -> bool {
        let is_kept_out = self.excludes(path);
        if is_kept_out {
            taken.ignored.push(self.relative(path));
        }
        is_kept_out
    }

    /// What is taken, though Docker would leave it out, is told.
    fn let_in(&self, path: &[u8], taken: &mut Taken) {
        if let (Some(ignore), Some(below)) = (self.ignore, gopath::below(path, &self.root))
            && ignore.judge(Dialect::Docker, below).excluded()
        {
            taken.let_in.push(below.to_vec());
        }
    }

    fn relative(&self, path: &[u8]) -> Vec<u8> {
        gopath::below(path, &self.root).unwrap_or(path).to_vec()
    }
}

/// Sources and destination, variables expanded. A file that is in the Dockerfile itself is none to it.
///
/// # Errors
/// The executor's words, behind what it says of the phase.
pub(super) fn expanded(
    copy: &dockerfile::Copy,
    variables: &Environment,
    from_scratch: bool,
) -> Result<(Vec<CopySource>, Destination), String> {
    let path = |text: &str| {
        let (expanded, is_known) = expand_known(text, variables, from_scratch);
        let path = expanded.map(|text| if is_url(&text) { text.into_bytes() } else { clean_path(text.as_bytes()) });
        path.map(|path| (path, is_known))
    };
    let words = copy.sources.iter().filter_map(|source| match source {
        Source::Path(word) => Some(word),
        Source::Heredoc(_) => None,
    });
    let sources: Vec<CopySource> = words
        .map(|word| {
            let (path, is_known) = path(&word.text).map_err(|why| format!("failed to resolve environment: {why}"))?;
            Ok(CopySource { span: word.span.clone(), typed: word.text.clone(), path, is_known })
        })
        .collect::<Result<_, String>>()?;
    let (path, is_known) =
        path(&copy.destination.text).map_err(|why| format!("failed to resolve environment for dest path: {why}"))?;
    Ok((sources, Destination { path, is_known }))
}

/// The sources alone, as paths, without those of which an image from elsewhere may know a variable.
///
/// # Errors
/// A word that cannot be expanded.
pub(super) fn sources(
    copy: &dockerfile::Copy,
    variables: &Environment,
    from_scratch: bool,
) -> Result<Vec<Vec<u8>>, ExpandError> {
    let mut paths = Vec::new();
    for source in &copy.sources {
        let Source::Path(word) = source else { continue };
        let (path, is_known) = expand_known(&word.text, variables, from_scratch);
        let path = path?.into_bytes();
        if is_known {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Where sources go.
pub(super) struct Destination {
    pub path: Vec<u8>,
    /// Whether all of its variables are known.
    pub is_known: bool,
}

/// What the sources come to (`ResolveEnvAndWildcards`).
pub(super) struct Resolved {
    pub sources: Vec<Vec<u8>>,
    pub destination: Vec<u8>,
    pub nothing: bool,
}

/// # Errors
/// The executor's words, behind what it says of the phase.
pub(super) fn resolve(
    sources: &[CopySource],
    destination: &[u8],
    context: &FileContext,
    pod: &Pod,
) -> Result<Resolved, String> {
    let given: Vec<Vec<u8>> = sources.iter().map(|source| source.path.clone()).collect();
    let resolved = if sources.iter().any(CopySource::is_pattern) {
        let all = walk(pod, &context.root, &context.root)
            .map_err(|why| format!("failed to resolve sources: resolving sources: {why}"))?;
        matching(&given, &all).map_err(|why| format!("failed to resolve sources: matching sources: {why}"))?
    } else {
        given
    };
    // What it counts first are the words as typed.
    let typed: Vec<&[u8]> = sources.iter().map(|source| source.typed.as_bytes()).collect();
    let nothing = check(&typed, &resolved, destination, context, pod)?;
    Ok(Resolved { sources: resolved, destination: destination.to_owned(), nothing })
}

fn is_directory_to_be(destination: &[u8], pod: &Pod) -> bool {
    // It has changed to the root by now.
    match pod.find(destination, b"/", Follow::All) {
        Ok(found) => found.kind == Kind::Directory,
        Err(_) => destination.ends_with(b"/") || destination == b".",
    }
}

const NOT_A_DIRECTORY: &str =
    "when specifying multiple sources in a COPY command, destination must be a directory and end in '/'";

/// Whether the sources are looked for in all that the kernel has, which is never the same twice.
pub(super) fn walks_everything(copy: &dockerfile::Copy, context: &FileContext) -> bool {
    context.root == b"/"
        && copy.sources.iter().any(|source| match source {
            Source::Path(word) => {
                let is_root = gopath::join(&[b"/", word.text.as_bytes()]) == b"/";
                is_root || word.text.contains('$') || has_wildcard(word.text.as_bytes())
            }
            Source::Heredoc(_) => false,
        })
}

/// Whether there is anything to copy (`IsSrcsValid`).
fn check(
    typed: &[&[u8]],
    sources: &[Vec<u8>],
    destination: &[u8],
    context: &FileContext,
    pod: &Pod,
) -> Result<bool, String> {
    let goes_into_directory = is_directory_to_be(destination, pod);
    if !typed.iter().any(|source| has_wildcard(source)) {
        let count = typed.iter().filter(|source| !context.excludes(source)).count();
        if count > 1 && !goes_into_directory {
            return Err(NOT_A_DIRECTORY.to_owned());
        }
    }
    if let [only] = sources {
        if is_url(&String::from_utf8_lossy(only)) {
            return Ok(false);
        }
        let path = gopath::join(&[&context.root, only]);
        let found = pod.find(&path, b"/", Follow::NotTheLast).map_err(|why| {
            let shown = String::from_utf8_lossy(&path);
            format!("failed to get fileinfo for {shown}: {}", path_error("lstat", &path, why))
        })?;
        if found.kind == Kind::Directory {
            return Ok(false);
        }
    }
    let mut count = 0;
    for source in sources {
        if is_url(&String::from_utf8_lossy(source)) {
            count += 1;
            continue;
        }
        let path = gopath::join(&[&context.root, source]);
        let files = walk(pod, &path, &context.root).map_err(|why| format!("failed to get relative files: {why}"))?;
        count += files.iter().filter(|file| !context.excludes(file)).count();
    }
    if !goes_into_directory && count > 1 {
        return Err(NOT_A_DIRECTORY.to_owned());
    }
    Ok(count == 0)
}

/// What copies are to be like.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Like {
    /// `--chown`.
    pub owner: Option<Owner>,
    /// `--chmod`, as far as it is heeded.
    pub mode: Option<u32>,
}

impl Like {
    fn of(self, source: Attributes) -> Attributes {
        Attributes { mode: self.mode.unwrap_or(source.mode), owner: self.owner.unwrap_or(source.owner) }
    }
}

/// Copies what was resolved into the image, and gives the paths that it takes a snapshot of; what is notable is told, up to
/// where it fails.
///
/// # Errors
/// The executor's words, behind `failed to execute command: `.
pub(super) fn execute(
    resolved: &Resolved,
    context: &FileContext,
    working_directory: &[u8],
    like: Like,
    pod: &mut Pod,
    taken: &mut Taken,
) -> Result<Vec<Vec<u8>>, String> {
    let mut made = Vec::new();
    for source in &resolved.sources {
        let path = gopath::join(&[&context.root, source]);
        let found = pod
            .find(&path, b"/", Follow::NotTheLast)
            .map_err(|why| format!("could not copy source: {}", path_error("lstat", &path, why)))?;
        let full = match found.kind {
            Kind::Directory if !path.ends_with(b"/") => [&path[..], b"/"].concat(),
            _ => path.clone(),
        };
        let onto = onto(&full, &resolved.destination, working_directory, pod);
        let onto = through_symlinks(&onto, pod).map_err(|why| format!("resolving dest symlink: {why}"))?;
        match &found.kind {
            Kind::Directory => {
                let copied = copy_directory(&full, &onto, context, like, pod, taken);
                made.extend(copied.map_err(|why| format!("copying dir: {why}"))?);
            }
            Kind::Symlink(says) => {
                let meant = pod.find(&full, b"/", Follow::All).ok();
                let is_kept_out = context.excludes(&full);
                copy_symlink(&full, &onto, context, pod, taken).map_err(|why| format!("copying symlink: {why}"))?;
                if !is_kept_out {
                    made.push(onto.clone());
                    let (path, there) = (context.relative(&full), There::default());
                    taken.links.push(TakenLink { path, says: says.clone(), placed: onto, meant, there });
                }
            }
            Kind::File | Kind::Fifo | Kind::Socket | Kind::Device => {
                let copied = copy_file(&full, &found, &onto, context, like, pod, taken);
                if copied.map_err(|why| format!("copying file: {why}"))? {
                    made.push(onto);
                }
            }
        }
    }
    taken.note_whiteouts(&made);
    Ok(made)
}

impl Taken {
    /// Takes note of those of the paths whose names delete.
    pub(super) fn note_whiteouts(&mut self, made: &[Vec<u8>]) {
        let is_whiteout = |path: &&Vec<u8>| gopath::file_name(path).starts_with(WHITEOUT);
        self.whiteouts.extend(made.iter().filter(is_whiteout).cloned());
    }
}

/// What a name begins with that says in a layer: what follows is deleted (OCI image specification, `layer.md`).
pub const WHITEOUT: &[u8] = b".wh.";

/// What is where a symlink leads to, once all that a stage copies is there. What the executor sees and has not made is
/// not in the image.
pub(super) fn look_behind(link: &mut TakenLink, all_known: bool, pod: &Pod) {
    let found = pod.find(&link.placed, b"/", Follow::All);
    let is_same = |found: &Found| match &link.meant {
        Some(meant) if meant.kind == Kind::Directory => found.kind == Kind::Directory,
        Some(meant) => pod.origin(&found.path) == pod.origin(&meant.path),
        None => false,
    };
    link.there = match found {
        Ok(found) if pod.has_made(&found.path) && is_same(&found) => There::Same,
        Ok(found) if all_known && !pod.has_made(&found.path) && found.path != b"/" => There::Nothing,
        Err(Errno::NoEntry) if all_known => There::Nothing,
        Ok(_) | Err(_) => There::Unknown,
    };
}

/// Where a source goes (`DestinationFilepath`).
fn onto(full: &[u8], destination: &[u8], working_directory: &[u8], pod: &Pod) -> Vec<u8> {
    let name = gopath::file_name(full);
    let mut onto = destination.to_vec();
    if !gopath::is_absolute(&onto) {
        onto = gopath::join(&[working_directory, destination]);
        if destination.ends_with(b"/") || destination.ends_with(b".") {
            onto.push(b'/');
        }
    }
    if is_directory_to_be(&onto, pod) {
        onto = gopath::join(&[&onto, name]);
    }
    if name.is_empty() && !onto.ends_with(b"/") {
        onto.push(b'/');
    }
    onto
}

/// A destination with the symlinks of what is there already followed (`resolveIfSymlink`).
fn through_symlinks(path: &[u8], pod: &Pod) -> Result<Vec<u8>, String> {
    let mut there = path.to_vec();
    let mut missing: Vec<Vec<u8>> = Vec::new();
    while there != b"/" {
        match pod.find(&there, b"/", Follow::NotTheLast) {
            Ok(_) => {
                there = evaluate_symlinks(&there, pod).map_err(|why| format!("failed to eval symlinks: {why}"))?;
                break;
            }
            Err(Errno::NoEntry) => {
                missing.push(gopath::file_name(&there).to_vec());
                let above = &there[..there.len() - gopath::file_name(&there).len()];
                there = gopath::clean(above);
            }
            Err(why) => return Err(format!("failed to lstat: {}", path_error("lstat", &there, why))),
        }
    }
    for name in missing.iter().rev() {
        there = gopath::join(&[&there, name]);
    }
    Ok(gopath::clean(&there))
}

/// Why a path leads nowhere, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Astray {
    #[error("lstat {}: {why}", String::from_utf8_lossy(path))]
    At { path: Vec<u8>, why: Errno },
    #[error("{}", Errno::NotADirectory)]
    NotADirectory,
    #[error("EvalSymlinks: too many links")]
    TooManyLinks,
}

/// The path of what an absolute path leads to (`filepath.EvalSymlinks`). It walks by itself, and so its errors name what
/// a link leads to, with some `..` in it.
pub(super) fn evaluate_symlinks(path: &[u8], pod: &Pod) -> Result<Vec<u8>, Astray> {
    let mut here = b"/".to_vec();
    let mut ahead: Vec<Vec<u8>> = gopath::components(path);
    let mut links = 0;
    while let Some(component) = ahead.pop() {
        let next = [here.strip_suffix(b"/").unwrap_or(&here), b"/", &component].concat();
        if component == b".." {
            // It goes up by leaving a name out, but not the first one.
            let slash = here.iter().rposition(|&byte| byte == b'/').unwrap_or_default();
            here = if slash == 0 || here.ends_with(b"/..") { next } else { here[..slash].to_vec() };
            continue;
        }
        let found = pod.find(&next, b"/", Follow::NotTheLast);
        match found.map_err(|why| Astray::At { path: next.clone(), why })?.kind {
            Kind::Symlink(_) if links == LINKS => return Err(Astray::TooManyLinks),
            Kind::Symlink(target) => {
                links += 1;
                if gopath::is_absolute(&target) {
                    here = b"/".to_vec();
                }
                ahead.extend(gopath::components(&target));
            }
            Kind::Directory => here = next,
            _ if ahead.is_empty() => here = next,
            _ => return Err(Astray::NotADirectory),
        }
    }
    Ok(gopath::clean(&here))
}

/// Symlinks that Go follows in one path.
const LINKS: usize = 255;

/// `--chmod`, none if it is not given (`GetChmod`). Of the number the executor heeds the permission bits alone, as Go has
/// others elsewhere.
pub(super) fn mode(copy: &dockerfile::Copy, variables: &Environment) -> Result<Option<u32>, String> {
    let Some(mode) = &copy.chmod else { return Ok(None) };
    let failed = |why: String| Err(format!("getting permissions from chmod: {why}"));
    if mode.text.is_empty() {
        return Ok(None);
    }
    let mode = match expand(&mode.text, variables) {
        Err(why) => return failed(why.to_string()),
        Ok(mode) => mode,
    };
    // Go takes no sign.
    match u32::from_str_radix(&mode, 8) {
        Ok(number) if !mode.starts_with('+') => Ok(Some(number & 0o777)),
        _ => failed(format!("parsing value from chmod: strconv.ParseUint: parsing {}: invalid syntax", quote(&mode))),
    }
}

fn copy_directory(
    full: &[u8],
    onto: &[u8],
    context: &FileContext,
    like: Like,
    pod: &mut Pod,
    taken: &mut Taken,
) -> Result<Vec<Vec<u8>>, String> {
    let mut made = Vec::new();
    let files = walk(pod, full, full).map_err(|why| format!("copying dir: {why}"))?;
    for file in files {
        let path = gopath::join(&[full, &file]);
        if context.keeps_out(&path, taken) {
            continue;
        }
        let found = pod
            .find(&path, b"/", Follow::NotTheLast)
            .map_err(|why| format!("copying dir: {}", path_error("lstat", &path, why)))?;
        let onto = gopath::join(&[onto, &file]);
        match &found.kind {
            Kind::Directory => {
                let Attributes { mode, owner } = like.of(pod.attributes(&found.path));
                let made = make_directories(&onto, mode, Some(owner), pod);
                if made.is_err() && is_of_kernel(&onto) {
                    taken.barred = Some(onto.clone());
                }
                made?;
            }
            Kind::Symlink(_) => copy_symlink(&path, &onto, context, pod, taken)?,
            Kind::File | Kind::Fifo | Kind::Socket | Kind::Device => {
                copy_file(&path, &found, &onto, context, like, pod, taken)?;
            }
        }
        made.push(onto);
    }
    Ok(made)
}

fn copy_symlink(
    path: &[u8],
    onto: &[u8],
    context: &FileContext,
    pod: &mut Pod,
    taken: &mut Taken,
) -> Result<(), String> {
    if context.keeps_out(path, taken) {
        return Ok(());
    }
    context.let_in(path, taken);
    // What is in the way goes first, even if the link itself is in it.
    if let Ok(there) = pod.find(onto, b"/", Follow::NotTheLast) {
        pod.remove(there.path);
    }
    let place = parent_for(onto, Owner::ROOT, pod)?;
    match pod.find(path, b"/", Follow::NotTheLast).map(|found| found.kind) {
        Ok(Kind::Symlink(target)) => {
            pod.write_symlink(place, target);
            Ok(())
        }
        _ => Err(format!("symlink  {}: {}", String::from_utf8_lossy(onto), Errno::NoEntry)),
    }
}

/// Of a file that `found` is; whether it is not kept out.
fn copy_file(
    path: &[u8],
    found: &Found,
    onto: &[u8],
    context: &FileContext,
    like: Like,
    pod: &mut Pod,
    taken: &mut Taken,
) -> Result<bool, String> {
    if context.keeps_out(path, taken) {
        return Ok(false);
    }
    context.let_in(path, taken);
    if path == onto {
        return Ok(true);
    }
    if matches!(found.kind, Kind::Socket | Kind::Fifo) {
        taken.special.push((context.relative(path), found.kind.clone()));
    }
    if found.kind == Kind::Socket {
        return Err(path_error("open", path, Errno::NoDevice));
    }
    // A program that runs is not written to.
    if context.program == Some(onto) {
        taken.barred = Some(onto.to_vec());
        return Err(format!("creating file: {}: text file busy", shown("open", onto)));
    }
    let attributes = like.of(pod.attributes(&found.path));
    let place = parent_for(onto, attributes.owner, pod).map_err(|why| format!("creating parent dir: {why}"))?;
    // An existing file is written into, through a symlink too.
    match pod.find(onto, b"/", Follow::All) {
        Ok(there) if there.kind == Kind::Directory => {
            Err(format!("creating file: {}", path_error("open", onto, Errno::IsADirectory)))
        }
        Ok(there) => {
            pod.write_file(there.path, &found.path, attributes);
            Ok(true)
        }
        Err(Errno::NoEntry) if is_of_kernel(onto) => {
            taken.barred = Some(onto.to_vec());
            Err(format!("creating file: {}", path_error("open", onto, Errno::NoEntry)))
        }
        Err(Errno::NoEntry) => {
            let place = created_at(place, pod);
            let place = place.ok_or_else(|| format!("creating file: {}", path_error("open", onto, Errno::NoEntry)))?;
            pod.write_file(place, &found.path, attributes);
            Ok(true)
        }
        Err(why) => Err(format!("creating file: {}", path_error("open", onto, why))),
    }
}

/// Where the kernel creates a file that is not there: a symlink that leads nowhere leads to the new file.
fn created_at(mut place: Vec<u8>, pod: &Pod) -> Option<Vec<u8>> {
    while let Ok(Kind::Symlink(target)) = pod.find(&place, b"/", Follow::NotTheLast).map(|found| found.kind) {
        let next = gopath::absolute(&target, &gopath::parent(&place));
        let parent = pod.find(&gopath::parent(&next), b"/", Follow::All).ok()?;
        place = gopath::join(&[&parent.path, gopath::file_name(&next)]);
    }
    Some(place)
}

/// Makes the directories above `path`, each the owner's (`createParentDirectory`), and says where that leads.
fn parent_for(path: &[u8], owner: Owner, pod: &mut Pod) -> Result<Vec<u8>, String> {
    let parent = gopath::parent(path);
    match pod.find(&parent, b"/", Follow::NotTheLast) {
        Ok(found) if matches!(found.kind, Kind::Symlink(_)) => Err("destination cannot be a symlink".to_owned()),
        Ok(found) => Ok(gopath::join(&[&found.path, gopath::file_name(path)])),
        Err(Errno::NoEntry) => {
            // It does not look whether it could.
            if !is_of_kernel(path) {
                make_all(&parent, Attributes { owner, ..Attributes::DIRECTORY }, pod)?;
            }
            Ok(path.to_vec())
        }
        // It goes on, and fails when it creates the file.
        Err(_) => Ok(path.to_vec()),
    }
}

/// A directory with this mode and owner, or with whom it has anyway, whether it was there or not; a file in the way
/// goes (`MkdirAllWithPermissions`). Those above it have the mode too, as far as the umask lets them, and are root's.
pub(super) fn make_directories(path: &[u8], mode: u32, owner: Option<Owner>, pod: &mut Pod) -> Result<(), String> {
    let change = |path: Vec<u8>, pod: &mut Pod| {
        let owner = owner.unwrap_or_else(|| pod.attributes(&path).owner);
        pod.change(path, Attributes { mode, owner });
    };
    match pod.find(path, b"/", Follow::All) {
        Ok(found) if found.kind == Kind::Directory => {
            change(found.path, pod);
            return Ok(());
        }
        Ok(_) => {
            if let Ok(there) = pod.find(path, b"/", Follow::NotTheLast) {
                pod.remove(there.path);
            }
        }
        Err(Errno::NoEntry) => {}
        Err(why) => {
            let shown = String::from_utf8_lossy(path);
            return Err(format!("error calling stat on {shown}.: {}", path_error("stat", path, why)));
        }
    }
    // `mkdir` takes the sticky bit and no other.
    let above = Attributes { mode: mode & 0o1777 & !UMASK, owner: Owner::ROOT };
    let made = make_all(path, above, pod)?;
    change(made, pod);
    Ok(())
}

/// What is never given to a new directory: the executor's umask.
const UMASK: u32 = 0o022;

/// Whether nobody can make anything there.
fn is_of_kernel(path: &[u8]) -> bool {
    path.starts_with(b"/proc/")
}

/// `os.MkdirAll`: gives the directory's own path.
pub(super) fn make_all(path: &[u8], attributes: Attributes, pod: &mut Pod) -> Result<Vec<u8>, String> {
    let mut here = b"/".to_vec();
    for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        let next = gopath::join(&[&here, name]);
        match pod.find(&next, b"/", Follow::All) {
            Ok(found) if found.kind == Kind::Directory => here = found.path,
            Ok(_) => return Err(path_error("mkdir", &next, Errno::NotADirectory)),
            Err(_) if pod.exists(&next, b"/") => return Err(format!("{}: file exists", shown("mkdir", &next))),
            Err(_) if is_of_kernel(&next) => return Err(path_error("mkdir", &next, Errno::NoEntry)),
            Err(_) => {
                pod.make_directory(next.clone(), attributes);
                here = next;
            }
        }
    }
    Ok(here)
}

fn shown(operation: &str, path: &[u8]) -> String {
    format!("{operation} {}", String::from_utf8_lossy(path))
}

/// `path` and everything below it, relative to `root` and in lexical order (`RelativeFiles`, Go's `filepath.Walk`).
/// Symlinks below it are not followed.
fn walk(pod: &Pod, path: &[u8], root: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let (clean, root) = (gopath::clean(path), gopath::clean(root));
    let found = pod.find(path, b"/", Follow::NotTheLast).map_err(|why| path_error("lstat", path, why))?;
    let mut files = Vec::new();
    let mut open = vec![(clean, found)];
    while let Some((path, found)) = open.pop() {
        files.push(relative(&path, &root));
        if found.kind == Kind::Directory {
            let names = pod.names(&found.path);
            open.extend(names.iter().rev().filter_map(|name| {
                let below = gopath::join(&[&found.path, name]);
                let kind = pod.find(&below, b"/", Follow::NotTheLast).ok()?;
                Some((gopath::join(&[&path, name]), kind))
            }));
        }
    }
    Ok(files)
}

/// `path` seen from `root`, both clean and absolute (`filepath.Rel`).
fn relative(path: &[u8], root: &[u8]) -> Vec<u8> {
    let mut above = root.to_vec();
    let mut steps: Vec<&[u8]> = Vec::new();
    loop {
        if let Some(rest) = gopath::below(path, &above) {
            steps.push(rest);
            return gopath::join(&steps);
        }
        above = gopath::parent(&above);
        steps.push(b"..");
    }
}

/// What of `all` the sources match (`matchSources`): a name that is no pattern has to be there to count.
fn matching(sources: &[Vec<u8>], all: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, gopath::BadPattern> {
    let mut matched = Vec::new();
    for source in sources {
        if is_url(&String::from_utf8_lossy(source)) {
            matched.push(source.clone());
            continue;
        }
        let source = gopath::clean(source);
        for file in all {
            let file = if gopath::is_absolute(&source) { gopath::join(&[b"/", file]) } else { file.clone() };
            if gopath::matches(&source, &file)? || source == file {
                matched.push(file);
            }
        }
    }
    Ok(matched)
}

fn has_wildcard(source: &[u8]) -> bool {
    source.iter().any(|byte| b"*?[".contains(byte))
}

/// A path without detours; a slash at its end is kept.
fn clean_path(path: &[u8]) -> Vec<u8> {
    let mut clean = gopath::clean(path);
    if path.ends_with(b"/") && !clean.ends_with(b"/") {
        clean.push(b'/');
    }
    clean
}

/// What Go's `url.ParseRequestURI` takes for an address with a scheme and a host.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    is_scheme && !host.is_empty() && !text.contains([' ', '\u{7f}']) && !text.chars().any(|letter| letter < ' ')
}
