//! What the `impl` block has: its hooks, which of them are strict, and what was left out.

use syn::spanned::Spanned;
use syn::{Error, FnArg, ImplItem, ImplItemFn, Item, ItemImpl, Meta, Result, Type};

use crate::arguments::Scope;
use crate::function::take;
use crate::functions::{
    FLUSH_BIT, FUNCTIONS, POST, POST_BIT, PRE, PRE_BIT, SHUTDOWN_BIT, STREAM_ENDED, STREAM_ENDED_BIT, unknown,
};
use crate::made::MadeAttribute;

/// An `impl` block as the attribute understands it.
pub(crate) struct Block {
    /// Without our attributes, without what is not of the trait, and without what makes attributes.
    pub(crate) item: ItemImpl,
    pub(crate) scope: Scope,
    pub(crate) hooks: u32,
    pub(crate) strict: u32,
    /// The attributes of `context` that the block makes.
    pub(crate) made: Vec<MadeAttribute>,
    /// What the block does not have and gets.
    pub(crate) without_settings: bool,
    pub(crate) without_state: bool,
    pub(crate) without_pre: bool,
    /// What is wrong with it.
    pub(crate) errors: Vec<Error>,
}

impl Block {
    /// Reads the block. Mistakes that leave an extension are kept in it, so that the compiler checks the rest.
    pub(crate) fn read(item: Item, scope: Scope) -> Result<Self> {
        let mut block = Block {
            item: extension_block(item)?,
            scope,
            hooks: 0,
            strict: 0,
            made: Vec::new(),
            without_settings: true,
            without_state: true,
            without_pre: true,
            errors: Vec::new(),
        };
        let items = std::mem::take(&mut block.item.items);
        let has_const = |name: &str| {
            let mut items = items.iter();
            items.any(|item| matches!(item, ImplItem::Const(item) if item.ident == name))
        };
        let has_companion = has_const("COMPANION");
        let mut state = None;
        for mut item in items {
            match &mut item {
                ImplItem::Fn(function) => {
                    if take(&mut function.attrs, "attribute").is_some() {
                        match MadeAttribute::read(function.clone()) {
                            Ok(made) => block.made.push(made),
                            Err(error) => block.errors.push(error),
                        }
                        continue;
                    }
                    let is_known = block.read_function(function, has_companion);
                    if !is_known {
                        continue;
                    }
                }
                ImplItem::Type(item) if item.ident == "Settings" => block.without_settings = false,
                ImplItem::Type(item) if item.ident == "State" => {
                    block.without_state = false;
                    state = Some(item.ty.clone());
                }
                _ => {}
            }
            block.item.items.push(item);
        }
        block.check_state(state);
        if block.hooks & FLUSH_BIT != 0 {
            // Left out, `shutdown` flushes.
            block.hooks |= SHUTDOWN_BIT;
        }
        Ok(block)
    }

    fn error(&mut self, span: proc_macro2::Span, message: impl std::fmt::Display) {
        self.errors.push(Error::new(span, message));
    }

    /// Returns whether it is a function of the trait.
    fn read_function(&mut self, function: &mut ImplItemFn, has_companion: bool) -> bool {
        let strict = take(&mut function.attrs, "strict");
        let name = &function.sig.ident;
        let Some((_, bit)) = FUNCTIONS.iter().find(|(known, _)| name == known) else {
            self.error(name.span(), unknown(name, &self.item.self_ty));
            return false;
        };
        if let Some(keyword) = &function.sig.asyncness {
            self.error(
                keyword.span(),
                "hooks are not `async`: return `Flow::wait(async { … })` from `pre_invocation`, or call \
                 `call.wait_for(async { … })`",
            );
            function.sig.asyncness = None;
        }
        if let Some(strict) = strict {
            if name == PRE || name == POST {
                self.strict |= bit;
            } else {
                self.error(
                    strict.span(),
                    "`#[strict]` is for `pre_invocation` and `post_invocation`: their failure then fails the invocation",
                );
            }
            if let Meta::List(list) = &strict.meta {
                self.error(list.span(), "`#[strict]` has no arguments");
            }
        }
        self.hooks |= bit;
        match name.to_string().as_str() {
            PRE => self.without_pre = false,
            // The post hook's call makes it.
            "on_exception" => self.hooks |= POST_BIT,
            "native" if !has_companion => self.error(
                name.span(),
                "`native` is what the extension's companion gets, and there is none: add `const COMPANION: &'static \
                 [PythonModule] = &[…];`",
            ),
            "init" => self.check_scope(function),
            _ => {}
        }
        true
    }

