//! `#[tf_block]`: what only Terraform has words for, as attributes that the compiler checks.
//!
//! A noun's JSON Schema says which types and constraints its attributes have. That one is required, or sensitive, or forces
//! a replacement is said with `#[tf(…)]`:
//!
//! ```
//! # use pve_schemas_macros::tf_block;
//! #[tf_block(version = 2)]
//! #[derive(schemars::JsonSchema)]
//! struct Thing {
//!     /// The natural id.
//!     #[tf(required, replace, identity)]
//!     name: String,
//!     /// What it lets in.
//!     #[tf(sensitive)]
//!     password: Option<String>,
//! }
//! ```
//!
//! A misspelt or contradictory option doesn't compile:
//!
//! ```compile_fail
//! # use pve_schemas_macros::tf_block;
//! #[tf_block(version = 2)]
//! #[derive(schemars::JsonSchema)]
//! struct Thing {
//!     #[tf(sensitve)]
//!     password: Option<String>,
//! }
//! ```
//!
//! Valid attributes are written into the JSON Schema as the extension `tf`, which schemars carries through renaming,
//! flattening and nesting; a derive macro could not add it there.

mod options;
mod partial;
mod rest;

use std::collections::HashMap;

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro::TokenStream;
use quote::{ToTokens, quote};
use syn::{Fields, ItemStruct, parse_macro_input, parse_quote};

use options::{AttributeOptions, BlockOptions};
use partial::Attribute;
use rest::WireField;

/// Checks the `#[tf(…)]` attributes of a struct that is a resource, a data source or a block, and puts them into its JSON
/// Schema. The struct itself may have `version` and `timeouts(create, read, update, delete)`, in minutes.
///
/// With `partial` it gets a method for each attribute with a default, which returns that default where the attribute is unset;
/// and a second struct, `PartialThing`, whose attributes may be unknown, as those of a plan are.
///
/// With `rest` it gets its parameters and is read from the properties of an entry, each attribute as its type implements
/// `Wire`. What equals a `default` is not sent, nor what is `local` or only `computed`; the `identity` names the object. A field
/// may say otherwise: `wire = "other-name"`, or `wire(…)` with
///
/// * `name = "other-name"`: Proxmox's name, where that is not the attribute's;
/// * `always`: the default is sent, too, also in the place of what is unset;
/// * `as_set`: the default is sent where it is written, and what is unset is not;
/// * `read = function`: reads it from the properties of the entry instead of from the one of its name;
/// * `skip`: Proxmox doesn't have it.
#[proc_macro_attribute]
pub fn tf_block(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut item = parse_macro_input!(item as ItemStruct);
    let mut errors = darling::Error::accumulator();
    let arguments = NestedMeta::parse_meta_list(arguments.into()).map_err(darling::Error::from);
    let (mut is_partial, mut is_rest) = (false, false);
    if let Some(options) = errors.handle(arguments.and_then(|list| BlockOptions::from_list(&list))) {
        (is_partial, is_rest) = (options.partial, options.rest);
        item.attrs.extend(extension(options.json(), []));
    }
    let (mut attributes, mut wire) = (Vec::new(), Vec::new());
    if let Fields::Named(fields) = &mut item.fields {
        for field in &mut fields.named {
            if let Some(options) = errors.handle(attribute_options(&mut field.attrs)) {
                field.attrs.extend(extension(options.json(), options.constants()));
                attributes.extend(Attribute::of(field, &options));
                wire.extend(WireField::of(field, &options));
                if options.wire.is_some() && !is_rest {
                    errors.push(darling::Error::custom("`wire` is for a `tf_block(rest)`").with_span(field));
                }
            }
        }
    }
    let partial = is_partial.then(|| partial::of(&item.ident, &attributes));
    let rest = is_rest.then(|| rest::of(&item.ident, &wire));
    let known = (is_partial && is_rest).then(|| rest::of_partial(&partial::name(&item.ident), &wire));
    let errors = errors.finish().err().map(darling::Error::write_errors);
    quote!(#errors #item #partial #rest #known).into()
}

/// Takes the `#[tf(…)]` of a field out of its attributes.
fn attribute_options(attributes: &mut Vec<syn::Attribute>) -> darling::Result<AttributeOptions> {
    let mut options = AttributeOptions::default();
    for attribute in attributes.extract_if(.., |attribute| attribute.path().is_ident("tf")) {
        options = AttributeOptions::from_meta(&attribute.meta)?;
        options.check().map_err(|error| error.with_span(&attribute))?;
    }
    Ok(options)
}

/// The attribute that adds `options` to the JSON Schema, if there are any.
fn extension<'a>(
    options: serde_json::Value,
    constants: impl IntoIterator<Item = (&'static str, &'a syn::Path)>,
) -> Option<syn::Attribute> {
    let options = options.as_object().filter(|options| !options.is_empty())?;
    let constants: HashMap<_, _> = constants.into_iter().collect();
    // A JSON text is a Rust token tree, too: schemars takes it, and the path of a constant, as `serde_json::json!` does.
    let members = options.iter().filter_map(|(name, value)| {
        let value = match constants.get(name.as_str()) {
            Some(constant) => constant.to_token_stream(),
            None => value.to_string().parse().ok()?,
        };
        Some(quote!(#name: #value))
    });
    Some(parse_quote!(#[schemars(extend("tf" = { #(#members),* }))]))
}
