//! A YAML or JSON document that knows where each of its fields is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{Location, Spanned};

use super::Place;

/// A value and where it is.
pub(super) type Node = Spanned<Tree>;

/// A value.
#[derive(Debug)]
pub(super) enum Tree {
    Leaf(Value),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

/// Reads every document of `text`. All pods of a large cluster are more than the parser takes for reasonable; what it
/// allows aliases stays.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: 100_000, max_nodes: 10_000_000, max_events: 40_000_000 },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let text = error.to_string();
        // The lines after the first quote the text.
        text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

impl Tree {
    /// The same without places.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Leaf(value) => value.clone(),
            Self::List(list) => list.iter().map(|node| node.value.to_value()).collect(),
            Self::Map(map) => map.iter().map(|(key, node)| (key.value.clone(), node.value.to_value())).collect(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Leaf(value) => value.as_str(),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Where the field `name` is.
    pub(super) fn place_of(&self, name: &str) -> Option<Place> {
        self.entry(name).map(|(key, node)| place(key, node))
    }

    /// A value that stands for itself, as it would be written.
    pub(super) fn scalar(&self) -> Option<String> {
        match self {
            Self::Leaf(Value::String(text)) => Some(text.clone()),
            Self::Leaf(Value::Null) | Self::List(_) | Self::Map(_) => None,
            Self::Leaf(other) => Some(other.to_string()),
        }
    }

    fn entry(&self, name: &str) -> Option<(&Spanned<String>, &Node)> {
        let Self::Map(map) = self else { return None };
        map.iter().find(|(key, _)| key.value == name).map(|(key, node)| (key, node))
    }

    /// Where the field at `path` is, as in `containers[kaniko].securityContext.privileged`: lists are by name.
    pub(super) fn place(&self, path: &str) -> Option<Place> {
        let (field, rest) = path.split_once('.').map_or((path, None), |(field, rest)| (field, Some(rest)));
        let (name, member) = field.split_once('[').map_or((field, None), |(name, member)| (name, Some(member)));
        let (key, node) = self.entry(name)?;
        match (member.map(|member| member.trim_end_matches(']')), rest) {
            (None, None) => Some(place(key, node)),
            (None, Some(rest)) => node.value.place(rest),
            (Some(member), rest) => {
                let Self::List(list) = &node.value else { return None };
                let is_member =
                    |node: &&Node| node.value.get("name").and_then(|name| name.value.text()) == Some(member);
                list.iter().find(is_member)?.value.place(rest?)
            }
        }
    }
}

/// Where a value is that has no key, a member of a list.
pub(super) fn place_of_value(node: &Node) -> Place {
    let at = &node.referenced;
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (line, column) = (number(at.line()), number(at.column()));
    Place { line, column, end_line: line, end_column: column + number(length(at)) }
}

/// From the key to the end of a value that is on the same line; else the key alone.
fn place(key: &Spanned<String>, node: &Node) -> Place {
    let (start, last) = (&key.referenced, &node.referenced);
    let end = match &node.value {
        Tree::Leaf(_) if last.line() == start.line() && last.column() > start.column() => last,
        _ => start,
    };
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Place {
        line: number(start.line()),
        column: number(start.column()),
        end_line: number(end.line()),
        end_column: number(end.column() + length(end)),
    }
}

fn length(location: &Location) -> u64 {
    location.span().len()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyVisitor;

        impl<'de> Visitor<'de> for AnyVisitor {
            type Value = Tree;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Leaf(Number::from_f64(value).map_or(Value::Null, Value::Number)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Leaf(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::Null))
            }

            fn visit_none<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf(Value::Null))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = access.next_element()? {
                    list.push(node);
                }
                Ok(Tree::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    map.push(entry);
                }
                Ok(Tree::Map(map))
            }
        }

        deserializer.deserialize_any(AnyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &str) -> Option<(usize, usize, usize, usize)> {
        let documents = documents(text).unwrap();
        let place = documents.iter().find_map(|document| document.value.place(path))?;
        Some((place.line, place.column, place.end_line, place.end_column))
    }

    #[test]
    fn a_field_is_found_by_its_path_in_yaml_and_json() {
        let yaml = "# two documents\n---\na: 1\n---\nspec:\n  hostPID: true\n  containers:\n  - image: x\n    name: a\n  - name: b\n    securityContext:\n      privileged: true\n";
        assert_eq!(at(yaml, "spec.hostPID"), Some((6, 3, 6, 16)));
        assert_eq!(at(yaml, "spec.containers[b].securityContext.privileged"), Some((12, 7, 12, 23)));
        assert_eq!(at(yaml, "spec.containers[b].securityContext"), Some((11, 5, 11, 20)));
        for missing in ["spec.containers[c].x", "spec.containers[b]", "spec.hostPID.x", "spec.containers.x", "b"] {
            assert_eq!(at(yaml, missing), None, "{missing}");
        }
        let json = "{\"spec\": {\"hostPID\": true,\n  \"containers\": []}}";
        assert_eq!(at(json, "spec.hostPID"), Some((1, 11, 1, 26)));
        assert_eq!(at(json, "spec.containers"), Some((2, 3, 2, 15)));
    }

    #[test]
    fn values_are_those_of_the_text() {
        let text = "a: [1, -2, 1.5, true, null, ~, x, '1', \"y\"]\nb: {c: }\n";
        let expected = serde_json::json!({"a": [1, -2, 1.5, true, null, null, "x", "1", "y"], "b": {"c": null}});
        assert_eq!(documents(text).unwrap()[0].value.to_value(), expected);
    }

    #[test]
    fn what_is_no_yaml_is_told_in_one_line() {
        let why = documents("a: [1\nb: }\n").unwrap_err();
        assert!(!why.is_empty() && !why.contains('\n'), "{why}");
        assert_eq!(documents("").unwrap().len(), 0);
    }
}
