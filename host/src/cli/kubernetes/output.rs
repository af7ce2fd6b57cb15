//! Manifests as YAML, on stdout or in files.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::cli::new_files::{NewFiles, replace};
use crate::logging::print_error;
use crate::sys;

/// The names of manifests that only some apps have.
const OPTIONAL: [&str; 4] = ["interceptorroute", "scaledobject", "service", "serviceaccount"];

/// What the names of others begin with.
const OPTIONAL_PREFIX: &str = "triggerauthentication-";

/// A manifest as text.
#[derive(Debug)]
pub(super) struct Document {
    /// The name of its file, without the extension.
    name: String,
    /// Without an empty line and without a separator around it.
    yaml: Result<String, String>,
}

impl Document {
    /// Returns the text of a manifest.
    pub(super) fn new(name: impl Into<String>, manifest: &impl Serialize) -> Self {
        Document {
            name: name.into(),
            yaml: serde_saphyr::to_string(manifest).map_err(|error| error.to_string()),
        }
    }

    /// Puts a comment before it; an empty one is none.
    pub(super) fn with_comment(mut self, comment: &str) -> Self {
        if let Ok(yaml) = &mut self.yaml {
            let lines = comment.lines().map(|line| format!("# {line}\n"));
            *yaml = lines.chain([yaml.clone()]).collect();
        }
        self
    }

    fn yaml(&self) -> Result<&str> {
        match &self.yaml {
            Ok(yaml) => Ok(yaml),
            Err(error) => Err(anyhow::anyhow!("cannot write {} as YAML: {error}", self.name)),
        }
    }

    fn file(&self) -> String {
        format!("{}.yaml", self.name)
    }
}

/// Where manifests go.
#[derive(Debug)]
pub(super) enum Output {
    /// To stdout.
    Stdout(File),
    /// To files of a folder.
    Folder {
        /// The folder, which need not exist.
        folder: PathBuf,
        /// Whether files that exist are overwritten.
        overwrites: bool,
    },
}

impl Output {
    /// Returns where manifests go. From now on stdout is for them alone: what the app prints goes to stderr.
    pub(super) fn new(folder: Option<&Path>, overwrites: bool) -> Result<Self> {
        let stdout = sys::take_stdout().context("cannot write to stdout")?;
        Ok(match folder {
            Some(folder) => Output::Folder {
                folder: folder.to_owned(),
                overwrites,
            },
            None => Output::Stdout(stdout),
        })
    }

    /// Writes the manifests.
    ///
    /// # Errors
    /// A file exists already, or cannot be written.
    pub(super) fn write(self, documents: &[Document]) -> Result<()> {
        match self {
            Output::Stdout(mut stdout) => {
                let texts: Vec<_> = documents.iter().map(Document::yaml).collect::<Result<_>>()?;
                // Whoever reads it may have had enough.
                let _ = stdout.write_all(texts.join("---\n").as_bytes());
                Ok(())
            }
            Output::Folder { folder, overwrites } => write_files(&folder, overwrites, documents),
        }
    }
}

fn write_files(folder: &Path, overwrites: bool, documents: &[Document]) -> Result<()> {
    let mut new = NewFiles::new(folder);
    let mut existing = Vec::new();
    for document in documents {
        let (file, yaml) = (document.file(), document.yaml()?);
        let path = folder.join(&file);
        if overwrites && path.is_file() {
            existing.push((path, yaml));
        } else {
            new.add(file, yaml);
        }
    }
    new.write("choose another folder, or overwrite the files with --force")?;
    for (path, yaml) in &existing {
        replace(path, yaml)?;
    }
    for document in documents {
        print_error(&format_args!("wrote {}", folder.join(document.file()).display()));
    }
    for file in left_over(folder, documents) {
        print_error(&format_args!(
            "warning: {} is of an earlier run, and the app has no such manifest now: remove it, as kubectl apply would \
             take it",
            file.display()
        ));
    }
    Ok(())
}

/// Returns the files that an earlier run has written, and this one has not; sorted.
fn left_over(folder: &Path, documents: &[Document]) -> Vec<PathBuf> {
    let written: Vec<_> = documents.iter().map(Document::file).collect();
    let is_left_over = |name: &String| {
        let is_ours = |name: &str| OPTIONAL.contains(&name) || name.starts_with(OPTIONAL_PREFIX);
        name.strip_suffix(".yaml").is_some_and(is_ours) && !written.contains(name)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut files: Vec<_> = names.filter(is_left_over).map(|name| folder.join(name)).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn text_that_yaml_reads_as_something_else_is_quoted() {
        for text in [
            "",
            "yes",
            "No",
            "on",
            "y",
            "null",
            "~",
            "1",
            "0x1F",
            "1e3",
            "012",
            "12:30:00",
            "2001-01-01",
            "true",
            " a",
            "a ",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "*a",
            "&a",
            "!a",
            "{a}",
            "[a]",
            "%A%",
            "@a",
            "`a",
            "|",
            ">",
            "\"a\"",
            "'a'",
            "a\tb",
            "\u{1}",
            "\u{85}",
            "---",
        ] {
            let yaml = Document::new("x", &BTreeMap::from([("a", text)]))
                .yaml
                .expect("text");
            let value = yaml.trim_end().strip_prefix("a: ").expect("one key");
            assert!(
                value.starts_with(['"', '\'']) && value.ends_with(['"', '\'']),
                "{text:?}: {yaml}"
            );
        }
    }

    #[test]
    fn files_are_overwritten_only_on_demand() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("deploy");
        let documents = |text: &str| {
            let document = |name| Document::new(name, &text).with_comment("one\ntwo");
            [document("service"), document("deployment")]
        };
        write_files(&folder, false, &documents("a")).expect("the folder is new");
        let file = folder.join("service.yaml");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "# one\n# two\na\n");
        fs::remove_file(folder.join("deployment.yaml")).expect("a file");
        let error = write_files(&folder, false, &documents("b")).expect_err("one exists");
        assert!(
            error.to_string().ends_with("overwrite the files with --force"),
            "{error}"
        );
        assert!(!folder.join("deployment.yaml").exists(), "all or none");
        write_files(&folder, true, &documents("b")).expect("overwritten");
        for name in ["service", "deployment"] {
            let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).expect("a file");
            assert_eq!(text, "# one\n# two\nb\n");
        }
        assert_eq!(left_over(&folder, &documents("c")), [] as [PathBuf; 0]);
        for file in [
            "triggerauthentication-a.yaml",
            "kustomization.yaml",
            "services.yaml",
        ] {
            fs::write(folder.join(file), "").expect("a file");
        }
        let expected = ["service.yaml", "triggerauthentication-a.yaml"].map(|file| folder.join(file));
        assert_eq!(left_over(&folder, &documents("c")[1..]), expected);
    }
}
