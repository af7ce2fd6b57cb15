//! What the next version knows besides: a hook more, and a case more of each number that may grow. Its mock host uses them.

use super::changes::APPENDED;
use super::replaced;

/// The bit of the hook: the last one, which no version has soon.
const HOOK: u32 = 1 << 31;

/// The number of each case, which no version has soon.
const CASE: u8 = 200;

const OUTCOME: &str = "
impl TestOutcome {
    pub(super) fn appended(returned: TestData) -> Self {
        TestOutcome { returned: Some(returned), ..TestOutcome::with_status(abi::OUTCOME_APPENDED, 200) }
    }
}
";

const CALL: &str = "
impl<'a> Call<'a> {
    /// Ends the call in the appended way.
    pub fn ended_as_appended(self, returned: super::TestData) -> Self {
        self.end(TestOutcome::appended(returned))
    }
}
";

const STREAM_END: &str = "
impl TestStreamEnd {
    /// The appended way.
    pub fn appended() -> Self {
        TestStreamEnd::new(abi::STREAM_APPENDED, 0)
    }
}
";

const DATA: &str = "
impl<'a> Data<'a> {
    /// Of the appended kind.
    pub fn appended(bytes: &'a [u8]) -> Self {
        Data::with_bytes(DATA_APPENDED, bytes)
    }
}
";

const HOST: &str = "
impl TestHost {
    /// A host of an extension from a library.
    pub fn of(extension: LoadedExtension, settings: &serde_json::Value) -> Result<Self, StartError> {
        TestHost::start(extension, &TestApp::new(), settings, None)
    }
}
";

/// The source of this file with what is new in it.
pub(super) fn with_new_cases(path: &str, text: String) -> String {
    let case = |name: &str| format!("\n/// Appended.\npub const {name}: u8 = {CASE};\n");
    let after =
        |text: &str, place: &str, more: &str| replaced(path, text, place, &format!("{place}\n{more}"));
    match path {
        "abi/src/descriptor.rs" => {
            text + &format!("\n/// Appended.\npub const HOOK_APPENDED: u32 = {HOOK};\n")
        }
        "macros/src/functions.rs" => {
            let text = replaced(path, &text, "[(&str, u32); 10]", "[(&str, u32); 11]");
            let hook = format!("    (\"{APPENDED}\", {HOOK}),");
            after(&text, "(\"shutdown\", SHUTDOWN_BIT),", &hook)
        }
        "src/author/extension.rs" => {
            let hook = format!(
                "    /// Appended.\n    fn {APPENDED}(&self) -> Result<()> {{\n        Ok(())\n    }}\n"
            );
            after(
                &text,
                "pub trait Extension: Declared + Send + Sync + Sized + 'static {",
                &hook,
            )
        }
        "abi/src/value.rs" => text + &case("ERROR_APPENDED"),
        "src/author/error.rs" => {
            let text = after(&text, "pub enum ErrorKind {", "    /// Appended.\n    Appended,");
            let arm = "            ErrorKind::Appended => abi::ERROR_APPENDED,";
            after(&text, "ErrorKind::Runtime => abi::ERROR_RUNTIME,", arm)
        }
        "abi/src/outcome.rs" => text + &case("OUTCOME_APPENDED"),
        "src/testing/outcome.rs" => text + OUTCOME,
        "abi/src/stream_end.rs" => text + &case("STREAM_APPENDED"),
        "src/testing/stream_end.rs" => text + STREAM_END,
        "abi/src/data.rs" => text + &case("DATA_APPENDED") + DATA,
        "src/testing/data.rs" => {
            let variant = "    /// Appended.\n    Appended(Vec<u8>),";
            let text = after(&text, "pub enum TestData {", variant);
            let arm = "            TestData::Appended(bytes) => abi::Data::appended(bytes),";
            after(&text, "TestData::None => abi::Data::none(),", arm)
        }
        "src/testing/call.rs" => text + CALL,
        "src/testing/host.rs" => text + HOST,
        _ => text,
    }
}
