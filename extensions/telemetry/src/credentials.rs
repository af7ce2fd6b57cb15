//! Keeps credentials out of messages: those of URLs, of headers, and what a server repeats of them.

use std::fmt;

use http::{HeaderMap, Uri};

const HIDDEN: &str = "***";

/// The length of a text that is too short to be looked for.
const TOO_SHORT: usize = 4;

/// Returns a URL, or what was meant to be one, to show: without user and password, query and fragment.
pub(crate) fn url_to_show(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + "://".len()),
        None => ("", url),
    };
    let mut shown = scheme.to_owned();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    // Of what is not a URL, such as one whose password has a slash, rather too much is hidden.
    let at = authority.rfind('@').or_else(|| rest.rfind('@'));
    let rest = match at {
        Some(at) => {
            shown.push_str(HIDDEN);
            &rest[at..]
        }
        None => rest,
    };
    match rest.find(['?', '#']) {
        Some(at) => shown + &rest[..=at] + HIDDEN,
        None => shown + rest,
    }
}

/// Returns text with its URLs as [`url_to_show`].
pub(crate) fn hide_urls(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "\"'`<>".contains(c);
    let words = text
        .split_inclusive(is_end)
        .map(|word| match word.contains("://") {
            true => {
                let end = word.rfind(is_end).unwrap_or(word.len());
                url_to_show(&word[..end]) + &word[end..]
            }
            false => word.to_owned(),
        });
    words.collect()
}

/// Texts that no message may show, even if a server repeats them.
#[derive(Clone, Default)]
pub(crate) struct Credentials(Vec<String>);

impl Credentials {
    /// Returns those that a server gets with each request.
    pub(crate) fn of(url: &Uri, headers: &HeaderMap) -> Self {
        let mut all = Credentials::default();
        let authority = url.authority().map_or("", |authority| authority.as_str());
        if let Some((user, _)) = authority.rsplit_once('@') {
            all.add(user);
            user.split(':').for_each(|part| all.add(part));
        }
        for parameter in url.query().into_iter().flat_map(|query| query.split('&')) {
            all.add(parameter.split_once('=').map_or(parameter, |(_, value)| value));
        }
        for value in headers.values().filter_map(|value| value.to_str().ok()) {
            all.add(value);
            // Without "Bearer", say.
            all.add(value.rsplit(' ').next().unwrap_or(value));
        }
        all
    }

    /// Adds a text.
    pub(crate) fn add(&mut self, text: &str) {
        if text.len() > TOO_SHORT {
            self.0.push(text.to_owned());
            // What contains others comes before them.
            self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
    }

    /// Returns a text without them, and without those of any URL.
    pub(crate) fn hide(&self, text: &str) -> String {
        let text = self
            .0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN));
        hide_urls(&text)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn urls_are_shown_without_credentials() {
        for (url, expected) in [
            (
                "http://localhost:4318/v1/traces",
                "http://localhost:4318/v1/traces",
            ),
            ("http://[::1]:80/a", "http://[::1]:80/a"),
            ("https://u:s3cret@host:1/x", "https://***@host:1/x"),
            ("https://s3cret@host", "https://***@host"),
            ("https://u:s3/cret@host/x", "https://***@host/x"),
            ("https://u:1/s3cret@host/x", "https://***@host/x"),
            ("https://u:s3?cret@host/x", "https://***@host/x"),
            ("u:s3/cret@host", "***@host"),
            ("s3cret@host/x", "***@host/x"),
            ("https://host/x?sig=s3cret#s3cret", "https://host/x?***"),
            ("https://host/x#s3cret", "https://host/x#***"),
            ("", ""),
        ] {
            assert_eq!(url_to_show(url), expected);
        }
        assert_eq!(
            hide_urls("bad uri: 'https://u:s3cret@h/' and http://x?a=s3cret or none"),
            "bad uri: 'https://***@h/' and http://x?*** or none"
        );
    }

    #[test]
    fn what_a_server_repeats_is_hidden() {
        let url = Uri::from_static("https://user:s3cret@host/x?code=k3y-in-query&a=1");
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer t0ken"));
        let credentials = Credentials::of(&url, &headers);
        assert_eq!(
            credentials.hide("no user:s3cret, s3cret, k3y-in-query, Bearer t0ken or t0ken, but a=1"),
            "no ***, ***, ***, *** or ***, but a=1"
        );
        assert_eq!(format!("{credentials:?}"), "Credentials(5)");
    }
}
