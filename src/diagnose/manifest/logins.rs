//! Logins to registries, as a manifest brings them into a container: where the executor looks for them, and what the
//! volumes there hold as far as the documents tell. Nothing here keeps or prints what is in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::tree::{Node, Tree};
use super::container::{Container, Running};
use super::volumes::Mounted;
use super::{members, text_of};
use crate::executor::image::{Flavour, Image};
use crate::gopath;

/// What Kubernetes calls Docker's `config.json` in a Secret of the type for it.
pub(super) const KEY_OF_SECRET: &str = ".dockerconfigjson";
/// What the executor calls it.
pub(super) const FILE: &str = "config.json";
/// Where it is in images that do not say `slim` (kaniko-executor A2).
pub(super) const DIRECTORY: &str = "/kaniko/.docker";

/// The directory in which the executor looks for logins, if that is known.
pub(super) fn directory(running: &Running) -> Option<Vec<u8>> {
    let container = running.container;
    if !container.holds_executor() {
        return None;
    }
    if container.variable("DOCKER_CONFIG").is_some() {
        let value = running.environment.get("DOCKER_CONFIG").filter(|value| !container.group.fills_in(value))?;
        return Some(gopath::clean(value.as_bytes()));
    }
    let has_default = matches!(running.image.flavour, Flavour::Plain | Flavour::Debug);
    (has_default && Image::is_executor(container.image())).then(|| DIRECTORY.as_bytes().to_vec())
}

/// A file of a volume: the key that it is made of, its path, and where that is said.
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) path: &'a str,
    /// What says so, and in which field.
    pub(super) place: (&'a Tree, &'static str),
}

/// What is in a volume of Secrets and ConfigMaps; none if that is not all known.
pub(super) fn entries<'a>(container: &Container<'a>, mounted: &Mounted<'a>) -> Option<Vec<Entry<'a>>> {
    let entries = sources(mounted).into_iter().map(|source| of_source(container, &source));
    let entries: Vec<Entry> = entries.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    (!entries.is_empty()).then_some(entries)
}

/// A Secret or a ConfigMap that a volume is made of.
pub(super) struct Origin<'a> {
    pub(super) kind: &'static str,
    pub(super) name: Option<&'a str>,
    node: &'a Tree,
    /// What holds it, and in which field.
    place: (&'a Tree, &'static str),
}

/// What a volume is made of.
pub(super) fn sources<'a>(mounted: &Mounted<'a>) -> Vec<Origin<'a>> {
    let Some(volume) = mounted.volume else { return vec![] };
    let of = |tree: &'a Tree, kind, field, name| {
        let node = &tree.get(field)?.value;
        Some(Origin { kind, name: text_of(node, name), node, place: (tree, field) })
    };
    let single = [of(volume, "Secret", "secret", "secretName"), of(volume, "ConfigMap", "configMap", "name")];
    let projected = volume.get("projected").into_iter().flat_map(|node| members(&node.value, "sources"));
    let projected = projected.flat_map(|source| {
        [of(&source.value, "Secret", "secret", "name"), of(&source.value, "ConfigMap", "configMap", "name")]
    });
    single.into_iter().chain(projected).flatten().collect()
}

fn of_source<'a>(container: &Container<'a>, source: &Origin<'a>) -> Option<Vec<Entry<'a>>> {
    if source.node.get("items").is_some() {
        let of = |item: &'a Node| {
            let (key, path) = (text_of(&item.value, "key")?, text_of(&item.value, "path")?);
            Some(Entry { key, path, place: (&item.value, "path") })
        };
        return members(source.node, "items").map(of).collect();
    }
    let object = object(container, source)?;
    let names = ["data", "stringData"].iter().filter_map(|field| object.get(field)).flat_map(|map| match &map.value {
        Tree::Map(entries) => entries.iter().map(|(key, _)| key.value.as_str()).collect(),
        Tree::Leaf(_) | Tree::List(_) => vec![],
    });
    let entries: Vec<Entry> = names.map(|name| Entry { key: name, path: name, place: source.place }).collect();
    match text_of(object, "type") {
        // Its data may have been left out of the file.
        Some("kubernetes.io/dockerconfigjson") if entries.is_empty() => {
            Some(vec![Entry { key: KEY_OF_SECRET, path: KEY_OF_SECRET, place: source.place }])
        }
        _ => (!entries.is_empty()).then_some(entries),
    }
}

/// The object in the documents, or in a list of theirs.
pub(super) fn object<'a>(container: &Container<'a>, source: &Origin<'a>) -> Option<&'a Tree> {
    let documents = container.documents.iter().map(|node| &node.value);
    let mut objects =
        documents.flat_map(|tree| std::iter::once(tree).chain(members(tree, "items").map(|node| &node.value)));
    let name_of = |tree: &'a Tree| tree.get("metadata").and_then(|metadata| text_of(&metadata.value, "name"));
    objects.find(|tree| {
        text_of(tree, "kind") == Some(source.kind) && source.name.is_some() && name_of(tree) == source.name
    })
}

/// The names under which an object has logins, and where it has them. What else is in there is dropped here.
pub(super) fn registries(object: &Tree) -> Option<(Vec<String>, (&Tree, &'static str))> {
    let is_secret = text_of(object, "kind") == Some("Secret");
    [KEY_OF_SECRET, FILE].into_iter().find_map(|key| {
        let of = |field: &str| Some(&object.get(field)?.value);
        let (map, text) = match (of("stringData").filter(|map| map.get(key).is_some()), of("data")) {
            (Some(map), _) => (map, text_of(map, key)?.as_bytes().to_vec()),
            (None, Some(map)) if is_secret => (map, STANDARD.decode(text_of(map, key)?.trim()).ok()?),
            (None, map) => (map?, text_of(map?, key)?.as_bytes().to_vec()),
        };
        let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
        // A helper may have others.
        if config.get("credsStore").is_some() || config.get("credHelpers").is_some() {
            return None;
        }
        Some((config.get("auths")?.as_object()?.keys().cloned().collect(), (map, key)))
    })
}
