//! Kubernetes' strategic merge of a part of a Pod over a Pod. Pure.
//!
//! Objects merge field by field, lists that have a key element by element, other lists are replaced, `null` removes. It
//! is what `kubectl patch` asks of the API server (apimachinery `pkg/util/strategicpatch/patch.go`), down to the order of
//! what is merged, which is that of the patch: what is new in it comes before what was there. Of its directives,
//! `$patch: delete` and `$patch: replace` are known; the others are written by programs.

use serde_json::{Map, Value};

use super::TemplateError;

/// The key by which the elements of a Pod's list are told apart; lists that are not here are replaced (k8s.io/api
/// core/v1 `types.go` and meta/v1 `types.go`, the tags `patchMergeKey`).
const MERGE_KEYS: [(&str, &str); 14] = [
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ownerReferences", "uid"),
    ("ports", "containerPort"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
];

type Object = Map<String, Value>;

/// What `$patch` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    /// Nothing: merge.
    Merge,
    /// Leave nothing of what was there.
    Replace,
    /// Leave nothing at all.
    Delete,
}

impl Directive {
    fn take(patch: &mut Object) -> Result<Self, TemplateError> {
        match patch.remove("$patch") {
            None => Ok(Self::Merge),
            Some(word) if word == "replace" => Ok(Self::Replace),
            Some(word) if word == "delete" => Ok(Self::Delete),
            Some(other) => Err(TemplateError::Directive(format!("$patch: {other}"))),
        }
    }
}

/// `patch` over `base`.
pub(super) fn merge(base: Value, patch: Value) -> Result<Value, TemplateError> {
    Ok(merge_field("", "", base, patch)?.unwrap_or_default())
}

/// The value of `field` at `path`; none if nothing is to be left of it. A value of another kind is replaced.
fn merge_field(path: &str, field: &str, base: Value, patch: Value) -> Result<Option<Value>, TemplateError> {
    match patch {
        Value::Null => Ok(None),
        Value::Object(mut patch) => match Directive::take(&mut patch)? {
            Directive::Delete => Ok(None),
            Directive::Replace => merge_fields(path, Object::new(), patch).map(Some),
            Directive::Merge => match base {
                Value::Object(base) => merge_fields(path, base, patch).map(Some),
                _ => merge_fields(path, Object::new(), patch).map(Some),
            },
        },
        Value::Array(patch) => match MERGE_KEYS.iter().find(|(list, _)| *list == field) {
            Some((_, key)) => match base {
                Value::Array(base) => merge_lists(path, key, base, patch).map(Some),
                _ => merge_lists(path, key, Vec::new(), patch).map(Some),
            },
            None => {
                patch.iter().try_for_each(no_directives)?;
                Ok(Some(Value::Array(patch)))
            }
        },
        scalar => Ok(Some(scalar)),
    }
}

fn merge_fields(path: &str, mut base: Object, patch: Object) -> Result<Value, TemplateError> {
    for (field, value) in patch {
        if field.starts_with('$') {
            return Err(TemplateError::Directive(field));
        }
        let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
        let before = base.remove(&field).unwrap_or_default();
        if let Some(value) = merge_field(&path, &field, before, value)? {
            base.insert(field, value);
        }
    }
    Ok(Value::Object(base))
}

/// `key` tells elements apart; each has one.
fn merge_lists(path: &str, key: &str, mut base: Vec<Value>, patch: Vec<Value>) -> Result<Value, TemplateError> {
    let no_key = || TemplateError::NoKey { path: path.to_owned(), key: key.to_owned() };
    let id = |element: &Object| element.get(key).filter(|id| !id.is_null()).cloned().ok_or_else(no_key);
    let mut elements = Vec::new();
    let mut is_replaced = false;
    for element in patch {
        let Value::Object(mut element) = element else { return Err(no_key()) };
        match Directive::take(&mut element)? {
            Directive::Replace => is_replaced = true,
            Directive::Delete => {
                let id = id(&element)?;
                base.retain(|other| other[key] != id);
            }
            Directive::Merge => elements.push((id(&element)?, element)),
        }
    }
    if is_replaced {
        base.clear();
    }
    let before: Vec<Value> = base.iter().map(|element| element[key].clone()).collect();
    let mut named: Vec<Value> = Vec::new();
    for (id, element) in elements {
        let path = format!("{path}[{}]", id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        let is_same = |other: &Value| other[key] == id;
        let again = named.iter().position(is_same);
        let there = match again {
            Some(again) => named[again].take(),
            None => base.iter().position(is_same).map(|place| base.remove(place)).unwrap_or_default(),
        };
        let there = if let Value::Object(there) = there { there } else { Object::new() };
        let element = merge_fields(&path, there, element)?;
        match again {
            Some(again) => named[again] = element,
            None => named.push(element),
        }
    }
    Ok(Value::Array(interleave(key, &before, named, base)))
}

/// What the patch names in its order, and the others where they were: each before what came after it.
fn interleave(key: &str, before: &[Value], named: Vec<Value>, others: Vec<Value>) -> Vec<Value> {
    let place = |element: &Value| before.iter().position(|id| *id == element[key]);
    let mut others = others.into_iter().peekable();
    let mut list = Vec::new();
    for element in named {
        if let Some(here) = place(&element) {
            while let Some(other) = others.next_if(|other| place(other).is_some_and(|there| there < here)) {
                list.push(other);
            }
        }
        list.push(element);
    }
    list.extend(others);
    list
}

/// In a list that is replaced there is nothing to merge or to delete.
fn no_directives(value: &Value) -> Result<(), TemplateError> {
    match value {
        Value::Object(fields) => match fields.keys().find(|field| field.starts_with('$')) {
            Some(field) => Err(TemplateError::Directive(field.clone())),
            None => fields.values().try_for_each(no_directives),
        },
        Value::Array(elements) => elements.iter().try_for_each(no_directives),
        _ => Ok(()),
    }
}
