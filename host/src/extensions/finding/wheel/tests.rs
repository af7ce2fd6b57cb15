use super::*;

/// A folder of packages with these files.
fn packages(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders");
        fs::write(path, content).expect("a file");
    }
    folder
}

fn find_in(folders: &[&tempfile::TempDir], name: &str) -> Result<Option<PathBuf>, String> {
    let paths: Vec<PathBuf> = folders.iter().map(|folder| folder.path().to_owned()).collect();
    let root = |text: String| {
        folders.iter().fold(text, |text, folder| {
            text.replace(&folder.path().display().to_string(), "<site>")
        })
    };
    find(&paths, |found| found == name).map_err(|error| root(error.to_string()))
}

#[test]
fn an_entry_point_leads_to_the_library_of_its_package() {
    let text = "\u{20}[console_scripts]\nx: y: z\nfoo = foo:main\n\n[ funcdock.extensions ]\n# a comment\n\
                deep=rates.native\n  limit = rates\r\n[other]\nlimit = no\n";
    let site = packages(&[
        ("rates-1.0.dist-info/entry_points.txt", text),
        ("rates/librates.so", ""),
        ("rates/__init__.py", ""),
        ("rates/native/other.so", ""),
        ("plain-1.dist-info/METADATA", ""),
    ]);
    let at = |path: &str| Ok(Some(site.path().join(path)));
    assert_eq!(find_in(&[&site], "limit"), at("rates/librates.so"));
    assert_eq!(find_in(&[&site], "deep"), at("rates/native/other.so"));
    assert_eq!(find_in(&[&site], "foo"), Ok(None), "another group");
    let elsewhere = packages(&[(
        "r-1.dist-info/entry_points.txt",
        "[funcdock.extensions]\nfar = rates",
    )]);
    assert_eq!(
        find_in(&[&elsewhere, &site], "far"),
        at("rates/librates.so"),
        "an editable install"
    );
    assert_eq!(
        find_in(&[&elsewhere, &site], "limit"),
        at("rates/librates.so"),
        "the second folder"
    );
}

#[test]
fn an_entry_point_without_a_library_is_an_error_with_its_place() {
    let file = "p-1.dist-info/entry_points.txt";
    let cases: [(&str, &[&str], &str); 9] = [
        ("x", &[], "<site>/FILE:2: \"x\"; expected `name = package.module`"),
        (
            "= p",
            &[],
            "<site>/FILE:2: \"= p\"; expected `name = package.module`",
        ),
        (
            "x = p:main",
            &[],
            "<site>/FILE:2: \"x = p:main\"; expected `name = package.module`",
        ),
        (
            "x = ../p",
            &[],
            "<site>/FILE:2: \"x = ../p\"; expected `name = package.module`",
        ),
        (
            "x = /p",
            &[],
            "<site>/FILE:2: \"x = /p\"; expected `name = package.module`",
        ),
        (
            "y = p\n\nz",
            &["p/a.so"],
            "<site>/FILE:4: \"z\"; expected `name = package.module`",
        ),
        (
            "x = p.q",
            &["p/a.so"],
            "<site>/FILE:2: no package \"p.q\"; expected a Python package with one",
        ),
        (
            "x = p",
            &["p/a.py"],
            "<site>/FILE:2: no *.so in <site>/p; expected a Python package with one",
        ),
        (
            "x = p",
            &["p/b.so", "p/a.so"],
            "<site>/FILE:2: a.so, b.so in <site>/p; expected",
        ),
    ];
    for (line, others, expected) in cases {
        let text = format!("[{ENTRY_POINTS}]\n{line}\n");
        let mut files = vec![(file, text.as_str())];
        files.extend(others.iter().map(|path| (*path, "")));
        let error = find_in(&[&packages(&files)], "x").expect_err(line);
        assert!(error.starts_with(&expected.replace("FILE", file)), "{error}");
    }
}

#[test]
fn two_packages_of_one_folder_may_not_share_a_name() {
    let text = format!("[{ENTRY_POINTS}]\nx = p\n");
    let both = packages(&[
        ("a-1.dist-info/entry_points.txt", &text),
        ("b-1.dist-info/entry_points.txt", &text),
        ("p/a.so", ""),
    ]);
    let error = find_in(&[&both], "x").expect_err("two");
    assert_eq!(
        error,
        "<site>/a-1.dist-info/entry_points.txt:2: another package offers \"x\" as well: \
         <site>/b-1.dist-info/entry_points.txt:2; expected one package of that name"
    );
    let first = packages(&[("c-1.dist-info/entry_points.txt", &text), ("p/c.so", "")]);
    assert_eq!(
        find_in(&[&first, &both], "x"),
        Ok(Some(first.path().join("p/c.so"))),
        "the first folder hides what comes after"
    );
}
