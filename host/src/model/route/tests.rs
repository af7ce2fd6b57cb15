//! Templates: what they match, and what is refused.

use super::*;

/// The parameters that `path` gives, as `name=value;name=value`.
fn matched(template: &str, path: &str) -> Option<String> {
    let template = RouteTemplate::parse(template).expect(template);
    let path = RequestPath::new(path);
    let params = template.matches(&path, template.segments_needed())?;
    Some(
        params
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(";"),
    )
}

#[test]
fn templates_match_paths() {
    let cases: &[(&str, &str, Option<&str>, &str)] = &[
        ("", "/", Some(""), "the empty template is the root"),
        ("/", "", Some(""), "slashes around a template do not count"),
        ("", "/a", None, "the root is nothing else"),
        ("a/b", "/a/b", Some(""), "literals"),
        (
            "a/b/",
            "/a/b/",
            Some(""),
            "a slash at the end of the path does not count",
        ),
        ("a/b", "/A/b", Some(""), "case does not count"),
        ("a/b", "/a", None, "too short"),
        ("a", "/a/b", None, "too long"),
        ("a", "/a//", None, "two slashes are one too many"),
        ("a/b", "/a//b", None, "an empty segment is none"),
        ("a b", "/a%20b", Some(""), "literals are compared decoded"),
        ("a/b", "/a%2Fb", None, "an encoded slash does not separate"),
        ("a%", "/a%", Some(""), "a stray percent sign is itself"),
        ("{{a}}", "/{a}", Some(""), "doubled braces are literal"),
        ("items/{id}", "/items/7", Some("id=7"), "a parameter"),
        ("items/{id}", "/items/", None, "a parameter is not empty"),
        ("items/{id}", "/items//", None, "nor is it an empty segment"),
        (
            "items/{id}",
            "/items/a%2Fb%20c",
            Some("id=a/b c"),
            "values are decoded inside of their segment",
        ),
        (
            "items/{id}",
            "/items/%ff",
            Some("id=\u{fffd}"),
            "what is not UTF-8 is replaced",
        ),
        (
            "items/{id}",
            "/items/100%zz",
            Some("id=100%zz"),
            "what is not encoded stays",
        ),
        (
            "items/{id?}",
            "/items",
            Some(""),
            "an optional parameter left out",
        ),
        (
            "items/{id?}",
            "/items/7",
            Some("id=7"),
            "an optional parameter given",
        ),
        ("{a?}/{b?}", "/1", Some("a=1"), "one of two optional ones"),
        (
            "{a?}/b",
            "/b",
            None,
            "what is followed by literal text cannot be left out",
        ),
        ("{a}/{b=x}", "/1", Some("a=1;b=x"), "a default"),
        (
            "{a}/{b=x}",
            "/1/2",
            Some("a=1;b=2"),
            "a default that is not needed",
        ),
        ("{a:int=5}", "/", Some("a=5"), "a default beside a constraint"),
        ("{a=}", "/", Some("a="), "an empty default"),
        ("{id:int}", "/7", Some("id=7"), "a constraint that holds"),
        ("{id:int}", "/x", None, "a constraint that does not"),
        ("{id:int:min(5)}", "/4", None, "all constraints must hold"),
        (
            "{id:int?}",
            "/",
            Some(""),
            "an optional parameter with a constraint",
        ),
        (
            "{id:length(1,3)?}",
            "/abcd",
            None,
            "a constraint holds for an optional one that is given",
        ),
        ("{n:int}", "/%37", Some("n=7"), "constraints see decoded values"),
        ("{*path}", "/", Some(""), "a catch-all may be empty"),
        (
            "{*path}",
            "/a/b%2Fc",
            Some("path=a/b/c"),
            "a catch-all takes the rest",
        ),
        (
            "{**path}",
            "/a/b/",
            Some("path=a/b/"),
            "two stars, and the slash at the end belongs to it",
        ),
        (
            "files/{*path}",
            "/files",
            Some(""),
            "nothing left for the catch-all",
        ),
        (
            "files/{*path=index}",
            "/files",
            Some("path=index"),
            "the default of a catch-all",
        ),
        (
            "files/{*path=a/b}",
            "/files",
            Some("path=a/b"),
            "a default with a slash",
        ),
        (
            "files/{*path:minlength(2)}",
            "/files/a",
            None,
            "the constraint of a catch-all",
        ),
        (
            "files/{*path:minlength(2)}",
            "/files",
            None,
            "which the empty rest must meet as well",
        ),
        (
            "file-{name}.txt",
            "/FILE-a.TXT",
            Some("name=a"),
            "text around a parameter",
        ),
        (
            "file-{name}.txt",
            "/file-.txt",
            None,
            "a parameter in a segment is not empty",
        ),
        ("file-{name}.txt", "/file.txt", None, "shorter than its literals"),
        ("file-{name}.txt", "/file-a.txt.bak", None, "the end must match"),
        (
            "{a}-{b}",
            "/x-y-z",
            Some("a=x-y;b=z"),
            "literals are found from the right",
        ),
        (
            "{a}-{b}",
            "/x--",
            Some("a=x;b=-"),
            "as far right as leaves something",
        ),
        ("{a}-{b}", "/-y", None, "something must be left on the left"),
        ("{a}é{b}", "/xéy", Some("a=x;b=y"), "literals that are not ASCII"),
        ("{a}x{b}", "/éxé", Some("a=é;b=é"), "values that are not ASCII"),
        (
            "v{major:int}.{minor:int}",
            "/v1.2",
            Some("major=1;minor=2"),
            "constraints in a segment",
        ),
        ("v{major:int}.{minor:int}", "/v1.x", None, "which must hold"),
        (
            "{name}.{ext?}",
            "/a.b.txt",
            Some("name=a.b;ext=txt"),
            "an optional extension",
        ),
        ("{name}.{ext?}", "/a", Some("name=a"), "left out with its dot"),
        (
            "{name}.{ext:alpha?}",
            "/a.1",
            Some("name=a.1"),
            "or not an extension at all",
        ),
    ];
    for (template, path, expected, reason) in cases {
        assert_eq!(
            matched(template, path).as_deref(),
            *expected,
            "{template} on {path}: {reason}"
        );
    }
}

