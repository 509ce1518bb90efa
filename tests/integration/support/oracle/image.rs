//! An image as who runs it sees it: the merged file system and the config, and what is different in another one.
//!
//! Read from the archives of `docker save`, which buildctl and the executor both write. When a file was changed is not
//! compared: each of them has its own opinion, on every file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// By path, without the leading `/`; the root itself is not among them.
    pub files: BTreeMap<Vec<u8>, Entry>,
    /// What of the config says how it runs: fields that are not empty.
    pub config: BTreeMap<&'static str, Value>,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// With setuid, setgid and sticky; that of a link says nothing.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File {
        size: u64,
        /// Of its content.
        hash: [u8; 32],
    },
    Symlink(Vec<u8>),
}

/// What is different in another image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The other has nothing there.
    Missing {
        path: Vec<u8>,
    },
    /// Only the other has something there.
    Extra {
        path: Vec<u8>,
    },
    /// A file, a directory, a link.
    Kind {
        path: Vec<u8>,
        here: &'static str,
        there: &'static str,
    },
    /// Of a file.
    Content {
        path: Vec<u8>,
    },
    /// Of a link.
    Target {
        path: Vec<u8>,
        here: Vec<u8>,
        there: Vec<u8>,
    },
    Mode {
        path: Vec<u8>,
        here: u32,
        there: u32,
    },
    Owner {
        path: Vec<u8>,
        here: (u64, u64),
        there: (u64, u64),
    },
    /// Empty where there is none.
    Config {
        field: &'static str,
        here: String,
        there: String,
    },
}

impl Difference {
    /// Its kind in a word, and where it is: `owner /etc/passwd`.
    pub fn brief(&self) -> String {
        let (what, path) = match self {
            Self::Missing { path } => ("missing", path),
            Self::Extra { path } => ("extra", path),
            Self::Kind { path, .. } => ("kind", path),
            Self::Content { path } => ("content", path),
            Self::Target { path, .. } => ("target", path),
            Self::Mode { path, .. } => ("mode", path),
            Self::Owner { path, .. } => ("owner", path),
            Self::Config { field, .. } => return format!("config {field}"),
        };
        format!("{what} /{}", path.escape_ascii())
    }

    /// Its kind alone.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Extra { .. } => "extra",
            Self::Kind { .. } => "kind",
            Self::Content { .. } => "content",
            Self::Target { .. } => "target",
            Self::Mode { .. } => "mode",
            Self::Owner { .. } => "owner",
            Self::Config { .. } => "config",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.brief())?;
        match self {
            Self::Missing { .. } | Self::Extra { .. } | Self::Content { .. } => Ok(()),
            Self::Kind { here, there, .. } => write!(formatter, ": {here}, there {there}"),
            Self::Target { here, there, .. } => {
                write!(formatter, ": {}, there {}", here.escape_ascii(), there.escape_ascii())
            }
            Self::Mode { here, there, .. } => write!(formatter, ": {here:04o}, there {there:04o}"),
            Self::Owner { here, there, .. } => {
                write!(formatter, ": {}:{}, there {}:{}", here.0, here.1, there.0, there.1)
            }
            Self::Config { here, there, .. } => write!(formatter, ": {here}, there {there}"),
        }
    }
}

impl Entry {
    /// As a directory is that no layer names.
    fn implied() -> Self {
        Self { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0 }
    }

    fn differences(&self, path: &[u8], other: &Self) -> Vec<Difference> {
        let path = path.to_vec();
        let mut found = Vec::new();
        match (&self.kind, &other.kind) {
            (Kind::Directory, Kind::Directory) => {}
            (Kind::File { size, hash }, Kind::File { size: size_there, hash: hash_there }) => {
                if (size, hash) != (size_there, hash_there) {
                    found.push(Difference::Content { path: path.clone() });
                }
            }
            (Kind::Symlink(here), Kind::Symlink(there)) => {
                if here != there {
                    let (here, there) = (here.clone(), there.clone());
                    found.push(Difference::Target { path: path.clone(), here, there });
                }
            }
            // What else is different then says nothing more.
            (here, there) => return vec![Difference::Kind { path, here: here.word(), there: there.word() }],
        }
        if self.mode != other.mode && !matches!(self.kind, Kind::Symlink(_)) {
            found.push(Difference::Mode { path: path.clone(), here: self.mode, there: other.mode });
        }
        let (here, there) = ((self.uid, self.gid), (other.uid, other.gid));
        if here != there {
            found.push(Difference::Owner { path, here, there });
        }
        found
    }
}

