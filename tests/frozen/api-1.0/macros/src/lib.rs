//! The attributes of `funcdock-extension-api`, which re-exports and documents them.

mod arguments;
mod block;
mod documented;
mod function;
mod functions;
mod made;
mod methods;
mod output;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use arguments::Arguments;
use block::Block;

/// Makes an extension of an `impl Extension` block: finds the hooks that the block has, and exports the extension for
/// the host that loads this library, and for a host build that it is linked into.
///
/// ```ignore
/// #[extension]                                     // app level: one instance for the whole app
/// #[extension(scope = function)]                   // function level: one instance for each function
/// #[extension(name = "stopwatch")]
/// #[extension(names = ["stopwatch", "timer"])]     // the same extension under several names
/// #[extension(after = ["auth"])]                   // its hooks run after those of this extension, if that is docked
/// #[extension(sets(user: String))]                 // the attributes of `context` that its hooks set
/// ```
///
/// The name, which host.json uses under `workerExtensions`, is the crate's unless given, without a
/// `funcdock-` or `funcdock_` in front. The version is the crate's. One library may export several extensions.
///
/// `type Settings` and `type State` may be left out: then they are `()`. So may `pre_invocation` of an extension without a
/// state. `#[strict]` on `pre_invocation` or `post_invocation` makes a failure of that hook fail the invocation.
///
/// A function of the block that is marked `#[attribute]` makes an attribute of `context` of its own name when function code
/// first asks for it, if no hook has set one: a call whose function does not ask pays nothing. It runs beside the function,
/// on any thread, and may run again for the same call. It returns what becomes a `Value`, or an `Option` of it: `None` if
/// there is none for this call. An error is logged, and the function gets an `AttributeError`.
///
/// ```ignore
/// #[attribute]
/// fn stopwatch(&self, call: &Invocation<'_>) -> Result<Laps> { … }
/// ```
///
/// Type checkers see these attributes and those of `sets` as soon as the app's author runs `funcdock extension stubs`.
#[proc_macro_attribute]
pub fn extension(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::Item);
    // Wrong arguments leave an extension for the compiler to check.
    let (arguments, wrong) = match syn::parse::<Arguments>(arguments) {
        Ok(arguments) => (arguments, None),
        Err(error) => (Arguments::default(), Some(error)),
    };
    match Block::read(item, arguments.scope) {
        Ok(mut block) => {
            block.errors.extend(wrong);
            output::write(&arguments, block).into()
        }
        Err(error) => error.to_compile_error().into(),
    }
}

/// Makes an object for Python of a block of methods: each function of the block is a method of the same name, with these
/// parameters and this result. An extension hands the object to function code as an attribute of `context`, as the result of
/// a method, or to its companion.
///
/// ```ignore
/// #[methods]
/// impl Laps {
///     /// Ends a lap, and returns how long it took in seconds.
///     fn lap(&self, name: String, note: Option<String>) -> Result<f64> { … }
///
///     #[getter]
///     fn count(&self) -> i64 { … }
/// }
/// ```
///
/// - Arguments are read as `FromValue` says, a value of another type is a `TypeError` that names the argument. An `Option` need
///   not be given. A single parameter of type `Arguments` takes all as they came.
/// - Results are what becomes a `Value`, or a `Result` of it. An error is raised as the exception of its kind.
/// - `#[getter]` makes an attribute: `laps.count`; `#[setter]` on `fn set_count(&self, count: i64)` lets Python set it.
/// - `fn __enter__(&self)` and `fn __exit__(&self, exception: Option<Exception<'_>>) -> bool` let `with` use the object. With no
///   result of `__enter__`, `with laps as x` gives the object itself; `true` of `__exit__` swallows the exception.
/// - Doc comments arrive in the type stubs that `funcdock extension stubs` writes.
///
/// Methods run on any thread, several at once, without the GIL.
#[proc_macro_attribute]
pub fn methods(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::ItemImpl);
    match methods::write(block) {
        Ok(written) => written.into(),
        Err(error) => error.to_compile_error().into(),
    }
}

/// Lets the doc comments of a settings type reach its users: in the type stubs, and in `funcdock extension list --settings`.
///
/// ```ignore
/// #[derive(Deserialize, Documented)]
/// struct Settings {
///     /// Calls that take longer are logged.
///     slow_ms: u64,
/// }
/// ```
#[proc_macro_derive(Documented)]
pub fn documented(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as syn::DeriveInput);
    match documented::write(&input) {
        Ok(written) => written.into(),
        Err(error) => error.to_compile_error().into(),
    }
}
