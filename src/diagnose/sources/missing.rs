//! A source that is nowhere in the build context (kaniko#1723, kaniko#666): not built yet, moved, mistyped, or meant from
//! another directory.

use super::{Lost, Project, shown};
use crate::code::Code;
use crate::diagnose::Finding;
use crate::gopath;
use crate::sys::OsStrExt;

/// Directories and files that are looked at for one of that name.
const SEARCHED: usize = 50_000;

/// For whatever is missing.
pub(super) fn find(lost: &Lost) -> Option<Finding> {
    let project = lost.project;
    let path = lost.path.as_ref()?;
    let mut finding = lost.error(Code::CopySourceMissing, format!("no `{}` in the build context", lost.source.typed));
    if let Some(above) = project.above.filter(|above| project.is_sent(&gopath::join(&[above, path]))) {
        let above = shown(above);
        finding.notes.insert(0, format!("there is `{above}/{}`, beside the Dockerfile", shown(path)));
        finding.help = Some(format!("write `{above}/{}`, or build with `{above}` as the build context", shown(path)));
        return Some(finding);
    }
    if let Some(inside) = from_the_machines_root(lost).or_else(|| from_above(project, path)) {
        finding.notes.insert(0, format!("there is `{}`: the build context is that directory itself", shown(&inside)));
        finding.help = Some(format!("write `{}`", shown(&inside)));
        return Some(finding);
    }
    // A backslash is an escape to every builder, unless the Dockerfile says otherwise (devspace-sh/devspace#2412).
    let with_slashes = lost.source.typed.replace('\\', "/");
    if with_slashes != lost.source.typed && project.is_sent(with_slashes.as_bytes()) {
        finding.notes.insert(0, format!("there is `{with_slashes}`, and `\\` is no separator of a Dockerfile"));
        finding.help = Some(format!("write `{with_slashes}`"));
        return Some(finding);
    }
    if let Some(near) = typed_alike(project, path).or_else(|| moved(project, path)) {
        finding.notes.insert(0, format!("there is `{}`", shown(&near)));
    } else if lost.source.path.starts_with(b"/") {
        let why = "`/` is the build context's root; what is in the image already is copied with `RUN cp`";
        finding.notes.insert(0, why.to_owned());
    }
    Some(finding)
}

/// A path of this machine that leads into the context.
fn from_the_machines_root(lost: &Lost) -> Option<Vec<u8>> {
    let here = lost.project.here?.as_os_str().as_bytes();
    let inside = gopath::below(&lost.source.path, here).filter(|inside| *inside != b".")?;
    lost.project.is_sent(inside).then(|| inside.to_vec())
}

/// A path that begins with the context's own directory, as from the directory above (kaniko#666, kaniko#1064).
fn from_above(project: &Project, path: &[u8]) -> Option<Vec<u8>> {
    let name = project.here?.file_name()?.as_bytes();
    let inside = gopath::below(path, name).filter(|inside| *inside != b".")?;
    project.is_sent(inside).then(|| inside.to_vec())
}

/// The one name in the same directory that a slip of the finger makes this one of.
fn typed_alike(project: &Project, path: &[u8]) -> Option<Vec<u8>> {
    let (above, name) = match gopath::parent(path) {
        above if above == b"." => (vec![], gopath::file_name(path)),
        above => (above, gopath::file_name(path)),
    };
    let wanted = shown(name);
    let names = project.sent.names(&gopath::join(&[project.root, &above]));
    let limit = if wanted.chars().count() > 4 { 2 } else { 1 };
    let near = names.iter().filter(|name| strsim::damerau_levenshtein(&shown(name), &wanted) <= limit);
    only(near).map(|name| gopath::join(&[&above, name]))
}

/// The one thing of that name elsewhere.
fn moved(project: &Project, path: &[u8]) -> Option<Vec<u8>> {
    let wanted = gopath::file_name(path);
    let mut found = Vec::new();
    let mut open = vec![Vec::new()];
    let mut searched = 0;
    while let Some(directory) = open.pop() {
        for name in project.sent.names(&gopath::join(&[project.root, &directory])) {
            searched += 1;
            let below = gopath::join(&[&directory, &name]);
            if name == wanted {
                found.push(below.clone());
            }
            // What others made is not what anybody means.
            if ![&b".git"[..], b"node_modules"].contains(&&name[..]) {
                open.push(below);
            }
        }
        if searched > SEARCHED || found.len() > 1 {
            return None;
        }
    }
    only(found.iter()).cloned()
}

fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    all.next().filter(|_| all.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::super::case::Case;
    use crate::code::Code;

    fn notes(dockerfile: &str, files: &[&str]) -> Vec<String> {
        let mut notes = Case::of(dockerfile, files).finding(Code::CopySourceMissing).notes;
        let words = notes.pop().unwrap();
        assert!(words.contains("lstat /kaniko/buildcontext/context/"), "{words}");
        notes
    }

    #[test]
    fn what_is_near_is_told_and_nothing_else() {
        assert_eq!(notes("FROM scratch\nCOPY target/app.jar /\n", &["/pom.xml"]), Vec::<String>::new());
        assert_eq!(
            notes("FROM scratch\nCOPY package-lock.jsn /\n", &["/package-lock.json", "/b"]),
            ["there is `package-lock.json`"]
        );
        assert_eq!(
            notes("FROM scratch\nCOPY app.jar /\n", &["/build/libs/app.jar"]),
            ["there is `build/libs/app.jar`"]
        );
        assert_eq!(notes("FROM scratch\nCOPY app.jar /\n", &["/a/app.jar", "/b/app.jar"]), Vec::<String>::new());
    }

    /// devspace-sh/devspace#2412.
    #[test]
    fn a_backslash_is_no_separator() {
        let case = Case::of("FROM scratch\nCOPY src\\app.js /\n", &["/src/app.js"]);
        let finding = case.finding(Code::CopySourceMissing);
        assert_eq!(finding.help.as_deref(), Some("write `src/app.js`"));
        assert_eq!(finding.notes[0], "there is `src/app.js`, and `\\` is no separator of a Dockerfile");
        let other = Case::of("FROM scratch\nCOPY src\\app.js /\n", &["/lib/x"]).finding(Code::CopySourceMissing);
        assert_eq!(other.help, None);
        Case::of("# escape=`\nFROM scratch\nCOPY src/app.js C:\\\\app\\\\\n", &["/src/app.js"]).no_findings();
    }

    /// kaniko#1723: it is meant from the image.
    #[test]
    fn a_leading_slash_is_the_contexts_root() {
        let why = "`/` is the build context's root; what is in the image already is copied with `RUN cp`";
        assert_eq!(notes("FROM alpine\nRUN date > /root/test.log\nCOPY /root/test.log /\n", &["/a"]), [why]);
    }

    #[test]
    fn a_path_from_another_directory_is_recognised() {
        for (source, files) in [
            ("/home/me/api/src/main.go", &["/src/main.go"][..]),
            ("api/src/main.go", &["/src/main.go"]),
            ("api/go.mod", &["/go.mod", "/tools/go.mod"]),
        ] {
            let case = Case::of(&format!("FROM golang\nCOPY {source} /\n"), files).here("/home/me/api");
            let finding = case.finding(Code::CopySourceMissing);
            let inside = &files[0][1..];
            assert_eq!(finding.notes[0], format!("there is `{inside}`: the build context is that directory itself"));
            assert_eq!(finding.help, Some(format!("write `{inside}`")));
        }
        let other = Case::of("FROM golang\nCOPY app/go.mod /\n", &["/go.mod", "/b/go.mod"]).here("/home/me/api");
        assert_eq!(other.finding(Code::CopySourceMissing).help, None);
    }

    #[test]
    fn what_others_made_is_not_what_is_meant() {
        let files = ["/web/package.json", "/web/node_modules/a/package.json", "/web/node_modules/b/package.json"];
        assert_eq!(notes("FROM node\nCOPY package.json /\n", &files), ["there is `web/package.json`"]);
    }

    #[test]
    fn what_else_may_be_in_an_image_from_scratch_is_not_guessed() {
        let copied = "FROM golang AS build\nFROM scratch\nCOPY --from=build /app /app\nCOPY a /app\nCOPY d /app/d\n";
        Case::of(copied, &["/a", "/d/b"]).no_findings();
        let unpacked = "FROM scratch\nADD jdk.tar.gz /opt/jdk\nCOPY a /opt/jdk/lib/a\n";
        Case::of(unpacked, &["/a"]).holding_archive("/jdk.tar.gz").no_findings();
    }

    #[test]
    fn each_source_of_each_stage_is_looked_for() {
        let dockerfile = "FROM scratch AS a\nCOPY x y /z/\nFROM scratch\nCOPY --from=a /z /z\nADD w /\n";
        let lines: Vec<usize> =
            Case::of(dockerfile, &["/b"]).findings().iter().map(|finding| finding.spans[0].place.line).collect();
        assert_eq!(lines, [2, 2, 5]);
    }

    #[test]
    fn variables_are_expanded_and_those_of_an_image_are_not_guessed() {
        Case::of("ARG D=src\nFROM scratch\nARG D\nCOPY ${D}/a /\n", &["/src/a"]).no_findings();
        Case::of("FROM maven:3\nCOPY $MAVEN_HOME/a /\n", &["/b"]).no_findings();
        Case::of("FROM maven:3\nENV D=$MAVEN_HOME/x\nCOPY $D/a /\n", &["/b"]).no_findings();
        Case::of("FROM tomcat\nCOPY a b $CATALINA_HOME/lib\n", &["/a", "/b"]).no_findings();
    }
}
