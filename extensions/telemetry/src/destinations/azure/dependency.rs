//! The type, target and data of a dependency, from the attributes of OpenTelemetry's conventions, current names before
//! former ones.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use http::Uri;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::data::Attributes;

pub(super) const METHOD: [&str; 2] = ["http.request.method", "http.method"];
pub(super) const STATUS: [&str; 2] = ["http.response.status_code", "http.status_code"];
pub(super) const MESSAGING: [&str; 1] = ["messaging.system"];
const DATABASE: [&str; 2] = ["db.system.name", "db.system"];
const RPC: [&str; 2] = ["rpc.system.name", "rpc.system"];
const DESTINATION: [&str; 3] = [
    "messaging.destination.name",
    "messaging.destination",
    "message_bus.destination",
];
const PEER: [&str; 5] = [
    "server.address",
    "net.peer.name",
    "peer.address",
    "network.peer.address",
    "net.peer.ip",
];
const PEER_PORT: [&str; 3] = ["server.port", "net.peer.port", "network.peer.port"];
const SCHEME: [&str; 2] = ["url.scheme", "http.scheme"];
const PATH: [&str; 2] = ["url.path", "http.target"];
const HOST: [&str; 5] = [
    "server.address",
    "http.host",
    "http.server_name",
    "net.host.name",
    "net.peer.name",
];
const PORT: [&str; 3] = ["server.port", "net.host.port", "net.peer.port"];

/// The fields of a dependency that follow from attributes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dependency<'a> {
    /// Replaces the span's name.
    pub(super) name: Option<String>,
    pub(super) kind: Cow<'a, str>,
    pub(super) target: Option<Cow<'a, str>>,
    pub(super) data: Option<Cow<'a, str>>,
    pub(super) result_code: Option<Cow<'a, str>>,
}

/// Reads what a span of kind client, producer or internal called.
pub(super) fn dependency<'a>(kind: SpanKind, attributes: &mut Attributes<'a>) -> Dependency<'a> {
    match kind {
        SpanKind::Client => client(attributes),
        SpanKind::Producer => {
            let system = attributes
                .take(&["az.namespace"])
                .or_else(|| attributes.take(&MESSAGING));
            Dependency {
                kind: with_system("Queue Message", system.as_deref()),
                target: destination(attributes).or(system),
                ..Dependency::default()
            }
        }
        _ => Dependency {
            kind: with_system("InProc", attributes.take(&["az.namespace"]).as_deref()),
            ..Dependency::default()
        },
    }
}

fn client<'a>(attributes: &mut Attributes<'a>) -> Dependency<'a> {
    if let Some(service) = attributes.take(&["az.namespace"]) {
        Dependency {
            kind: service,
            target: destination(attributes),
            ..Dependency::default()
        }
    } else if let Some(method) = attributes.take(&METHOD) {
        http(&method, attributes)
    } else if let Some(system) = attributes.take(&DATABASE) {
        database(system, attributes)
    } else if let Some(system) = attributes.take(&MESSAGING) {
        Dependency {
            target: destination(attributes).or_else(|| Some(system.clone())),
            kind: system,
            ..Dependency::default()
        }
    } else if let Some(system) = attributes.take(&RPC) {
        Dependency {
            target: peer(attributes, None).or_else(|| Some(system.clone())),
            kind: system,
            result_code: attributes.take(&["rpc.response.status_code", "rpc.grpc.status_code"]),
            ..Dependency::default()
        }
    } else {
        Dependency {
            kind: "N/A".into(),
            target: peer(attributes, None),
            ..Dependency::default()
        }
    }
}

fn http<'a>(method: &str, attributes: &mut Attributes<'a>) -> Dependency<'a> {
    let url = url(attributes);
    let parsed = url.as_deref().and_then(|url| url.parse::<Uri>().ok());
    let default_port = match parsed.as_ref().and_then(Uri::scheme_str) {
        Some("https") => 443,
        _ => 80,
    };
    let host = parsed.as_ref().and_then(|url| {
        let port = url.port_u16().filter(|port| *port != default_port);
        Some(with_port(url.host()?, port).into())
    });
    Dependency {
        name: parsed.map(|url| format!("{method} {}", url.path())),
        kind: "HTTP".into(),
        target: attributes
            .take(&["peer.service"])
            .or(host)
            .or_else(|| peer(attributes, Some(default_port))),
        data: url,
        result_code: attributes.take(&STATUS),
    }
}