impl Kind {
    fn word(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File { .. } => "file",
            Self::Symlink(_) => "link",
        }
    }
}

impl Image {
    /// What `docker save` would have written.
    pub fn of_archive(path: &Path) -> Self {
        let mut members = BTreeMap::new();
        for member in tar::Archive::new(File::open(path).unwrap()).entries().unwrap() {
            let mut member = member.unwrap();
            let name = String::from_utf8(member.path_bytes().into_owned()).unwrap();
            let mut content = Vec::new();
            member.read_to_end(&mut content).unwrap();
            members.insert(name, content);
        }
        let document = |name: &str| -> Value { serde_json::from_slice(&members[name]).unwrap() };
        let manifest = document("manifest.json");
        let config = document(manifest[0]["Config"].as_str().unwrap());
        let mut files = BTreeMap::new();
        for layer in manifest[0]["Layers"].as_array().into_iter().flatten() {
            let layer = members[layer.as_str().unwrap()].as_slice();
            if layer.starts_with(&[0x1f, 0x8b]) {
                apply(GzDecoder::new(layer), &mut files);
            } else {
                apply(layer, &mut files);
            }
        }
        Self { files, config: settings(&config["config"]) }
    }

    /// Whether it is the empty directory that Kaniko makes of a volume, or above it: that does no harm, and is left out.
    fn is_of_volume(&self, path: &[u8]) -> bool {
        let volumes = self.config.get("Volumes").and_then(Value::as_object);
        let mut volumes = volumes.into_iter().flat_map(Map::keys).map(|volume| volume.trim_matches('/').as_bytes());
        let prefix = [path, b"/"].concat();
        let is_directory = |entry: &Entry| entry.kind == Kind::Directory;
        let below = self.files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        volumes.any(|volume| volume == path || volume.starts_with(&prefix))
            && self.files.get(path).is_some_and(is_directory)
            && below.into_iter().all(|(_, entry)| is_directory(entry))
    }

    /// Whether it is a directory that the executor's own image has, empty here: it comes along where a symlink leads to it,
    /// and is left out, too.
    fn is_of_executor(&self, path: &[u8]) -> bool {
        let prefix = [path, b"/"].concat();
        let has_more = self.files.range(prefix.clone()..).any(|(path, _)| path.starts_with(&prefix));
        [&b"etc"[..], b"dev"].contains(&path)
            && !has_more
            && self.files.get(path).is_some_and(|entry| entry.kind == Kind::Directory)
    }

    /// What is different in the other one, in the order of paths.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let paths: BTreeSet<&Vec<u8>> = self.files.keys().chain(other.files.keys()).collect();
        for path in paths {
            match (self.files.get(path), other.files.get(path)) {
                (Some(here), Some(there)) => found.extend(here.differences(path, there)),
                (Some(_), None) => found.push(Difference::Missing { path: path.clone() }),
                (None, Some(_)) if other.is_of_volume(path) || other.is_of_executor(path) => {}
                (None, _) => found.push(Difference::Extra { path: path.clone() }),
            }
        }
        let fields: BTreeSet<&&str> = self.config.keys().chain(other.config.keys()).collect();
        for field in fields {
            let text = |of: &Self| of.config.get(field).map(Value::to_string).unwrap_or_default();
            let (here, there) = (text(self), text(other));
            if here != there {
                found.push(Difference::Config { field, here, there });
            }
        }
        found
    }
}

const FIELDS: [&str; 12] = [
    "Env",
    "Cmd",
    "Entrypoint",
    "User",
    "WorkingDir",
    "Labels",
    "ExposedPorts",
    "Volumes",
    "Healthcheck",
    "StopSignal",
    "Shell",
    "OnBuild",
];

