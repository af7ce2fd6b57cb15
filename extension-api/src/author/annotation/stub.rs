//! The stubs of classes whose objects Python code gets: what type checkers read.

use std::fmt::Write as _;

use abi_stable::std_types::RString;

use super::Typed;
use crate::abi;

/// The classes that annotations name, each once.
#[derive(Default)]
pub struct Classes(Vec<abi::Class>);

impl Classes {
    /// Adds a class, unless it is there already. `members` adds what it has.
    #[doc(hidden)]
    pub fn add(&mut self, name: &str, documentation: &str, members: impl FnOnce(&mut Class<'_>)) {
        if self.0.iter().any(|known| known.name == name) {
            return;
        }
        // It is there before its members are, as a method may return the class itself.
        let index = self.0.len();
        self.0.push(abi::Class {
            name: name.into(),
            stub: RString::new(),
        });
        let mut stub = format!("class {name}:\n");
        write_documentation(&mut stub, "    ", documentation);
        let mut class = Class { stub, classes: self };
        members(&mut class);
        let mut stub = class.stub;
        if stub.ends_with(":\n") {
            stub.push_str("    ...\n");
        }
        self.0[index].stub = stub.into();
    }

    pub(crate) fn into_abi(self) -> Vec<abi::Class> {
        self.0
    }
}

/// A class whose stub is being written.
#[doc(hidden)]
pub struct Class<'a> {
    stub: String,
    classes: &'a mut Classes,
}

impl<'a> Class<'a> {
    /// Adds a method that returns an `R`.
    pub fn method<'b, R: Typed>(&'b mut self, name: &'b str, documentation: &'b str) -> Method<'b, 'a> {
        R::classes(self.classes);
        Method {
            class: self,
            name,
            parameters: String::new(),
            returned: R::annotation(),
            documentation,
        }
    }

    /// Adds an attribute that can be read.
    pub fn getter<R: Typed>(&mut self, name: &str, documentation: &str) {
        R::classes(self.classes);
        self.stub.push_str("    @property\n");
        self.write(name, "", &R::annotation(), documentation);
    }

    /// Lets an attribute that can be read be set, too.
    pub fn setter<T: Typed>(&mut self, name: &str) {
        let _ = writeln!(self.stub, "    @{name}.setter");
        self.write(name, &format!(", value: {}", T::annotation()), "None", "");
    }

    /// Adds `__enter__` that gives the object itself.
    pub fn enter_itself(&mut self, documentation: &str) {
        let class = self.stub["class ".len()..]
            .split(':')
            .next()
            .unwrap_or_default()
            .to_owned();
        self.write("__enter__", "", &class, documentation);
    }

    /// Adds `__exit__`.
    pub fn exit(&mut self, documentation: &str) {
        self.write("__exit__", ", *exception: object", "bool", documentation);
    }

    fn write(&mut self, name: &str, parameters: &str, returned: &str, documentation: &str) {
        // Writing into a string does not fail.
        let _ = write!(self.stub, "    def {name}(self{parameters}) -> {returned}:");
        if documentation.is_empty() {
            self.stub.push_str(" ...\n");
        } else {
            self.stub.push('\n');
            write_documentation(&mut self.stub, "        ", documentation);
        }
    }
}

/// A method of a class. It is written when this is dropped.
#[doc(hidden)]
pub struct Method<'a, 'b> {
    class: &'a mut Class<'b>,
    name: &'a str,
    parameters: String,
    returned: String,
    documentation: &'a str,
}

impl Method<'_, '_> {
    /// Adds a parameter.
    pub fn parameter<T: Typed + crate::author::typed::FromValue>(mut self, name: &str) -> Self {
        T::classes(self.class.classes);
        let default = if T::missing().is_some() { " = ..." } else { "" };
        let _ = write!(self.parameters, ", {name}: {}{default}", T::annotation());
        self
    }

    /// Takes any arguments.
    pub fn all_arguments(mut self) {
        self.parameters = ", *positional: Any, **keyword: Any".to_owned();
    }
}

impl Drop for Method<'_, '_> {
    fn drop(&mut self) {
        self.class
            .write(self.name, &self.parameters, &self.returned, self.documentation);
    }
}

fn write_documentation(stub: &mut String, indent: &str, documentation: &str) {
    if documentation.is_empty() {
        return;
    }
    let text = documentation
        .replace('\\', r"\\")
        .replace("\"\"\"", "\\\"\\\"\\\"");
    let mut lines = text.lines();
    let _ = write!(stub, "{indent}\"\"\"{}", lines.next().unwrap_or_default());
    let is_one_line = !text.contains('\n') && !text.ends_with('"');
    for line in lines {
        let _ = match line {
            "" => writeln!(stub),
            line => write!(stub, "\n{indent}{line}"),
        };
    }
    let end = if is_one_line {
        String::new()
    } else {
        format!("\n{indent}")
    };
    let _ = writeln!(stub, "{end}\"\"\"");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Laps;

    impl Typed for Laps {
        fn annotation() -> String {
            "Laps".to_owned()
        }

        fn classes(found: &mut Classes) {
            found.add("Laps", "The laps of a call.\n\nMany.", |class| {
                class
                    .method::<f64>("lap", "Ends \"a lap\"")
                    .parameter::<String>("name")
                    .parameter::<Option<i64>>("at");
                class.method::<Vec<Laps>>("others", "").all_arguments();
                class.getter::<i64>("count", "");
                class.enter_itself("");
                class.exit("");
                class.setter::<i64>("count");
            });
        }
    }

    #[test]
    fn a_class_is_written_once_as_a_stub() {
        assert_eq!(
            <Option<BTreeMap<String, Vec<u8>>>>::annotation(),
            "dict[str, bytes] | None"
        );
        let mut classes = Classes::default();
        <Option<Vec<Laps>>>::classes(&mut classes);
        Laps::classes(&mut classes);
        let found = classes.into_abi();
        let [class] = found.as_slice() else {
            panic!("{found:?}")
        };
        let expected = r#"class Laps:
    """The laps of a call.

    Many.
    """
    def lap(self, name: str, at: int | None = ...) -> float:
        """Ends "a lap"
        """
    def others(self, *positional: Any, **keyword: Any) -> list[Laps]: ...
    @property
    def count(self) -> int: ...
    def __enter__(self) -> Laps: ...
    def __exit__(self, *exception: object) -> bool: ...
    @count.setter
    def count(self, value: int) -> None: ...
"#;
        assert_eq!(class.stub, expected);
    }
}