    /// A state needs a type, and a hook that makes it. `state` is the type that the block gives.
    fn check_state(&mut self, state: Option<Type>) {
        if state.is_none()
            && let Some(used) = self
                .state_of_hook(POST)
                .or_else(|| self.state_of_hook(STREAM_ENDED))
        {
            let shown = quote::quote!(#used);
            self.error(
                used.span(),
                format!("the state is `()` unless the block says otherwise: add `type State = {shown};`"),
            );
            self.item.items.push(syn::parse_quote!(type State = #used;));
            self.without_state = false;
            self.without_pre = false;
        }
        if self.without_pre && self.hooks & (POST_BIT | STREAM_ENDED_BIT) != 0 {
            self.hooks |= PRE_BIT;
            if let Some(state) = state.filter(|state| !is_unit(state)) {
                self.without_pre = false;
                self.error(
                    state.span(),
                    "nothing makes this state: write `fn pre_invocation`, which returns `Flow::Continue(state)`, or leave \
                     `type State` out",
                );
            }
        }
    }

    /// The type of the state that this hook takes, unless it is `()` or a path of the trait.
    fn state_of_hook(&self, hook: &str) -> Option<Type> {
        let mut functions = self.item.items.iter().filter_map(|item| match item {
            ImplItem::Fn(function) => Some(function),
            _ => None,
        });
        let hook = functions.find(|function| function.sig.ident == hook)?;
        let FnArg::Typed(state) = hook.sig.inputs.iter().nth(2)? else {
            return None;
        };
        let state = match &*state.ty {
            Type::Reference(reference) => &*reference.elem,
            other => other,
        };
        let starts_with_self = |path: &syn::TypePath| {
            let first = path.path.segments.first();
            path.qself.is_some() || first.is_some_and(|first| first.ident == "Self")
        };
        match state {
            ty if is_unit(ty) => None,
            Type::Path(path) if starts_with_self(path) => None,
            ty => Some(ty.clone()),
        }
    }

    /// `init` shows what there is an instance for, too.
    fn check_scope(&mut self, function: &ImplItemFn) {
        let Some(FnArg::Typed(info)) = function.sig.inputs.iter().nth(1) else {
            return;
        };
        let Type::Reference(reference) = &*info.ty else {
            return;
        };
        let Type::Path(path) = &*reference.elem else {
            return;
        };
        let Some(last) = path.path.segments.last() else {
            return;
        };
        if last.ident == "FunctionInfo" && self.scope == Scope::App {
            self.scope = Scope::Function;
            self.error(
                last.ident.span(),
                "`FunctionInfo` is for one instance per function: write `#[extension(scope = function)]`, or take an \
                 `AppInfo`",
            );
        } else if last.ident == "AppInfo" && self.scope == Scope::Function {
            self.scope = Scope::App;
            self.error(
                last.ident.span(),
                "an extension with `scope = function` is made for a function: take a `FunctionInfo`, or leave `scope = \
                 function` out",
            );
        }
    }
}

/// The block, if the attribute is on the right one.
fn extension_block(item: Item) -> Result<ItemImpl> {
    const WHERE: &str = "`#[extension]` belongs on an `impl Extension for …` block";
    let Item::Impl(item) = item else {
        return Err(Error::new(item.span(), WHERE));
    };
    let is_extension = item
        .trait_
        .as_ref()
        .and_then(|(_, path, _)| path.segments.last())
        .is_some_and(|last| last.ident == "Extension");
    if !is_extension {
        let span = item
            .trait_
            .as_ref()
            .map_or(item.self_ty.span(), |(_, path, _)| path.span());
        return Err(Error::new(span, WHERE));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new(
            item.generics.span(),
            "an extension has no parameters, as it is exported as it is: write the block for one type",
        ));
    }
    Ok(item)
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}
