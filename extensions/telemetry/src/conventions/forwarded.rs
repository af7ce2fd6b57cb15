//! What proxies in front of the worker report about a request: `Forwarded` (RFC 7239), else the `X-Forwarded-*` headers.
//!
//! Any client can send these headers. Without a proxy that replaces them, they are the client's claim.

/// The request as the client sent it. `None` for what no proxy reports.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded<'a> {
    /// The client's address, maybe with a port.
    pub client: Option<&'a str>,
    /// `http` or `https`.
    pub scheme: Option<&'static str>,
    /// The host, maybe with a port.
    pub host: Option<&'a str>,
}

impl<'a> Forwarded<'a> {
    /// Reads the headers that `header` looks up, by names in lower case.
    pub fn read(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        match header("forwarded") {
            Some(value) => Forwarded::parse(value),
            // Proxies that set the others set this one, too; most requests have none, and cost one look-up.
            None => header("x-forwarded-for").map_or_else(Forwarded::default, |clients| Forwarded {
                client: first(clients).and_then(address),
                scheme: header("x-forwarded-proto").and_then(first).and_then(scheme),
                host: header("x-forwarded-host").and_then(first),
            }),
        }
    }

    /// The first element of `Forwarded`, which the proxy next to the client wrote: `for=…;proto=…;host=…`.
    fn parse(value: &'a str) -> Self {
        let mut found = Forwarded::default();
        for pair in split_quoted(element(value), b';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = unquoted(value.trim());
            let name = name.trim();
            if name.eq_ignore_ascii_case("for") {
                found.client = address(value);
            } else if name.eq_ignore_ascii_case("proto") {
                found.scheme = scheme(value);
            } else if name.eq_ignore_ascii_case("host") {
                found.host = Some(value).filter(|host| !host.is_empty());
            }
        }
        found
    }
}

fn element(value: &str) -> &str {
    split_quoted(value, b',').next().unwrap_or_default()
}

/// The parts of a text between separators that are not within double quotes.
fn split_quoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c: char| {
        is_quoted ^= c == '"';
        !is_quoted && c == char::from(separator)
    })
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// The first entry of a list with commas.
fn first(list: &str) -> Option<&str> {
    let first = list.split(',').next()?.trim();
    (!first.is_empty()).then_some(first)
}

/// A node's address; `None` if the proxy hides it as `unknown`, or behind a name that begins with `_`.
fn address(node: &str) -> Option<&str> {
    let is_hidden = node.is_empty() || node.starts_with('_') || node.eq_ignore_ascii_case("unknown");
    (!is_hidden).then_some(node)
}

fn scheme(given: &str) -> Option<&'static str> {
    ["http", "https"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(headers: &'a [(&'a str, &'a str)]) -> Forwarded<'a> {
        Forwarded::read(|name| {
            let found = headers.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| *value)
        })
    }

    fn forwarded<'a>(client: &'a str, scheme: &'static str, host: &'a str) -> Forwarded<'a> {
        let given = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Forwarded {
            client: given(client),
            scheme: Some(scheme).filter(|scheme| !scheme.is_empty()),
            host: given(host),
        }
    }

    #[test]
    fn what_proxies_report() {
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Headers<'_>, Forwarded<'_>, &str); 11] = [
            (&[], forwarded("", "", ""), "no proxy"),
            (
                &[
                    ("x-forwarded-for", "203.0.113.7, 10.0.0.1"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "shop.example:8443"),
                ],
                forwarded("203.0.113.7", "https", "shop.example:8443"),
                "the client comes first",
            ),
            (
                &[("x-forwarded-for", "203.0.113.7:50123")],
                forwarded("203.0.113.7:50123", "", ""),
                "App Service adds the port",
            ),
            (
                &[
                    (
                        "forwarded",
                        "for=192.0.2.60;proto=https;host=a.example, for=10.0.0.1;proto=http",
                    ),
                    ("x-forwarded-for", "203.0.113.7"),
                    ("x-forwarded-proto", "http"),
                ],
                forwarded("192.0.2.60", "https", "a.example"),
                "the standard header wins, and its first element",
            ),
            (
                &[("forwarded", r#"For="[2001:db8::1]:4711"; Proto=HTTPS"#)],
                forwarded("[2001:db8::1]:4711", "https", ""),
                "quotes, IPv6, any case",
            ),
            (
                &[("forwarded", r#"host="a,b;c";for=192.0.2.1"#)],
                forwarded("192.0.2.1", "", "a,b;c"),
                "separators within quotes",
            ),
            (
                &[("forwarded", "for=_hidden;proto=https")],
                forwarded("", "https", ""),
                "hidden",
            ),
            (&[("forwarded", "for=unknown")], forwarded("", "", ""), "unknown"),
            (
                &[("forwarded", "nonsense;;=;for")],
                forwarded("", "", ""),
                "malformed",
            ),
            (
                &[("x-forwarded-proto", "gopher")],
                forwarded("", "", ""),
                "not a scheme of HTTP",
            ),
            (
                &[("x-forwarded-for", " , 10.0.0.1")],
                forwarded("", "", ""),
                "an empty entry",
            ),
        ];
        for (headers, expected, reason) in cases {
            assert_eq!(read(headers), expected, "{reason}");
        }
    }
}
