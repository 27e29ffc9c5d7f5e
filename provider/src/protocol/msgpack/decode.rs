//! Reads msgpack by a schema. Nothing is ever allocated for a length that the message merely claims.

use std::collections::BTreeMap;

use rmp::Marker;

use crate::framework::{Number, Step, Value};
use crate::protocol::malformed::{MAX_DEPTH, Malformed};
use crate::protocol::shape::{Members, Shape, ShapeKind};

/// How many values one message may hold: a `nil` takes one byte on the wire and thirty-two here.
const MAX_VALUES: usize = 1_000_000;

/// Room made in advance for a collection; a longer one grows as its elements really come.
const ADVANCE: usize = 256;

/// The value that `bytes` hold, read as `shape`.
///
/// # Errors
/// The place where `bytes` are no msgpack, are cut short, go on after the value, or don't fit `shape`.
pub(in crate::protocol) fn decode(bytes: &[u8], shape: Shape<'_>) -> Result<Value, Malformed> {
    let mut reader = Reader { rest: bytes, values: 0 };
    let value = reader.value(shape, 0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Malformed::new("there is data after the value")) }
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, shape: Shape<'_>, depth: usize) -> Result<Value, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed::new("is nested too deeply"));
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Malformed::new("contains too many values"));
        }
        let marker = self.marker()?;
        if marker == Marker::Null {
            return Ok(Value::Null);
        }
        if let Some(length) = self.extension_length(marker)? {
            // The extension's type and body may refine what is known of the value. All are the same to us.
            self.take(1)?;
            self.take(length)?;
            return Ok(Value::Unknown);
        }
        let kind = shape.kind();
        match kind {
            ShapeKind::Bool => match marker {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                _ => Err(mismatch(kind)),
            },
            ShapeKind::Number => self.number(marker).map(Value::Number),
            ShapeKind::String => self.text(marker, kind).map(|text| Value::String(text.to_owned())),
            ShapeKind::List(element) => self.elements(marker, kind, element, depth).map(Value::List),
            ShapeKind::Set(element) => {
                self.elements(marker, kind, element, depth).map(Value::set).map_err(Malformed::within_set)
            }
            ShapeKind::Map(element) => self.map(marker, kind, element, depth),
            ShapeKind::Object(members) => self.object(marker, kind, members, depth),
        }
    }

    fn elements(
        &mut self,
        marker: Marker,
        kind: ShapeKind<'_>,
        element: Shape<'_>,
        depth: usize,
    ) -> Result<Vec<Value>, Malformed> {
        let length = match marker {
            Marker::FixArray(length) => usize::from(length),
            Marker::Array16 => self.length::<2>()?,
            Marker::Array32 => self.length::<4>()?,
            _ => return Err(mismatch(kind)),
        };
        // Each element takes at least a byte.
        self.must_have(length)?;
        let mut elements = Vec::with_capacity(length.min(ADVANCE));
        for index in 0..length {
            let step = || Step::Index(i64::try_from(index).unwrap_or(i64::MAX));
            elements.push(self.value(element, depth + 1).map_err(|e| e.within(step()))?);
        }
        Ok(elements)
    }

    fn map(
        &mut self,
        marker: Marker,
        kind: ShapeKind<'_>,
        element: Shape<'_>,
        depth: usize,
    ) -> Result<Value, Malformed> {
        let mut members = BTreeMap::new();
        for _ in 0..self.map_length(marker, kind)? {
            let key = self.key()?;
            let value = self.value(element, depth + 1).map_err(|e| e.within(Step::Key(key.to_owned())))?;
            members.insert(key.to_owned(), value);
        }
        Ok(Value::Map(members))
    }

    fn object(
        &mut self,
        marker: Marker,
        kind: ShapeKind<'_>,
        members: Members<'_>,
        depth: usize,
    ) -> Result<Value, Malformed> {
        let mut object: BTreeMap<String, Value> = BTreeMap::new();
        for _ in 0..self.map_length(marker, kind)? {
            let name = self.key()?;
            let shape = members.find(name).ok_or(Malformed::new("has an attribute that is not in the schema"))?;
            let value = self.value(shape, depth + 1).map_err(|e| e.within(Step::Attribute(name.to_owned())))?;
            object.insert(name.to_owned(), value);
        }
        if object.len() < members.len() {
            for (name, _) in members.iter() {
                if !object.contains_key(name) {
                    object.insert(name.to_owned(), Value::Null);
                }
            }
        }
        Ok(Value::Map(object))
    }

    fn number(&mut self, marker: Marker) -> Result<Number, Malformed> {
        let mismatch = || mismatch(ShapeKind::Number);
        let int = match marker {
            Marker::FixPos(value) => i64::from(value),
            Marker::FixNeg(value) => i64::from(value),
            Marker::U8 => i64::from(u8::from_be_bytes(self.array()?)),
            Marker::U16 => i64::from(u16::from_be_bytes(self.array()?)),
            Marker::U32 => i64::from(u32::from_be_bytes(self.array()?)),
            Marker::U64 => {
                let value = u64::from_be_bytes(self.array()?);
                return value.to_string().parse().map_err(|_| mismatch());
            }
            Marker::I8 => i64::from(i8::from_be_bytes(self.array()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.array()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.array()?)),
            Marker::I64 => i64::from_be_bytes(self.array()?),
            Marker::F32 => return Number::from_f64(f32::from_be_bytes(self.array()?).into()).ok_or_else(mismatch),
            Marker::F64 => return Number::from_f64(f64::from_be_bytes(self.array()?)).ok_or_else(mismatch),
            _ => return self.text(marker, ShapeKind::Number)?.parse().map_err(|_| mismatch()),
        };
        Ok(Number::from(int))
    }

    fn text(&mut self, marker: Marker, kind: ShapeKind<'_>) -> Result<&'a str, Malformed> {
        let length = match marker {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 => self.length::<1>()?,
            Marker::Str16 => self.length::<2>()?,
            Marker::Str32 => self.length::<4>()?,
            _ => return Err(mismatch(kind)),
        };
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::new("is not UTF-8"))
    }

    fn key(&mut self) -> Result<&'a str, Malformed> {
        let marker = self.marker()?;
        self.text(marker, ShapeKind::String)
    }

    fn map_length(&mut self, marker: Marker, kind: ShapeKind<'_>) -> Result<usize, Malformed> {
        let length = match marker {
            Marker::FixMap(length) => usize::from(length),
            Marker::Map16 => self.length::<2>()?,
            Marker::Map32 => self.length::<4>()?,
            _ => return Err(mismatch(kind)),
        };
        // Each member takes at least a byte for its key and one for its value.
        self.must_have(length.saturating_mul(2))?;
        Ok(length)
    }

    fn extension_length(&mut self, marker: Marker) -> Result<Option<usize>, Malformed> {
        Ok(Some(match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => self.length::<1>()?,
            Marker::Ext16 => self.length::<2>()?,
            Marker::Ext32 => self.length::<4>()?,
            _ => return Ok(None),
        }))
    }

    fn marker(&mut self) -> Result<Marker, Malformed> {
        self.array::<1>().map(|[byte]| Marker::from_u8(byte))
    }

    fn length<const WIDTH: usize>(&mut self) -> Result<usize, Malformed> {
        let bytes = self.take(WIDTH)?;
        Ok(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn array<const WIDTH: usize>(&mut self) -> Result<[u8; WIDTH], Malformed> {
        let (head, rest) = self.rest.split_first_chunk().ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(head)
    }

    fn must_have(&self, length: usize) -> Result<(), Malformed> {
        if self.rest.len() < length { Err(cut_short()) } else { Ok(()) }
    }
}

fn mismatch(kind: ShapeKind<'_>) -> Malformed {
    Malformed::new(match kind {
        ShapeKind::Bool => "is not a bool",
        ShapeKind::Number => "is not a number",
        ShapeKind::String => "is not a string",
        ShapeKind::List(_) => "is not a list",
        ShapeKind::Set(_) => "is not a set",
        ShapeKind::Map(_) => "is not a map",
        ShapeKind::Object(_) => "is not an object",
    })
}

fn cut_short() -> Malformed {
    Malformed::new("is cut short")
}
