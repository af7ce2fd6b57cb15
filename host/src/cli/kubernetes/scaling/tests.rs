use std::collections::BTreeMap;

use clap::Parser as _;

use super::*;
use crate::app::AppSettings;
use crate::model::BlobSource;

#[derive(Debug, clap::Parser)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

/// Returns the scaling of an app with these functions, settings and arguments, and the warnings.
fn scaling(
    functions: &Functions,
    values: &[(&str, &str)],
    arguments: &str,
) -> Result<(Scaling, String), String> {
    let values: BTreeMap<_, _> = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let settings = AppSettings::new(&values, &BTreeMap::new());
    let connections = functions.queues.iter().map(|(_, queue)| queue.connection.clone());
    let mut warnings = Vec::new();
    let sources = Sources::find(&connections.collect(), &settings, &mut warnings).expect("names of settings");
    let words = ["funcdock"].into_iter().chain(arguments.split_whitespace());
    let Program { arguments } = Program::try_parse_from(words).expect("valid arguments");
    let host = HostConfig::default();
    Scaling::new("shop", &arguments, functions, &sources, &host, &mut warnings)
        .map(|scaling| (scaling, warnings.join("\n")))
        .map_err(|error| error.to_string())
}

fn queue(queue: &str, connection: &str) -> (String, QueueTrigger) {
    let trigger = QueueTrigger {
        queue: queue.to_owned(),
        connection: connection.to_owned(),
    };
    (format!("of_{queue}"), trigger)
}

fn timers() -> Functions {
    Functions {
        timers: vec!["tick".to_owned()],
        ..Functions::default()
    }
}

const KEY: &str = "AccountName=shop;AccountKey=c2VjcmV0";
const STORAGE: (&str, &str) = ("AzureWebJobsStorage", KEY);

#[test]
fn queues_alone_scale_from_zero() {
    let functions = Functions {
        queues: vec![
            queue("orders", ""),
            queue("orders", "Storage"),
            queue("returns", "Returns"),
        ],
        ..Functions::default()
    };
    let values = [STORAGE, ("AzureWebJobsReturns", KEY)];
    let (scaling, warnings) = scaling(&functions, &values, "").expect("it can be had");
    assert_eq!((scaling.min, scaling.max), (0, 10));
    let trigger = |queue, setting| {
        Trigger::new(
            "azure-queue",
            &[
                ("queueName", queue),
                ("queueLength", "16"),
                ("connectionFromEnv", setting),
            ],
        )
    };
    assert_eq!(
        scaling.triggers,
        [
            trigger("orders", "AzureWebJobsStorage"),
            trigger("returns", "AzureWebJobsReturns")
        ],
        "two functions of one queue are one trigger"
    );
    assert!(warnings.is_empty() && scaling.identities.is_empty(), "{warnings}");
}

#[test]
fn an_identity_is_that_of_the_pod() {
    let functions = Functions {
        queues: vec![queue("orders", "Orders"), queue("returns", "Returns")],
        ..Functions::default()
    };
    let values = [
        ("Orders__accountName", "shop"),
        ("Orders__clientId", "id"),
        (
            "Returns__queueServiceUri",
            "https://back.queue.core.chinacloudapi.cn",
        ),
    ];
    let (scaling, _) = scaling(&functions, &values, "").expect("it can be had");
    let [orders, returns] = scaling.triggers.as_slice() else {
        panic!("{:?}", scaling.triggers)
    };
    assert_eq!(orders.metadata["accountName"], "shop");
    assert!(!orders.metadata.contains_key("connectionFromEnv") && !orders.metadata.contains_key("cloud"));
    assert_eq!(returns.metadata["accountName"], "back");
    assert_eq!(returns.metadata["endpointSuffix"], "queue.core.chinacloudapi.cn");
    let name = |trigger: &Trigger| trigger.authentication_ref.clone().map(|found| found.name);
    assert_eq!(name(orders).as_deref(), Some("shop-orders"));
    assert_eq!(
        scaling.identities["shop-orders"].identity_id.as_deref(),
        Some("id")
    );
    assert_eq!(scaling.identities["shop-returns"].identity_id, None);
}

#[test]
fn timers_need_one_pod_and_no_more_without_storage() {
    let (shared, warnings) = scaling(&timers(), &[STORAGE], "").expect("it can be had");
    assert_eq!((shared.min, shared.max, shared.is_single), (1, 10, false));
    assert!(shared.triggers.is_empty() && warnings.is_empty(), "{warnings}");

    let (single, warnings) = scaling(&timers(), &[], "").expect("it can be had");
    assert_eq!((single.min, single.max, single.is_single), (1, 1, true));
    assert!(
        warnings.contains("each would call the timers (tick)"),
        "{warnings}"
    );

    let error = scaling(&timers(), &[STORAGE], "--min-replicas 0").expect_err("never called");
    assert!(error.contains("timers (tick)"), "{error}");
    let error = scaling(&timers(), &[], "--min-replicas 2").expect_err("called twice");
    assert!(error.contains("there can be 1 pod at most"), "{error}");
}

#[test]
fn blobs_need_one_pod_and_count_for_nothing() {
    let functions = Functions {
        blobs: vec![("on_blob".to_owned(), BlobSource::Polling)],
        queues: vec![queue("orders", "")],
        ..Functions::default()
    };
    let (scaling, _) = scaling(&functions, &[STORAGE], "").expect("it can be had");
    assert_eq!(scaling.min, 1);
    let kinds: Vec<_> = scaling.triggers.iter().map(|trigger| trigger.kind).collect();
    assert_eq!(kinds, ["azure-queue"]);
}

#[test]
fn requests_scale_by_the_add_on_or_by_cpu() {
    let functions = Functions {
        has_http: true,
        ..Functions::default()
    };
    let kinds = |scaling: &Scaling| -> Vec<_> { scaling.triggers.iter().map(|found| found.kind).collect() };
    let (cpu, _) = scaling(&functions, &[], "").expect("it can be had");
    assert_eq!((cpu.min, kinds(&cpu)), (1, vec!["cpu"]));
    let (requests, _) = scaling(&functions, &[], "--http-scaler --host a.b").expect("it can be had");
    assert_eq!((requests.min, kinds(&requests)), (0, vec!["external-push"]));
    let (fixed, _) = scaling(&functions, &[], "--min-replicas 3 --max-replicas 3").expect("it can be had");
    assert_eq!((fixed.min, kinds(&fixed)), (3, vec![]));
    let error = scaling(&timers(), &[STORAGE], "--http-scaler --host a.b").expect_err("no requests");
    assert!(error.contains("no function with an HTTP trigger"), "{error}");
}

#[test]
fn signed_addresses_are_no_connection_for_keda() {
    let functions = Functions {
        queues: vec![queue("orders", "Orders")],
        ..Functions::default()
    };
    let values = [(
        "Orders__queueServiceUri",
        "https://shop.queue.core.windows.net?sig=s3cret",
    )];
    let (scaling, warnings) = scaling(&functions, &values, "").expect("it can be had");
    assert!(scaling.triggers.is_empty(), "{:?}", scaling.triggers);
    assert_eq!(scaling.min, 1, "nothing would start a pod");
    assert!(
        warnings.contains("\"of_orders\": KEDA cannot look into") && !warnings.contains("s3cret"),
        "{warnings}"
    );
}
