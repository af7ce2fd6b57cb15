//! The router: which of several routes is found, and how.

use super::*;

/// A router whose values are the templates.
fn router<'t>(prefix: &str, routes: &[(&'t str, &[Method])]) -> Router<&'t str> {
    let entry = |(text, methods): &(&'t str, &[Method])| {
        (RouteTemplate::parse(text).expect(text), methods.to_vec(), *text)
    };
    Router::new(prefix, routes.iter().map(entry))
}

/// What was found: the value, "405 <methods>" or "404".
fn found(router: &Router<&str>, method: Method, path: &str) -> String {
    match router.find(&method, &RequestPath::new(path)) {
        Match::Found { value, .. } => (*value).to_owned(),
        Match::MethodNotAllowed { allow } => format!("405 {}", allow.to_str().expect("ASCII")),
        Match::NotFound => "404".to_owned(),
    }
}

#[test]
fn the_most_specific_route_is_found() {
    let router = router(
        "/api/",
        &[
            ("{*all}", &[]),
            ("{*digits:int}", &[]),
            ("items/{id}", &[]),
            ("items/{id:int}", &[]),
            ("items/{number:long}", &[]),
            ("items/x{id}", &[]),
            ("items/new", &[]),
            ("items/{id}/{tab=main}", &[]),
            ("{kind}/new", &[]),
        ],
    );
    let cases = [
        ("/api/items/new", "items/new", "literal text first"),
        ("/API/Items/NEW/", "items/new", "in any case"),
        ("/api/items/n%65w", "items/new", "in any encoding"),
        (
            "/api/items/7",
            "items/{id:int}",
            "then constraints; the first of equals",
        ),
        (
            "/api/items/7000000000",
            "items/{number:long}",
            "the second of equals when the first does not match",
        ),
        (
            "/api/items/x1",
            "items/x{id}",
            "text around a parameter ranks with constraints",
        ),
        (
            "/api/items/abc",
            "items/{id}",
            "then plain parameters, before those with more to leave out",
        ),
        (
            "/api/items/abc/other",
            "items/{id}/{tab=main}",
            "longer templates for longer paths",
        ),
        (
            "/api/other/new",
            "{kind}/new",
            "a parameter first, then literal text",
        ),
        (
            "/api/12",
            "{*digits:int}",
            "a catch-all with a constraint before one without",
        ),
        ("/api/other/old/er", "{*all}", "the catch-all last"),
        ("/api", "{*all}", "the prefix alone"),
        ("/apix/items/new", "404", "another prefix"),
        ("/items/new", "404", "no prefix"),
        ("", "404", "no path at all"),
    ];
    for (path, expected, reason) in cases {
        assert_eq!(found(&router, Method::GET, path), expected, "{path}: {reason}");
    }
}

#[test]
fn methods_decide_among_routes() {
    const GET: &[Method] = &[Method::GET];
    const POST: &[Method] = &[Method::POST];
    let router = router(
        "",
        &[
            ("a", GET),
            ("a/", POST),
            ("b/c", POST),
            ("b/{x}", GET),
            ("h/{x}", GET),
            ("h/{y}", &[Method::HEAD]),
            ("all", &[]),
        ],
    );
    let purge = || Method::from_bytes(b"PURGE").expect("a token");
    let cases = [
        (Method::GET, "/a", "a", "one path"),
        (Method::POST, "/a", "a/", "and two functions, by method"),
        (Method::HEAD, "/a", "a", "HEAD is answered where GET is"),
        (
            Method::PUT,
            "/a",
            "405 GET, HEAD, POST",
            "what would be allowed, of all that match",
        ),
        (
            Method::GET,
            "/b/c",
            "b/{x}",
            "a more specific route for another method gives way",
        ),
        (Method::HEAD, "/b/c", "b/{x}", "also for HEAD"),
        (
            Method::DELETE,
            "/b/c",
            "405 GET, HEAD, POST",
            "none for this method",
        ),
        (
            Method::DELETE,
            "/b/d",
            "405 GET, HEAD",
            "only what matches the path counts",
        ),
        (Method::HEAD, "/h/1", "h/{y}", "HEAD's own route wins over GET's"),
        (Method::GET, "/h/1", "h/{x}", "and leaves GET alone"),
        (purge(), "/all", "all", "no methods are all methods"),
        (
            purge(),
            "/a",
            "405 GET, HEAD, POST",
            "a method that is not standard",
        ),
        (Method::GET, "/none", "404", "nothing there"),
    ];
    for (method, path, expected, reason) in cases {
        assert_eq!(
            found(&router, method.clone(), path),
            expected,
            "{method} {path}: {reason}"
        );
    }
}

