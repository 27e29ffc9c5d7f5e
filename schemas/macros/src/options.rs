//! The options that there are, and which of them exclude each other.

use std::collections::BTreeMap;

use darling::FromMeta;
use proc_macro2::TokenStream;
use quote::ToTokens;
use serde::Serialize;
use serde_json::{Value as Json, json};
use syn::{Expr, ExprLit, ExprPath, ExprUnary, Lit, Meta, Path, UnOp};

/// What a struct may say.
#[derive(Debug, Default, FromMeta, Serialize)]
#[darling(default)]
pub struct BlockOptions {
    /// The version of the state's form.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// How many minutes an operation may take, where that is not the usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeouts: Option<Minutes>,
    /// Whether it may be known in part: see the module `partial`.
    #[serde(skip)]
    pub partial: bool,
    /// Whether it is sent and read by its fields: see the module `rest`.
    #[serde(skip)]
    pub rest: bool,
}

#[derive(Debug, Default, FromMeta, Serialize)]
#[darling(default)]
struct Minutes {
    #[serde(skip_serializing_if = "Option::is_none")]
    create: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete: Option<u64>,
}

/// What a field may say. the framework of the provider reads the same names.
#[derive(Debug, Default, FromMeta, Serialize)]
#[darling(default)]
pub struct AttributeOptions {
    #[serde(skip_serializing_if = "is_off")]
    required: bool,
    #[serde(skip_serializing_if = "is_off")]
    optional: bool,
    #[serde(skip_serializing_if = "is_off")]
    computed: bool,
    #[serde(skip_serializing_if = "is_off")]
    sensitive: bool,
    #[serde(skip_serializing_if = "is_off")]
    secret: bool,
    #[serde(skip_serializing_if = "is_off")]
    write_only: bool,
    #[serde(skip_serializing_if = "is_off")]
    replace: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub identity: bool,
    #[serde(skip_serializing_if = "is_off")]
    volatile: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub local: bool,
    #[serde(skip_serializing_if = "is_off")]
    lines: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Literal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    null_means: Option<Literal>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    aliases: Aliases,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<Nesting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_items: Option<u32>,
    #[serde(skip)]
    #[darling(with = WireOptions::from_name_or_list)]
    pub wire: Option<WireOptions>,
}

/// How an attribute is sent and read.
#[derive(Debug, Clone, Default, FromMeta)]
#[darling(default)]
pub struct WireOptions {
    pub name: Option<String>,
    pub always: bool,
    pub as_set: bool,
    pub read: Option<Path>,
    pub skip: bool,
}

type Aliases = BTreeMap<String, String>;

/// How often a nested block may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromMeta, Serialize)]
#[serde(rename_all = "lowercase")]
enum Nesting {
    Single,
    List,
    Set,
}

impl BlockOptions {
    pub fn json(&self) -> Json {
        json!(self)
    }
}

impl WireOptions {
    /// `wire = "name"`, or `wire(…)`.
    fn from_name_or_list(meta: &Meta) -> darling::Result<Option<Self>> {
        match meta {
            Meta::NameValue(_) => {
                String::from_meta(meta).map(|name| Some(Self { name: Some(name), ..Self::default() }))
            }
            _ => Self::from_meta(meta).map(Some),
        }
    }
}

impl AttributeOptions {
    pub fn json(&self) -> Json {
        json!(self)
    }

    /// What an unset attribute means, as an expression: a flag, a number or a constant. A text is not of the type of its attribute.
    pub fn unset(&self) -> Option<TokenStream> {
        self.default.as_ref().or(self.null_means.as_ref())?.value()
    }

    /// The default as an expression, unless it is a text.
    pub fn default_value(&self) -> Option<TokenStream> {
        self.default.as_ref()?.value()
    }

    /// The default, if it is a text.
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref()?.json.as_str().map(str::to_owned)
    }

    /// Whether only Proxmox sets it.
    pub fn is_read_only(&self) -> bool {
        self.computed && !self.optional
    }

    /// The constants in the place of a literal, by the name of their option.
    pub fn constants(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let literals = [("default", &self.default), ("null_means", &self.null_means)];
        literals.into_iter().filter_map(|(name, literal)| Some((name, literal.as_ref()?.constant()?)))
    }

    /// Refuses what core or the framework would refuse, or silently ignore.
    pub fn check(&self) -> darling::Result<()> {
        let has_default = self.default.is_some();
        let none = WireOptions::default();
        let wire = self.wire.as_ref().unwrap_or(&none);
        let contradictions = [
            (self.required && self.optional, "`required` and `optional` exclude each other"),
            (self.required && self.computed, "`required` and `computed` exclude each other"),
            (self.required && has_default, "a required attribute takes no default"),
            (has_default && self.null_means.is_some(), "`default` and `null_means` exclude each other"),
            (self.volatile && !self.computed, "only a computed attribute is `volatile`"),
            (self.local && self.computed, "a `local` attribute is what the configuration says: it is not `computed`"),
            (self.identity && (self.sensitive || self.secret), "an identity is shown: it is not `sensitive`"),
            (self.secret && self.sensitive, "`secret` implies `sensitive`"),
            (self.secret && (self.computed || self.local), "a `secret` is configured, and sent"),
            (self.write_only && self.is_kept(), "a `write_only` attribute is in no state: it takes no other option"),
            (self.min_items.is_some() && !self.is_list(), "only a block of a list or set has `min_items`"),
            (self.local && self.wire.is_some(), "Proxmox doesn't have a `local` attribute: it takes no `wire`"),
            (wire.always && wire.as_set, "`always` and `as_set` exclude each other"),
            ((wire.always || wire.as_set) && !has_default, "only with a default is there a choice of sending it"),
            (wire.skip && (wire.name.is_some() || wire.read.is_some()), "what is skipped is not read"),
            (self.block.is_some() && self.is_attribute(), "a block has none of the options of an attribute"),
        ];
        match contradictions.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, why)) => Err(darling::Error::custom(why)),
            None => Ok(()),
        }
    }

    fn is_list(&self) -> bool {
        matches!(self.block, Some(Nesting::List | Nesting::Set))
    }

    /// Whether it has an option of an attribute that is kept in the state.
    fn is_kept(&self) -> bool {
        let flags = [
            self.required,
            self.computed,
            self.sensitive,
            self.secret,
            self.replace,
            self.identity,
            self.volatile,
            self.local,
        ];
        flags.contains(&true) || self.default.is_some() || self.null_means.is_some()
    }

    fn is_attribute(&self) -> bool {
        let flags = [
            self.required,
            self.optional,
            self.computed,
            self.sensitive,
            self.secret,
            self.write_only,
            self.identity,
            self.volatile,
            self.lines,
        ];
        flags.contains(&true) || self.default.is_some() || self.null_means.is_some() || !self.aliases.is_empty()
    }
}