fn settings(config: &Value) -> BTreeMap<&'static str, Value> {
    let mut found = BTreeMap::new();
    for field in FIELDS {
        let value = match (field, &config[field]) {
            ("WorkingDir", Value::String(path)) if path == "/" => continue,
            // The order of variables says nothing.
            ("Env", Value::Array(variables)) => variables.iter().map(pair).collect::<Map<_, _>>().into(),
            (_, Value::Null) => continue,
            (_, value) => value.clone(),
        };
        if ![json!(""), json!([]), json!({})].contains(&value) {
            found.insert(field, value);
        }
    }
    found
}

fn pair(variable: &Value) -> (String, Value) {
    let (name, value) = variable.as_str().unwrap().split_once('=').unwrap();
    (name.to_owned(), json!(value))
}

type Files = BTreeMap<Vec<u8>, Entry>;

/// A layer on top of those before. What it takes away it takes away from them, wherever in it that is said.
fn apply(layer: impl Read, files: &mut Files) {
    let mut entries = Vec::new();
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = clean(&entry.path_bytes());
        if path.is_empty() {
            continue;
        }
        let (parent, name) = split(&path);
        match name.strip_prefix(b".wh.") {
            Some(b".wh..opq") => remove_below(files, &real(files, parent)),
            Some(gone) => {
                let path = join(&real(files, parent), gone);
                files.remove(&path);
                remove_below(files, &path);
            }
            None => {
                let content = read(&mut entry);
                let link = entry.link_name_bytes().map(|target| target.into_owned());
                entries.push((path, entry.header().clone(), content, link.unwrap_or_default()));
            }
        }
    }
    for (path, header, content, target) in entries {
        let kind = match header.entry_type() {
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Symlink => Kind::Symlink(target),
            tar::EntryType::Link => {
                let first = files[&clean(&target)].clone();
                put(files, &path, first);
                continue;
            }
            _ => content,
        };
        let mode = header.mode().unwrap() & 0o7777;
        put(files, &path, Entry { kind, mode, uid: header.uid().unwrap(), gid: header.gid().unwrap() });
    }
}

fn read(file: &mut impl Read) -> Kind {
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    Kind::File { size: content.len() as u64, hash: Sha256::digest(&content).into() }
}

/// Puts something there, as who unpacks does it: through links on the way, not at its end.
fn put(files: &mut Files, path: &[u8], entry: Entry) {
    let (parent, name) = split(path);
    let parent = real(files, parent);
    let mut above = &parent[..];
    while !above.is_empty() {
        files.entry(above.to_vec()).or_insert_with(Entry::implied);
        above = split(above).0;
    }
    let path = join(&parent, name);
    if entry.kind != Kind::Directory {
        remove_below(files, &path);
    }
    files.insert(path, entry);
}

/// Where a directory is when links are followed.
fn real(files: &Files, directory: &[u8]) -> Vec<u8> {
    let mut left: Vec<Vec<u8>> = components(directory);
    let mut there: Vec<u8> = Vec::new();
    // Links in a circle lead nowhere, as with every system.
    let mut followed = 0;
    while let Some(component) = left.pop() {
        if component == b".." {
            there = split(&there).0.to_vec();
            continue;
        }
        let path = join(&there, &component);
        match files.get(&path).map(|entry| &entry.kind) {
            Some(Kind::Symlink(target)) if followed < 40 => {
                followed += 1;
                if target.starts_with(b"/") {
                    there.clear();
                }
                left.extend(components(target));
            }
            _ => there = path,
        }
    }
    there
}

/// The last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let of = path.split(|byte| *byte == b'/').filter(|component| !component.is_empty() && *component != b".");
    of.rev().map(<[u8]>::to_vec).collect()
}

