//! Declarative parameter schemas, checked as `PVE::JSONSchema` checks them and refused in its words.
//!
//! Invariant: a handler runs only with parameters that passed its schema; nothing here looks at the cluster.

pub mod check;
pub mod formats;
pub mod params;
pub mod perl;
pub mod property_string;

use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

pub use formats::Format;
pub use params::Params;

/// The parameters of one call.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub(crate) props: Vec<(&'static str, Prop)>,
    pub(crate) variants: Option<Variants>,
    pub(crate) validator: Option<Validator>,
}

/// What the keys of a property string demand of each other, and what becomes of them (`register_format` with a validator).
pub type Validator = fn(Map<String, Value>) -> Result<Map<String, Value>, String>;

/// Further parameters chosen by the value of another one, reported under `oneOf[VALUE].NAME` (PVE 9).
#[derive(Clone, Debug)]
pub struct Variants {
    pub(crate) key: &'static str,
    pub(crate) cases: Vec<(&'static str, Vec<(&'static str, Prop)>)>,
}

impl Schema {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a required parameter.
    #[must_use]
    pub fn req(mut self, name: &'static str, prop: Prop) -> Self {
        self.props.push((name, Prop { optional: false, ..prop }));
        self
    }

    /// Adds an optional parameter.
    #[must_use]
    pub fn opt(mut self, name: &'static str, prop: Prop) -> Self {
        self.props.push((name, Prop { optional: true, ..prop }));
        self
    }

    /// Adds parameters that exist only where parameter `key` has the case's value. Each case is itself a schema.
    #[must_use]
    pub fn one_of(mut self, key: &'static str, cases: Vec<(&'static str, Schema)>) -> Self {
        let cases = cases.into_iter().map(|(value, schema)| (value, schema.props)).collect();
        self.variants = Some(Variants { key, cases });
        self
    }

    /// Passes a property string whose keys are valid one by one on to `validator`. Its complaint has no line feed.
    #[must_use]
    pub fn validated(mut self, validator: Validator) -> Self {
        self.validator = Some(validator);
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Prop> {
        let typed = self.variants.iter().flat_map(|v| v.cases.iter().flat_map(|(_, props)| props));
        self.props.iter().chain(typed).find(|(n, _)| *n == name).map(|(_, p)| p)
    }
}

/// The JSON type of a parameter.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Any scalar.
    String,
    /// `^[+-]?\d+$`.
    Integer,
    /// A decimal number.
    Number,
    /// Exactly `0` or `1`, or a JSON boolean.
    Boolean,
    /// A list of such elements; a single scalar is wrapped.
    Array(Box<Prop>),
}

impl Kind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Array(_) => "array",
        }
    }
}

/// The constraints of one parameter, or of one key in a property string.
#[derive(Clone, Debug)]
pub struct Prop {
    pub(crate) kind: Kind,
    pub(crate) optional: bool,
    pub(crate) format: Option<Format>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    pub(crate) min_length: Option<usize>,
    pub(crate) max_length: Option<usize>,
    pub(crate) choices: Option<Vec<&'static str>>,
    pub(crate) requires: Option<&'static str>,
    pub(crate) default_key: bool,
}

impl Prop {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            optional: true,
            format: None,
            pattern: None,
            minimum: None,
            maximum: None,
            min_length: None,
            max_length: None,
            choices: None,
            requires: None,
            default_key: false,
        }
    }

    #[must_use]
    pub fn string() -> Self {
        Self::of(Kind::String)
    }

    #[must_use]
    pub fn integer() -> Self {
        Self::of(Kind::Integer)
    }

    #[must_use]
    pub fn number() -> Self {
        Self::of(Kind::Number)
    }

    #[must_use]
    pub fn boolean() -> Self {
        Self::of(Kind::Boolean)
    }

    /// An array of such elements.
    #[must_use]
    pub fn array(items: Prop) -> Self {
        Self::of(Kind::Array(Box::new(items)))
    }

    /// One of these words.
    #[must_use]
    pub fn choice(words: &[&'static str]) -> Self {
        Self { choices: Some(words.to_vec()), ..Self::string() }
    }

    /// A string that must have this format.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// A property string with these keys.
    #[must_use]
    pub fn property_string(keys: Schema) -> Self {
        Self::string().format(Format::PropertyString(Arc::new(keys)))
    }

    /// A pattern, anchored on both ends as Proxmox anchors it.
    ///
    /// # Panics
    /// When the pattern is not a regular expression: the tables are static, a test builds all of them.
    #[must_use]
    pub fn pattern(mut self, pattern: &str) -> Self {
        self.pattern = Some(Regex::new(&format!("^(?:{pattern})\n?$")).expect("schema tables hold valid patterns"));
        self
    }

    #[must_use]
    pub fn min(mut self, value: f64) -> Self {
        self.minimum = Some(value);
        self
    }

    #[must_use]
    pub fn max(mut self, value: f64) -> Self {
        self.maximum = Some(value);
        self
    }

    /// The least length in characters.
    #[must_use]
    pub fn min_length(mut self, characters: usize) -> Self {
        self.min_length = Some(characters);
        self
    }

    /// The greatest length in characters.
    #[must_use]
    pub fn max_length(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// Another parameter that must be given with this one.
    #[must_use]
    pub fn requires(mut self, name: &'static str) -> Self {
        self.requires = Some(name);
        self
    }

    /// In a property string: the key of a value without key.
    #[must_use]
    pub fn default_key(mut self) -> Self {
        self.default_key = true;
        self
    }
}
