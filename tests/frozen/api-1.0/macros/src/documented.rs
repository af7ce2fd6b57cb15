//! The derive `Documented`: the doc comments of a settings type, by the keys that serde reads.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, LitStr, Result};

use crate::function::documentation;

/// Writes the implementation.
pub(crate) fn write(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(settings) = &input.data else {
        return Err(Error::new(
            input.span(),
            "settings are a struct: `Documented` reads the doc comments of its fields",
        ));
    };
    let style = serde_value(&input.attrs, "rename_all");
    let fields = settings
        .fields
        .iter()
        .filter_map(|field| key(field, style.as_deref()));
    let pairs = fields.map(|(key, documentation)| quote!((#key, #documentation)));
    let name = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::funcdock_extension_api::Documented for #name #arguments #bounds {
            const DOCUMENTATION: &'static [(&'static str, &'static str)] = &[#(#pairs),*];
        }
    })
}

/// The key of a field and its doc comment; `None` if it has neither.
fn key(field: &Field, style: Option<&str>) -> Option<(String, String)> {
    let documentation = documentation(&field.attrs);
    if documentation.is_empty() {
        return None;
    }
    let ident = field.ident.as_ref()?.to_string();
    let ident = ident.trim_start_matches("r#");
    let key = serde_value(&field.attrs, "rename").unwrap_or_else(|| match style {
        Some(style) => renamed(ident, style),
        None => ident.to_owned(),
    });
    Some((key, documentation))
}

/// The text of `#[serde(name = "…")]` or `#[serde(name(deserialize = "…"))]`.
fn serde_value(attributes: &[Attribute], name: &str) -> Option<String> {
    let mut value = None;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        // Mistakes are serde's to report.
        let _ = attribute.parse_nested_meta(|meta| {
            let is_wanted = meta.path.is_ident(name);
            if meta.input.peek(syn::token::Paren) {
                return meta.parse_nested_meta(|inner| {
                    let text: LitStr = inner.value()?.parse()?;
                    if is_wanted && inner.path.is_ident("deserialize") {
                        value = Some(text.value());
                    }
                    Ok(())
                });
            }
            if meta.input.peek(syn::Token![=]) {
                let text: syn::Expr = meta.value()?.parse()?;
                if is_wanted
                    && let syn::Expr::Lit(syn::ExprLit {
                        lit: syn::Lit::Str(text),
                        ..
                    }) = text
                {
                    value = Some(text.value());
                }
            }
            Ok(())
        });
    }
    value
}

/// A field's name in one of serde's styles.
fn renamed(field: &str, style: &str) -> String {
    let words = || field.split('_').filter(|word| !word.is_empty());
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    match style {
        "lowercase" => field.to_lowercase(),
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => field.to_uppercase(),
        "PascalCase" => words().map(capitalised).collect(),
        "camelCase" => {
            let name: String = words().map(capitalised).collect();
            name.get(..1).unwrap_or_default().to_lowercase() + name.get(1..).unwrap_or_default()
        }
        "kebab-case" => field.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => field.replace('_', "-").to_uppercase(),
        _ => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_serde_reads() {
        let input: DeriveInput = syn::parse_quote! {
            #[serde(default, rename_all = "camelCase")]
            struct Settings {
                /// How large
                /// it may become.
                max_bytes: u64,
                #[serde(default = "five", rename = "keep-files")]
                /// How many.
                keep: u32,
                #[serde(rename(serialize = "a", deserialize = "b"))]
                /// Twice.
                twice: u32,
                nothing: u32,
            }
        };
        let written = write(&input).expect("a struct").to_string();
        let pairs = [
            ("maxBytes", "How large\\nit may become."),
            ("keep-files", "How many."),
            ("b", "Twice."),
        ];
        let expected = pairs.map(|(key, documentation)| format!("(\"{key}\" , \"{documentation}\")"));
        assert!(written.contains(&expected.join(" , ")), "{written}");
    }

    #[test]
    fn styles_are_serdes() {
        for (style, expected) in [
            ("lowercase", "max_bytes"),
            ("UPPERCASE", "MAX_BYTES"),
            ("PascalCase", "MaxBytes"),
            ("camelCase", "maxBytes"),
            ("snake_case", "max_bytes"),
            ("kebab-case", "max-bytes"),
            ("SCREAMING-KEBAB-CASE", "MAX-BYTES"),
        ] {
            assert_eq!(renamed("max_bytes", style), expected, "{style}");
        }
    }
}
