//! Reading a value as one of Kubernetes' types, strictly. Pure.
//!
//! The types themselves pass over fields that they do not know, and do not say where a value of a wrong type stands. But
//! each tells its deserializer which fields it has: this one looks at them, and keeps the path.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::TemplateError;

/// Reads `value`. Directives of a merge, which begin with `$`, are no fields and passed over.
///
/// # Errors
/// A field that the type does not have, a value of another type.
pub(super) fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, TemplateError> {
    T::deserialize(Given { value, path: String::new() })
}

/// A value and where it stands.
struct Given<'de> {
    value: &'de Value,
    path: String,
}

impl<'de> Given<'de> {
    fn field(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Elements of lists go by their names.
    fn element(&self, index: usize, element: &Value) -> String {
        let name = ["name", "mountPath"].into_iter().find_map(|key| element.get(key)?.as_str());
        format!("{}[{}]", self.path, name.map_or_else(|| index.to_string(), str::to_owned))
    }
}

impl<'de> Deserializer<'de> for Given<'de> {
    type Error = TemplateError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TemplateError> {
        let read = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(elements) => {
                let elements = elements.iter().enumerate();
                visitor.visit_seq(SeqDeserializer::new(
                    elements.map(|(index, value)| Given { value, path: self.element(index, value) }),
                ))
            }
            Value::Object(fields) => {
                // Nothing is no value of any type; in a merge it removes one.
                let fields = fields.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
                visitor.visit_map(MapDeserializer::new(
                    fields.map(|(name, value)| (name.as_str(), Given { value, path: self.field(name) })),
                ))
            }
        };
        read.map_err(|error| error.at(&self.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TemplateError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TemplateError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TemplateError> {
        let fields = self.value.as_object().into_iter().flat_map(|fields| fields.keys());
        match fields.filter(|name| !name.starts_with('$')).find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let alike = alike(name, known).map(|alike| self.field(alike));
                Err(TemplateError::Unknown { path: self.field(name), alike })
            }
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, TemplateError> for Given<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl de::Error for TemplateError {
    fn custom<T: std::fmt::Display>(why: T) -> Self {
        Self::Type { path: String::new(), why: why.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unit => de::Error::custom(format_args!("found nothing, expected {expected}")),
            // Which one stays untold: it may be a secret.
            Unexpected::Str(_) => de::Error::custom(format_args!("found a string, expected {expected}")),
            found => de::Error::custom(format_args!("found {found}, expected {expected}")),
        }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }
}

impl TemplateError {
    /// Where it was found, unless that is known more exactly.
    fn at(self, place: &str) -> Self {
        match self {
            Self::Type { path, why } if path.is_empty() => Self::Type { path: place.to_owned(), why },
            other => other,
        }
    }
}

/// The field that was meant: at most a third of its letters differ.
fn alike(typed: &str, known: &'static [&'static str]) -> Option<&'static str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase());
    let (distance, name) = known.iter().map(|name| (distance(name), *name)).min()?;
    (distance <= name.len().max(3) / 3).then_some(name)
}
