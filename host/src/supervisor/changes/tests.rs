//! Files and folders as editors and version control change them.

use super::*;

/// Writes a file, in a folder that is made if it is not there.
fn write(root: &Path, name: &str, content: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, content).expect("written");
}

/// Waits until a change of this file is told.
async fn is_told(changes: &mut Changes, name: &str) {
    let path = changes.root.join(name);
    let told = async { while !changes.next().await.contains(&path) {} };
    let told = tokio::time::timeout(Duration::from_secs(10), told).await;
    told.unwrap_or_else(|_| panic!("{name} is not noticed"));
}

async fn is_quiet(changes: &mut Changes, why: &str) {
    let more = tokio::time::timeout(Duration::from_millis(200), changes.next()).await;
    assert!(more.is_err(), "{why}: {more:?}");
}

fn app(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("it is there");
    for name in files {
        write(&root, name, "old");
    }
    (folder, root)
}

#[tokio::test]
async fn changes_of_the_app_count_and_others_do_not() {
    let (_folder, root) = app(&[
        "host.json",
        "shop/function.json",
        ".venv/pyvenv.cfg",
        ".venv/lib/a.py",
        "built/a.py",
    ]);
    fs::write(
        root.join(".gitignore"),
        "local.settings.json\nbuilt/\ngenerated.py\n",
    )
    .expect("written");
    fs::write(root.join(".funcignore"), "tests\n").expect("written");
    write(&root, "shop/.gitignore", "mine.py\n");
    write(&root, "lib/libspans.so.new", "old");
    let mut changes = Changes::watch(&root, vec![root.join("lib/libspans.so.new")]).expect("watched");
    for name in [
        "read.me",
        "built/a.py",
        "generated.py",
        "shop/mine.py",
        "tests/test_a.py",
        ".venv/lib/a.py",
        "shop/page.html",
    ] {
        write(&root, name, "new");
    }
    is_quiet(&mut changes, "not of the app").await;
    write(&root, "shop/function.json", "old");
    is_quiet(&mut changes, "the content is the same").await;
    for name in [
        "shop/__init__.py",
        "local.settings.json",
        "shop/function.json",
        "lib/libspans.so.new",
        "new/deep/a.py",
    ] {
        write(&root, name, "new");
        is_told(&mut changes, name).await;
    }
    fs::write(root.join(".gitignore"), "").expect("written");
    is_told(&mut changes, "generated.py").await;
}

#[tokio::test]
async fn folders_may_come_go_and_come_back() {
    let (folder, root) = app(&["host.json", "shop/sub/a.py", "shop/b.py"]);
    let outside = tempfile::tempdir_in(folder.path().parent().expect("a folder")).expect("a folder");
    let mut changes = Changes::watch(&root, Vec::new()).expect("watched");
    fs::rename(root.join("shop"), outside.path().join("shop")).expect("moved");
    is_told(&mut changes, "shop/sub/a.py").await;
    fs::rename(outside.path().join("shop"), root.join("shop")).expect("moved");
    is_told(&mut changes, "shop/sub/a.py").await;
    for content in ["one", "two"] {
        fs::remove_dir_all(root.join("shop/sub")).expect("removed");
        write(&root, "shop/sub/a.py", content);
        is_told(&mut changes, "shop/sub/a.py").await;
        write(&root, "shop/sub/a.py", &format!("{content} later"));
        is_told(&mut changes, "shop/sub/a.py").await;
    }
    write(&root, "shop/.b.py.tmp", "as editors do");
    fs::rename(root.join("shop/.b.py.tmp"), root.join("shop/b.py")).expect("renamed");
    is_told(&mut changes, "shop/b.py").await;
    fs::remove_file(root.join("shop/b.py")).expect("removed");
    is_told(&mut changes, "shop/b.py").await;
}

#[tokio::test]
async fn another_library_is_watched_when_the_app_names_it() {
    let (_folder, root) = app(&["host.json"]);
    let (_other, libraries) = app(&["libx.so"]);
    let mut changes = Changes::watch(&root, Vec::new()).expect("watched");
    changes.follow(&root, vec![libraries.join("libx.so")]);
    let library = libraries.join("libx.so");
    assert_eq!(changes.next().await, std::slice::from_ref(&library), "it is new");
    write(&libraries, "libx.so", "new");
    assert_eq!(changes.next().await, [library]);
}

#[test]
fn the_bytecode_of_a_changed_file_goes_and_no_other() {
    let names = [
        "a.cpython-313.pyc",
        "a.cpython-39.opt-1.pyc",
        "ab.cpython-313.pyc",
    ];
    let (_folder, root) = app(&names
        .map(|name| format!("__pycache__/{name}"))
        .each_ref()
        .map(String::as_str));
    remove_bytecode(&[root.join("a.py")]);
    let left = names.map(|name| root.join("__pycache__").join(name).exists());
    assert_eq!(left, [false, false, true]);
}
