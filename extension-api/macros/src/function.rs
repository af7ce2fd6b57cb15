//! What both attributes read off a function: its documentation and what it returns.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, GenericArgument, Ident, Lit, Meta, PathArguments, Result, ReturnType,
    Type,
};

/// Returns the text of doc comments, without the space after each `///`.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(line), ..
            }) if pair.path.is_ident("doc") => {
                let line = line.value();
                Some(line.strip_prefix(' ').map(str::to_owned).unwrap_or(line))
            }
            _ => None,
        }
    };
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    lines.join("\n").trim().to_owned()
}

/// Returns the name under which Python knows what is called `ident` here.
///
/// # Errors
/// Python cannot use the name.
pub(crate) fn python_name(ident: &Ident) -> Result<String> {
    let name = ident.unraw().to_string();
    if KEYWORDS.contains(&name.as_str()) {
        return Err(Error::new(
            ident.span(),
            format!("`{name}` is a keyword of Python, which cannot use it as a name: choose another one"),
        ));
    }
    Ok(name)
}

/// The keywords of Python that can be names in Rust, with or without `r#`.
const KEYWORDS: [&str; 31] = [
    "None", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while",
];

/// Takes an attribute of this name out of the attributes.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> Option<Attribute> {
    let index = attributes
        .iter()
        .position(|attribute| attribute.path().is_ident(name))?;
    Some(attributes.remove(index))
}

/// What a function returns.
pub(crate) struct Returned {
    /// The type of the value: `T` of a `Result<T>`.
    pub(crate) value: Type,
    is_result: bool,
}

impl Returned {
    pub(crate) fn of(output: &ReturnType) -> Self {
        let returned = match output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, returned) => (**returned).clone(),
        };
        match argument_of(&returned, "Result") {
            Some(value) => Returned {
                value,
                is_result: true,
            },
            None => Returned {
                value: returned,
                is_result: false,
            },
        }
    }

    /// Returns what turns the value into a `Value`. A type that does not become one is an error at the type.
    pub(crate) fn conversion(&self) -> TokenStream {
        quote_spanned!(self.value.span() => ::funcdock_extension_api::Value::from)
    }

    /// Returns an expression of the value, from one that calls the function: it ends the function around it if that fails.
    pub(crate) fn unwrapped(&self, called: TokenStream) -> TokenStream {
        match self.is_result {
            true => quote!(#called?),
            false => called,
        }
    }
}

/// Returns `T` of a type that is written `Name<T>`.
pub(crate) fn argument_of(written: &Type, name: &str) -> Option<Type> {
    let Type::Path(path) = written else {
        return None;
    };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument.clone()),
        _ => None,
    })
}
