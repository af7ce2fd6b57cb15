//! The arguments of the attribute: `scope = function, name = "rate-limit", after = ["auth"], sets(user: String)`.

use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Result, Token, Type};

use crate::function::python_name;

const FORMS: &str = "write `#[extension]`, or `#[extension(…)]` with any of `scope = function`, `name = \"rate-limit\"`, \
                     `after = [\"auth\"]` and `sets(user: String)`";

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
    /// The extensions whose hooks run before its own.
    pub(crate) after: Vec<LitStr>,
    /// The attributes of `context` that its hooks set.
    pub(crate) sets: Vec<SetAttribute>,
}

/// An attribute of `context` that hooks set: `user: String`.
pub(crate) struct SetAttribute {
    pub(crate) name: String,
    pub(crate) of: Type,
}

impl Parse for SetAttribute {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = python_name(&Ident::parse_any(input)?)?;
        input.parse::<Token![:]>()?;
        Ok(SetAttribute {
            name,
            of: input.parse()?,
        })
    }
}

enum Argument {
    Pair(Ident, Expr),
    Sets(Ident, Punctuated<SetAttribute, Token![,]>),
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key: Ident = input
            .parse()
            .map_err(|error| Error::new(error.span(), format!("expected an argument: {FORMS}")))?;
        if key == "sets" {
            let attributes;
            syn::parenthesized!(attributes in input);
            let attributes = Punctuated::parse_terminated(&attributes)?;
            return Ok(Argument::Sets(key, attributes));
        }
        input
            .parse::<Token![=]>()
            .map_err(|_| Error::new(key.span(), format!("`{key}` needs a value: {FORMS}")))?;
        Ok(Argument::Pair(key, input.parse()?))
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut scope = None;
        let (mut names, mut after, mut sets) = (None, None, None);
        for argument in Punctuated::<Argument, Token![,]>::parse_terminated(input)? {
            let (key, value) = match argument {
                Argument::Pair(key, value) => (key, value),
                Argument::Sets(key, attributes) => {
                    set(&mut sets, &key, attributes.into_iter().collect())?;
                    continue;
                }
            };
            let word = key.to_string();
            match word.as_str() {
                "scope" => set(&mut scope, &key, read_scope(&value)?)?,
                "name" => set(&mut names, &key, vec![read_name(&value)?])?,
                "names" => set(
                    &mut names,
                    &key,
                    read_names(
                        &value,
                        r#"`names` takes a list of string literals, such as `names = ["stopwatch", "timer"]`"#,
                    )?,
                )?,
                "after" => set(
                    &mut after,
                    &key,
                    read_names(
                        &value,
                        r#"`after` takes a list of the names of extensions, such as `after = ["auth"]`"#,
                    )?,
                )?,
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
            after: after.unwrap_or_default(),
            sets: sets.unwrap_or_default(),
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

/// `form` says what is expected of a value that is no such list.
fn read_names(value: &Expr, form: &str) -> Result<Vec<LitStr>> {
    match ungrouped(value) {
        Expr::Array(array) if !array.elems.is_empty() => array.elems.iter().map(read_name).collect(),
        _ => Err(Error::new(value.span(), form)),
    }
}
