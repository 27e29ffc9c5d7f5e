//! Schemas: what attributes and blocks an object has, and how the planner treats each.

use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;

use super::Value;

/// A type of Terraform's type system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(Box<Type>),
    /// `set(T)`
    Set(Box<Type>),
    /// `map(T)`
    Map(Box<Type>),
    /// `object({…})`, attributes in order of declaration.
    Object(Vec<(String, Type)>),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Object(attributes) => {
                f.write_str("object({")?;
                for (position, (name, ty)) in attributes.iter().enumerate() {
                    let comma = if position == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}={ty}")?;
                }
                f.write_str("})")
            }
        }
    }
}

/// The schema of a resource, a data source or the provider block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    /// Counts the incompatible changes of stored state.
    pub version: i64,
    /// The attributes that name an object: those of its natural id. Empty where there are no objects.
    pub identity: Block,
    /// The attributes and blocks.
    pub block: Block,
    /// How long the operations on an object may take where its `timeouts` block doesn't say.
    pub timeouts: Timeouts,
}

/// How long each operation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub create: Duration,
    pub read: Duration,
    pub update: Duration,
    pub delete: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let write = Duration::from_mins(5);
        Self { create: write, read: Duration::from_mins(2), update: write, delete: write }
    }
}

impl Timeouts {
    /// That of an operation.
    pub fn of(&self, operation: Operation) -> Duration {
        match operation {
            Operation::Create => self.create,
            Operation::Read => self.read,
            Operation::Update => self.update,
            Operation::Delete => self.delete,
        }
    }
}

/// An operation on one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Makes a new object.
    Create,
    /// A refresh, or the look of a plan at the cluster.
    Read,
    /// Changes an object in place.
    Update,
    /// Removes an object.
    Delete,
}

impl Operation {
    /// Its name in a `timeouts` block, and in summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Attributes and nested blocks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// Markdown for the user.
    pub description: String,
    /// In order of declaration.
    pub attributes: Vec<Attribute>,
    /// In order of declaration.
    pub blocks: Vec<NestedBlock>,
}

/// A block inside a block.
#[derive(Debug, Clone, PartialEq)]
pub struct NestedBlock {
    /// The block's type name.
    pub name: String,
    /// How many there may be, and what the value is then.
    pub nesting: Nesting,
    pub block: Block,
    /// The fewest that must be given.
    pub min_items: i64,
    /// The fewest attributes that must be set inside of each.
    pub min_members: u64,
}

/// What a nested block's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// At most one: an object or null.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    pub name: String,
    pub ty: Type,
    /// Markdown for the user.
    pub description: String,
    pub required: bool,
    pub optional: bool,
    /// The provider gives the value where it is not configured.
    pub computed: bool,
    /// Core hides the value.
    pub sensitive: bool,
    /// A read of the object does not return the value: the state keeps what was written.
    pub unreadable: bool,
    /// Only the configuration has the value: it is in no plan and no state.
    pub write_only: bool,
    /// The value where none is configured.
    pub default: Option<Value>,
    /// A change needs a new object.
    pub replace: bool,
    /// Is part of the natural id.
    pub identity: bool,
    /// A computed value that any change may alter: unknown in the plan of an update.
    pub volatile: bool,
    /// Is kept in the state only: Proxmox doesn't store it, so it never drifts.
    pub local: bool,
    /// The value that null means to Proxmox; the two are equal in meaning. For maps: what a null element means.
    pub null_means: Option<Value>,
    /// Spellings equal in meaning: this one, and the one it is read back as.
    pub aliases: Vec<(String, String)>,
    /// A text of lines: whether the last one ends in a line feed makes no difference.
    pub lines: bool,
    /// JSON Schema keywords that every value must obey.
    pub constraints: Json,
}

impl Schema {
    /// The type of the whole object.
    pub fn ty(&self) -> Type {
        self.block.ty()
    }

    /// What names `object`; null while a part of it is not known.
    pub fn identity_of(&self, object: &Value) -> Value {
        let parts = self.identity.attributes.iter().map(|a| (a.name.as_str(), object.at(&a.name)));
        if self.identity.attributes.is_empty() || parts.clone().any(|(_, part)| part.is_null() || part.is_unknown()) {
            return Value::Null;
        }
        Value::object(parts.map(|(name, part)| (name, part.clone())))
    }
}

impl Block {
    /// The object type that this block's values have.
    pub fn ty(&self) -> Type {
        let attributes = self.attributes.iter().map(|a| (a.name.clone(), a.ty.clone()));
        let blocks = self.blocks.iter().map(|b| (b.name.clone(), b.ty()));
        Type::Object(attributes.chain(blocks).collect())
    }

    /// The attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The one of `items`, blocks of this kind, that is the same as `item`, which is at `index`: the one with the same identity.
    /// Blocks without an identity are distinguished by their positions.
    pub fn counterpart<'v>(&self, items: &'v Value, index: usize, item: &Value) -> Option<&'v Value> {
        let items = items.elements()?;
        let is_same = |other: &&Value| {
            let mut identity = self.attributes.iter().filter(|attribute| attribute.identity);
            identity.all(|attribute| other.at(&attribute.name) == item.at(&attribute.name))
        };
        let at_its_place = items.get(index).filter(is_same);
        if self.attributes.iter().any(|attribute| attribute.identity) {
            at_its_place.or_else(|| items.iter().find(is_same))
        } else {
            at_its_place
        }
    }

    /// The nested block `name`.
    pub fn nested(&self, name: &str) -> Option<&NestedBlock> {
        self.blocks.iter().find(|b| b.name == name)
    }
}

impl NestedBlock {
    /// The type of the block's value.
    pub fn ty(&self) -> Type {
        let object = Box::new(self.block.ty());
        match self.nesting {
            Nesting::Single => *object,
            Nesting::List => Type::List(object),
            Nesting::Set => Type::Set(object),
        }
    }
}
