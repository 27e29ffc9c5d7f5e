//! Writes msgpack by a schema. Always gives an answer: a value that doesn't fit is written as null and reported, since
//! the object that it belongs to may exist and must not be lost for it.

use rmp::encode::{self, ByteBuf};

use crate::framework::{Number, Step, Value};
use crate::protocol::malformed::{MAX_DEPTH, Malformed};
use crate::protocol::shape::{Members, Shape, ShapeKind};

/// `value` written as `shape`, and the first thing about it that doesn't fit.
pub(in crate::protocol) fn encode(value: &Value, shape: Shape<'_>) -> (Vec<u8>, Option<Malformed>) {
    let mut writer = Writer::appending(Vec::with_capacity(ADVANCE));
    writer.value(value, shape);
    writer.finish()
}

/// One step down, borrowed: nearly all values fit, and their path is not needed.
#[derive(Clone, Copy)]
enum Down<'a> {
    Attribute(&'a str),
    Key(&'a str),
    Index(usize),
}

impl From<Down<'_>> for Step {
    fn from(down: Down<'_>) -> Self {
        match down {
            Down::Attribute(name) => Self::Attribute(name.to_owned()),
            Down::Key(key) => Self::Key(key.to_owned()),
            Down::Index(index) => Self::Index(i64::try_from(index).unwrap_or(i64::MAX)),
        }
    }
}

/// Most objects fit in it.
const ADVANCE: usize = 512;

/// Writes values after what is there already.
pub(super) struct Writer<'a> {
    out: ByteBuf,
    malformed: Option<Malformed>,
    path: Vec<Down<'a>>,
}

impl<'a> Writer<'a> {
    pub(super) fn appending(out: Vec<u8>) -> Self {
        Self { out: ByteBuf::from_vec(out), malformed: None, path: Vec::new() }
    }

    pub(super) fn finish(self) -> (Vec<u8>, Option<Malformed>) {
        (self.out.into_vec(), self.malformed)
    }

    pub(super) fn value(&mut self, value: &'a Value, shape: Shape<'a>) {
        if self.path.len() > MAX_DEPTH {
            return self.malformed();
        }
        let kind = shape.kind();
        match (kind, value) {
            (_, Value::Unknown) => self.unknown(),
            (_, Value::Null) if shape.is_never_null() => self.array_header(0),
            (_, Value::Null) => self.null(),
            (ShapeKind::Bool, Value::Bool(value)) => {
                let Ok(()) = encode::write_bool(&mut self.out, *value);
            }
            (ShapeKind::Number, Value::Number(number)) => self.number(number),
            (ShapeKind::String, Value::String(text)) => self.text(text),
            (ShapeKind::List(element), Value::List(elements)) | (ShapeKind::Set(element), Value::Set(elements)) => {
                self.elements(elements, element);
            }
            (ShapeKind::Map(element), Value::Map(members)) => {
                self.map_header(members.len());
                for (key, value) in members {
                    self.text(key);
                    self.member(value, element, Down::Key(key));
                }
            }
            (ShapeKind::Object(members), Value::Map(_)) => self.object(value, members),
            _ => self.malformed(),
        }
    }

    fn elements(&mut self, elements: &'a [Value], shape: Shape<'a>) {
        self.array_header(elements.len());
        for (index, element) in elements.iter().enumerate() {
            self.member(element, shape, Down::Index(index));
        }
    }

    /// Core requires every attribute of the schema, and no others.
    fn object(&mut self, object: &'a Value, members: Members<'a>) {
        self.map_header(members.len());
        for (name, shape) in members.iter() {
            self.attribute(name, object.at(name), shape);
        }
    }

    pub(super) fn attribute(&mut self, name: &'a str, value: &'a Value, shape: Shape<'a>) {
        self.text(name);
        self.member(value, shape, Down::Attribute(name));
    }

    fn member(&mut self, value: &'a Value, shape: Shape<'a>, step: Down<'a>) {
        self.path.push(step);
        self.value(value, shape);
        self.path.pop();
    }

    /// Only what is an int64 is written as a number. Core reads decimal text just as well, and exactly: 0.1 as a float64
    /// would be 0.1000000000000000055 to it.
    fn number(&mut self, number: &Number) {
        match number {
            Number::Int(value) => {
                let Ok(_) = encode::write_sint(&mut self.out, *value);
            }
            _ => self.text(&number.to_string()),
        }
    }

    fn unknown(&mut self) {
        let Ok(_) = encode::write_ext_meta(&mut self.out, 1, 0);
        self.out.as_mut_vec().push(0);
    }

    fn null(&mut self) {
        let Ok(()) = encode::write_nil(&mut self.out);
    }

    pub(super) fn text(&mut self, text: &str) {
        let Ok(()) = encode::write_str(&mut self.out, text);
    }

    pub(super) fn array_header(&mut self, length: usize) {
        let Ok(_) = encode::write_array_len(&mut self.out, length32(length));
    }

    pub(super) fn map_header(&mut self, length: usize) {
        let Ok(_) = encode::write_map_len(&mut self.out, length32(length));
    }

    fn malformed(&mut self) {
        if self.malformed.is_none() {
            let problem = Malformed::new("is not of the type of the schema");
            self.malformed = Some(self.path.iter().rev().fold(problem, |problem, step| problem.within((*step).into())));
        }
        self.null();
    }
}

/// A collection of more elements than msgpack can count would take over a hundred gigabytes.
fn length32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
