//! The attribute `#[methods]`: makes an object for Python of a block of methods.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ImplItem, ImplItemFn, ItemImpl, Pat, Result, Type};

use crate::function::{Returned, argument_of, documentation, python_name, take};

const FORMS: &str = "`#[methods]` belongs on a block `impl MyObject { … }` of a type without parameters";

/// A function of the block that Python sees.
struct Method {
    /// Its name in Python; that of the attribute if it is a setter.
    name: String,
    function: ImplItemFn,
    kind: Kind,
    documentation: String,
    parameters: Vec<Parameter>,
    returned: Returned,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Method,
    Getter,
    Setter,
    Enter,
    Exit,
}

struct Parameter {
    name: String,
    of: Type,
}

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

impl Method {
    /// Reads a function, and takes our attributes off it.
    fn read(function: &mut ImplItemFn) -> Result<Self> {
        let getter = take(&mut function.attrs, "getter");
        let setter = take(&mut function.attrs, "setter");
        let signature = &function.sig;
        if let Some(keyword) = &signature.asyncness {
            return Err(Error::new(
                keyword.span(),
                "Python calls methods and waits for them: they are not `async`",
            ));
        }
        let name = python_name(&signature.ident)?;
        let mut inputs = signature.inputs.iter();
        match inputs.next() {
            Some(FnArg::Receiver(receiver))
                if receiver.mutability.is_none() && receiver.reference.is_some() => {}
            Some(FnArg::Receiver(receiver)) => {
                return Err(Error::new(
                    receiver.span(),
                    "Python calls methods from several threads at once: take `&self`, and keep what changes in an atomic or \
                     a `Mutex`",
                ));
            }
            _ => {
                return Err(Error::new(
                    signature.ident.span(),
                    format!(
                        "`{name}` takes no `&self`, so Python cannot call it: move it into a block of its own"
                    ),
                ));
            }
        }
        let parameters = inputs.map(Parameter::read).collect::<Result<Vec<_>>>()?;
        let kind = match name.as_str() {
            _ if getter.is_some() => Kind::Getter,
            function if setter.is_some() => match function.strip_prefix("set_") {
                Some(_) => Kind::Setter,
                None => {
                    return Err(Error::new(
                        signature.ident.span(),
                        format!("a setter is called `set_` and the name of what it sets: `set_{function}`"),
                    ));
                }
            },
            "__enter__" => Kind::Enter,
            "__exit__" => Kind::Exit,
            dunder if dunder.starts_with("__") => {
                return Err(Error::new(
                    signature.ident.span(),
                    format!(
                        "`{name}` is not supported: of Python's special methods an object has `__enter__` and `__exit__`"
                    ),
                ));
            }
            _ => Kind::Method,
        };
        let takes = match kind {
            Kind::Getter | Kind::Enter => Some((0, "nothing but `&self`")),
            Kind::Setter => Some((1, "`&self` and the value")),
            Kind::Exit => Some((1, "`&self` and `exception: Option<Exception<'_>>`")),
            Kind::Method => None,
        };
        if let Some((count, form)) = takes
            && parameters.len() != count
        {
            return Err(Error::new(
                signature.inputs.span(),
                format!("`{name}` takes {form}"),
            ));
        }
        let name = match (kind, name.strip_prefix("set_")) {
            (Kind::Setter, Some(attribute)) => attribute.to_owned(),
            _ => name,
        };
        Ok(Method {
            documentation: documentation(&function.attrs),
            returned: Returned::of(&signature.output),
            function: function.clone(),
            name,
            kind,
            parameters,
        })
    }

    /// The only parameter, if it takes all arguments as they came.
    fn takes_all(&self) -> bool {
        matches!(&*self.parameters, [parameter] if parameter.takes_all())
    }

    /// An arm of `match method`.
    fn call(&self) -> TokenStream {
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
    fn get(&self) -> TokenStream {
        let Method { name, .. } = self;
        let function = &self.function.sig.ident;
        let value = self.returned.unwrapped(quote!(self.#function()));
        let value_from = self.returned.conversion();
        quote! {
            #name => ::core::option::Option::Some(#value_from(#value)),
        }
    }

    /// An arm of `match name`.
    fn set(&self) -> TokenStream {
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
    fn enter(&self) -> TokenStream {
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

    fn enters_another(&self) -> bool {
        !matches!(&self.returned.value, Type::Tuple(tuple) if tuple.elems.is_empty())
    }

    fn exit(&self) -> TokenStream {
        let api = quote!(::funcdock_extension_api);
        let called = self.returned.unwrapped(quote!(self.__exit__(exception)));
        quote! {
            fn exit(&self, exception: ::core::option::Option<#api::Exception<'_>>) -> #api::Result<bool> {
                ::core::result::Result::Ok(#called)
            }
        }
    }

    /// A statement that adds the method to the class' stub.
    fn stub(&self) -> TokenStream {
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

impl Parameter {
    fn read(input: &FnArg) -> Result<Self> {
        let FnArg::Typed(input) = input else {
            return Err(Error::new(input.span(), "`self` comes first"));
        };
        let Pat::Ident(name) = &*input.pat else {
            return Err(Error::new(
                input.pat.span(),
                "Python passes arguments by name, too: give the parameter one",
            ));
        };
        if let Type::Reference(reference) = &*input.ty {
            let owned = match reference.elem.to_token_stream().to_string().as_str() {
                "str" => "take a `String`",
                _ => "take a value",
            };
            return Err(Error::new(
                reference.span(),
                format!("an argument is made for the call, so there is nothing to borrow it from: {owned}"),
            ));
        }
        Ok(Parameter {
            name: python_name(&name.ident)?,
            of: (*input.ty).clone(),
        })
    }

    fn takes_all(&self) -> bool {
        matches!(&self.of, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Arguments"))
            && argument_of(&self.of, "Arguments").is_none()
    }
}