#[test]
fn bad_templates_are_refused() {
    let cases = [
        ("a//b", "two slashes in a row", "nothing between slashes"),
        (
            "a/{b",
            "a brace without its counterpart; write {{ or }} for a literal brace",
            "left open",
        ),
        (
            "a}/b",
            "a brace without its counterpart; write {{ or }} for a literal brace",
            "never opened",
        ),
        ("a?b", "'?' cannot be in the literal text of a route", "a query"),
        (
            "a#b",
            "'#' cannot be in the literal text of a route",
            "a fragment",
        ),
        (
            "a\nb",
            "'\\n' cannot be in the literal text of a route",
            "a control character",
        ),
        ("{}", "\"\" cannot be the name of a parameter", "no name"),
        ("{a b}", "\"a b\" cannot be the name of a parameter", "a space"),
        (
            "{***a}",
            "\"*a\" cannot be the name of a parameter",
            "three stars",
        ),
        (
            "{a}/{A}",
            "the parameter \"A\" occurs twice",
            "the same name in another case",
        ),
        (
            "{a}-{a}",
            "the parameter \"a\" occurs twice",
            "the same name in one segment",
        ),
        (
            "{a}{b}",
            "the parameters \"a\" and \"b\" need literal text between them",
            "nothing between",
        ),
        (
            "{*a}/b",
            "the catch-all \"a\" must be a whole segment, and the last one",
            "not the last",
        ),
        (
            "x{*a}",
            "the catch-all \"a\" must be a whole segment, and the last one",
            "not alone",
        ),
        (
            "x{a?}",
            "the optional parameter \"a\" must be alone in its segment, or behind a \".\" at its end",
            "behind other text",
        ),
        (
            "{a}.{b?}x",
            "the optional parameter \"b\" must be alone in its segment, or behind a \".\" at its end",
            "not at the end",
        ),
        (
            "{a=1?}",
            "the parameter \"a\" cannot be optional and have a default as well",
            "one of both",
        ),
        (
            "{a:int=x}",
            "the default of the parameter \"a\" does not meet its own constraint",
            "never valid",
        ),
        (
            "{a:regex(^\\d{{3}}$)}",
            "parameter \"a\": the constraint regex is not supported; check the value in the function",
            "no regular expressions",
        ),
        (
            "{a:min(x)}",
            "parameter \"a\": the constraint \"min(x)\": expected a whole number, found \"x\"",
            "a bad constraint",
        ),
    ];
    for (template, expected, reason) in cases {
        let error = RouteTemplate::parse(template).expect_err(reason).to_string();
        assert_eq!(error, expected, "{template}: {reason}");
    }
}

#[test]
fn shapes_tell_whether_two_templates_match_the_same() {
    let cases = [
        ("a/{id}", "A/{key}", true, "names and case do not count"),
        ("/a/", "a", true, "nor do slashes around"),
        ("{id:int}", "{id:long}", false, "constraints count"),
        ("{id}", "{id?}", false, "whether it can be left out counts"),
        ("{id?}", "{id=1}", true, "how it can be left out does not"),
        ("{a}", "{*a}", false, "a catch-all takes more"),
        ("*{a}", "{*a}", false, "a star outside of braces is literal"),
        ("{{a}}", "{a}", false, "literal braces are not a parameter"),
        ("a/{b}", "a{b}", false, "slashes count"),
    ];
    for (one, other, same, reason) in cases {
        let shape = |text| RouteTemplate::parse(text).expect(reason).shape();
        assert_eq!(shape(one) == shape(other), same, "{one} and {other}: {reason}");
    }
}
