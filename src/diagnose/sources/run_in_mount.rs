//! A command of the last stage in a directory where something is mounted (kaniko#999, kaniko#2021): what it writes there is
//! not in the image, as snapshots pass over mounts (kaniko v1.24.0 `pkg/util/fs_util.go` `gowalkDir`). What `COPY` puts
//! there is: its files are named one by one (`pkg/filesystem/resolve.go`).

use super::{Project, shown};
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{Command, Keyword, Stages};
use crate::gopath;

/// The first one. A directory with variables in it is not known, nor one that an image gives.
pub(super) fn find(project: &Project, stages: &Stages) -> Option<Finding> {
    let target = project.resolution.flags.as_ref().map(|flags| flags.text("target", ""));
    let stage = stages.stages.get(stages.target(target)?)?;
    let mut here: Option<Vec<u8>> = None;
    for step in &stage.steps {
        match &step.command {
            Command::Other if step.instruction.keyword == Some(Keyword::Workdir) => {
                let typed = step.instruction.arguments.words().first().map_or("", |word| &word.text);
                here = directory(typed, here.as_deref());
            }
            Command::Run(_) => {
                let Some(mount) = here.as_deref().and_then(|here| mount(project, here)) else { continue };
                return Some(Finding {
                    code: Code::RunInMount,
                    severity: Severity::Warning,
                    message: format!(
                        "what `RUN` writes to `{}` is not in the image",
                        shown(here.as_deref().unwrap_or_default())
                    ),
                    spans: vec![project.span(&step.instruction.span)],
                    notes: vec![format!("`{}` is mounted, and what is mounted is no part of the image", shown(mount))],
                    help: Some("mount it at a path that the Dockerfile does not use".to_owned()),
                });
            }
            _ => {}
        }
    }
    None
}

fn directory(typed: &str, above: Option<&[u8]>) -> Option<Vec<u8>> {
    let is_known = !typed.contains(['$', '"', '\'', '\\']);
    let above = if typed.starts_with('/') { b"/" } else { above? };
    is_known.then(|| gopath::absolute(typed.as_bytes(), above))
}

/// What is mounted there, or above.
fn mount<'a>(project: &Project<'a>, directory: &[u8]) -> Option<&'a [u8]> {
    let mounts = project.mounts.iter().filter(|mount| gopath::below(directory, mount).is_some());
    mounts.map(|mount| &mount[..]).find(|mount| *mount != b"/")
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    #[test]
    fn a_command_that_writes_to_the_context_leaves_nothing_in_the_image() {
        let dockerfile = "FROM node\nWORKDIR /workspace\nWORKDIR web\nCOPY . .\nRUN npm ci\n";
        let finding = Case::of(dockerfile, &["/a"]).mounted().finding(Code::RunInMount);
        assert_eq!(finding.message, "what `RUN` writes to `/workspace/web` is not in the image");
        assert_eq!(finding.spans[0].place.line, 5);
    }

    #[test]
    fn other_directories_and_stages_are_fine() {
        for dockerfile in [
            "FROM golang AS build\nWORKDIR /workspace\nCOPY . .\nRUN go build\nFROM scratch\nCOPY --from=build /workspace/a /\n",
            "FROM node\nWORKDIR /workspace\nCOPY . .\nWORKDIR /app\nRUN npm ci\n",
            "FROM node\nWORKDIR /workspaces\nRUN npm ci\n",
            "FROM node\nWORKDIR $HOME\nWORKDIR workspace\nRUN npm ci\n",
            "FROM node\nWORKDIR /workspace\nCOPY . .\n",
        ] {
            Case::of(dockerfile, &["/a"]).mounted().no_finding(Code::RunInMount);
        }
        Case::of("FROM node\nWORKDIR /workspace\nRUN npm ci\n", &[]).no_findings();
    }
}
