//! Paths of blobs, and the patterns of blob triggers.

use super::*;

fn path(text: &str) -> Result<(String, String), String> {
    let path = BlobPath::parse(text).map_err(|error| error.to_string())?;
    Ok((path.container().to_owned(), path.blob().to_owned()))
}

#[test]
fn paths() {
    let cases = [
        ("samples/a.txt", "samples", "a.txt"),
        ("samples/2026/02/a b.txt", "samples", "2026/02/a b.txt"),
        ("samples//a", "samples", "/a"),
        ("samples/{x}", "samples", "{x}"),
        ("$root/a", "$root", "a"),
        ("$web/index.html", "$web", "index.html"),
        ("$logs/blob/2026", "$logs", "blob/2026"),
        ("a1b/x", "a1b", "x"),
        ("0-0-0/x", "0-0-0", "x"),
        // The URLs of Event Grid's events.
        (
            "https://acct.blob.core.windows.net/samples/a/b%20c.txt?sv=1#x",
            "samples",
            "a/b c.txt",
        ),
        ("HTTPS://acct.blob.core.windows.net/a.txt", "$root", "a.txt"),
        (
            "http://127.0.0.1:10000/devstoreaccount1/samples/a.txt",
            "samples",
            "a.txt",
        ),
        (
            "http://azurite:10000/devstoreaccount1/samples/a.txt",
            "samples",
            "a.txt",
        ),
        ("http://[::1]/acct/samples/a.txt", "samples", "a.txt"),
    ];
    for (text, container, blob) in cases {
        assert_eq!(path(text), Ok((container.to_owned(), blob.to_owned())), "{text}");
    }
    let long = format!("{}/{}", "c".repeat(63), "é".repeat(1024));
    assert_eq!(BlobPath::parse(&long).expect("not too long").to_string(), long);
}

#[test]
fn paths_that_are_not_valid() {
    let incomplete = |text: &str| {
        format!("{text:?} is not the path of a blob; expected container/blob, such as samples/report.txt")
    };
    let container = |text: &str, container: &str, problem: &str| {
        format!(
            "{text:?}: {container:?} is not a valid container name: {problem}; expected 3 to 63 lower case letters, digits and single hyphens between them, or $root, $web or $logs"
        )
    };
    let blob = |text: &str, blob: &str, problem: &str| {
        format!("{text:?}: {blob:?} is not a valid blob name: {problem}")
    };
    let too_long = format!("{}/x", "c".repeat(64));
    let long_blob = format!("samples/{}", "b".repeat(1025));
    let cases = [
        ("", incomplete("")),
        ("samples", incomplete("samples")),
        ("samples/", incomplete("samples/")),
        ("/a.txt", incomplete("/a.txt")),
        (
            "https://acct.blob.core.windows.net",
            incomplete("https://acct.blob.core.windows.net"),
        ),
        (
            "http://127.0.0.1:10000/acct",
            incomplete("http://127.0.0.1:10000/acct"),
        ),
        (
            "Samples/x",
            container("Samples/x", "Samples", "it has upper case letters"),
        ),
        ("ab/x", container("ab/x", "ab", "it is too short")),
        (&too_long, container(&too_long, &"c".repeat(64), "it is too long")),
        (
            "-abc/x",
            container("-abc/x", "-abc", "it begins or ends with a hyphen"),
        ),
        (
            "abc-/x",
            container("abc-/x", "abc-", "it begins or ends with a hyphen"),
        ),
        (
            "a--b/x",
            container("a--b/x", "a--b", "it has two hyphens in a row"),
        ),
        (
            "a_b/x",
            container("a_b/x", "a_b", "it has a character that is not allowed"),
        ),
        (
            "äbc/x",
            container("äbc/x", "äbc", "it has a character that is not allowed"),
        ),
        (
            "$foo/x",
            container("$foo/x", "$foo", "it has a character that is not allowed"),
        ),
        (
            "samples/a.",
            blob("samples/a.", "a.", "it ends with a dot or a slash"),
        ),
        (
            "samples/a/",
            blob("samples/a/", "a/", "it ends with a dot or a slash"),
        ),
        ("samples/a\\b", blob("samples/a\\b", "a\\b", "it has a backslash")),
        (
            &long_blob,
            blob(&long_blob, &"b".repeat(1025), "it has more than 1024 characters"),
        ),
    ];
    for (text, message) in cases {
        assert_eq!(path(text), Err(message));
    }
}

