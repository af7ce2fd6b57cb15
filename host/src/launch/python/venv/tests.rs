//! Makes environments with real interpreters. The requirements need no network.

use super::*;
use crate::launch::python::InterpreterSearch;

fn choice(root: &Path) -> InterpreterSearch {
    InterpreterSearch {
        root: root.to_owned(),
        given: None,
        virtual_env: None,
        search_path: std::env::var_os("PATH").unwrap_or_default(),
    }
}

/// Writes requirements that can always be installed.
fn app(root: &Path) {
    fs::write(root.join("requirements.txt"), "# nothing yet\n").expect("written");
}

#[tokio::test]
async fn an_environment_is_made_once_and_again_when_unfinished() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    app(root);

    let python = choice(root).prepare(true, false, &[]).await.expect("made");
    assert_eq!(python, venv_path(root).join("bin/python"));
    assert_eq!(Venv::of(root), Venv::Ours);

    let made = || {
        fs::metadata(venv_path(root).join("pyvenv.cfg"))
            .expect("a venv")
            .modified()
            .expect("a time")
    };
    let first = made();
    choice(root).prepare(true, false, &[]).await.expect("still there");
    assert_eq!(made(), first, "an environment that is up to date was made again");

    write(&venv_path(root).join(MAKING), b"").expect("written");
    assert_eq!(Venv::of(root), Venv::Unfinished);
    choice(root).prepare(true, false, &[]).await.expect("made again");
    assert_eq!(Venv::of(root), Venv::Ours);
    assert_ne!(made(), first);
    assert!(!root.join(".venv.funcdock-removed").exists());
}

#[tokio::test]
async fn requirements_that_cannot_be_installed_leave_no_environment_and_show_the_output_of_pip() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::write(root.join("requirements.txt"), "./not-there\n").expect("written");
    let error = choice(root)
        .prepare(true, false, &[])
        .await
        .expect_err("cannot be installed")
        .to_string();
    for expected in [
        "bin/pip install",
        "exited with status 1",
        "not-there",
        "requirements.txt",
    ] {
        assert!(error.contains(expected), "{expected:?} is not in: {error}");
    }
    assert_eq!(Venv::of(root), Venv::Absent);
}

#[tokio::test]
async fn changed_requirements_are_installed_into_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    app(root);
    choice(root).prepare(true, false, &[]).await.expect("made");
    fs::write(root.join("requirements.txt"), "./not-there\n").expect("written");
    choice(root)
        .prepare(true, false, &[])
        .await
        .expect_err("the new requirements are installed");
    // The old environment is kept. Going back to its requirements needs no pip.
    assert_eq!(Venv::of(root), Venv::Ours);
    fs::write(root.join("requirements.txt"), "# nothing yet\n").expect("written");
    choice(root).prepare(true, false, &[]).await.expect("as before");
}

#[tokio::test]
async fn an_environment_that_the_user_made_or_chose_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    // Would fail if it were installed.
    fs::write(root.join("requirements.txt"), "./not-there\n").expect("written");
    let absent = |choice: InterpreterSearch| async move {
        choice.prepare(true, false, &[]).await.expect("an interpreter");
        assert_eq!(Venv::of(&choice.root), Venv::Absent);
    };
    absent(InterpreterSearch {
        given: Some("python3".into()),
        ..choice(root)
    })
    .await;
    let other = root.join("other");
    fs::create_dir_all(other.join("bin")).expect("folder");
    std::os::unix::fs::symlink("/bin/sh", other.join("bin/python")).expect("linked");
    absent(InterpreterSearch {
        virtual_env: Some(other),
        ..choice(root)
    })
    .await;
    fs::create_dir(root.join(".python_packages")).expect("folder");
    absent(choice(root)).await;
    fs::remove_dir(root.join(".python_packages")).expect("removed");
    choice(root)
        .prepare(false, false, &[])
        .await
        .expect("an interpreter without an install");
    assert_eq!(Venv::of(root), Venv::Absent);
}

#[tokio::test]
async fn a_cancelled_installation_leaves_no_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    app(root);
    let making = choice(root);
    let mut prepared = Box::pin(making.prepare(true, false, &[]));
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while Venv::of(root) != Venv::Unfinished {
        assert!(
            std::time::Instant::now() < deadline,
            "the installation never started"
        );
        let waited = tokio::time::timeout(Duration::from_millis(1), prepared.as_mut()).await;
        assert!(waited.is_err(), "it was made before it could be cancelled");
    }
    drop(prepared);
    assert_eq!(Venv::of(root), Venv::Absent);
}
