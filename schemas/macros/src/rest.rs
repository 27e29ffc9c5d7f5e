//! A noun's attributes as parameters and properties: one field of the struct says all of one attribute.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Field, Ident, Type};

use crate::options::{AttributeOptions, WireOptions};
use crate::partial::option_of;

/// How one attribute is sent and read.
pub struct WireField {
    ident: Ident,
    ty: Type,
    attribute: String,
    wire: WireOptions,
    is_on_the_wire: bool,
    is_identity: bool,
    is_written: bool,
    default: Option<Unset>,
}

/// What an unset attribute means.
enum Unset {
    Value(TokenStream),
    Text(String),
}

impl WireField {
    pub fn of(field: &Field, options: &AttributeOptions) -> Option<Self> {
        let ident = field.ident.clone()?;
        let wire = options.wire.clone().unwrap_or_default();
        let is_on_the_wire = !options.local && !wire.skip;
        let default = options.default_text().map(Unset::Text).or_else(|| options.default_value().map(Unset::Value));
        Some(Self {
            attribute: ident.unraw().to_string(),
            ident,
            ty: field.ty.clone(),
            is_on_the_wire,
            is_identity: options.identity,
            is_written: is_on_the_wire && !options.identity && !options.is_read_only(),
            wire,
            default,
        })
    }

    /// Proxmox's name.
    fn name(&self) -> &str {
        self.wire.name.as_deref().unwrap_or(&self.attribute)
    }

    /// The arm that says which attribute a parameter is.
    fn parameter(&self) -> Option<TokenStream> {
        let (name, attribute) = (self.name(), &self.attribute);
        (self.is_written || self.is_identity).then(|| quote!((#name, #attribute)))
    }

    /// What sets its parameter, where `attribute` is the expression of its value.
    fn write(&self, attribute: &TokenStream) -> TokenStream {
        let name = self.name();
        let put = quote!(crate::rest::Wire::write);
        if option_of(&self.ty).is_none() {
            return quote!(#put(&#attribute, #name, &mut params););
        }
        let as_set = quote!(if let Some(value) = &#attribute { #put(value, #name, &mut params); });
        match &self.default {
            Some(Unset::Value(unset)) if self.wire.always => {
                quote!(#put(#attribute.as_ref().unwrap_or(&#unset), #name, &mut params);)
            }
            Some(Unset::Text(unset)) if self.wire.always => {
                quote!(params.set(#name, #unset); #as_set)
            }
            None => as_set,
            Some(_) if self.wire.as_set => as_set,
            Some(Unset::Value(unset)) => quote! {
                if let Some(value) = #attribute.as_ref().filter(|value| **value != #unset) {
                    #put(value, #name, &mut params);
                }
            },
            Some(Unset::Text(unset)) => quote! {
                #as_set
                if params.value(#name) == Some(#unset) { params.unset(#name); }
            },
        }
    }

    /// The arm of a match on its name that sets the parameter, unless the attribute is not known.
    fn known(&self) -> TokenStream {
        let (ident, name) = (&self.ident, self.name());
        let write = self.write(&quote!((*value)));
        quote!(#name => { let value = self.#ident.as_ref()?; #write })
    }

    fn read(&self) -> TokenStream {
        let (ident, name) = (&self.ident, self.name());
        let value = match &self.wire.read {
            _ if !self.is_on_the_wire => quote!(Default::default()),
            Some(read) => quote!(#read(properties)?),
            None if option_of(&self.ty).is_some() => quote!(crate::rest::Wire::read(#name, properties)?),
            None => quote!(crate::rest::wire::required(#name, properties)?),
        };
        quote!(#ident: #value)
    }
}

fn written(fields: &[WireField]) -> impl Iterator<Item = &WireField> {
    fields.iter().filter(|field| field.is_written)
}

/// What is made for the partial noun called `partial`.
pub fn of_partial(partial: &Ident, fields: &[WireField]) -> TokenStream {
    let known = written(fields).map(WireField::known);
    quote! {
        impl crate::rest::KnownFields for #partial {
            fn parameter(&self, name: &str) -> Option<crate::rest::Params> {
                let mut params = crate::rest::Params::new();
                match name {
                    #(#known)*
                    _ => return None,
                }
                Some(params)
            }
        }
    }
}

/// What is made for the noun called `noun`.
pub fn of(noun: &Ident, fields: &[WireField]) -> TokenStream {
    let parameters = fields.iter().filter_map(WireField::parameter);
    let writes = written(fields).map(|field| {
        let ident = &field.ident;
        field.write(&quote!(self.#ident))
    });
    let reads = fields.iter().map(WireField::read);
    quote! {
        impl crate::rest::Fields for #noun {
            fn attribute(parameter: &str) -> Option<&'static str> {
                const PARAMETERS: &[(&str, &str)] = &[#(#parameters),*];
                PARAMETERS.iter().find(|(name, _)| *name == parameter).map(|(_, attribute)| *attribute)
            }

            fn params(&self) -> crate::rest::Params {
                let mut params = crate::rest::Params::new();
                #(#writes)*
                params
            }

            fn from_properties(properties: &crate::value::Properties<'_>) -> Result<Self, String> {
                Ok(Self { #(#reads,)* })
            }
        }
    }
}
