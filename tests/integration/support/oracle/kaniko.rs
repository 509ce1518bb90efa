//! Kaniko's image of a directory: as the executor alone makes it, and through this tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kaniko_local::executor::MOUNTED_FILES;

use super::{Asked, Image};
use crate::support::double::{Double, Fate, nodes};
use crate::support::executor::{Ran, Root, Surroundings};

/// Where an executor that runs alone finds the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a volume at `/workspace`, where most people mount it.
    Workspace,
    /// There, on the pod's own disk.
    OwnDisk,
    /// Where this tool puts it, and the executor itself what it unpacks.
    BuildContext,
}

const IMAGE: &str = "kaniko/image.tar";

/// The image that the executor `program` makes of the directory as it is, or why there is none.
pub fn alone(program: &Path, asked: Asked<'_>, place: Place, more: &[&str]) -> Result<Image, String> {
    with_mounts(program, asked, place, more, &[])
}

/// The same in a pod with mounts at these paths, where there are files.
pub fn with_mounts(
    program: &Path,
    asked: Asked<'_>,
    place: Place,
    more: &[&str],
    mounts: &[&str],
) -> Result<Image, String> {
    let root = Root::new(program);
    let directory = match place {
        Place::Workspace | Place::OwnDisk => "/workspace",
        Place::BuildContext => "/kaniko/buildcontext",
    };
    let inside = |path: &str| root.path().join(path.trim_start_matches('/'));
    mounts.iter().for_each(|file| root.place(file));
    fs::create_dir_all(inside(directory)).unwrap();
    let copied = Command::new("cp").arg("-a").arg(asked.context.join(".")).arg(inside(directory)).status();
    assert!(copied.unwrap().success());
    let mut arguments = vec![
        "--force".to_owned(),
        format!("--context=dir://{directory}"),
        format!("--dockerfile={directory}/{}", asked.dockerfile),
        "--destination=r.example.com/app".to_owned(),
    ];
    arguments.extend(asked.build_args.iter().map(|arg| format!("--build-arg={arg}")));
    arguments.extend(asked.target.iter().map(|target| format!("--target={target}")));
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    let volume = if place == Place::OwnDisk { vec![] } else { vec![directory] };
    let mounts = [volume, mounts.to_vec()].concat();
    built(&root, arguments, &Surroundings { mounts: &mounts, ..Surroundings::default() })
}

fn built(root: &Root, mut arguments: Vec<String>, surroundings: &Surroundings<'_>) -> Result<Image, String> {
    arguments.extend(["--no-push".to_owned(), format!("--tar-path=/{IMAGE}")]);
    let ran = root.run_in(surroundings, "/workspace", &arguments, Stdio::null());
    match ran.code {
        Some(0) => Ok(Image::of_archive(&root.path().join(IMAGE))),
        _ => Err(failure(&ran)),
    }
}

/// The executor's own first words of it.
fn failure(ran: &Ran) -> String {
    let log = ran.plain();
    let said = log.lines().find(|line| ["Error: ", "error ", "panic: "].iter().any(|start| line.starts_with(start)));
    said.map_or_else(|| format!("{:?}: {log}", ran.code), str::to_owned)
}

/// This tool with everything behind it but a cluster: its Pod's receiver takes what it sends, and the real executor is
/// run as its Pod says.
pub struct Through {
    program: PathBuf,
    double: Double,
}

/// What came of it.
#[derive(Debug)]
pub enum Tooled {
    /// As the executor ended.
    Ran(Result<Image, String>),
    /// Nothing was sent; what the tool said.
    Refused(String),
}

impl Through {
    pub fn new(executor: &Path) -> Self {
        // BuildKit builds for this machine.
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            _ => "arm64",
        };
        Self { program: executor.to_owned(), double: Double::with(vec![nodes(architecture)], Fate::Builds, vec![]) }
    }

    /// `build` of the directory. Findings stop nothing (`--no-check`): what they say is asked for elsewhere.
    pub fn build(&self, asked: Asked<'_>) -> Tooled {
        let mut tool = self.double.call(&["build", "-t", "r.example.com/app", "--no-check", "-q"]).arg(asked.context);
        tool = tool.arg("-f").arg(asked.context.join(asked.dockerfile));
        for argument in asked.build_args {
            tool = tool.args(&["--build-arg", argument]);
        }
        if let Some(target) = asked.target {
            tool = tool.args(&["--target", target]);
        }
        let finished = tool.run();
        let Some(started) = self.double.executor() else { return Tooled::Refused(finished.stderr) };
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let root = Root::new(&self.program);
        let context = root.path().join("kaniko/buildcontext");
        if fs::rename(&started.volume, &context).is_err() {
            let moved = Command::new("mv").arg(&started.volume).arg(&context).status();
            assert!(moved.unwrap().success());
        }
        // As a kubelet does.
        let mounts: Vec<&str> = MOUNTED_FILES.into_iter().chain(["/kaniko/buildcontext"]).collect();
        MOUNTED_FILES.iter().for_each(|file| root.place(file));
        let surroundings = Surroundings { environment: started.environment, mounts: &mounts };
        Tooled::Ran(built(&root, started.arguments, &surroundings))
    }
}