#[test]
fn templates_of_paths() {
    let cases = [
        ("samples/{dequeueCount}.txt", Ok("samples/2.txt")),
        ("samples/{queueTrigger}", Ok("samples/orders/17.json")),
        ("{queueTrigger}", Ok("orders/17.json")),
        ("out-{dequeueCount}/{customer.name}", Ok("out-2/Ada")),
        ("samples/const.txt", Ok("samples/const.txt")),
        ("https://a.example/{queueTrigger}", Ok("orders/17.json")),
        (
            "{customer.name}/x",
            Err("\"Ada/x\": \"Ada\" is not a valid container name"),
        ),
        ("samples/{empty}", Err("\"samples/\" is not the path of a blob")),
        ("{express}", Err("\"true\" is not the path of a blob")),
        ("samples/{missing}", Err("{missing} needs the value \"missing\"")),
        // These fail before there is a call.
        ("samples/{", Err("the { at position 9 has no }")),
        ("samples", Err("\"samples\" is not the path of a blob")),
        ("/{id}", Err("\"/{id}\" is not the path of a blob")),
        ("Samples/{id}", Err("\"Samples\" is not a valid container name")),
    ];
    for (text, expected) in cases {
        let path = BlobPathTemplate::parse(text)
            .and_then(|template| template.expand(&values(), &system()))
            .map(|path| path.to_string())
            .map_err(|error| error.to_string());
        match (path, expected) {
            (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
            (path, expected) => {
                assert_eq!(path, expected.map(str::to_owned).map_err(str::to_owned), "{text}")
            }
        }
    }
    for text in ["samples", "/{id}", "Samples/{id}", "samples/{", "samples/a."] {
        BlobPathTemplate::parse(text).expect_err(text);
    }
    let template = BlobPathTemplate::parse("{data.url}").expect("valid");
    assert_eq!(template.names(), ["data"]);
}

/// A pattern, a name, and the captured values, or `None` if the name does not match.
type Case<'a> = (&'a str, &'a str, Option<&'a [(&'a str, &'a str)]>);

#[test]
fn patterns() {
    let cases: [Case<'_>; 34] = [
        // A container alone has all its blobs.
        ("samples", "a.txt", Some(&[])),
        ("samples", "x/y", Some(&[])),
        // Without expressions, there is one blob.
        ("samples/a.txt", "a.txt", Some(&[])),
        ("samples/a.txt", "a.txt2", None),
        ("samples/a.txt", "b/a.txt", None),
        ("samples/a.txt", "A.txt", None),
        ("samples/{name}", "a.txt", Some(&[("name", "a.txt")])),
        ("samples/{name}", "x/y/a.txt", Some(&[("name", "x/y/a.txt")])),
        (
            "samples/{name}.csv",
            "foo.alpha.csv",
            Some(&[("name", "foo.alpha")]),
        ),
        ("samples/{name}.csv", "foo.csv.bak", None),
        ("samples/{name}.csv", "foo.CSV", None),
        ("samples/{name}.csv", ".csv", Some(&[("name", "")])),
        ("samples/{name}.csv", "csv", None),
        ("samples/original-{name}", "original-a", Some(&[("name", "a")])),
        ("samples/original-{name}", "original-", Some(&[("name", "")])),
        ("samples/original-{name}", "copy-a", None),
        // What comes first takes the most.
        (
            "samples/{name}.{ext}",
            "a.b.c.txt",
            Some(&[("name", "a.b.c"), ("ext", "txt")]),
        ),
        ("samples/{name}.{ext}", ".", Some(&[("name", ""), ("ext", "")])),
        ("samples/{name}.{ext}", "txt", None),
        ("samples/{a}{b}", "xyz", Some(&[("a", "xyz"), ("b", "")])),
        (
            "samples/{a}{b}.{c}",
            "x.y.z",
            Some(&[("a", "x.y"), ("b", ""), ("c", "z")]),
        ),
        (
            "input/{name}/foo/{skip}.{extension}",
            "name/foo/skip/bar.txt",
            Some(&[("name", "name"), ("skip", "skip/bar"), ("extension", "txt")]),
        ),
        (
            "input/{name}.{extension}-/{other}",
            "foo.bar.txt-/asd-/ijij",
            Some(&[("name", "foo.bar"), ("extension", "txt-/asd"), ("other", "ijij")]),
        ),
        (
            "input/{name}.-/{extension}",
            "foo.-/bar.txt",
            Some(&[("name", "foo"), ("extension", "bar.txt")]),
        ),
        ("input/{name}.-/", "foo.bar.-/txt", None),
        (
            "input/{name}-{date}.csv",
            "foo-Jan1st.csv",
            Some(&[("name", "foo"), ("date", "Jan1st")]),
        ),
        // Literals do not overlap.
        ("samples/aa{x}aa", "aaa", None),
        ("samples/aa{x}aa", "aaaa", Some(&[("x", "")])),
        ("samples/{x}aa{y}aa", "aaa", None),
        // Braces as text, which is not a date.
        (
            "samples/{{20140101}}-{name}",
            "{20140101}-soundfile.mp3",
            Some(&[("name", "soundfile.mp3")]),
        ),
        // Repeated names have their last value, whatever their case.
        ("samples/{a}/{b}/{A}", "1/2/3", Some(&[("b", "2"), ("A", "3")])),
        // What is built in elsewhere is a name as others.
        ("samples/{datetime}", "x", Some(&[("datetime", "x")])),
        ("samples/größe-{ä}", "größe-ü\n", Some(&[("ä", "ü\n")])),
        ("$web/{name}", "é", Some(&[("name", "é")])),
    ];
    for (text, name, expected) in cases {
        let pattern = BlobPattern::parse(text).expect(text);
        let found = pattern.match_blob(name);
        let pairs = found.as_ref().map(|values| {
            let pair = |(name, value): &'_ (String, String)| (name.clone(), value.clone());
            values.iter().map(pair).collect::<Vec<_>>()
        });
        let expected = expected.map(|values| {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            values.iter().map(pair).collect::<Vec<_>>()
        });
        assert_eq!(pairs, expected, "{text} {name}");
        if let Some(found) = found {
            assert!(name.starts_with(pattern.prefix()), "{text} {name}");
            assert_eq!(found.len(), pattern.names().len(), "{text}");
        }
    }
}