fn is_off(flag: &bool) -> bool {
    !flag
}

/// A text, a number or a flag, or the path of a constant of one.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Literal {
    json: Json,
    #[serde(skip)]
    constant: Option<Path>,
}

impl Literal {
    fn value(&self) -> Option<TokenStream> {
        self.constant.as_ref().map(ToTokens::to_token_stream).or_else(|| {
            let json = Some(&self.json).filter(|json| !json.is_string())?;
            json.to_string().parse().ok()
        })
    }

    fn constant(&self) -> Option<&Path> {
        self.constant.as_ref()
    }
}

impl From<Json> for Literal {
    fn from(json: Json) -> Self {
        Self { json, constant: None }
    }
}

impl FromMeta for Literal {
    fn from_expr(expression: &Expr) -> darling::Result<Self> {
        match expression {
            Expr::Lit(ExprLit { lit, .. }) => Self::from_value(lit),
            Expr::Path(ExprPath { path, .. }) => Ok(Self { json: Json::Null, constant: Some(path.clone()) }),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match Self::from_expr(expr)?.json.as_i64() {
                Some(number) => Ok(json!(-number).into()),
                None => Err(darling::Error::custom("only a whole number may be negative").with_span(expression)),
            },
            other => Err(darling::Error::unexpected_expr_type(other)),
        }
    }

    fn from_value(literal: &Lit) -> darling::Result<Self> {
        let json = match literal {
            Lit::Str(text) => json!(text.value()),
            Lit::Bool(flag) => json!(flag.value),
            Lit::Int(number) => json!(number.base10_parse::<i64>()?),
            Lit::Float(number) => json!(number.base10_parse::<f64>()?),
            other => {
                let found = other.to_token_stream().to_string();
                return Err(darling::Error::custom(format!("{found} is no text, number or flag")).with_span(other));
            }
        };
        Ok(json.into())
    }
}

#[cfg(test)]
mod tests {
    use darling::ast::NestedMeta;

    use super::*;

    fn options(text: &str) -> Result<Json, String> {
        let list = NestedMeta::parse_meta_list(text.parse().unwrap()).unwrap();
        let options = AttributeOptions::from_list(&list).and_then(|options| options.check().map(|()| options));
        options.map(|options| options.json()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_arrives_as_it_is_written() {
        assert_eq!(
            options("required, replace, identity"),
            Ok(json!({"required": true, "replace": true, "identity": true}))
        );
        assert_eq!(options("default = \"*/15\""), Ok(json!({"default": "*/15"})));
        assert_eq!(options("null_means = -1"), Ok(json!({"null_means": -1})));
        assert_eq!(options("aliases(enabled = \"started\")"), Ok(json!({"aliases": {"enabled": "started"}})));
        assert_eq!(options("block = \"list\", min_items = 1"), Ok(json!({"block": "list", "min_items": 1})));
        assert_eq!(options(""), Ok(json!({})));
    }

    #[test]
    fn a_default_may_be_a_constant() {
        let list = NestedMeta::parse_meta_list("default = LIMIT".parse().unwrap()).unwrap();
        let options = AttributeOptions::from_list(&list).unwrap();
        assert_eq!(options.constants().map(|(name, _)| name).collect::<Vec<_>>(), ["default"]);
        assert_eq!(options.unset().unwrap().to_string(), "LIMIT");
    }

    #[test]
    fn a_misspelt_option_is_refused() {
        assert!(options("sensitve").unwrap_err().contains("Unknown field: `sensitve`"));
        assert!(options("block = \"map\"").is_err());
        assert!(options("default = [1]").is_err());
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        for text in [
            "required, optional",
            "required, computed",
            "required, default = 1",
            "default = 1, null_means = 2",
            "volatile",
            "local, computed",
            "identity, sensitive",
            "min_items = 1",
            "block = \"single\", min_items = 1",
            "block = \"single\", required",
            "local, wire = \"x\"",
            "default = 1, wire(always, as_set)",
            "wire(always)",
            "wire(skip, name = \"x\")",
        ] {
            assert!(options(text).is_err(), "{text}");
        }
    }
}
