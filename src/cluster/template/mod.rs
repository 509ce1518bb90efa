//! The user's template over the tool's Pod. Pure.
//!
//! `fields` reads it strictly, `merge` merges it as Kubernetes would, `keep` knows what has to come out as it went
//! in, and [`super::privileges`] what no build may have.

mod fields;
mod keep;
mod merge;
#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

pub use keep::Need;

use super::privileges::{Excess, ExcessKind, excess};
use super::receiver::RECEIVER;

/// Why a template cannot be used: what it says or does, and the rest of the sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No document.
    #[error("is neither YAML nor JSON")]
    Syntax {
        /// The parser's words and place.
        why: String,
    },
    /// A document of another kind.
    #[error("has `{field}: {value}`, which is no Pod's")]
    Kind {
        /// `apiVersion` or `kind`.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// A field that no Pod has.
    #[error("has `{path}`, which is no field of a Pod")]
    Unknown {
        /// Where.
        path: String,
        /// The path that was meant, if one is alike.
        alike: Option<String>,
    },
    /// A value of a wrong type.
    #[error("has a value of a wrong type{}", if .path.is_empty() { String::new() } else { format!(" at `{path}`") })]
    Type {
        /// Where.
        path: String,
        /// What it is and should be.
        why: String,
    },
    /// An element of a list without what tells it from others.
    #[error("has an element of `{path}` without `{key}`")]
    NoKey {
        /// The list.
        path: String,
        /// The key.
        key: String,
    },
    /// A directive of a merge that is not understood.
    #[error("has the directive `{0}`")]
    Directive(String),
    /// Something that has to stay as it is.
    #[error("may not change `{path}`")]
    Change {
        /// Where.
        path: String,
        /// Why it has to stay.
        need: Need,
    },
    /// More than a build may have.
    #[error("may not ask for `spec.{}`", .0.path)]
    Excess(Excess),
}

impl TemplateError {
    /// The evidence or the reason.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Syntax { why } | Self::Type { why, .. } => Some(why.clone()),
            Self::Kind { .. } | Self::Unknown { .. } => None,
            Self::NoKey { .. } => Some("elements of this list are merged by it".to_owned()),
            Self::Directive(_) => {
                Some("of a merge's directives, `$patch: delete` and `$patch: replace` are known".to_owned())
            }
            Self::Change { need, .. } => Some(need.why()),
            Self::Excess(excess) => Some(excess.kind.to_string()),
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown { alike: Some(alike), .. } => Some(format!("write it as `{alike}`")),
            Self::Change { need, .. } => need.help().map(str::to_owned),
            _ => None,
        }
    }
}

/// A Pod, or a part of one.
#[derive(Debug, Clone)]
pub struct Template(Value);

impl Template {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    /// It is none, or has anything that no Pod has.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        // `defaultMode: 0644` is octal to kubectl. Lines of the file stay out of messages: they may hold secrets.
        let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
        let mut document: Value = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| TemplateError::Syntax { why: error.to_string() })?;
        for (field, expected) in [("apiVersion", "v1"), ("kind", "Pod")] {
            if let Some(value) = document[field].as_str().filter(|value| *value != expected) {
                return Err(TemplateError::Kind { field, value: value.to_owned() });
            }
        }
        fields::read::<Pod>(&document)?;
        // The cluster's to write; programs leave an empty one.
        document.as_object_mut().map(|fields| fields.remove("status"));
        Ok(Self(document))
    }

    /// Merges it over `pod`.
    ///
    /// # Errors
    /// It cannot be merged, changes what the build needs as it is, or gives it more than it may have.
    pub fn apply(&self, pod: &Pod) -> Result<Pod, TemplateError> {
        let base = serde_json::to_value(pod).map_err(<TemplateError as serde::de::Error>::custom)?;
        let merged = merge::merge(base, self.for_pod(pod))?;
        let result = fields::read(&merged)?;
        keep::check(pod, &result)?;
        // A service account's token is the user's to give.
        let excess = excess(&merged["spec"]).into_iter().find(|excess| excess.kind != ExcessKind::Token);
        excess.map_or(Ok(result), |excess| Err(TemplateError::Excess(excess)))
    }

    /// What is said of the receiver is for pods that have one.
    fn for_pod(&self, pod: &Pod) -> Value {
        let mut template = self.0.clone();
        let has_receiver = pod.spec.as_ref().is_some_and(|spec| spec.init_containers.is_some());
        if let (false, Some(Value::Array(containers))) = (has_receiver, template.pointer_mut("/spec/initContainers")) {
            containers.retain(|container| container["name"] != RECEIVER);
            if containers.is_empty() {
                template["spec"]["initContainers"] = json!(null);
            }
        }
        template
    }
}
