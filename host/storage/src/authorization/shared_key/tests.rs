//! Requests of each kind. The texts to sign are written from the documentation, and the signatures come from Python:
//!
//! ```text
//! base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest())
//! ```

use azure_core::http::{Method, Url};

use super::*;

/// "secret key of the tests".
const KEY: &str = "c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM=";
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const DATE: &str = "Fri, 26 Jun 2015 23:39:12 GMT";

fn request(method: Method, url: &str, headers: &[(&'static str, &'static str)]) -> Request {
    let mut request = Request::new(Url::parse(url).expect("a valid URL"), method);
    for (name, value) in headers {
        request.insert_header(*name, *value);
    }
    request
}

/// Signs the request, and checks what was signed, and the signature.
fn assert_signed(account: &str, key: &str, mut request: Request, text: &str, signature: &str) {
    let key = SharedKey::new(account, base64::decode(key).expect("valid base64"));
    let date = httpdate::parse_http_date(DATE).expect("a valid date");
    key.sign(&mut request, date);
    assert_eq!(string_to_sign(account, &request), text);
    let authorization = request
        .headers()
        .iter()
        .find_map(|(name, value)| (name.as_str() == "authorization").then(|| value.as_str().to_owned()));
    assert_eq!(authorization, Some(format!("SharedKey {account}:{signature}")));
}

#[test]
fn a_query_is_sorted_and_decoded() {
    // The example of the documentation.
    let request = request(
        Method::Get,
        "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20",
        &[("x-ms-version", "2015-02-21")],
    );
    assert_signed(
        "myaccount",
        KEY,
        request,
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20",
        "qKs6bMUW6oul3F4VtMsM0G17Q65RCrOQrUSNPfj0vog=",
    );
}

#[test]
fn a_blob_is_written_with_length_type_condition_and_metadata() {
    let mut request = request(
        Method::Put,
        "https://myaccount.blob.core.windows.net/mycontainer/a%2Fb%20c.txt",
        &[
            ("content-length", "11"),
            ("content-type", "text/plain; charset=UTF-8"),
            ("if-none-match", "*"),
            ("accept", "application/xml"),
            ("x-ms-version", "2026-04-06"),
            ("x-ms-meta-a1", "1"),
            ("x-ms-meta-a_b", " 2 "),
            ("x-ms-blob-type", "BlockBlob"),
        ],
    );
    request.set_body(&b"hello world"[..]);
    assert_signed(
        "myaccount",
        KEY,
        request,
        "PUT\n\n\n11\n\ntext/plain; charset=UTF-8\n\n\n\n*\n\n\nx-ms-blob-type:BlockBlob\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-meta-a_b:2\nx-ms-meta-a1:1\nx-ms-version:2026-04-06\n/myaccount/mycontainer/a%2Fb%20c.txt",
        "yDCQN95Sn0/AXtpLC+BnqGU6Jzld3AcJ7Qm+BR/ld44=",
    );
}

#[test]
fn a_part_of_one_version_is_read_with_range_and_etag() {
    let request = request(
        Method::Get,
        "https://myaccount.blob.core.windows.net/mycontainer/blob",
        &[
            ("range", "bytes=0-9"),
            ("if-match", "\"0x8D\""),
            ("x-ms-version", "2026-04-06"),
        ],
    );
    assert_signed(
        "myaccount",
        KEY,
        request,
        "GET\n\n\n\n\n\n\n\n\"0x8D\"\n\n\nbytes=0-9\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2026-04-06\n/myaccount/mycontainer/blob",
        "b+Isw6E7CxH5JalG36vy5Zr/S8uLxPxJIr/qq9RIQr8=",
    );
}

#[test]
fn an_empty_body_has_no_length() {
    let request = request(
        Method::Put,
        "https://myaccount.queue.core.windows.net/myqueue",
        &[("content-length", "0"), ("x-ms-version", "2026-04-06")],
    );
    assert_signed(
        "myaccount",
        KEY,
        request,
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2026-04-06\n/myaccount/myqueue",
        "X+SAOiIM+vRpFjSHoqqJ1WDjxCLL/NYLp0KObhpzsqg=",
    );
}

#[test]
fn a_message_is_sent_with_type_and_times() {
    let mut request = request(
        Method::Post,
        "https://myaccount.queue.core.windows.net/myqueue/messages?visibilitytimeout=5&messagettl=-1",
        &[
            ("content-type", "application/xml"),
            ("x-ms-version", "2026-04-06"),
        ],
    );
    request.set_body(vec![b'x'; 60]);
    assert_signed(
        "myaccount",
        KEY,
        request,
        "POST\n\n\n60\n\napplication/xml\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2026-04-06\n/myaccount/myqueue/messages\nmessagettl:-1\nvisibilitytimeout:5",
        "7kBz8cU4QcUA7qpjWmVOpPzREz+/g//QPMk0LD02o0c=",
    );
}

#[test]
fn the_emulators_account_comes_twice() {
    let request = request(
        Method::Put,
        "http://127.0.0.1:10001/devstoreaccount1/orders/messages/id-1?visibilitytimeout=0&popreceipt=AgAAAAMAAAA%2B%2F%3D",
        &[("x-ms-version", "2026-04-06")],
    );
    assert_signed(
        "devstoreaccount1",
        EMULATOR_KEY,
        request,
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2026-04-06\n/devstoreaccount1/devstoreaccount1/orders/messages/id-1\npopreceipt:AgAAAAMAAAA+/=\nvisibilitytimeout:0",
        "g8SaEs/Jukhl7/kEiRcDPbYpdCC3PMggzovDm2N2880=",
    );
}

#[test]
fn the_key_is_not_printed() {
    let key = SharedKey::new("myaccount", b"secret".to_vec());
    assert_eq!(format!("{key:?}"), "SharedKey { account: \"myaccount\", .. }");
}
