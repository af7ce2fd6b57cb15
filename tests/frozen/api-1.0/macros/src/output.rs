//! What the attribute makes of the block: the block with what was left out, its declaration, and its registrations.

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

use crate::arguments::Scope;
use crate::block::Block;

/// Writes the output; `names` is empty if the crate's name is meant.
pub(crate) fn write(names: &[LitStr], block: Block) -> TokenStream {
    let Block {
        mut item,
        scope,
        hooks,
        strict,
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
    let extension = &item.self_ty;
    let scope = match scope {
        Scope::App => quote!(AppLevel),
        Scope::Function => quote!(FunctionLevel),
    };
    let count = names.len().max(1);
    let names = match names {
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
        const _: () = {
            impl #api::private::Declared for #extension {
                type Scope = #api::private::#scope;
                const HOOKS: u32 = #hooks;
                const STRICT: u32 = #strict;
                const NAMES: &'static [&'static str] = &[#names];
                const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
            }
            #(#registrations)*
        };
    }
}
