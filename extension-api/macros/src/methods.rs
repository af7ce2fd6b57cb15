//! The attribute `#[methods]`: makes an object for Python of a block of methods.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ImplItem, ItemImpl, Result, Type};

use crate::function::documentation;
use method::{Kind, Method};

mod code;
mod method;

const FORMS: &str = "`#[methods]` belongs on a block `impl MyObject { … }` of a type without parameters";

/// Writes the block, and what makes it an object.
pub(crate) fn write(mut block: ItemImpl) -> Result<TokenStream> {
    if block.trait_.is_some() || !block.generics.params.is_empty() {
        return Err(Error::new(block.self_ty.span(), FORMS));
    }
    let class = class_name(&block)?;
    let class_documentation = documentation(&block.attrs);
    let (mut methods, mut errors) = (Vec::new(), Vec::new());
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            match Method::read(function) {
                Ok(method) => methods.push(method),
                Err(error) => errors.push(error.to_compile_error()),
            }
        }
    }
    let has_getter = |name: &String| {
        let mut others = methods.iter();
        others.any(|other| other.kind == Kind::Getter && other.name == *name)
    };
    for setter in methods.iter().filter(|method| method.kind == Kind::Setter) {
        if !has_getter(&setter.name) {
            let message = format!(
                "Python can set `{0}` and not read it: add `#[getter] fn {0}(&self)`",
                setter.name
            );
            errors.push(Error::new(setter.function.sig.ident.span(), message).to_compile_error());
        }
    }
    let api = quote!(::funcdock_extension_api);
    let object = &block.self_ty;
    let of_kind = |kind: Kind| methods.iter().filter(move |method| method.kind == kind);
    let names = of_kind(Kind::Method).map(|method| &method.name);
    let calls = of_kind(Kind::Method).map(Method::call);
    let getters = of_kind(Kind::Getter).map(Method::get);
    let setters: Vec<_> = of_kind(Kind::Setter).map(Method::set).collect();
    let set = (!setters.is_empty()).then(|| {
        quote! {
            fn set(&self, name: &str, value: #api::Value) -> #api::Result<()> {
                match name {
                    #(#setters)*
                    _ => return ::core::result::Result::Err(#api::private::not_settable(#class, name)),
                }
                ::core::result::Result::Ok(())
            }
        }
    });
    let with = of_kind(Kind::Enter)
        .map(Method::enter)
        .chain(of_kind(Kind::Exit).map(Method::exit));
    let others = methods.iter().filter(|method| method.kind != Kind::Setter);
    let stub = others.chain(of_kind(Kind::Setter)).map(Method::stub);
    Ok(quote! {
        #(#errors)*
        #block
        const _: () = {
            impl #api::ContextObject for #object {
                fn class_name(&self) -> &str {
                    #class
                }
                fn methods(&self) -> &'static [&'static str] {
                    &[#(#names),*]
                }
                fn call(&self, method: &str, arguments: #api::Arguments) -> #api::Result<#api::Value> {
                    match method {
                        #(#calls)*
                        _ => ::core::result::Result::Err(#api::private::no_method(#class, method)),
                    }
                }
                fn get(&self, name: &str) -> #api::Result<::core::option::Option<#api::Value>> {
                    ::core::result::Result::Ok(match name {
                        #(#getters)*
                        _ => ::core::option::Option::None,
                    })
                }
                #set
                #(#with)*
            }
            impl ::core::convert::From<#object> for #api::Value {
                fn from(object: #object) -> Self {
                    #api::Value::object(object)
                }
            }
            impl #api::Typed for #object {
                fn annotation() -> ::std::string::String {
                    #class.to_owned()
                }
                fn classes(found: &mut #api::Classes) {
                    found.add(#class, #class_documentation, |class| {
                        #(#stub)*
                        let _ = class;
                    });
                }
            }
        };
    })
}

fn class_name(block: &ItemImpl) -> Result<String> {
    match &*block.self_ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
    .map(|last| last.ident.to_string())
    .ok_or_else(|| Error::new(block.self_ty.span(), FORMS))
}
