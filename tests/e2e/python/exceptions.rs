//! Exceptions and log records whose text cannot be made: type, place and what is left of the message still arrive.

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, python, wait_for};

/// Raises what `?what=` names. Each class fails at another place when it is shown.
const HOSTILE: &str = r#"
import logging


class Text(Exception):
    def __str__(self):
        raise SystemExit(3)


class Attributes(Exception):
    def __getattribute__(self, name):
        raise SystemExit(name)


class Meta(type):
    def __getattribute__(cls, name):
        raise KeyboardInterrupt


class OfMeta(Exception, metaclass=Meta):
    pass


class Class(Exception):
    @property
    def __class__(self):
        raise KeyboardInterrupt


class Notes(Exception):
    @property
    def __notes__(self):
        raise SystemExit


class Shown:
    def __str__(self):
        raise SystemExit

    __repr__ = __str__


def raised(what):
    if what == "surrogate":
        raise ValueError("a lone \udcff surrogate")
    if what == "file":
        code = "def fails():\n    raise ValueError('in a file')\n"
        names = {}
        exec(compile(code, "na\udcffme.py", "exec"), names)
        names["fails"]()
    if what == "cause":
        try:
            raise Attributes
        except BaseException as error:
            raise ValueError("with a cause") from error
    if what == "header":
        return "x-\udcff"
    raise globals()[what]


def log(what):
    log = logging.getLogger("shop")
    if what == "argument":
        log.info("has %s", Shown())
    if what == "arguments":
        log.info("has %s and %s", 1)
    if what == "extra":
        log.info("has extra", extra={"one": Shown(), "two": "2"})
    if what == "caught":
        try:
            raise Notes
        except Notes:
            log.exception("has an exception")
    if what == "cyclic":
        cyclic = []
        cyclic.append(cyclic)
        log.info("has a list", extra={"list": cyclic})
    return "logged"
"#;

const SYNC: &str = "
import azure.functions as func
from shared_code import hostile


def main(req):
    what = req.params['what']
    if what.startswith('log-'):
        return hostile.log(what[4:])
    name = hostile.raised(what)
    return func.HttpResponse('', headers={name: 'x'})
";

fn app() -> App {
    App::without_functions()
        .file("shared_code/hostile.py", HOSTILE)
        .function("fails", SYNC)
        .function("fails_async", &SYNC.replace("def main", "async def main"))
}

/// What to ask for, and the type that is logged.
const RAISED: [(&str, &str); 9] = [
    ("Text", "shared_code.hostile.Text"),
    ("Attributes", "shared_code.hostile.Attributes"),
    ("OfMeta", "shared_code.hostile.OfMeta"),
    ("Class", "shared_code.hostile.Class"),
    ("Notes", "shared_code.hostile.Notes"),
    (
        "surrogate",
        "ValueError: a lone \u{fffd}\u{fffd}\u{fffd} surrogate",
    ),
    ("file", "ValueError: in a file"),
    ("cause", "ValueError: with a cause"),
    ("header", "UnicodeEncodeError"),
];

#[test]
fn an_exception_that_cannot_be_shown_is_logged_with_its_type_and_lines() {
    for (_, python) in python::oldest_and_newest() {
        let host = app().python(python).start();
        let worker = host.workers();
        for function in ["fails", "fails_async"] {
            for (what, expected) in RAISED {
                let length = host.stderr().len();
                let answer = host.get(&format!("/api/{function}?what={what}"));
                assert_eq!(answer.status, 500, "{function} {what}\n{}", host.output());
                host.wait_for_log_from(length, &format!("the function raised {expected}"));
                if what == "header" {
                    continue;
                }
                host.wait_for_log_from(length, "\n  Traceback (most recent call last):\n");
                host.wait_for_log_from(length, "/shared_code/hostile.py\", line ");
                if what == "file" {
                    host.wait_for_log_from(length, "me.py\", line 2, in fails");
                }
            }
        }
        assert_eq!(host.workers(), worker);
        host.stop().assert_clean();
    }
}

