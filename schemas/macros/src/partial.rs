//! The methods that return an attribute or its default, and the struct of what is known of a noun.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Field, GenericArgument, Ident, PathArguments, Type};

use crate::options::AttributeOptions;

/// An attribute of a noun.
pub struct Attribute {
    name: Ident,
    ty: Type,
    /// What it means where it is unset.
    unset: Option<TokenStream>,
    /// The cluster doesn't have it.
    is_local: bool,
}

impl Attribute {
    pub fn of(field: &Field, options: &AttributeOptions) -> Option<Self> {
        let name = field.ident.clone()?;
        Some(Self { name, ty: field.ty.clone(), unset: options.unset(), is_local: options.local })
    }

    /// Its name, the type of its value, and the default of it, if it has one.
    fn defaulted(&self) -> Option<(&Ident, &Type, &TokenStream)> {
        Some((&self.name, option_of(&self.ty)?, self.unset.as_ref()?))
    }
}

/// What the struct of what is known of `noun` is called.
pub fn name(noun: &Ident) -> Ident {
    format_ident!("Partial{noun}")
}

/// What is made for the noun called `noun`.
pub fn of(noun: &Ident, attributes: &[Attribute]) -> TokenStream {
    let partial = name(noun);
    let doc = format!("A [`{noun}`] as far as it is known: an attribute that is not known yet is `None`.");
    let names: Vec<&Ident> = attributes.iter().map(|attribute| &attribute.name).collect();
    let types = attributes.iter().map(|attribute| &attribute.ty);
    let docs = names.iter().map(|name| format!("See [`{noun}::{name}`]."));
    let members = names.iter().map(ToString::to_string);
    let cluster_has = attributes.iter().map(|Attribute { name, is_local, .. }| match is_local {
        true => quote!(#name: None),
        false => quote!(#name: Some(noun.#name)),
    });
    let defaulted: Vec<_> = attributes.iter().filter_map(Attribute::defaulted).collect();
    let own = defaulted.iter().map(|(name, ty, unset)| {
        let doc = format!("`{name}`, or the value that Proxmox uses where it is unset.");
        quote!(#[doc = #doc] #[must_use] pub fn #name(&self) -> #ty { self.#name.unwrap_or(#unset) })
    });
    let known = defaulted.iter().map(|(name, ty, unset)| {
        let doc = format!("`{name}`, or the value that Proxmox uses where it is unset; `None` while it is unknown.");
        quote!(#[doc = #doc] #[must_use] pub fn #name(&self) -> Option<#ty> { Some(self.#name?.unwrap_or(#unset)) })
    });
    let filled = defaulted.iter().map(|(name, ..)| quote!(self.#name = Some(self.#name());));
    quote! {
        #[doc = #doc]
        #[derive(Debug, Clone, Default)]
        pub struct #partial { #(#[doc = #docs] pub #names: Option<#types>,)* }

        impl #noun {
            #(#own)*
        }

        impl #partial {
            #(#known)*
        }

        impl crate::noun::Partly for #noun {
            type Partial = #partial;

            fn known<'de, D: serde::Deserializer<'de>>(member: impl Fn(&str) -> Option<D>) -> #partial {
                #partial { #(#names: member(#members).and_then(|value| serde::Deserialize::deserialize(value).ok()),)* }
            }

            fn with_defaults(mut self) -> Self {
                #(#filled)*
                self
            }
        }

        impl From<#noun> for #partial {
            fn from(noun: #noun) -> Self {
                Self { #(#cluster_has,)* }
            }
        }
    }
}

/// `T` of `Option<T>`.
pub fn option_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}
