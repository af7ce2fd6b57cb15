//! The types at the border as text, from what abi_stable compares when a library is loaded.
//!
//! ```text
//! table HostServices
//!      0 host_version: RStr<'_>
//!     16 max_log_level: unsafe fn() -> u8
//!     24 log: unsafe fn(level: u8, …)
//!     -- appended
//!     32 …
//! ```

use std::collections::BTreeMap;

use abi_stable::StableAbi;
use abi_stable::type_layout::{FieldAccessor, TLData, TLField, TLFunction, TLPrimitive, TypeLayout};
use funcdock_extension_api::abi;

/// The layout of each type that the root module reaches, tables first, then enums and structs, with their fields; of
/// types from elsewhere (`core`'s, abi_stable's) the size.
pub(crate) fn text() -> String {
    let mut types = Types::default();
    types.visit(<abi::LibraryRef as StableAbi>::LAYOUT);
    let mut text = String::new();
    for kind in ["table", "enum", "struct", "other"] {
        for described in types.0.values().filter(|text| text.starts_with(kind)) {
            text.push_str(described);
        }
    }
    text
}

/// The text of each type by its name.
#[derive(Default)]
struct Types(BTreeMap<String, String>);

impl Types {
    /// Takes a type in, and all that it is made of; returns its name.
    fn visit(&mut self, layout: &'static TypeLayout) -> String {
        let name = name(layout);
        if !self.0.contains_key(&name) {
            // Held before its fields are visited, as types hold each other.
            self.0.insert(name.clone(), String::new());
            let described = self.described(&name, layout);
            self.0.insert(name.clone(), described);
        }
        name
    }

    fn described(&mut self, name: &str, layout: &'static TypeLayout) -> String {
        let sizes = format!("size {}, alignment {}", layout.size(), layout.alignment());
        match layout.data() {
            TLData::PrefixType(table) if ours(layout) => {
                let mut lines = self.fields(table.fields.iter());
                lines.insert(usize::from(table.first_suffix_field), format!("{APPENDED}\n"));
                format!("table {name}\n{}", lines.concat())
            }
            TLData::Struct { fields } if ours(layout) => {
                format!("struct {name}: {sizes}\n{}", self.fields(fields.iter()).concat())
            }
            TLData::Enum(variants) if ours(layout) => {
                let mut fields = variants.fields.iter();
                let mut text = format!("enum {name} as {:?}: {sizes}\n", layout.repr_attr());
                for (variant, count) in variants.variant_names_iter().zip(variants.field_count.iter()) {
                    let held = fields.by_ref().take(usize::from(*count));
                    let held: Vec<_> = held.map(|field| self.typed(&field)).collect();
                    text += &match held.as_slice() {
                        [] => format!("       {variant}\n"),
                        held => format!("       {variant}({})\n", held.join(", ")),
                    };
                }
                text
            }
            _ => {
                for argument in arguments(layout) {
                    self.visit(argument);
                }
                format!("other {name}: {sizes}\n")
            }
        }
    }

    /// Each field in a line: where it begins, its name and type. The layout is C's, so one follows from the other.
    fn fields(&mut self, fields: impl Iterator<Item = TLField>) -> Vec<String> {
        let mut end = 0_usize;
        fields
            .map(|field| {
                let layout = field.layout();
                let offset = end.next_multiple_of(layout.alignment());
                end = offset + layout.size();
                let missing = match field.field_accessor() {
                    FieldAccessor::MethodOption => MAY_BE_MISSING,
                    _ => "",
                };
                format!("{offset:6} {}: {}{missing}\n", field.name(), self.typed(&field))
            })
            .collect()
    }

    fn typed(&mut self, field: &TLField) -> String {
        let functions = field.function_range().iter();
        let functions: Vec<_> = functions.map(|function| self.signature(&function)).collect();
        if functions.is_empty() {
            self.visit(field.layout())
        } else {
            functions.join(", ")
        }
    }

    fn signature(&mut self, function: &TLFunction) -> String {
        let parameters = function.param_type_layouts.iter();
        let parameters: Vec<_> = parameters.map(|layout| self.visit(layout())).collect();
        let result = function.return_type_layout();
        let result = result.map(|layout| format!(" -> {}", self.visit(layout())));
        let qualifier = if function.fn_qualifs.is_unsafe() {
            "unsafe "
        } else {
            ""
        };
        format!(
            "{qualifier}fn({}){}",
            parameters.join(", "),
            result.unwrap_or_default()
        )
    }
}

/// The line of a table above which every peer has the fields.
pub(crate) const APPENDED: &str = "       -- appended by minor versions:";

/// How a line ends whose field a peer may be without, as the author's side sees it too: `#[sabi(missing_field(option))]`.
pub(crate) const MAY_BE_MISSING: &str = " (may be missing)";

fn ours(layout: &TypeLayout) -> bool {
    layout.package() == "funcdock-extension-abi"
}

/// The type as Rust writes it, without lifetimes.
fn name(layout: &'static TypeLayout) -> String {
    let arguments: Vec<_> = arguments(layout).into_iter().map(name).collect();
    let arguments = arguments.join(", ");
    match layout.data() {
        TLData::Primitive(TLPrimitive::ConstPtr) => format!("*const {arguments}"),
        TLData::Primitive(TLPrimitive::MutPtr) => format!("*mut {arguments}"),
        TLData::Primitive(TLPrimitive::SharedRef) => format!("&{arguments}"),
        TLData::Primitive(TLPrimitive::MutRef) => format!("&mut {arguments}"),
        TLData::Primitive(TLPrimitive::Array) => {
            let item = layout
                .generics()
                .type_params()
                .first()
                .map_or(1, |item| item().size());
            format!("[{arguments}; {}]", layout.size() / item.max(1))
        }
        // A pointer to a table, which every table has a type for.
        _ if layout.name() == "PrefixRef" => format!("{arguments}Ref"),
        _ if arguments.is_empty() => layout.name().to_owned(),
        _ => format!("{}<{arguments}>", layout.name()),
    }
}

/// The type arguments. abi_stable does not note those of its own collections: they are found in their fields.
fn arguments(layout: &'static TypeLayout) -> Vec<&'static TypeLayout> {
    let noted = layout.generics().type_params();
    if ours(layout) || !noted.is_empty() {
        return noted.iter().map(|argument| argument()).collect();
    }
    let fields: Vec<_> = layout
        .get_fields()
        .into_iter()
        .flat_map(|fields| fields.to_vec())
        .collect();
    let all = || fields.iter().map(TLField::layout).collect();
    match layout.data() {
        // ROption, RResult
        TLData::Enum(_) => all(),
        TLData::Struct { .. } if layout.name().starts_with("Tuple") => all(),
        // RBox, RSlice, RVec: a pointer to their items comes first.
        TLData::Struct { .. } => {
            let pointer = fields.first().map(TLField::layout).filter(|first| {
                ["NonNull", "RRef"].contains(&first.name()) || matches!(first.data(), TLData::Primitive(_))
            });
            pointer.map(arguments).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}