fn database<'a>(system: Cow<'a, str>, attributes: &mut Attributes<'a>) -> Dependency<'a> {
    let peer = peer(attributes, default_port(&system));
    let name = attributes.take(&["db.namespace", "db.name"]);
    Dependency {
        name: None,
        target: match (peer, name) {
            (Some(peer), Some(name)) => Some(format!("{peer}|{name}").into()),
            (peer, name) => peer.or(name).or_else(|| Some(system.clone())),
        },
        kind: if is_sql(&system) { "SQL".into() } else { system },
        data: attributes.take(&[
            "db.query.text",
            "db.statement",
            "db.operation.name",
            "db.operation",
        ]),
        result_code: attributes.take(&["db.response.status_code"]),
    }
}

/// Reads the destination of a message: the server and the queue on it.
pub(super) fn destination<'a>(attributes: &mut Attributes<'a>) -> Option<Cow<'a, str>> {
    let peer = peer(attributes, None);
    match (peer, attributes.take(&DESTINATION)) {
        (Some(peer), Some(destination)) => Some(format!("{peer}/{destination}").into()),
        (peer, destination) => destination.or(peer),
    }
}

/// Reads the other side: its service, or its host with the port, unless that is the usual one.
fn peer<'a>(attributes: &mut Attributes<'a>, usual_port: Option<u16>) -> Option<Cow<'a, str>> {
    if let Some(service) = attributes.take(&["peer.service"]) {
        return Some(service);
    }
    let host = attributes.take(&PEER)?;
    let port = attributes.take(&PEER_PORT).and_then(|port| port.parse().ok());
    match port.filter(|port| Some(*port) != usual_port) {
        None => Some(host),
        port => Some(with_port(&host, port).into()),
    }
}

/// Reads `scheme://host:port/path?query` from one attribute or from its parts.
pub(super) fn url<'a>(attributes: &mut Attributes<'a>) -> Option<Cow<'a, str>> {
    if let Some(url) = attributes.take(&["url.full", "http.url"]) {
        return Some(url);
    }
    let all_known = [&SCHEME[..], &PATH, &HOST]
        .iter()
        .all(|part| attributes.get(part).is_some());
    if !all_known {
        return None;
    }
    let (scheme, path, host) = (
        attributes.take(&SCHEME)?,
        attributes.take(&PATH)?,
        attributes.take(&HOST)?,
    );
    let port = attributes.take(&PORT).and_then(|port| port.parse().ok());
    // http.host may hold the port.
    let port = port.filter(|port| !host.ends_with(&format!(":{port}")));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut url = format!("{scheme}://{}{slash}{path}", with_port(&host, port));
    if let Some(query) = attributes.take(&["url.query"]) {
        url.push('?');
        url.push_str(&query);
    }
    Some(url.into())
}

fn with_port(host: &str, port: Option<u16>) -> String {
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    };
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

fn with_system(kind: &'static str, system: Option<&str>) -> Cow<'static, str> {
    match system {
        Some(system) => format!("{kind} | {system}").into(),
        None => kind.into(),
    }
}

/// Whether Application Insights calls this database "SQL". MySQL and PostgreSQL have their own types.
fn is_sql(system: &str) -> bool {
    [
        "db2",
        "derby",
        "h2",
        "h2database",
        "hsqldb",
        "ibm.db2",
        "mariadb",
        "microsoft.sql_server",
        "mssql",
        "oracle",
        "oracle.db",
        "other_sql",
        "sqlite",
    ]
    .contains(&system)
}

fn default_port(database: &str) -> Option<u16> {
    Some(match database {
        "postgresql" => 5432,
        "cassandra" => 9042,
        "mariadb" | "mysql" => 3306,
        "microsoft.sql_server" | "mssql" => 1433,
        "memcached" => 11211,
        "mongodb" => 27017,
        "db2" | "ibm.db2" => 50000,
        "oracle" | "oracle.db" => 1521,
        "h2" | "h2database" => 8082,
        "derby" => 1527,
        "redis" => 6379,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
