//! Values out of typed models, as a type says what they are: an array is a list or a set, an object drops members that its type
//! doesn't have, and has null where one is missing.

use std::collections::BTreeMap;

use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, Serializer,
};

use super::de::ModelError;
use super::{Number, Value};
use crate::framework::Type;

/// Makes a value of this type.
#[derive(Clone, Copy)]
pub struct As<'a>(pub &'a Type);

impl As<'_> {
    fn is_not(self) -> ModelError {
        ModelError(format!("is not {}", self.0))
    }

    fn number(self, number: Option<Number>) -> Result<Value, ModelError> {
        match self.0 {
            Type::Number => Ok(number.map_or(Value::Null, Value::Number)),
            _ => Err(self.is_not()),
        }
    }
}

impl<'a> Serializer for As<'a> {
    type Ok = Value;
    type Error = ModelError;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Impossible<Value, ModelError>;
    type SerializeTupleVariant = Impossible<Value, ModelError>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Impossible<Value, ModelError>;

    fn serialize_bool(self, value: bool) -> Result<Value, ModelError> {
        match self.0 {
            Type::Bool => Ok(Value::Bool(value)),
            _ => Err(self.is_not()),
        }
    }

    fn serialize_i8(self, value: i8) -> Result<Value, ModelError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Value, ModelError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Value, ModelError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Value, ModelError> {
        self.number(Some(Number::Int(value)))
    }

    fn serialize_u8(self, value: u8) -> Result<Value, ModelError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Value, ModelError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Value, ModelError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Value, ModelError> {
        self.number(value.to_string().parse().ok())
    }

    fn serialize_f32(self, value: f32) -> Result<Value, ModelError> {
        self.serialize_f64(value.into())
    }

    /// What is no number is null, as in JSON.
    fn serialize_f64(self, value: f64) -> Result<Value, ModelError> {
        self.number(Number::from_f64(value))
    }

    fn serialize_char(self, value: char) -> Result<Value, ModelError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<Value, ModelError> {
        match self.0 {
            Type::String => Ok(Value::from(text)),
            _ => Err(self.is_not()),
        }
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, ModelError> {
        Err(self.is_not())
    }

    fn serialize_none(self) -> Result<Value, ModelError> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, ModelError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, ModelError> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, ModelError> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, ModelError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Value, ModelError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, ModelError> {
        let mut members = self.serialize_map(Some(1))?;
        members.serialize_entry(variant, value)?;
        SerializeMap::end(members)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, ModelError> {
        match self.0 {
            Type::List(element) | Type::Set(element) => Ok(Elements { ty: self.0, element, elements: Vec::new() }),
            _ => Err(self.is_not()),
        }
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements<'a>, ModelError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, ModelError> {
        Err(self.is_not())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ModelError> {
        Err(self.is_not())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, ModelError> {
        match self.0 {
            Type::Object(attributes) => {
                let missing = attributes.iter().map(|(name, _)| (name.clone(), Value::Null)).collect();
                Ok(Members { of: Of::Object(attributes), members: missing, name: String::new() })
            }
            Type::Map(element) => Ok(Members { of: Of::Map(element), members: BTreeMap::new(), name: String::new() }),
            _ => Err(self.is_not()),
        }
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Members<'a>, ModelError> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ModelError> {
        Err(self.is_not())
    }
}

/// A list or set under way.
pub struct Elements<'a> {
    ty: &'a Type,
    element: &'a Type,
    elements: Vec<Value>,
}

impl SerializeSeq for Elements<'_> {
    type Ok = Value;
    type Error = ModelError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), ModelError> {
        self.elements.push(element.serialize(As(self.element))?);
        Ok(())
    }

    fn end(self) -> Result<Value, ModelError> {
        Ok(match self.ty {
            Type::Set(_) => Value::set(self.elements),
            _ => Value::List(self.elements),
        })
    }
}

impl SerializeTuple for Elements<'_> {
    type Ok = Value;
    type Error = ModelError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), ModelError> {
        SerializeSeq::serialize_element(self, element)
    }

    fn end(self) -> Result<Value, ModelError> {
        SerializeSeq::end(self)
    }
}

/// A map or an object under way.
pub struct Members<'a> {
    of: Of<'a>,
    members: BTreeMap<String, Value>,
    name: String,
}

/// The types of the members.
enum Of<'a> {
    Map(&'a Type),
    Object(&'a [(String, Type)]),
}

impl Members<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), ModelError> {
        let ty = match self.of {
            Of::Map(element) => Some(element),
            Of::Object(attributes) => attributes.iter().find(|(known, _)| known == name).map(|(_, ty)| ty),
        };
        let Some(ty) = ty else { return Ok(()) };
        let value = value.serialize(As(ty)).map_err(|error| error.within(name))?;
        self.members.insert(name.to_owned(), value);
        Ok(())
    }
}

impl SerializeMap for Members<'_> {
    type Ok = Value;
    type Error = ModelError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ModelError> {
        match key.serialize(As(&Type::String))? {
            Value::String(name) => self.name = name,
            _ => return Err(ModelError::custom("a key is not a string")),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ModelError> {
        let name = std::mem::take(&mut self.name);
        self.put(&name, value)
    }

    fn end(self) -> Result<Value, ModelError> {
        Ok(Value::Map(self.members))
    }
}

impl SerializeStruct for Members<'_> {
    type Ok = Value;
    type Error = ModelError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), ModelError> {
        self.put(name, value)
    }

    fn end(self) -> Result<Value, ModelError> {
        SerializeMap::end(self)
    }
}
