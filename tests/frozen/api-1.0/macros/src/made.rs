//! The functions of the block that are marked `#[attribute]`: each makes an attribute of `context` when function code asks.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, FnArg, ImplItemFn, Result, Type};

use crate::function::{Returned, argument_of, documentation, python_name};

/// An attribute of `context` that a function makes.
pub(crate) struct MadeAttribute {
    name: String,
    documentation: String,
    /// The function, which moves into a block of the type's own.
    function: ImplItemFn,
    returned: Returned,
}

impl MadeAttribute {
    pub(crate) fn read(function: ImplItemFn) -> Result<Self> {
        let signature = &function.sig;
        if let Some(keyword) = &signature.asyncness {
            return Err(Error::new(
                keyword.span(),
                "function code waits for the attribute: it is not `async`",
            ));
        }
        let mut inputs = signature.inputs.iter();
        let is_borrowed =
            |receiver: &syn::Receiver| receiver.mutability.is_none() && receiver.reference.is_some();
        match (inputs.next(), inputs.next(), inputs.next()) {
            (Some(FnArg::Receiver(receiver)), Some(_), None) if is_borrowed(receiver) => {}
            _ => {
                return Err(Error::new(
                    signature.ident.span(),
                    format!(
                        "an attribute is made by `fn {}(&self, call: &Invocation<'_>) -> Result<…>`",
                        signature.ident
                    ),
                ));
            }
        }
        Ok(MadeAttribute {
            name: python_name(&signature.ident)?,
            documentation: documentation(&function.attrs),
            returned: Returned::of(&signature.output),
            function,
        })
    }

    /// The type of the attribute. A function that returns an `Option` may make none for a call.
    fn of(&self) -> Type {
        let written = &self.returned.value;
        argument_of(written, "Option").unwrap_or_else(|| written.clone())
    }

    fn is_optional(&self) -> bool {
        argument_of(&self.returned.value, "Option").is_some()
    }

    pub(crate) fn function(&self) -> &ImplItemFn {
        &self.function
    }

    /// What the host is told of it.
    pub(crate) fn declaration(&self) -> TokenStream {
        let MadeAttribute {
            name, documentation, ..
        } = self;
        let of = self.of();
        quote!(::funcdock_extension_api::private::Attribute::made::<#of>(#name, #documentation))
    }

    /// An arm of `match name`, of an optional value.
    pub(crate) fn arm(&self) -> TokenStream {
        let value = self.returned.conversion();
        let function = &self.function.sig.ident;
        let made = self.returned.unwrapped(quote!(Self::#function(self, call)));
        let name = &self.name;
        match self.is_optional() {
            true => quote!(#name => (#made).map(#value),),
            false => quote!(#name => ::core::option::Option::Some(#value(#made)),),
        }
    }
}
