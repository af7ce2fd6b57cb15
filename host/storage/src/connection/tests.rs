//! Settings and what becomes of them.

use std::collections::HashMap;

use azure_core::credentials::Secret;

use super::*;
use crate::account::Credential;
use crate::authorization::Identity;

const KEY: &str = "c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM=";
const SAS: &str = "sv=2023-11-03&sig=abc%2Bdef%3D";

/// Resolves a name with these settings.
fn resolve(name: &str, settings: &[(&str, &str)]) -> Result<Connection, ConnectionError> {
    let settings: HashMap<&str, &str> = settings.iter().copied().collect();
    Connection::from_settings(name, |name| settings.get(name).map(|&value| value.to_owned()))
}

fn account(settings: &[(&str, &str)]) -> Connection {
    resolve("Orders", settings).expect("valid settings")
}

/// The URLs of the blob and the queue service, with their signatures.
fn urls(connection: &Connection) -> (String, String) {
    let account = &connection.shared.account;
    let url = |endpoint: &Option<crate::account::Endpoint>| {
        endpoint
            .as_ref()
            .map(|endpoint| endpoint.signed_url().to_string())
            .unwrap_or_default()
    };
    (url(&account.blob), url(&account.queue))
}

fn from_string(text: &str) -> Connection {
    account(&[("Orders", text)])
}

fn reason(text: &str) -> String {
    let error = resolve("Orders", &[("Orders", text)]).expect_err("it is not valid");
    assert!(
        error
            .to_string()
            .starts_with("the storage connection in the setting 'Orders' is not valid: "),
        "{error}"
    );
    error.to_string()
}

#[test]
fn the_prefixed_setting_comes_first() {
    let one = format!("AccountName=one00;AccountKey={KEY}");
    let two = format!("AccountName=two00;AccountKey={KEY}");
    let found = |name: &str, settings: &[(&str, &str)]| {
        let connection = resolve(name, settings).expect("valid settings");
        connection.shared.account.name.clone()
    };
    let both = [("AzureWebJobsOrders", one.as_str()), ("Orders", two.as_str())];
    assert_eq!(found("Orders", &both), "one00");
    assert_eq!(found("Orders", &both[1..]), "two00");
    // Empty settings count as missing.
    assert_eq!(found("Orders", &[("AzureWebJobsOrders", " "), both[1]]), "two00");
    // A section of the first name comes before a string of the second.
    let section = [("AzureWebJobsOrders__accountName", "three00"), both[1]];
    assert_eq!(found("Orders", &section), "three00");
    assert_eq!(
        found("Orders", &[("ConnectionStrings:Orders", one.as_str()), both[1]]),
        "one00"
    );
}

#[test]
fn no_name_means_the_hosts_own_storage() {
    let settings = [("AzureWebJobsStorage", "UseDevelopmentStorage=true")];
    for name in ["", " ", "Storage", "AzureWebJobsStorage"] {
        let connection = resolve(name, &settings).expect("it is there");
        assert!(connection.is_emulator(), "{name}");
    }
    let error = resolve("", &[]).expect_err("nothing is set");
    assert_eq!(
        error.to_string(),
        "no storage connection 'Storage': none of the settings 'AzureWebJobsStorage', 'Storage', 'AzureWebJobsStorage__accountName', 'Storage__accountName', and their __blobServiceUri, __queueServiceUri and __serviceUri is set; set AzureWebJobsStorage to a connection string, to UseDevelopmentStorage=true for the local emulator, or set AzureWebJobsStorage__accountName for an identity-based connection"
    );
    let error = resolve("Orders", &[]).expect_err("nothing is set");
    assert!(
        error.to_string().contains("set Orders to a connection string"),
        "{error}"
    );
}

