//! Writes a zip file. The same files make the same bytes: they are sorted, and have no times.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use tempfile::NamedTempFile;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::interrupt::Interrupt;

/// Writes the files of `folder` into `zip`, at once: whoever looks finds the whole of it.
pub(super) fn write(folder: &Path, zip: &Path, interrupt: &Interrupt) -> Result<()> {
    let parent = zip.parent().unwrap_or(Path::new("/"));
    let failed = || format!("cannot write {}", zip.display());
    let temporary = tempfile::Builder::new()
        .prefix(super::TEMPORARY)
        // As any new file has them, but for the user's mask.
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(parent)
        .with_context(failed)?;
    add_all(folder, &temporary, interrupt).with_context(failed)?;
    temporary
        .persist(zip)
        .map_err(|error| error.error)
        .with_context(failed)?;
    Ok(())
}

fn add_all(folder: &Path, file: &NamedTempFile, interrupt: &Interrupt) -> Result<()> {
    let mut archive = ZipWriter::new(BufWriter::new(file.as_file()));
    for path in files(folder)? {
        let relative = path.strip_prefix(folder)?;
        let name = relative
            .to_str()
            .ok_or_else(|| anyhow!("{} has a name that is not UTF-8", relative.display()))?;
        let content = File::open(&path)?;
        let metadata = content.metadata()?;
        let options = SimpleFileOptions::default()
            .unix_permissions(metadata.permissions().mode() & 0o777)
            .large_file(metadata.len() > u64::from(u32::MAX));
        archive.start_file(name, options)?;
        io::copy(&mut interrupt.reading(content), &mut archive)?;
    }
    archive
        .finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

/// Returns the files in a folder and below it, sorted.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    Ok(found)
}
