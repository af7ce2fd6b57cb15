//! Reads a function of the block: what it is to Python, or why it cannot be called from there.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Error, FnArg, ImplItemFn, Pat, Result, Type};

use crate::function::{Returned, argument_of, documentation, python_name, take};

/// A function of the block that Python sees.
pub(super) struct Method {
    /// Its name in Python; that of the attribute if it is a setter.
    pub(super) name: String,
    pub(super) function: ImplItemFn,
    pub(super) kind: Kind,
    pub(super) documentation: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) returned: Returned,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Method,
    Getter,
    Setter,
    Enter,
    Exit,
}

pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) of: Type,
}

impl Method {
    /// Reads a function, and takes our attributes off it.
    pub(super) fn read(function: &mut ImplItemFn) -> Result<Self> {
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
    pub(super) fn takes_all(&self) -> bool {
        matches!(&*self.parameters, [parameter] if parameter.takes_all())
    }

    /// Whether `with` gives another object.
    pub(super) fn enters_another(&self) -> bool {
        !matches!(&self.returned.value, Type::Tuple(tuple) if tuple.elems.is_empty())
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
