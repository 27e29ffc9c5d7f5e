//! Writes an object while it is made: first its long list, element by element, then the rest. The list is held in memory once,
//! as the bytes of the answer.

use crate::framework::{Elements, Step, Value};
use crate::protocol::malformed::Malformed;
use crate::protocol::shape::{Members, Shape, ShapeKind};

use super::encode::{Writer, encode};

/// An object of which the elements of one list come first.
pub(in crate::protocol) struct ObjectWriter<'a> {
    shape: Shape<'a>,
    list: Option<LongList<'a>>,
}

struct LongList<'a> {
    name: &'a str,
    members: Members<'a>,
    element: Shape<'a>,
    out: Vec<u8>,
    /// Where the elements begin; the four bytes before are their number.
    begin: usize,
    count: u32,
    malformed: Option<Malformed>,
}

impl<'a> ObjectWriter<'a> {
    /// An object of that shape, whose member `list` is given element by element.
    pub(in crate::protocol) fn new(shape: Shape<'a>, list: Option<&str>) -> Self {
        Self { shape, list: list.and_then(|list| LongList::new(shape, list)) }
    }

    /// The object as msgpack, with the members of `state` beside the list, and the first thing about it that doesn't fit.
    pub(in crate::protocol) fn finish(self, state: &Value) -> (Vec<u8>, Option<Malformed>) {
        match self.list {
            Some(list) if !state.is_null() => list.finish(state),
            _ => encode(state, self.shape),
        }
    }
}

impl Elements for ObjectWriter<'_> {
    fn push(&mut self, element: Value) {
        if let Some(list) = &mut self.list {
            list.push(&element);
        }
    }
}

impl<'a> LongList<'a> {
    fn new(shape: Shape<'a>, list: &str) -> Option<Self> {
        let ShapeKind::Object(members) = shape.kind() else { return None };
        let (name, shape) = members.iter().find(|(name, _)| *name == list)?;
        let ShapeKind::List(element) = shape.kind() else { return None };
        let mut writer = Writer::appending(Vec::new());
        writer.map_header(members.len());
        writer.text(name);
        // So many need four bytes for their number, which takes its place in the end.
        writer.array_header(usize::MAX);
        let (out, _) = writer.finish();
        Some(Self { name, members, element, begin: out.len(), out, count: 0, malformed: None })
    }

    fn push(&mut self, element: &Value) {
        let mut writer = Writer::appending(std::mem::take(&mut self.out));
        writer.value(element, self.element);
        let (out, malformed) = writer.finish();
        self.out = out;
        let within = |malformed: Malformed| {
            malformed.within(Step::Index(self.count.into())).within(Step::Attribute(self.name.to_owned()))
        };
        self.malformed = self.malformed.take().or(malformed.map(within));
        self.count += 1;
    }

    fn finish(mut self, state: &Value) -> (Vec<u8>, Option<Malformed>) {
        if let Some(number) = self.out.get_mut(self.begin - 4..self.begin) {
            number.copy_from_slice(&self.count.to_be_bytes());
        }
        let mut writer = Writer::appending(self.out);
        for (name, shape) in self.members.iter().filter(|(name, _)| *name != self.name) {
            writer.attribute(name, state.at(name), shape);
        }
        let (out, malformed) = writer.finish();
        (out, self.malformed.or(malformed))
    }
}
