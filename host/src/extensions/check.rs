//! Tries out the extensions of a library, step by step and without an app. `life` is one extension from its settings to its
//! end, `call` the calls that its hooks are around, `values` what it gives to function code, and `request` reads a request
//! from a file.
//!
//! A library that is broken may end the process that opens it, or never return. So this reports each step before it
//! takes it. Run it in a process of its own, as `cli::extension::child` does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::LoadedExtension;
use serde::{Deserialize, Serialize};

use super::error::ExtensionError;
use super::finding::{self, Library, normalised};
use super::step::{Described, Event, Step};
use crate::app::ExtensionConfig;

mod call;
mod life;
mod made_up;
mod request;
mod subject;
mod values;

use life::Life;
use subject::Subject;

pub use request::{RequestError, check_request};

/// What to try out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    /// The library; `None` for an extension that is linked into this host.
    pub file: Option<PathBuf>,
    /// The name of one extension; `None` for all in the library. Required for a linked extension.
    pub name: Option<String>,
    /// The digest that the library must have, in lower-case hex.
    pub sha256: Option<String>,
    /// What the extensions are configured with.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// The HTTP request of the call that the hooks are around, as it goes over the wire; `None` for a made-up one.
    pub request: Option<Vec<u8>>,
    /// The time in milliseconds that a hook around calls may hold its thread without a warning; 0 for any.
    pub budget_ms: u64,
    /// How far to go.
    pub depth: Depth,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// Open the library, and find out which settings are required.
    Open,
    /// Also check the settings, as a worker does before it runs any Python code.
    Configure,
    /// Also make an instance, call all of its hooks, and look at what it gives to function code.
    Run,
}

/// Returns a name for an extension of which only the file is known.
fn name_of_file(file: &Path) -> String {
    finding::name_of_file(file).unwrap_or_else(|| {
        let stem = file.file_stem().unwrap_or(file.as_os_str());
        stem.to_string_lossy().into_owned()
    })
}

/// The extensions to try out.
struct Opened {
    api_version: String,
    extensions: Vec<LoadedExtension>,
    /// The names of all that are there, with `-` for `_`.
    names: Vec<String>,
}

impl Check {
    /// Returns the name of the extension, or one made from its file if that is all that is known.
    pub fn name(&self) -> String {
        match (&self.name, &self.file) {
            (Some(name), _) => name.clone(),
            (None, Some(file)) => name_of_file(file),
            (None, None) => String::new(),
        }
    }

    /// Tries it out, and reports each step. Runs code of the library in this process and on this thread.
    pub fn run(&self, report: &mut dyn FnMut(Event)) {
        if let Err(error) = self.steps(report) {
            report(Event::Failed(error.to_string()));
        }
        report(Event::End);
    }

    fn steps(&self, report: &mut dyn FnMut(Event)) -> Result<(), ExtensionError> {
        let Opened {
            api_version,
            mut extensions,
            names,
        } = self.open(report)?;
        // The linker's order has no meaning.
        extensions.sort_by_key(|extension| extension.name());
        report(Event::Count(extensions.len()));
        for extension in extensions {
            let mut described = Described::of(&extension);
            // A check that goes on calls `configure` with the settings that it was given, and no others.
            if self.depth != Depth::Run {
                report(Event::Begin(Step::Configure));
                described.mark_required(&extension);
            }
            let name = described.name.clone();
            report(Event::Extension(described));
            if let Some(file) = &self.file
                && let Err(error) = finding::check_known(file, &api_version, &extension)
            {
                report(Event::Begin(Step::Select));
                report(Event::Failed(error.to_string()));
                continue;
            }
            let same = count(&names, &name);
            if self.depth == Depth::Run && same > 1 {
                report(Event::Begin(Step::Name));
                report(Event::Warning(format!(
                    "extension {name:?}: {same} extensions of the library have this name (- and _ count as the same), and \
                     only one of them can be docked: give them other names, with #[extension(name = \"…\")]"
                )));
            }
            if self.depth == Depth::Open {
                continue;
            }
            let life = Life {
                subject: Subject {
                    extension,
                    config: ExtensionConfig {
                        required: Some(false),
                        hook_budget: Some(Duration::from_millis(self.budget_ms))
                            .filter(|budget| !budget.is_zero()),
                        settings: self.settings.clone(),
                        ..ExtensionConfig::new(name)
                    },
                },
                request: self.request.as_deref(),
            };
            // The others are tried out even if one fails.
            if let Err(error) = life.live(self.depth, report) {
                report(Event::Failed(error.to_string()));
            }
        }
        Ok(())
    }

    /// Opens the extensions to try out.
    fn open(&self, report: &mut dyn FnMut(Event)) -> Result<Opened, ExtensionError> {
        let name = self.name();
        let Some(file) = &self.file else {
            report(Event::Begin(Step::Select));
            let found =
                finding::linked(&name, self.sha256.as_deref())?.ok_or_else(|| ExtensionError::Select {
                    name,
                    file: "this host".into(),
                    found: Vec::new(),
                })?;
            let api_version = abi::VERSION.to_owned();
            report(Event::Opened {
                api_version: api_version.clone(),
            });
            let names = LoadedExtension::linked().map(|linked| normalised(linked.name()));
            return Ok(Opened {
                api_version,
                extensions: vec![found],
                names: names.collect(),
            });
        };
        let Library {
            api_version,
            extensions,
        } = finding::load(&name, file, self.sha256.as_deref(), &mut |step| {
            report(Event::Begin(step))
        })?;
        report(Event::Opened {
            api_version: api_version.clone(),
        });
        report(Event::Begin(Step::Select));
        let names = extensions.iter().map(|extension| normalised(extension.name()));
        Ok(Opened {
            api_version,
            names: names.collect(),
            extensions: match &self.name {
                None if !extensions.is_empty() => extensions,
                _ => vec![finding::select(&name, file, &extensions)?],
            },
        })
    }
}

/// Returns how many extensions have this name; `_` and `-` are the same.
fn count(names: &[String], name: &str) -> usize {
    let wanted = normalised(name);
    names.iter().filter(|other| **other == wanted).count()
}
