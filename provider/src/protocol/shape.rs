//! What a value on the wire is expected to be, seen from the schema without building a type from it first: a refresh
//! of a thousand objects decodes two thousand values.

use crate::framework::{Block, NestedBlock, Nesting, Schema, Type};

/// The expected form of a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'a> {
    /// An attribute's value, or part of one.
    Type(&'a Type),
    /// The object of a block.
    Block(&'a Block),
    /// The value of a nested block: an object or a collection of objects.
    Nested(&'a NestedBlock),
}

/// What a shape comes down to.
#[derive(Debug, Clone, Copy)]
pub(super) enum ShapeKind<'a> {
    Bool,
    Number,
    String,
    List(Shape<'a>),
    Set(Shape<'a>),
    Map(Shape<'a>),
    Object(Members<'a>),
}

/// The members of an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Members<'a> {
    Attributes(&'a [(String, Type)]),
    Block(&'a Block),
}

impl<'a> Shape<'a> {
    pub(super) fn of(schema: &'a Schema) -> Self {
        Self::Block(&schema.block)
    }

    pub(super) fn of_identity(schema: &'a Schema) -> Self {
        Self::Block(&schema.identity)
    }

    pub(super) fn kind(self) -> ShapeKind<'a> {
        match self {
            Self::Type(Type::Bool) => ShapeKind::Bool,
            Self::Type(Type::Number) => ShapeKind::Number,
            Self::Type(Type::String) => ShapeKind::String,
            Self::Type(Type::List(element)) => ShapeKind::List(Self::Type(element)),
            Self::Type(Type::Set(element)) => ShapeKind::Set(Self::Type(element)),
            Self::Type(Type::Map(element)) => ShapeKind::Map(Self::Type(element)),
            Self::Type(Type::Object(attributes)) => ShapeKind::Object(Members::Attributes(attributes)),
            Self::Block(block) => ShapeKind::Object(Members::Block(block)),
            Self::Nested(nested) => {
                let object = Self::Block(&nested.block);
                match nested.nesting {
                    Nesting::Single => object.kind(),
                    Nesting::List => ShapeKind::List(object),
                    Nesting::Set => ShapeKind::Set(object),
                }
            }
        }
    }

    /// Whether core requires an empty collection instead of null here: it does for blocks, which are there or not there,
    /// never null.
    pub(super) fn is_never_null(self) -> bool {
        matches!(self, Self::Nested(nested) if nested.nesting != Nesting::Single)
    }
}

impl<'a> Members<'a> {
    pub(super) fn find(self, name: &str) -> Option<Shape<'a>> {
        self.iter().find(|(n, _)| *n == name).map(|(_, shape)| shape)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, Shape<'a>)> {
        let (plain, attributes, blocks) = match self {
            Self::Attributes(attributes) => (attributes, [].as_slice(), [].as_slice()),
            Self::Block(block) => ([].as_slice(), block.attributes.as_slice(), block.blocks.as_slice()),
        };
        let plain = plain.iter().map(|(name, ty)| (name.as_str(), Shape::Type(ty)));
        let attributes = attributes.iter().map(|a| (a.name.as_str(), Shape::Type(&a.ty)));
        plain.chain(attributes).chain(blocks.iter().map(|b| (b.name.as_str(), Shape::Nested(b))))
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::Attributes(attributes) => attributes.len(),
            Self::Block(block) => block.attributes.len() + block.blocks.len(),
        }
    }
}
