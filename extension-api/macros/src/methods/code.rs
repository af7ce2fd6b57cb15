//! Writes what a function of the block becomes in the object.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::method::{Kind, Method, Parameter};

impl Method {
    /// An arm of `match method`.
    pub(super) fn call(&self) -> TokenStream {
        let api = quote!(::funcdock_extension_api);
        let Method { name, parameters, .. } = self;
        let function = &self.function.sig.ident;
        let variables: Vec<_> = (0..parameters.len())
            .map(|index| quote::format_ident!("argument_{index}"))
            .collect();
        let bound = if self.takes_all() {
            quote!(let argument_0 = arguments;)
        } else {
            let names = parameters.iter().map(|parameter| &parameter.name);
            let converted = variables
                .iter()
                .zip(parameters)
                .map(|(variable, Parameter { name, of })| {
                    let argument = quote_spanned!(of.span() => #api::private::argument::<#of>);
                    quote!(let #variable = #argument(#name, #variable)?;)
                });
            quote! {
                let [#(#variables),*] = arguments.bind([#(#names),*])?;
                #(#converted)*
            }
        };
        let called = self.returned.unwrapped(quote!(self.#function(#(#variables),*)));
        let value_from = self.returned.conversion();
        quote! {
            #name => {
                #bound
                ::core::result::Result::Ok(#value_from(#called))
            }
        }
    }

    /// An arm of `match name`.
    pub(super) fn get(&self) -> TokenStream {
        let Method { name, .. } = self;
        let function = &self.function.sig.ident;
        let value = self.returned.unwrapped(quote!(self.#function()));
        let value_from = self.returned.conversion();
        quote! {
            #name => ::core::option::Option::Some(#value_from(#value)),
        }
    }

    /// An arm of `match name`.
    pub(super) fn set(&self) -> TokenStream {
        let name = &self.name;
        let function = &self.function.sig.ident;
        let of = self.parameters.iter().map(|parameter| &parameter.of);
        let called = self.returned.unwrapped(quote!(self.#function(value)));
        quote! {
            #name => {
                let value: #(#of)* = ::funcdock_extension_api::private::argument(#name, ::core::option::Option::Some(value))?;
                #called;
            }
        }
    }

    /// Without a value, `with` gives the object itself.
    pub(super) fn enter(&self) -> TokenStream {
        let api = quote!(::funcdock_extension_api);
        let called = self.returned.unwrapped(quote!(self.__enter__()));
        let value_from = self.returned.conversion();
        let value = match self.enters_another() {
            true => quote!(::core::option::Option::Some(#value_from(#called))),
            false => quote!({ #called; ::core::option::Option::None }),
        };
        quote! {
            fn enter(&self) -> #api::Result<::core::option::Option<#api::Value>> {
                ::core::result::Result::Ok(#value)
            }
        }
    }

    pub(super) fn exit(&self) -> TokenStream {
        let api = quote!(::funcdock_extension_api);
        let called = self.returned.unwrapped(quote!(self.__exit__(exception)));
        quote! {
            fn exit(&self, exception: ::core::option::Option<#api::Exception<'_>>) -> #api::Result<bool> {
                ::core::result::Result::Ok(#called)
            }
        }
    }

    /// A statement that adds the method to the class' stub.
    pub(super) fn stub(&self) -> TokenStream {
        let Method {
            name, documentation, ..
        } = self;
        let value = &self.returned.value;
        match self.kind {
            Kind::Getter => quote!(class.getter::<#value>(#name, #documentation);),
            Kind::Setter => {
                let of = self.parameters.iter().map(|parameter| &parameter.of);
                quote!(class.setter::<#(#of)*>(#name);)
            }
            Kind::Exit => quote!(class.exit(#documentation);),
            Kind::Enter if !self.enters_another() => quote!(class.enter_itself(#documentation);),
            Kind::Method if self.takes_all() => {
                quote!(class.method::<#value>(#name, #documentation).all_arguments();)
            }
            Kind::Enter | Kind::Method => {
                let parameters = self
                    .parameters
                    .iter()
                    .map(|Parameter { name, of }| quote!(.parameter::<#of>(#name)));
                quote!(class.method::<#value>(#name, #documentation)#(#parameters)*;)
            }
        }
    }
}
