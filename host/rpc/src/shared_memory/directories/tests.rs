use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::TempDir;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file system").mode() & 0o7777
}

fn reason(value: &str) -> String {
    let (usable, unusable) = from_setting(Some(value));
    assert_eq!(usable, Vec::<PathBuf>::new());
    assert_eq!(unusable.len(), 1);
    unusable[0].reason.clone()
}

#[test]
fn words_that_host_and_worker_both_take_enable_it() {
    for value in ["1", "true", "True", "TRUE", " true ", "1\n"] {
        assert!(is_enabled(value), "{value:?}");
    }
    for value in ["", " ", "0", "false", "t", "y", "yes", "on", "2", "11", "true1"] {
        assert!(!is_enabled(value), "{value:?}");
    }
}

#[test]
fn a_missing_directory_is_made_for_this_user_alone() {
    let root = TempDir::new().expect("a temporary folder");
    let directory = root.path().join("a/b");
    let (usable, unusable) = from_setting(directory.to_str());
    assert_eq!(usable, [directory.join("AzureFunctions")]);
    assert_eq!(unusable, []);
    assert_eq!(mode(&usable[0]), 0o700);
}

#[test]
fn directories_keep_their_order_and_mode_and_count_once() {
    let root = TempDir::new().expect("a temporary folder");
    let [first, second] = ["first", "second"].map(|name| root.path().join(name));
    let existing = first.join("AzureFunctions");
    fs::create_dir_all(&existing).expect("the file system");
    fs::set_permissions(&existing, fs::Permissions::from_mode(0o755)).expect("the file system");
    let value = [&second, &first, &second]
        .map(|path| path.to_str().expect("UTF-8"))
        .join(",");
    let (usable, unusable) = from_setting(Some(&value));
    assert_eq!(usable, [second.join("AzureFunctions"), existing]);
    assert_eq!(unusable, []);
    assert_eq!(mode(&usable[1]), 0o755);
}

#[test]
fn relative_paths_and_files_cannot_be_used_and_the_others_can() {
    let root = TempDir::new().expect("a temporary folder");
    let file = root.path().join("file");
    fs::write(&file, "").expect("the file system");
    let good = root.path().join("good");
    let value = format!("shm,,{}, {}", file.display(), good.display());
    let (usable, unusable) = from_setting(Some(&value));
    assert_eq!(usable, Vec::<PathBuf>::new());
    assert_eq!(unusable.len(), 4);
    for index in [0, 1, 3] {
        assert!(
            unusable[index].reason.contains("not an absolute path"),
            "{}",
            unusable[index]
        );
    }
    assert!(
        unusable[2]
            .to_string()
            .contains("file/AzureFunctions: cannot make this directory"),
        "{}",
        unusable[2]
    );

    let (usable, unusable) = from_setting(Some(&format!("{},{}", file.display(), good.display())));
    assert_eq!(usable, [good.join("AzureFunctions")]);
    assert_eq!(unusable.len(), 1);
}

#[test]
fn a_folder_that_every_user_can_write_into_is_not_used() {
    let root = TempDir::new().expect("a temporary folder");
    let folder = root.path().join("AzureFunctions");
    fs::create_dir(&folder).expect("the file system");
    for mode in [0o777, 0o1777, 0o702] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("the file system");
        let reason = reason(root.path().to_str().expect("UTF-8"));
        assert!(
            reason.contains(&format!("(mode {mode:o}); run chmod o-w")),
            "{reason}"
        );
    }
}

#[test]
fn a_folder_that_is_a_link_is_not_used() {
    let root = TempDir::new().expect("a temporary folder");
    let target = TempDir::new().expect("a temporary folder");
    symlink(target.path(), root.path().join("AzureFunctions")).expect("the file system");
    let reason = reason(root.path().to_str().expect("UTF-8"));
    assert!(reason.starts_with("it is a symbolic link"), "{reason}");
}

#[test]
fn a_folder_of_another_user_is_not_used() {
    let root = TempDir::new().expect("a temporary folder");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).expect("the file system");
    let metadata = fs::symlink_metadata(root.path()).expect("the file system");
    let owner = metadata.uid();
    assert_eq!(access_problem(&metadata, owner), None);
    let problem = access_problem(&metadata, owner + 1);
    if owner == 0 {
        // What belongs to root is good for everybody.
        assert_eq!(problem, None);
        std::os::unix::fs::chown(root.path(), Some(12345), None).expect("the file system");
        let metadata = fs::symlink_metadata(root.path()).expect("the file system");
        let problem = access_problem(&metadata, 0).expect("another user\'s");
        assert!(problem.starts_with("it belongs to the user 12345"), "{problem}");
        assert_eq!(access_problem(&metadata, 12345), None);
    } else {
        let problem = problem.expect("another user\'s");
        assert!(
            problem.starts_with(&format!("it belongs to the user {owner}")),
            "{problem}"
        );
    }
}