#[test]
fn parameters_come_with_the_route() {
    let router = router("api", &[("items/{id:int}/{name}", &[])]);
    let path = RequestPath::new("/api/items/7/a%20b");
    let Match::Found { params, .. } = router.find(&Method::GET, &path) else {
        panic!("there is such a route");
    };
    assert_eq!(params.as_slice(), [("id", "7"), ("name", "a b")]);
}

#[test]
fn parameters_of_many_routes_are_those_of_one_decoded_path() {
    let templates: Vec<String> = (0..500)
        .map(|number| format!("{{id}}/r{number}/{{*rest}}"))
        .collect();
    let routes: Vec<(&str, &[Method])> = templates.iter().map(|text| (text.as_str(), &[][..])).collect();
    let router = router("", &routes);
    let long = format!("/%41{}/r499/{}", "x".repeat(30_000), "%42/".repeat(7_500));
    let path = RequestPath::new(&long);
    let found = || match router.find(&Method::GET, &path) {
        Match::Found { params, .. } => params,
        other => panic!("{other:?}"),
    };
    let params = found();
    assert_eq!(params[0].1.len(), 30_001);
    assert_eq!(params[1].1, "B/".repeat(7_500));
    // No matter how many routes look at the path, and how often, the values are parts of the same text.
    let again = found();
    assert!(std::ptr::eq(params[0].1, again[0].1) && std::ptr::eq(params[1].1, again[1].1));
}

/// Templates and paths made of the characters that mean something: whatever they are, nothing panics, and a
/// literal template finds its own path.
#[test]
fn garbage_is_survived() {
    const PIECES: [&str; 32] = [
        "{",
        "}",
        "{{",
        "}}",
        "/",
        "//",
        "*",
        "**",
        "?",
        ":",
        "=",
        "(",
        ")",
        ",",
        "int",
        "length(1,2)",
        "min(3)",
        "regex(",
        "datetime",
        "{a}",
        "{b?}",
        "{*c}",
        "{d:int=5}",
        ".",
        "-",
        "a",
        "é",
        "%",
        "%2F",
        "%C3",
        "5",
        " ",
    ];
    // A linear congruential generator: the same garbage in each run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % below).expect("small")
    };
    let mut text = |pieces: u64| {
        (0..random(pieces))
            .map(|_| PIECES[random(PIECES.len() as u64)])
            .collect::<String>()
    };
    let mut parsed = 0;
    for _ in 0..20_000 {
        let (template, path) = (text(10), text(12));
        let Ok(route) = RouteTemplate::parse(&template) else {
            continue;
        };
        parsed += 1;
        let literal = route.literal_path();
        let router = Router::new("", [(route, vec![Method::GET], ())]);
        router.find(&Method::GET, &RequestPath::new(&path));
        router.find(&Method::PUT, &RequestPath::new(&path));
        if let Some(literal) = literal {
            let literal = RequestPath::new(&literal);
            let own = router.find(&Method::GET, &literal);
            assert!(
                matches!(own, Match::Found { .. }),
                "{template:?} does not find its own path"
            );
        }
    }
    assert!(
        parsed > 1_000,
        "only {parsed} templates were valid: the garbage is too wild"
    );
}
