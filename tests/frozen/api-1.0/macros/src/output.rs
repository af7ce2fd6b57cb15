//! What the attribute makes of the block: the block with what was left out, its declaration, and its registrations.

use proc_macro2::TokenStream;
use quote::quote;

use crate::arguments::{Arguments, Scope, SetAttribute};
use crate::block::Block;
use crate::made::MadeAttribute;

/// Writes the output.
pub(crate) fn write(arguments: &Arguments, block: Block) -> TokenStream {
    let Block {
        mut item,
        scope,
        hooks,
        strict,
        made,
        without_settings,
        without_state,
        without_pre,
        errors,
    } = block;
    let api = quote!(::funcdock_extension_api);
    if without_settings {
        item.items.push(syn::parse_quote!(
            type Settings = ();
        ));
    }
    if without_state {
        item.items.push(syn::parse_quote!(
            type State = ();
        ));
    }
    if without_pre {
        item.items.push(syn::parse_quote! {
            fn pre_invocation(&self, _: &mut #api::Invocation<'_>) -> #api::Result<#api::Flow<()>> {
                ::core::result::Result::Ok(#api::Flow::Continue(()))
            }
        });
    }
    if !made.is_empty() {
        let arms = made.iter().map(MadeAttribute::arm);
        item.items.push(syn::parse_quote! {
            fn attribute(
                &self,
                call: &#api::Invocation<'_>,
                name: &str,
            ) -> #api::Result<::core::option::Option<#api::Value>> {
                ::core::result::Result::Ok(match name {
                    #(#arms)*
                    _ => ::core::option::Option::None,
                })
            }
        });
    }
    let extension = &item.self_ty;
    let makers = (!made.is_empty()).then(|| {
        let functions = made.iter().map(MadeAttribute::function);
        quote!(impl #extension { #(#functions)* })
    });
    let made = made.iter().map(MadeAttribute::declaration);
    let set = arguments
        .sets
        .iter()
        .map(|SetAttribute { name, of }| quote!(#api::private::Attribute::set::<#of>(#name)));
    let after = &arguments.after;
    let scope = match scope {
        Scope::App => quote!(AppLevel),
        Scope::Function => quote!(FunctionLevel),
    };
    let count = arguments.names.len().max(1);
    let names = match &*arguments.names {
        [] => quote!(#api::private::name_of(::core::env!("CARGO_PKG_NAME"))),
        names => quote!(#(#names),*),
    };
    let registrations = (0..count).map(|index| {
        quote! {
            #api::private::inventory::submit! { #api::private::Registration::of::<#extension, #index>() }
        }
    });
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote! {
        #[cfg(panic = "abort")]
        ::core::compile_error!(
            "an extension must unwind, so that a panic costs one call of a hook and not the worker: remove `panic = \"abort\"` \
             from the profile in Cargo.toml"
        );
        #(#errors)*
        #item
        #makers
        const _: () = {
            impl #api::private::Declared for #extension {
                type Scope = #api::private::#scope;
                const HOOKS: u32 = #hooks;
                const STRICT: u32 = #strict;
                const NAMES: &'static [&'static str] = &[#names];
                const ATTRIBUTES: &'static [#api::private::Attribute] = &[#(#made,)* #(#set),*];
                const AFTER: &'static [&'static str] = &[#(#after),*];
                fn settings_documentation() -> &'static [(&'static str, &'static str)] {
                    #[allow(unused_imports, reason = "which one is used depends on the type of the settings")]
                    use #api::private::{ViaDocumented as _, ViaNothing as _};
                    (&#api::private::DocumentationOf::<<#extension as #api::Extension>::Settings>::NEW).get()
                }
                const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
            }
            #(#registrations)*
        };
    }
}