fn clean(path: &[u8]) -> Vec<u8> {
    let mut components = components(path);
    components.reverse();
    components.join(&b"/"[..])
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

fn remove_below(files: &mut Files, directory: &[u8]) {
    let below = join(directory, b"");
    files.retain(|path, _| !path.starts_with(&below));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer of these entries: directories end in `/`, links have a target.
    fn layer(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, target) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o640);
            header.set_uid(1);
            header.set_gid(2);
            header.set_size(0);
            let kind = match (path.ends_with('/'), target.strip_prefix("hard ")) {
                (true, _) => tar::EntryType::Directory,
                (_, Some(target)) => {
                    header.set_link_name(target).unwrap();
                    tar::EntryType::Link
                }
                _ if !target.is_empty() => {
                    header.set_link_name(target).unwrap();
                    tar::EntryType::Symlink
                }
                _ => tar::EntryType::Regular,
            };
            header.set_entry_type(kind);
            builder.append_data(&mut header, path, &b""[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn merged(layers: &[&[(&str, &str)]]) -> Files {
        let mut files = Files::new();
        layers.iter().for_each(|entries| apply(&layer(entries)[..], &mut files));
        files
    }

    #[track_caller]
    fn assert_paths(layers: &[&[(&str, &str)]], expected: &[&str]) {
        let paths: Vec<_> = merged(layers).into_keys().map(|path| String::from_utf8(path).unwrap()).collect();
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_layer_takes_away_from_those_below_it_alone() {
        let below: &[_] = &[("d/", ""), ("d/a", ""), ("d/b/c", ""), ("d/bb", "")];
        assert_paths(&[below, &[("d/.wh.b", "")]], &["d", "d/a", "d/bb"]);
        assert_paths(&[below, &[("d/new", ""), ("d/.wh..wh..opq", "")]], &["d", "d/new"]);
        assert_paths(&[&[("d/.wh.a", ""), ("d/a", "")]], &["d", "d/a"]);
        assert_paths(&[below, &[("d", "")]], &["d"]);
    }

    #[test]
    fn what_lies_behind_a_link_is_where_the_link_leads() {
        let linked: &[_] = &[("usr/lib/", ""), ("lib", "usr/lib"), ("abs", "/lib/../lib")];
        assert_paths(
            &[linked, &[("lib/a", ""), ("abs/b", "")]],
            &["abs", "lib", "usr", "usr/lib", "usr/lib/a", "usr/lib/b"],
        );
        assert_paths(&[linked, &[("lib/a", "")], &[("abs/.wh.a", "")]], &["abs", "lib", "usr", "usr/lib"]);
        assert_paths(&[&[("x", "y"), ("y", "x")], &[("x/a", "")]], &["x", "x/a", "y"]);
    }

    #[test]
    fn a_hard_link_is_its_file_and_a_missing_parent_is_roots() {
        let files = merged(&[&[("d/a", ""), ("b", "hard d/a")]]);
        assert_eq!(files[&b"b"[..]], files[&b"d/a"[..]]);
        assert_eq!(files[&b"d"[..]], Entry::implied());
    }

    #[test]
    fn every_difference_is_told() {
        let image = |files: Files, config: Value| Image { files, config: settings(&config) };
        let here = image(
            merged(&[&[("a/", ""), ("b", "x"), ("c", ""), ("d", "")]]),
            json!({"Env": ["A=1", "B=2"], "User": "", "WorkingDir": "/", "Cmd": ["x"]}),
        );
        let mut files = merged(&[&[("a", ""), ("b", "y"), ("c", ""), ("e", "")]]);
        let file = files.get_mut(&b"c"[..]).unwrap();
        (file.mode, file.uid, file.kind) = (0o600, 0, Kind::File { size: 1, hash: [0; 32] });
        let there = image(files, json!({"Env": ["B=2", "A=1"], "Cmd": ["y"], "Labels": {}}));
        let told: Vec<String> = here.differences(&there).iter().map(Difference::to_string).collect();
        assert_eq!(
            told,
            [
                "kind /a: directory, there file",
                "target /b: x, there y",
                "content /c",
                "mode /c: 0640, there 0600",
                "owner /c: 1:2, there 0:2",
                "missing /d",
                "extra /e",
                r#"config Cmd: ["x"], there ["y"]"#,
            ]
        );
        assert_eq!(here.differences(&here), []);
    }
}
