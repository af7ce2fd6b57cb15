//! `funcdock completions` and `funcdock man`: shells and `man` accept what they print.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cli::made::run;
use crate::cli::support::Done;

const EVERY: [&str; 18] = [
    "init",
    "new",
    "start",
    "run",
    "logs",
    "pack",
    "kubernetes",
    "extension list",
    "extension check",
    "extension install",
    "extension new",
    "extension stubs",
    "settings list",
    "settings add",
    "settings delete",
    "worker",
    "completions",
    "man",
];

#[test]
fn bash_accepts_its_completions() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("completions");
    let printed = run(folder.path(), "completions bash").stdout;
    fs::write(&script, &printed).expect("a file");
    let checked = Done::of(Command::new("bash").arg("-n").arg(&script));
    assert_eq!(checked.code, Some(0), "{}", checked.output());
    // What a user gets who presses the key after these words.
    let complete = "source \"$1\"; COMP_WORDS=(funcdock settings a); COMP_CWORD=2; _funcdock funcdock a settings; \
                    echo \"${COMPREPLY[@]}\"";
    let completed = Done::of(Command::new("bash").args(["-c", complete, "bash"]).arg(&script));
    assert_eq!(completed.stdout.trim(), "add", "{}", completed.output());
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let printed = run(folder.path(), &format!("completions {shell}")).stdout;
        assert!(printed.contains("connection-string"), "{shell}:\n{printed}");
    }
}

#[test]
fn the_man_page_has_every_subcommand() {
    let page = run(Path::new("."), "man").stdout;
    assert!(page.contains("\n.TH funcdock 1"), "{page}");
    let headings: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix(".SH \"funcdock "))
        .map(|rest| rest.trim_end_matches('"'))
        .collect();
    assert_eq!(headings, EVERY);
    assert!(page.contains("\\-\\-show\\-values"), "{page}");
    assert!(!page.contains("showValue"), "aliases are hidden\n{page}");
}
