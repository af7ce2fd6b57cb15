//! The list of an app's functions at start, in the format that users' tools know.

use std::fmt::{self, Display, Formatter};

use crate::control::FunctionListing;
use crate::logging::OneLine;
use crate::model::{HostAddress, Scheme};

/// Formats the list, with an empty line before it, after its title, and after it.
pub(super) struct Listing<'a> {
    /// The functions, in order.
    pub(super) functions: &'a [FunctionListing],
    /// The scheme of URLs.
    pub(super) scheme: Scheme,
    /// The bound address.
    pub(super) address: &'a HostAddress,
    /// The prefix of all routes; may be empty.
    pub(super) route_prefix: &'a str,
}

impl Display for Listing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nFunctions:\n")?;
        for FunctionListing {
            name,
            kind,
            methods,
            route,
            ..
        } in self.functions
        {
            let (name, kind) = (OneLine(name), OneLine(kind));
            let Some(route) = route else {
                writeln!(f, "\t{name}: {kind}")?;
                continue;
            };
            write!(f, "\t{name}: ")?;
            if !methods.is_empty() {
                write!(f, "[{}] ", OneLine(&methods.join(",")))?;
            }
            let parts = [self.route_prefix, route];
            let path: String = parts
                .iter()
                .filter(|part| !part.is_empty())
                .map(|part| format!("/{}", OneLine(part)))
                .collect();
            match self.address {
                HostAddress::Ip(_) => {
                    writeln!(f, "{}://{}{path}", self.scheme.as_str(), self.address.authority())?;
                }
                // No URL has the name of a file.
                HostAddress::Unix(_) => {
                    let path = if path.is_empty() { "/" } else { path.as_str() };
                    writeln!(f, "{path} at {}", OneLine(&self.address.to_string()))?;
                }
            }
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, kind: &str, methods: &[&str], route: Option<&str>) -> FunctionListing {
        FunctionListing {
            name: name.into(),
            kind: kind.into(),
            methods: methods.iter().map(|method| method.to_string()).collect(),
            route: route.map(Into::into),
            auth_level: None,
        }
    }

    fn listing(address: &str, route_prefix: &str, functions: &[FunctionListing]) -> String {
        let address = HostAddress::Ip(address.parse().expect("a literal address"));
        Listing {
            functions,
            scheme: Scheme::Http,
            address: &address,
            route_prefix,
        }
        .to_string()
    }

    #[test]
    fn functions_are_listed_with_methods_and_urls() {
        let functions = [
            function("Clock", "timerTrigger", &[], None),
            function("Hello", "httpTrigger", &["GET", "POST"], Some("hello/{name}")),
            function("Any", "httpTrigger", &[], Some("Any")),
        ];
        assert_eq!(
            listing("127.0.0.1:7071", "api", &functions),
            "\nFunctions:\n\n\tClock: timerTrigger\n\
             \tHello: [GET,POST] http://localhost:7071/api/hello/{name}\n\
             \tAny: http://localhost:7071/api/Any\n\n"
        );
    }

    #[test]
    fn a_name_cannot_look_like_another_function() {
        let forged = function("a\n\tAdmin", "x\x1b[2J", &[], None);
        let route = function("b", "httpTrigger", &["GET"], Some("r\n\tAdmin: "));
        assert_eq!(
            listing("127.0.0.1:7071", "api", &[forged, route]),
            "\nFunctions:\n\n\ta\\n\tAdmin: x\\x1b[2J\n\tb: [GET] http://localhost:7071/api/r\\n\tAdmin: \n\n"
        );
    }

    #[test]
    fn a_path_has_the_file_of_a_unix_socket() {
        let functions = ["hello/{name}", ""].map(|route| function("F", "httpTrigger", &["GET"], Some(route)));
        for (route_prefix, expected) in [
            ("api", ["/api/hello/{name}", "/api"]),
            ("", ["/hello/{name}", "/"]),
        ] {
            let text = Listing {
                functions: &functions,
                scheme: Scheme::Http,
                address: &HostAddress::Unix("/run/shop.sock".into()),
                route_prefix,
            }
            .to_string();
            let lines = expected.map(|path| format!("\tF: [GET] {path} at unix:/run/shop.sock\n"));
            assert_eq!(text, format!("\nFunctions:\n\n{}\n", lines.concat()));
        }
    }

    #[test]
    fn a_url_reaches_the_host() {
        for (address, prefix, route, expected) in [
            ("0.0.0.0:80", "api", "x", "http://localhost:80/api/x"),
            ("[::]:80", "api", "x", "http://localhost:80/api/x"),
            ("127.0.0.2:80", "api", "x", "http://127.0.0.2:80/api/x"),
            ("[::1]:80", "api", "x", "http://[::1]:80/api/x"),
            ("127.0.0.1:80", "", "x", "http://localhost:80/x"),
            ("127.0.0.1:80", "a/b", "", "http://localhost:80/a/b"),
        ] {
            let text = listing(
                address,
                prefix,
                &[function("F", "httpTrigger", &["GET"], Some(route))],
            );
            assert!(text.contains(&format!("F: [GET] {expected}\n")), "{text}");
        }
    }
}