#[test]
fn a_record_that_cannot_be_formatted_is_logged_with_what_is_left_of_it() {
    for format in ["text", "json"] {
        let host = app().env("FUNCDOCK_LOG_FORMAT", format).start();
        for (what, expected) in [
            ("argument", "has %s (not formatted with its arguments, in "),
            ("arguments", "TypeError: not enough arguments for format string)"),
            ("extra", "has extra"),
            ("caught", "has an exception"),
            ("cyclic", "has a list"),
        ] {
            let length = host.stderr().len();
            let answer = host.get(&format!("/api/fails?what=log-{what}"));
            assert_eq!(answer.text(), "logged", "{what}\n{}", host.output());
            host.wait_for_log_from(length, expected);
            if what == "caught" {
                host.wait_for_log_from(length, "shared_code.hostile.Notes");
                host.wait_for_log_from(length, "line ");
            }
            if what == "extra" && format == "json" {
                host.wait_for_log_from(length, r#""two":"2""#);
            }
        }
        let output = host.output();
        assert!(!output.contains("--- Logging error ---"), "{output}");
        host.stop().assert_clean();
    }
}

#[test]
fn a_hook_that_raises_such_an_exception_fails_alone() {
    let code = "
import azure.functions as func
from shared_code import hostile


class Fails(func.AppExtensionBase):
    @classmethod
    def init(cls):
        pass

    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args, *args, **kwargs):
        raise hostile.Attributes


def main(req):
    return 'served'
";
    let host = app()
        .function("hooked", code)
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .start();
    assert_eq!(host.get("/api/hooked").text(), "served", "{}", host.output());
    host.wait_for_log("pre_invocation_app_level failed");
    host.wait_for_log("in pre_invocation_app_level");
    host.stop().assert_clean();
}

fn traced(receiver: &Receiver) -> App {
    app().env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1").file(
        "host.json",
        &format!(
            r#"{{ "version": "2.0", "workerExtensions": {{ "opencensus": {{ "settings": {{
                "endpoint": "{}", "delay_ms": 50
            }} }} }} }}"#,
            receiver.endpoint()
        ),
    )
}

#[test]
fn such_an_exception_reaches_the_span() {
    let receiver = Receiver::start();
    let host = traced(&receiver).start();
    for (what, _) in RAISED {
        host.get(&format!("/api/fails?what={what}"));
    }
    let events = || -> Vec<String> {
        let spans = receiver.spans();
        let events = spans.iter().flat_map(|span| &span.events);
        events.map(|event| format!("{event:?}")).collect()
    };
    let all = wait_for(|| Some(events()).filter(|events| events.len() == RAISED.len()));
    let all = all.unwrap_or_else(|| panic!("{:?}\n{}", events(), host.output()));
    for (event, (what, expected)) in all.iter().zip(RAISED) {
        let type_name = expected.split(':').next().unwrap_or_default();
        assert!(event.contains(type_name), "{what}: {event}");
        assert!(
            what == "header" || event.contains("hostile.py\\\", line "),
            "{what}: {event}"
        );
    }
    host.stop().assert_clean();
}

#[test]
fn an_attribute_that_cannot_be_recorded_costs_the_attribute() {
    let code = "
from shared_code import hostile


class Odd(list):
    def __iter__(self):
        raise ValueError('no items')


class Number(int):
    def __ge__(self, other):
        raise ValueError('no order')


def main(req, context):
    cyclic = []
    cyclic.append(cyclic)
    both = {}
    both['list'] = [both]
    values = {'cyclic': cyclic, 'dict': both, 'odd': Odd(), 'shown': hostile.Shown(), 'number': Number(1 << 70)}
    span = context.tracer.current_span()
    with context.tracer.span('inner') as inner:
        for key, value in values.items():
            span.add_attribute(key, value)
            inner.add_attribute(key, value)
        inner.add_annotation('event', **values)
        inner.add_attribute('good', 'kept')
    return 'served'
";
    let receiver = Receiver::start();
    let host = traced(&receiver).function("attributes", code).start();
    let answer = host.get("/api/attributes");
    assert_eq!(answer.text(), "served", "{}", host.output());
    host.wait_for_log("attribute 'cyclic' is ignored");
    assert_inner_is_kept(&receiver, &host);
    host.stop().assert_clean();
}

fn assert_inner_is_kept(receiver: &Receiver, host: &Host) {
    let inner = wait_for(|| receiver.spans().into_iter().find(|span| span.name == "inner"));
    let inner = inner.unwrap_or_else(|| panic!("the span is lost\n{}", host.output()));
    let text = format!("{:?}", inner.attributes);
    assert!(text.contains("kept"), "{text}");
}
