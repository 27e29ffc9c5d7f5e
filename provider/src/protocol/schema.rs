//! Schemas.

use super::tfplugin5::schema::{self as wire, nested_block::NestingMode};
use super::tfplugin5::{Schema as WireSchema, StringKind};
use super::types::{self, Members};
use crate::framework::{Attribute, Block, NestedBlock, Nesting, Schema};

impl From<&Schema> for WireSchema {
    fn from(schema: &Schema) -> Self {
        Self { version: schema.version, block: Some((&schema.block).into()) }
    }
}

impl From<&Block> for wire::Block {
    fn from(block: &Block) -> Self {
        Self {
            attributes: block.attributes.iter().map(Into::into).collect(),
            block_types: block.blocks.iter().map(Into::into).collect(),
            description: block.description.clone(),
            description_kind: StringKind::Markdown.into(),
            ..Self::default()
        }
    }
}

impl From<&Attribute> for wire::Attribute {
    fn from(attribute: &Attribute) -> Self {
        let configurable = attribute.required || attribute.optional;
        Self {
            name: attribute.name.clone(),
            r#type: types::encode(&attribute.ty, if configurable { Members::Optional } else { Members::Required }),
            description: attribute.description.clone(),
            description_kind: StringKind::Markdown.into(),
            required: attribute.required,
            optional: attribute.optional,
            computed: attribute.computed,
            sensitive: attribute.sensitive,
            write_only: attribute.write_only,
            ..Self::default()
        }
    }
}

impl From<&NestedBlock> for wire::NestedBlock {
    fn from(nested: &NestedBlock) -> Self {
        let (nesting, max_items) = match nested.nesting {
            // Core refuses the schema if the two limits of a single block differ.
            Nesting::Single => (NestingMode::Single, nested.min_items),
            Nesting::List => (NestingMode::List, 0),
            Nesting::Set => (NestingMode::Set, 0),
        };
        Self {
            type_name: nested.name.clone(),
            block: Some((&nested.block).into()),
            nesting: nesting.into(),
            min_items: nested.min_items,
            max_items,
        }
    }
}
