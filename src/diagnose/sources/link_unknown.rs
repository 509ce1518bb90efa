//! `COPY --from` of one path that is mostly a symlink: `libx.so.1`, `current`. Kaniko copies the symlink, which leads to
//! nothing where what it leads to stays behind, and Docker copies what it leads to. What an image or a `RUN` has there
//! nobody sees before the build, so it is said once, of all of them, and not of what may be one as well as not.

use super::Project;
use crate::code::Code;
use crate::diagnose::{Finding, Severity};
use crate::dockerfile::{Command, Origin, Source, Stages, Word};

pub(super) fn find(project: &Project, stages: &Stages) -> Option<Finding> {
    let mut found: Vec<&Word> = Vec::new();
    for (index, stage) in project.built(stages) {
        for step in &stage.steps {
            let Command::Copy(copy) = &step.command else { continue };
            let Some(from) = &copy.from else { continue };
            if let Origin::Stage(stage) = stages.origin(index, &from.text)
                && is_known(stages, stage)
            {
                continue;
            }
            found.extend(copy.sources.iter().filter_map(|source| match source {
                Source::Path(word) if is_mostly_a_link(&word.text) => Some(word),
                Source::Path(_) | Source::Heredoc(_) => None,
            }));
        }
    }
    let first = found.first()?;
    let notes = vec![
        "what an image or a `RUN` has there is not known before the build".to_owned(),
        "Kaniko copies a symlink as one; docker build copies what it leads to".to_owned(),
    ];
    Some(Finding {
        code: Code::CopyLinkUnknown,
        severity: Severity::Advice,
        message: match found.len() {
            1 => format!("`{}` may be a symlink", first.text),
            more => format!("`{}` and {} more may be symlinks", first.text, more - 1),
        },
        spans: found.iter().map(|word| project.span(&word.span)).collect(),
        notes,
        help: Some("name the file itself, or the directory that holds both".to_owned()),
    })
}

/// Whether nothing is in a stage but what was copied there. What variables of `FROM` come to may be an image.
fn is_known(stages: &Stages, index: usize) -> bool {
    let bases: Vec<String> = stages.stages.iter().map(|stage| stage.base.text.clone()).collect();
    stages.lineage(index, &bases).iter().all(|index| {
        let stage = &stages.stages[*index];
        let is_run = |step: &crate::dockerfile::Step| matches!(step.command, Command::Run(_));
        let is_image = stages.base(*index, &stage.base.text) == Origin::Image(stage.base.text.clone());
        !stage.steps.iter().any(is_run) && (!is_image || stage.base.text == "scratch")
    })
}

/// The C library's own, and the compiler's, which are files (since glibc 2.34, of 2021).
const OF_GLIBC: [&str; 11] = [
    "libc",
    "libm",
    "libmvec",
    "libpthread",
    "libdl",
    "librt",
    "libresolv",
    "libutil",
    "libanl",
    "libthread_db",
    "libgcc_s",
];

/// A shared library with the first number of its version alone, or a directory of releases' usual name for one of them.
/// What a compiler makes is called `libx.so`, and is a file.
fn is_mostly_a_link(path: &str) -> bool {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_pattern = name.contains(['*', '?', '[', '$']);
    // `libx.so.1.2.3` is the file itself.
    let is_library = match name.split_once(".so") {
        Some((_, version)) => version.starts_with('.') && version.matches('.').count() == 1,
        None => false,
    };
    let is_of_glibc = name.split_once(".so").is_some_and(|(stem, _)| {
        OF_GLIBC.contains(&stem) || stem.starts_with("libnss_") || stem.starts_with("ld-linux")
    });
    !is_pattern && (is_library && !is_of_glibc || matches!(name, "current" | "latest"))
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;
    use crate::diagnose::Severity;

    #[test]
    fn what_is_mostly_a_symlink_is_told_once() {
        let dockerfile = "FROM debian AS s\nRUN make\nFROM debian\nCOPY --from=s /usr/lib/libx.so.1 /usr/lib/\n\
                          COPY --from=redis /opt/current /usr/lib/liby.so.2 /o/\n";
        let finding = Case::of(dockerfile, &[]).finding(Code::CopyLinkUnknown);
        assert_eq!(finding.severity, Severity::Advice);
        assert_eq!(finding.message, "`/usr/lib/libx.so.1` and 2 more may be symlinks");
        assert_eq!(finding.spans.iter().map(|span| span.place.line).collect::<Vec<_>>(), [4, 5, 5]);
    }

    #[test]
    fn of_anything_else_nothing_is_said() {
        for copy in [
            "COPY --from=s /app /app",
            "COPY --from=s /usr/lib/*.so* /usr/lib/",
            "COPY --from=s /usr/lib/libx.so.1.2.3 /usr/lib/",
            "COPY --from=s /app/target/release/libx.so /usr/lib/",
            "COPY --from=s /usr/local/bin/node /usr/local/bin/",
            "COPY --from=s /a.sock /etc/a.source /o/",
            "COPY --from=s /lib/libc.so.6 /lib/libgcc_s.so.1 /lib/libnss_dns.so.2 /lib64/ld-linux-x86-64.so.2 /lib/",
        ] {
            Case::of(&format!("FROM node AS s\nRUN make\nFROM debian\n{copy}\n"), &[]).no_findings();
        }
        // What is copied there is known, and told if it differs.
        let known = "FROM scratch AS s\nCOPY lib /lib\nFROM s AS t\nFROM debian\nCOPY --from=t /lib/a.so.1 /lib/\n";
        Case::of(known, &["/lib/a.so.1"]).no_findings();
    }
}
