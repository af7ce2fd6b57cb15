use tempfile::TempDir;

use super::*;

#[test]
fn a_forked_child_does_not_remove_its_parents_file() {
    let root = TempDir::new().expect("a temporary folder");
    let path = root.path().join("map");
    let mut map = MapFile::write(path.clone(), b"content").expect("a file");
    map.writer += 1;
    drop(map);
    assert!(path.exists());
}

#[test]
fn an_existing_file_is_neither_overwritten_nor_removed() {
    let root = TempDir::new().expect("a temporary folder");
    let path = root.path().join("map");
    fs::write(&path, "another's").expect("a file");
    let error = MapFile::write(path.clone(), b"content").expect_err("it exists");
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).expect("a file"), b"another's");
}