#[test]
fn the_emulator_has_its_account_in_the_path() {
    let connection = from_string("UseDevelopmentStorage=true");
    assert!(connection.is_emulator());
    assert_eq!(
        connection.description(),
        "the storage emulator at 127.0.0.1:10001"
    );
    let expected = (
        "http://127.0.0.1:10000/devstoreaccount1".to_owned(),
        "http://127.0.0.1:10001/devstoreaccount1".to_owned(),
    );
    assert_eq!(urls(&connection), expected);
    let connection = from_string("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite");
    assert_eq!(urls(&connection).0, "http://azurite:10000/devstoreaccount1");
    assert!(connection.is_emulator());

    let connection = from_string(&format!(
        "AccountName=devstoreaccount1;AccountKey={KEY};QueueEndpoint=http://127.0.0.1:4711/devstoreaccount1;"
    ));
    assert!(connection.is_emulator());
    assert_eq!(connection.description(), "the storage emulator at 127.0.0.1:4711");
    let connection = from_string(&format!(
        "AccountName=devstoreaccount1;AccountKey={KEY};QueueEndpoint=http://127.0.0.1:4711/devstoreaccount1/"
    ));
    assert_eq!(urls(&connection).1, "http://127.0.0.1:4711/devstoreaccount1");
}

#[test]
fn an_emulator_on_this_machine_has_ports() {
    let ports = |text: &str| from_string(text).local_emulator();
    let both = |blob, queue| {
        Some(EmulatorPorts {
            blob: Some(blob),
            queue: Some(queue),
        })
    };
    let key = format!("AccountName=devstoreaccount1;AccountKey={KEY}");
    let at = |blob: &str, queue: &str| {
        format!("{key};BlobEndpoint={blob}/devstoreaccount1;QueueEndpoint={queue}/devstoreaccount1")
    };
    assert_eq!(ports("UseDevelopmentStorage=true"), both(10000, 10001));
    assert_eq!(
        ports(&at("http://127.0.0.1:7000", "http://localhost:7001")),
        both(7000, 7001)
    );
    assert_eq!(
        ports(&at("http://[::1]:7000", "http://127.0.0.2")),
        both(7000, 80)
    );
    assert_eq!(
        ports(&format!(
            "{key};QueueEndpoint=http://127.0.0.1:7001/devstoreaccount1;DefaultEndpointsProtocol=http;BlobEndpoint=http://azurite:7000/devstoreaccount1"
        )),
        None,
        "a service on another machine"
    );
    assert_eq!(
        ports(&at("https://127.0.0.1:7000", "https://127.0.0.1:7001")),
        None,
        "TLS"
    );
    assert_eq!(
        ports("BlobEndpoint=http://127.0.0.1:7000/devstoreaccount1;SharedAccessSignature=sv=1&sig=a"),
        Some(EmulatorPorts {
            blob: Some(7000),
            queue: None,
        })
    );
    assert_eq!(ports(&format!("AccountName=orders;AccountKey={KEY}")), None);
}

#[test]
fn an_account_with_a_key_has_endpoints() {
    let connection = from_string(&format!(
        "DefaultEndpointsProtocol=https;AccountName=orders00;AccountKey={KEY};EndpointSuffix=core.windows.net"
    ));
    assert!(!connection.is_emulator());
    assert_eq!(connection.description(), "storage account orders00");
    assert_eq!(
        urls(&connection),
        (
            "https://orders00.blob.core.windows.net/".to_owned(),
            "https://orders00.queue.core.windows.net/".to_owned()
        )
    );
    assert!(matches!(connection.shared.account.credential, Credential::Key(_)));

    // Keys in any case, in any order, with spaces; an endpoint that is written out wins.
    let connection = from_string(&format!(
        " endpointsuffix = core.chinacloudapi.cn ;; accountkey={KEY}; ACCOUNTNAME=orders00;blobendpoint=https://files.example.org"
    ));
    assert_eq!(
        urls(&connection),
        (
            "https://files.example.org/".to_owned(),
            "https://orders00.queue.core.chinacloudapi.cn/".to_owned()
        )
    );
}

