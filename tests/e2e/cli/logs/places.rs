//! Where a host is, and what it wants to know: keys, certificates, sockets in files, addresses for operators.

use std::net::TcpListener;

use funcdock_tests::{App, Host, python};
use tempfile::tempdir;

use super::{TALK, command, logs, logs_with};
use crate::cli::support::{Done, funcdock};

fn talk() -> App {
    App::without_functions().function("talk", TALK)
}

fn free_address() -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    free.expect("a free port").to_string()
}

/// Runs the command in an empty folder.
fn elsewhere(arguments: &[&str], key: Option<&str>) -> Done {
    let folder = tempdir().expect("a folder");
    let mut command = funcdock(["logs"]);
    command.args(arguments).current_dir(folder.path());
    if let Some(key) = key {
        command.env("FUNCDOCK_MASTER_KEY", key);
    }
    Done::of(&mut command)
}

#[test]
fn a_host_with_keys_wants_the_master_key() {
    let keys = r#"{ "masterKey": { "name": "master", "value": "the-master" },
        "functionKeys": [{ "name": "default", "value": "the-host" }] }"#;
    let host = talk()
        .file(".funcdock/secrets/host.json", keys)
        .arg("--enable-auth")
        .start();
    // The app has it.
    assert!(logs_with(&host, &[], "imported by").contains("requests need keys"));
    let url = host.url();
    let with_key = elsewhere(&["--url", url], Some("the-master"));
    assert_eq!(with_key.code, Some(0), "{}", with_key.output());
    assert!(with_key.stdout.contains("imported by"), "{}", with_key.output());
    for (key, expected) in [
        (
            None,
            "wants its master key, and there is none in ./.funcdock/secrets;",
        ),
        (Some("wrong"), "does not take this key"),
        (Some("the-host"), "does not take this key"),
        (Some("a\nb"), "the master key is not one"),
    ] {
        let done = elsewhere(&["--url", url, "-f"], key);
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{key:?}");
        assert!(done.stderr.contains(expected), "{key:?}: {}", done.stderr);
    }
    let done = Done::of(&mut command(&host, &["--master-key", "wrong"]));
    assert!(
        done.stderr.contains("does not take this key"),
        "one that is given wins"
    );
}

#[test]
fn a_host_with_tls_is_trusted_by_its_certificate() {
    let admin = free_address();
    let host = talk()
        .arg("--use-https")
        .arg("--admin-address")
        .arg(&admin)
        .start();
    let not_there = Done::of(command(&host, &[]).env("FUNCDOCK_USE_HTTPS", "1"));
    assert!(
        not_there.stderr.contains("--admin-address"),
        "{}",
        not_there.output()
    );
    let log_of = |host: &Host| {
        let mut command = funcdock(["logs"]);
        command.arg(host.app().path());
        command
            .env("FUNCDOCK_USE_HTTPS", "1")
            .env("FUNCDOCK_ADMIN_ADDRESS", &admin);
        Done::of(&mut command)
    };
    let done = log_of(&host);
    assert!(done.stdout.contains("imported by"), "{}", done.output());
    let url = format!("https://{admin}");
    let certificate = host.app().path().join(".funcdock/https/localhost.pem");
    let certificate = certificate.to_string_lossy();
    let trusted = elsewhere(&["--url", &url, "--cacert", &certificate], None);
    assert!(trusted.stdout.contains("imported by"), "{}", trusted.output());
    let untrusted = elsewhere(&["--url", &url], None);
    assert_eq!(untrusted.code, Some(1));
    assert!(untrusted.stderr.contains("--cacert"), "{}", untrusted.output());
    let forgotten = elsewhere(&["--url", &format!("http://{admin}")], None);
    assert!(
        forgotten
            .stderr
            .contains(&format!("serves with TLS: use --url {url}, with --cacert")),
        "{}",
        forgotten.output()
    );
    let port = admin.rsplit(':').next().unwrap_or_default();
    let by_port = elsewhere(&["--port", port], None);
    assert!(
        by_port
            .stderr
            .contains(&format!("use --url https://localhost:{port}, with --cacert")),
        "{}",
        by_port.output()
    );
}

#[test]
fn a_host_at_a_file_or_at_the_port_of_its_app_is_found() {
    let folder = tempdir().expect("a folder");
    let socket = folder.path().join("host.sock");
    let host = talk().arg("--unix-socket").arg(&socket).start();
    let at_file = elsewhere(&["--url", &format!("unix:{}", socket.display())], None);
    assert!(at_file.stdout.contains("imported by"), "{}", at_file.output());
    let mut by_variable = funcdock(["logs"]);
    by_variable.env("FUNCDOCK_UNIX_SOCKET", &socket);
    let by_variable = Done::of(&mut by_variable);
    assert!(
        by_variable.stdout.contains("imported by"),
        "{}",
        by_variable.output()
    );
    drop(host);

    let address = free_address();
    let port = address.rsplit(':').next().unwrap_or_default();
    let settings = format!(r#"{{ "Host": {{ "LocalHttpPort": {port} }} }}"#);
    let app = talk().file("local.settings.json", &settings);
    // Without a port of its own.
    let host = app.bare().arg("--python").arg(python::any()).start();
    let done = Done::of(funcdock(["logs"]).arg(host.app().path()));
    assert!(done.stdout.contains("imported by"), "{}", done.output());
    assert!(logs(&host, &[]).contains("imported by"));
}