#[test]
fn parts_of_patterns() {
    let cases: [(&str, &str, &str, &[&str]); 7] = [
        ("samples", "samples", "", &[]),
        ("samples/a/b.txt", "samples", "a/b.txt", &[]),
        ("samples/{name}", "samples", "", &["name"]),
        ("samples/in/{name}.{ext}", "samples", "in/", &["name", "ext"]),
        ("samples/{{x}}-{name}", "samples", "{x}-", &["name"]),
        ("samples/{a}/{b}/{A}", "samples", "", &["a", "b"]),
        ("$logs/blob/{rest}", "$logs", "blob/", &["rest"]),
    ];
    for (text, container, prefix, names) in cases {
        let pattern = BlobPattern::parse(text).expect(text);
        assert_eq!(pattern.container(), container);
        assert_eq!(pattern.prefix(), prefix, "{text}");
        assert_eq!(pattern.names(), names, "{text}");
        assert_eq!(pattern.to_string(), text);
    }
}

#[test]
fn patterns_that_are_not_valid() {
    let cases = [
        ("", "\"\" is not the path of a blob"),
        ("/", "\"/\" is not the path of a blob"),
        ("samples/", "\"samples/\" is not the path of a blob"),
        (
            "con{x}/blob",
            "\"con{x}/blob\": the container of a blob trigger cannot have expressions",
        ),
        (
            "{name}",
            "\"{name}\": the container of a blob trigger cannot have expressions",
        ),
        (
            "container\\blob",
            "\"container\\\\blob\" is not a valid container name",
        ),
        ("Samples/{name}", "\"Samples\" is not a valid container name"),
        ("samples/a.", "\"a.\" is not a valid blob name"),
        ("samples/{name", "\"samples/{name\": the { at position 9 has no }"),
        (
            "samples/{a.b}",
            "{a.b} at position 9 cannot be found in a blob's name; expected a name alone",
        ),
        (
            "samples/x{rand-guid}",
            "{rand-guid} at position 10 cannot be found",
        ),
        (
            "samples/{datetime:yyyy}",
            "{datetime:yyyy} at position 9 cannot be found",
        ),
        ("samples/{name:N}", "{name:N} at position 9 cannot be found"),
    ];
    for (text, part) in cases {
        let message = BlobPattern::parse(text).expect_err(text).to_string();
        assert!(message.contains(part), "{message}");
    }
}

/// What a pattern finds in a name gives the name again.
#[test]
fn matches_expand_to_the_name() {
    let patterns = [
        "samples/{a}.{b}",
        "samples/x{a}{b}-{c}/{{d}}",
        "samples/{a}",
        "samples/a",
    ];
    let names = ["a", "x.y", "xx--/{d}", "x1-2-3/{d}", "x-/{d}/{d}", "..", ""];
    let mut matches = 0;
    for text in patterns {
        let pattern = BlobPattern::parse(text).expect(text);
        let template = Template::parse(text).expect(text);
        for name in names {
            if let Some(values) = pattern.match_blob(name) {
                let path = template.expand(values.as_slice(), &system());
                assert_eq!(path, Ok(format!("samples/{name}")), "{text}");
                matches += 1;
            }
        }
    }
    assert_eq!(matches, 2 + 3 + 7 + 1);
}