#[test]
fn a_signature_is_sent_with_each_url() {
    let connection = from_string(&format!(
        "BlobEndpoint=https://orders00.blob.core.windows.net/;QueueEndpoint=https://orders00.queue.core.windows.net;SharedAccessSignature=?{SAS}"
    ));
    assert_eq!(connection.description(), "storage account orders00");
    assert!(matches!(
        connection.shared.account.credential,
        Credential::Signature
    ));
    assert_eq!(
        urls(&connection),
        (
            format!("https://orders00.blob.core.windows.net/?{SAS}"),
            format!("https://orders00.queue.core.windows.net/?{SAS}")
        )
    );
    let connection = from_string(&format!("AccountName=orders00;SharedAccessSignature={SAS}"));
    assert_eq!(
        urls(&connection).1,
        format!("https://orders00.queue.core.windows.net/?{SAS}")
    );

    // An endpoint may have its own, and there may be one service only.
    let connection = from_string(&format!(
        "QueueEndpoint=https://orders00.queue.core.windows.net/?{SAS}"
    ));
    assert_eq!(
        urls(&connection).1,
        format!("https://orders00.queue.core.windows.net/?{SAS}")
    );
    let error = connection.container("reports").expect_err("there is no endpoint");
    assert!(matches!(error, StorageError::NotConfigured(_)), "{error:?}");
    assert!(error.to_string().contains("add BlobEndpoint=https://"), "{error}");

    let url = format!("https://orders00.blob.core.windows.net?{SAS}");
    let connection = account(&[("Orders__blobServiceUri", url.as_str())]);
    assert!(matches!(
        connection.shared.account.credential,
        Credential::Signature
    ));
}

#[test]
fn an_identity_needs_an_account_or_urls() {
    let identity = |settings: &[(&str, &str)]| {
        let connection = account(settings);
        match &connection.shared.account.credential {
            Credential::Identity(Identity::Managed { client_id }) => {
                format!("managed {client_id:?}")
            }
            Credential::Identity(Identity::Default { client_id }) => {
                format!("default {client_id:?}")
            }
            Credential::Identity(Identity::ClientSecret { client_id, .. }) => {
                format!("secret {client_id}")
            }
            Credential::Key(_) | Credential::Signature => "none".to_owned(),
        }
    };
    let name = ("Orders__accountName", "orders00");
    assert_eq!(identity(&[name]), "default None");
    assert_eq!(
        identity(&[name, ("Orders__credential", "managedidentity")]),
        "managed None"
    );
    assert_eq!(
        identity(&[
            name,
            ("Orders:credential", "ManagedIdentity"),
            ("Orders:clientId", "abc")
        ]),
        "managed Some(\"abc\")"
    );
    assert_eq!(
        identity(&[
            name,
            ("Orders__tenantId", "11111111-1111-4111-8111-111111111111"),
            ("Orders__clientId", "abc"),
            ("Orders__clientSecret", "s")
        ]),
        "secret abc"
    );
    assert_eq!(
        urls(&account(&[name])),
        (
            "https://orders00.blob.core.windows.net/".to_owned(),
            "https://orders00.queue.core.windows.net/".to_owned()
        )
    );
    let both = [
        ("Orders__blobServiceUri", "https://a.example.org"),
        ("Orders__queueServiceUri", "https://b.example.org"),
    ];
    assert_eq!(
        urls(&account(&both)),
        (
            "https://a.example.org/".to_owned(),
            "https://b.example.org/".to_owned()
        )
    );
    // serviceUri is that of the service which the binding uses.
    let one = [("Orders__serviceUri", "https://orders00.queue.core.windows.net")];
    assert_eq!(urls(&account(&one)).0, "https://orders00.blob.core.windows.net/");
    assert_eq!(account(&one).description(), "storage account orders00");

    let error = |settings: &[(&str, &str)]| {
        resolve("Orders", settings)
            .expect_err("it is not valid")
            .to_string()
    };
    let text = error(&[("Orders__credential", "managedidentity")]);
    assert!(
        text.contains("it has no account; set Orders__accountName"),
        "{text}"
    );
    let text = error(&[name, ("Orders__credential", "secret")]);
    assert!(text.contains("only 'managedidentity' is supported"), "{text}");
    let text = error(&[(
        "Orders__queueServiceUri",
        "http://orders00.queue.core.windows.net",
    )]);
    assert!(
        text.contains("begins with http://, where tokens are not sent"),
        "{text}"
    );
}

