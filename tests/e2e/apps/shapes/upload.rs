//! Uploads as multipart forms, and downloads.

use funcdock_tests::{App, Raw};
use serde_json::json;

use super::{ask, listed, plain_pythons, send};

/// A form of these fields; a name like "file=name.png" is a file.
fn form(fields: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, content_type, content) in fields {
        form.extend(b"--boundary\r\nContent-Disposition: form-data; ");
        match name.split_once('=') {
            Some((name, file)) => form.extend(
                format!("name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {content_type}").bytes(),
            ),
            None => form.extend(format!("name=\"{name}\"").bytes()),
        }
        form.extend(b"\r\n\r\n");
        form.extend(*content);
        form.extend(b"\r\n");
    }
    form.extend(b"--boundary--\r\n");
    form
}

#[test]
fn uploads_and_downloads() {
    for (version, python) in plain_pythons() {
        let host = App::case("upload").python(python).start();
        let functions = [
            "upload: [POST] /api/files",
            "list_files: [GET] /api/files",
            "download: [GET] /api/files/{name}",
            "delete: [DELETE] /api/files/{name}",
        ];
        assert_eq!(listed(&host), functions, "{version}");
        let upload = |fields: &[(&str, &str, &[u8])], status| {
            let form_type = ("content-type", "multipart/form-data; boundary=boundary");
            send(&host, "POST /api/files", &[form_type], form(fields), status).json()
        };

        let image = b"\x89PNG\r\n\x1a\n\0--boundary\xff";
        let uploaded = upload(
            &[
                ("owner", "", "Zoë".as_bytes()),
                ("tag", "", b"pets"),
                ("tag", "", b"2026"),
                ("file=pets/schöne Katze.png", "image/png", image),
                ("file=../notes.txt", "text/plain; charset=utf-8", b"hello"),
            ],
            201,
        );
        assert_eq!(
            (&uploaded["owner"], &uploaded["tags"]),
            (&json!("Zoë"), &json!(["pets", "2026"])),
            "{version}"
        );
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(uploaded["files"][0]["size"], image.len());
        assert_eq!(
            uploaded["files"][1],
            json!({"name": "notes.txt", "type": "text/plain", "size": 5, "sha256": digest})
        );
        let names = json!(["notes.txt", "schöne Katze.png"]);
        assert_eq!(ask(&host, "GET /api/files", 200).json(), names);

        let path = "/api/files/sch%C3%B6ne%20Katze.png";
        let downloaded = host.get(path);
        assert_eq!(downloaded.body, image, "{version}");
        assert_eq!(downloaded.header("content-type"), "image/png");
        assert_eq!(
            downloaded.header("content-disposition"),
            "attachment; filename*=UTF-8''sch%C3%B6ne%20Katze.png"
        );
        let etag = ("if-none-match", downloaded.header("etag"));
        let unchanged = send(&host, &format!("GET {path}"), &[etag], "", 304);
        assert_eq!(
            (unchanged.header("etag"), unchanged.text()),
            (etag.1, String::new())
        );

        ask(&host, "DELETE /api/files/notes.txt", 204);
        ask(&host, "DELETE /api/files/notes.txt", 404);
        assert_eq!(
            ask(&host, "GET /api/files/notes.txt", 404).json(),
            json!({"error": "no file notes.txt"})
        );
        assert_eq!(
            upload(&[("owner", "", b"ada")], 400),
            json!({"error": "the form has no field 'file'"})
        );
        assert_eq!(
            upload(&[("file=a.exe", "application/x-msdownload", b"MZ")], 415),
            json!({"error": "a.exe is of type application/x-msdownload"})
        );
        // The app's limit, and the host's.
        let large = vec![b'x'; 65_537];
        assert_eq!(
            upload(&[("file=large.txt", "text/plain", &large)], 413),
            json!({"error": "large.txt is larger than 65536 bytes"})
        );
        let mut raw = Raw::connect(&host);
        raw.send("POST /api/files HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n");
        assert_eq!(raw.answer().status, 413);
        host.stop().assert_clean();
    }
}
