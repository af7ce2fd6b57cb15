//! Finds the settings that a type takes by running its `Deserialize`.
//!
//! The type is read from values that record how they are read, and then fail.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, Expected, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// The keys of a struct as `#[derive(Deserialize)]` reads it; empty for any other type.
pub(super) fn fields<S: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    let _ = S::deserialize(RecordFields(&mut fields));
    fields
}

/// What the key of this name takes, as a Python annotation; `Any` if the type does not show it.
pub(super) fn annotation<S: DeserializeOwned>(name: &'static str) -> String {
    let mut recorded = None;
    let read = OneKey {
        name: Some(name),
        recorded: &mut recorded,
        depth: 0,
    };
    let _ = S::deserialize(read);
    recorded.unwrap_or_else(|| "Any".to_owned())
}

fn only_recorded<T>() -> Result<T, Error> {
    Err(Error::custom("only recorded"))
}

/// Records a struct's keys.
struct RecordFields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for RecordFields<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        only_recorded()
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        only_recorded()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A map with one key, whose value is a [`RecordKind`].
struct OneKey<'a> {
    name: Option<&'static str>,
    recorded: &'a mut Option<String>,
    /// How many types the map is in.
    depth: u8,
}

impl<'de> Deserializer<'de> for OneKey<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for OneKey<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let name = self.name.take();
        name.map(|name| seed.deserialize(StrDeserializer::new(name)))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(RecordKind {
            recorded: self.recorded,
            depth: self.depth,
        })
    }
}

/// A list with one element, which is a [`RecordKind`].
struct OneElement<'a> {
    recorded: &'a mut Option<String>,
    depth: u8,
}

impl<'de> SeqAccess<'de> for OneElement<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let element = RecordKind {
            recorded: self.recorded,
            depth: self.depth,
        };
        seed.deserialize(element).map(Some)
    }
}

/// Records how it is read, as a Python annotation.
struct RecordKind<'a> {
    recorded: &'a mut Option<String>,
    /// How many types it is in: a type may contain itself.
    depth: u8,
}

impl RecordKind<'_> {
    const MOST: u8 = 8;
}

/// Methods of a [`Deserializer`] that note an annotation.
macro_rules! records {
    ($($annotation:literal: $($method:ident)*;)*) => {
        $($(
            fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
                *self.recorded = Some($annotation.to_owned());
                only_recorded()
            }
        )*)*
    };
}

impl<'de> Deserializer<'de> for RecordKind<'_> {
    type Error = Error;

    records! {
        "bool": deserialize_bool;
        "int": deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
            deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128;
        "float": deserialize_f32 deserialize_f64;
        "str": deserialize_char deserialize_str deserialize_identifier;
        "Any": deserialize_any deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_ignored_any;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut inner = None;
        if self.depth < Self::MOST {
            let _ = visitor.visit_some(RecordKind {
                recorded: &mut inner,
                depth: self.depth + 1,
            });
        }
        *self.recorded = inner.map(|inner| {
            if inner == "Any" {
                inner
            } else {
                format!("{inner} | None")
            }
        });
        only_recorded()
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // serde reads a path as it reads text, and only says in errors what it is.
        let is_path = (&visitor as &dyn Expected).to_string() == "path string";
        let annotation = if is_path { "str | PathLike[str]" } else { "str" };
        *self.recorded = Some(annotation.to_owned());
        only_recorded()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut inner = None;
        if self.depth < Self::MOST {
            let _ = visitor.visit_seq(OneElement {
                recorded: &mut inner,
                depth: self.depth + 1,
            });
        }
        *self.recorded = Some(format!("list[{}]", inner.as_deref().unwrap_or("Any")));
        only_recorded()
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut inner = None;
        if self.depth < Self::MOST {
            let _ = visitor.visit_map(OneKey {
                name: Some("key"),
                recorded: &mut inner,
                depth: self.depth + 1,
            });
        }
        *self.recorded = Some(format!("dict[str, {}]", inner.as_deref().unwrap_or("Any")));
        only_recorded()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        let variants: Vec<String> = variants.iter().map(|variant| format!("{variant:?}")).collect();
        *self.recorded = Some(format!("Literal[{}]", variants.join(", ")));
        only_recorded()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.recorded = Some("dict[str, Any]".to_owned());
        only_recorded()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Error> {
        only_recorded()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    #[expect(
        dead_code,
        reason = "the test reads the description of its fields, not their values"
    )]
    struct Settings {
        rate: f64,
        #[serde(rename = "max-size")]
        size: Option<u32>,
        exporter: Exporter,
        endpoints: Vec<String>,
        headers: BTreeMap<String, String>,
        anything: serde_json::Value,
        name: String,
        file: Option<std::path::PathBuf>,
        #[serde(default)]
        on: bool,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Exporter {
        Console,
        Otlp,
    }

    #[test]
    fn keys_and_what_they_take() {
        let found: Vec<_> = fields::<Settings>()
            .iter()
            .map(|name| (*name, annotation::<Settings>(name)))
            .collect();
        let expected = [
            ("rate", "float"),
            ("max-size", "int | None"),
            ("exporter", "Literal[\"console\", \"otlp\"]"),
            ("endpoints", "list[str]"),
            ("headers", "dict[str, str]"),
            ("anything", "Any"),
            ("name", "str"),
            ("file", "str | PathLike[str] | None"),
            ("on", "bool"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, annotation)| (name, annotation.to_owned()))
        );
        assert!(fields::<()>().is_empty(), "no settings");
    }
}