#[test]
fn strings_that_are_not_valid_are_explained() {
    for (text, expected) in [
        (
            "AccountName=orders00",
            "it has neither AccountKey nor SharedAccessSignature",
        ),
        (
            "AccountKey=abc=",
            "it has neither AccountName nor BlobEndpoint nor QueueEndpoint",
        ),
        (
            "AccountName=orders00;AccountKey=%",
            "its AccountKey (not shown) is not valid base64",
        ),
        (
            "AccountName=Orders;AccountKey=abcd",
            "expected 3 to 24 lower-case letters and digits",
        ),
        (
            "AccountName=orders00;AccountName=orders01",
            "it has AccountName twice",
        ),
        (
            "UseDevelopmentStorage=yes",
            "UseDevelopmentStorage can only be 'true'",
        ),
        ("nonsense", "its part 1 is not one of AccountName=, AccountKey="),
        (
            "AccountName=orders00;AccountKye=abcd",
            "its part 2 is not one of AccountName=",
        ),
        (
            "QueueEndpoint=orders",
            "QueueEndpoint is 'orders', which is not a URL",
        ),
        (
            "QueueEndpoint=ftp://orders",
            "expected a URL that begins with https://",
        ),
        (
            "QueueEndpoint=https://q.example.org/",
            "it has neither AccountKey nor SharedAccessSignature",
        ),
        (
            "AccountName=orders00;AccountKey=YQ==;DefaultEndpointsProtocol=ftp",
            "DefaultEndpointsProtocol is 'ftp'",
        ),
        ("AccountName=orders00;SharedAccessSignature=sv=1", "has no 'sig='"),
        (
            "QueueEndpoint=https://q.example.org/;AccountKey=YQ==",
            "it has an AccountKey and no AccountName",
        ),
    ] {
        let reason = reason(text);
        assert!(reason.contains(expected), "{text}: {reason}");
    }
}

#[test]
fn secrets_are_never_printed() {
    let secret = "U2VjcmV0U2VjcmV0";
    let strings = [
        format!("AccountName=orders00;AccountKey={secret}"),
        format!("AccountName=orders00;AccountKey={secret}="),
        format!("AccountKey={secret}"),
        secret.to_owned(),
        format!("{secret}=="),
        format!("AccountName={secret};AccountKey={secret}"),
        format!("AccountName=orders00;AccountKey=YQ==;{secret}={secret}"),
        format!("AccountName=orders00;SharedAccessSignature={secret}"),
        format!("AccountName=orders00;SharedAccessSignature=sig={secret}"),
        format!("QueueEndpoint=https://q.example.org/?sig={secret}"),
        format!("QueueEndpoint=q.example.org/?sig={secret}"),
        format!("QueueEndpoint=https://me:{secret}@q.example.org/"),
        format!("QueueEndpoint=https://me:{secret}@q.example.org:x/"),
        format!("BlobEndpoint=data:?sig={secret}"),
    ];
    for text in &strings {
        let printed = match resolve("Orders", &[("Orders", text.as_str())]) {
            Ok(connection) => format!(
                "{connection:?} {} {:?} {:?}",
                connection.description(),
                connection.queue("orders"),
                connection.container("reports").map(|it| it.blob("b")),
            ),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!printed.contains(secret), "{text}: {printed}");
    }
    // A connection string in place of a name.
    let error = resolve(&strings[0], &[]).expect_err("it is not a name");
    assert_eq!(error, ConnectionError::StringInsteadOfName);
    assert!(!error.to_string().contains(secret), "{error}");
    let shown = format!("{:?}", Secret::new(secret));
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn everything_can_move_between_threads() {
    fn assert_send<T: Send>(_: T) {}
    fn assert_shared<T: Send + Sync + Clone>(_: &T) {}

    let connection = from_string("UseDevelopmentStorage=true");
    let queue = connection.queue("orders").expect("a valid name");
    let container = connection.container("reports").expect("a valid name");
    let blob = container.blob("a").expect("a valid name");
    assert_shared(&connection);
    assert_shared(&queue);
    assert_shared(&container);
    assert_shared(&blob);
    let mut upload = blob
        .upload_blocks(crate::Upload::default())
        .expect("valid metadata");
    assert_send(queue.receive(1, std::time::Duration::from_secs(1)));
    assert_send(queue.send("x", None, None));
    assert_send(queue.update("id", "receipt", std::time::Duration::ZERO, None));
    assert_send(container.list("", None, None));
    assert_send(blob.download());
    assert_send(blob.acquire_lease(None, None));
    assert_send(upload.write(bytes::Bytes::new()));
    assert_send(upload.commit());
}
