//! The arguments of the attribute: `scope = function, name = "rate-limit"`.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Result, Token};

const FORMS: &str = "write `#[extension]`, `#[extension(scope = function)]`, `#[extension(name = \"rate-limit\")]` or both \
                     arguments";

/// What there is an instance for.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Scope {
    #[default]
    App,
    Function,
}

/// The arguments of the attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) scope: Scope,
    /// Empty if the crate's name is meant.
    pub(crate) names: Vec<LitStr>,
}

struct Argument {
    key: Ident,
    value: Expr,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key: Ident = input
            .parse()
            .map_err(|error| Error::new(error.span(), format!("expected an argument: {FORMS}")))?;
        input
            .parse::<Token![=]>()
            .map_err(|_| Error::new(key.span(), format!("`{key}` needs a value: {FORMS}")))?;
        Ok(Argument {
            key,
            value: input.parse()?,
        })
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut scope = None;
        let mut names = None;
        for Argument { key, value } in Punctuated::<Argument, Token![,]>::parse_terminated(input)? {
            let word = key.to_string();
            match word.as_str() {
                "scope" => set(&mut scope, &key, read_scope(&value)?)?,
                "name" => set(&mut names, &key, vec![read_name(&value)?])?,
                "names" => set(&mut names, &key, read_names(&value)?)?,
                _ => {
                    return Err(Error::new(
                        key.span(),
                        format!("`{word}` is not an argument of `#[extension]`: {FORMS}"),
                    ));
                }
            }
        }
        Ok(Arguments {
            scope: scope.unwrap_or_default(),
            names: names.unwrap_or_default(),
        })
    }
}

fn set<T>(slot: &mut Option<T>, key: &Ident, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(
            key.span(),
            "the extension has this already: leave one of the two out",
        )),
    }
}

/// The expression itself, where a macro of the author's has put it here.
fn ungrouped(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => ungrouped(&group.expr),
        value => value,
    }
}

fn read_scope(value: &Expr) -> Result<Scope> {
    let word = match ungrouped(value) {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    };
    match word.as_deref() {
        Some("app") => Ok(Scope::App),
        Some("function") => Ok(Scope::Function),
        _ => Err(Error::new(
            value.span(),
            "`scope` is `app` (one instance for the whole app, as without the argument) or `function` (one instance for each \
             function)",
        )),
    }
}

fn read_name(value: &Expr) -> Result<LitStr> {
    let Expr::Lit(ExprLit {
        lit: Lit::Str(name), ..
    }) = ungrouped(value)
    else {
        return Err(Error::new(
            value.span(),
            "`name` takes a string literal, such as `name = \"rate-limit\"`",
        ));
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let text = name.value();
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(Error::new(
            name.span(),
            "the name of an extension is one or more letters, digits, `-` and `_`, such as \"rate-limit\"",
        ));
    }
    Ok(name.clone())
}

fn read_names(value: &Expr) -> Result<Vec<LitStr>> {
    let wrong = |span: Span| {
        Error::new(
            span,
            "`names` takes a list of string literals, such as `names = [\"stopwatch\", \"timer\"]`",
        )
    };
    match ungrouped(value) {
        Expr::Array(array) if !array.elems.is_empty() => array.elems.iter().map(read_name).collect(),
        _ => Err(wrong(value.span())),
    }
}
