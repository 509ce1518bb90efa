//! Looks into pushed images: pulls one by digest and applies its layers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::Value;

/// A file system as an image has it, without what its base image brought if that was asked for.
#[derive(Debug)]
pub struct Image {
    files: BTreeMap<String, Node>,
    pub config: Value,
}

/// One entry of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    File { mode: u32, uid: u64, content: Vec<u8> },
    Directory { mode: u32 },
    Link { target: String },
}

impl Image {
    /// Pulls `reference`, which the tool printed: `repository[:tag]@sha256:…`.
    #[track_caller]
    pub fn pull(reference: &str) -> Self {
        let (name, digest) = reference.split_once('@').expect("a reference by digest");
        let tag = name.rfind(':').filter(|colon| !name[*colon..].contains('/'));
        let repository = &name[..tag.unwrap_or(name.len())];
        Self::copy(&format!("{repository}@{digest}")).unwrap_or_else(|said| panic!("{said}"))
    }

    /// The image at `destination`, a name with a tag, if there is one.
    #[track_caller]
    pub fn at(destination: &str) -> Option<Self> {
        match Self::copy(destination) {
            Ok(image) => Some(image),
            // The registry knows the repository and not the tag, or not even the repository.
            Err(said) if said.contains("manifest unknown") || said.contains("name unknown") => None,
            Err(said) => panic!("{said}"),
        }
    }

    /// Pulls an image, or says why not in skopeo's words.
    fn copy(name: &str) -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        let skopeo = Command::new("skopeo")
            .args(["--insecure-policy", "copy", "-q", "--src-tls-verify=false"])
            .arg(format!("docker://{name}"))
            .arg(format!("dir:{}", directory.path().display()))
            .output()
            .expect("skopeo is needed: scripts/test installs it");
        if !skopeo.status.success() {
            return Err(String::from_utf8_lossy(&skopeo.stderr).into_owned());
        }

        let blob =
            |descriptor: &Value| directory.path().join(descriptor["digest"].as_str().unwrap().replace("sha256:", ""));
        let manifest: Value =
            serde_json::from_slice(&fs::read(directory.path().join("manifest.json")).unwrap()).unwrap();
        let config = serde_json::from_slice(&fs::read(blob(&manifest["config"])).unwrap()).unwrap();
        let mut files = BTreeMap::new();
        for layer in manifest["layers"].as_array().unwrap() {
            apply(File::open(blob(layer)).unwrap(), &mut files);
        }
        Ok(Self { files, config })
    }

    /// That in a file of `--tar-path`.
    pub fn of_tar(file: &Path) -> Self {
        let mut members = BTreeMap::new();
        for entry in tar::Archive::new(File::open(file).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            members.insert(name, content);
        }
        let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
        let member = |name: &Value| &members[name.as_str().unwrap()][..];
        let config = serde_json::from_slice(member(&manifest[0]["Config"])).unwrap();
        let mut files = BTreeMap::new();
        for layer in manifest[0]["Layers"].as_array().unwrap() {
            apply(member(layer), &mut files);
        }
        Self { files, config }
    }

    /// Whether the registry has anything by the name `repository:tag`.
    pub fn exists(name: &str) -> bool {
        let skopeo = Command::new("skopeo")
            .args(["--insecure-policy", "inspect", "--raw", "--tls-verify=false"])
            .arg(format!("docker://{name}"))
            .output()
            .expect("skopeo is needed: scripts/test installs it");
        let said = String::from_utf8_lossy(&skopeo.stderr).into_owned();
        assert!(skopeo.status.success() || said.contains("unknown"), "{said}");
        skopeo.status.success()
    }

    /// The content of a file.
    #[track_caller]
    pub fn content(&self, path: &str) -> &[u8] {
        match self.node(path) {
            Node::File { content, .. } => content,
            other => panic!("{path} is {other:?}"),
        }
    }

    #[track_caller]
    pub fn text(&self, path: &str) -> &str {
        std::str::from_utf8(self.content(path)).unwrap()
    }

    #[track_caller]
    pub fn node(&self, path: &str) -> &Node {
        self.files.get(path).unwrap_or_else(|| panic!("no {path} in {:?}", self.paths()))
    }

    /// Everything in it, by path.
    pub fn nodes(&self) -> &BTreeMap<String, Node> {
        &self.files
    }

    /// Every path, without a leading `/`.
    pub fn paths(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    /// Paths of regular files below `directory`, relative to it, with their content.
    pub fn files_below(&self, directory: &str) -> BTreeMap<&str, &[u8]> {
        let prefix = format!("{directory}/");
        let mut below = BTreeMap::new();
        for (path, node) in &self.files {
            if let (Some(path), Node::File { content, .. }) = (path.strip_prefix(&prefix), node) {
                below.insert(path, content.as_slice());
            }
        }
        below
    }
}

fn apply(layer: impl Read, files: &mut BTreeMap<String, Node>) {
    let mut archive = tar::Archive::new(GzDecoder::new(layer));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let path = path.trim_start_matches('/').trim_end_matches('/').to_owned();
        if path.is_empty() {
            continue;
        }
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if let Some(gone) = name.strip_prefix(".wh.") {
            let gone = if directory.is_empty() { gone.to_owned() } else { format!("{directory}/{gone}") };
            files.retain(|path, _| *path != gone && !path.starts_with(&format!("{gone}/")));
            continue;
        }
        let mode = entry.header().mode().unwrap() & 0o7777;
        let node = match entry.header().entry_type() {
            tar::EntryType::Directory => Node::Directory { mode },
            tar::EntryType::Symlink => {
                Node::Link { target: String::from_utf8(entry.link_name_bytes().unwrap().into_owned()).unwrap() }
            }
            tar::EntryType::Link => {
                let target = String::from_utf8(entry.link_name_bytes().unwrap().into_owned()).unwrap();
                files[target.trim_start_matches('/')].clone()
            }
            _ => {
                let mut content = Vec::new();
                let uid = entry.header().uid().unwrap();
                entry.read_to_end(&mut content).unwrap();
                Node::File { mode, uid, content }
            }
        };
        files.insert(path, node);
    }
}
