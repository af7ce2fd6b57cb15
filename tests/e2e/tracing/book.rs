//! The book: its samples of tracing run, its list of settings is complete, and all links and files that it names exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, binary, library, python, repository};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;

use crate::tracing::support::{attribute, hex, named, wait_for_spans};

const SETTINGS: &str = "tracing/settings.md";
const FIRST_TRACE: &str = "tracing/first-trace.md";
const PREFIXES: [&str; 3] = ["OTEL_", "APPLICATIONINSIGHTS_", "WEBSITE_"];

fn book() -> PathBuf {
    repository().join("docs/src")
}

fn page(name: &str) -> String {
    fs::read_to_string(book().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns a page's code block after the comment that names this file.
fn file_on(page_name: &str, file: &str) -> String {
    let page = page(page_name);
    let block = page
        .split_once(&format!("<!-- file: {file} -->\n```"))
        .and_then(|(_, rest)| rest.split_once('\n'))
        .and_then(|(_language, rest)| rest.split_once("\n```"));
    let (block, _) = block.unwrap_or_else(|| panic!("{page_name} has no file {file:?}"));
    format!("{block}\n")
}

/// Collects the Rust and Python files below a folder, except tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let is_source = path.extension().is_some_and(|kind| kind == "rs" || kind == "py");
        if path.is_dir() {
            sources(&path, found);
        } else if is_source && path.file_stem().is_some_and(|name| name != "tests") {
            found.push(path);
        }
    }
}

/// Returns the variables that a text names.
fn variables(text: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !is_of_name(c))
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn assert_same<T: Ord + std::fmt::Debug>(on_the_page: &BTreeSet<T>, in_code: &BTreeSet<T>) {
    let missing: Vec<_> = in_code.difference(on_the_page).collect();
    let unknown: Vec<_> = on_the_page.difference(in_code).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "{SETTINGS} does not name {missing:?}, and names {unknown:?}, which the code does not have"
    );
}

#[test]
fn the_page_names_exactly_the_settings() {
    let checked = Command::new(binary())
        .args(["extension", "check", "--json"])
        .arg(library("funcdock-opencensus"))
        .output()
        .expect("the funcdock binary runs");
    let checked: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let described = &checked["extensions"][0]["settings"];
    let described: BTreeSet<_> = described
        .as_array()
        .unwrap_or_else(|| panic!("no settings in {checked:#}"))
        .iter()
        .filter_map(|setting| setting["name"].as_str())
        .collect();

    let page = page(SETTINGS);
    let (_, table) = page.split_once("\n## Settings\n").expect("the section");
    let (table, _) = table.split_once("\n## ").expect("the section after it");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let names: Vec<_> = rows.filter_map(|row| Some(row.split_once('`')?.0)).collect();
    assert_same(&names.iter().copied().collect(), &described);
    assert_eq!(names.len(), described.len(), "a setting is described twice");
}

#[test]
fn the_page_names_exactly_the_variables() {
    let mut files = Vec::new();
    for crate_sources in ["extensions/opencensus/src", "extensions/telemetry/src"] {
        sources(&repository().join(crate_sources), &mut files);
    }
    // The code that docks the extension.
    files.push(repository().join("host/src/cli/telemetry.rs"));
    let read: BTreeSet<_> = files
        .iter()
        .flat_map(|file| variables(&fs::read_to_string(file).expect("a file of the repository")))
        .collect();
    assert!(
        read.contains("OTEL_SERVICE_NAME") && read.contains("OTEL_SDK_DISABLED"),
        "{read:?}"
    );
    assert_same(&variables(&page(SETTINGS)), &read);
}

#[test]
fn the_sample_of_two_apps_makes_a_trace_of_four_spans() {
    let receiver = Receiver::start();
    let requirements = file_on(FIRST_TRACE, "shop/requirements.txt");
    let packages: Vec<_> = requirements
        .lines()
        .filter(|line| *line != "azure-functions")
        .collect();
    for (version, python) in python::oldest_and_newest_with("book", &packages) {
        let before = receiver.count();
        let app = |function: &str, script: String| {
            App::empty()
                .file("host.json", r#"{ "version": "2.0" }"#)
                .file(
                    "local.settings.json",
                    &file_on(FIRST_TRACE, "local.settings.json"),
                )
                .file(
                    &format!("{function}/function.json"),
                    &file_on(FIRST_TRACE, "function.json"),
                )
                .file(&format!("{function}/__init__.py"), &script)
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
                .env("OTEL_BSP_SCHEDULE_DELAY", "50")
                .python(&python)
        };
        let stock = app("stock", file_on(FIRST_TRACE, "stock/stock/__init__.py")).start();
        let order = file_on(FIRST_TRACE, "shop/order/__init__.py");
        let there = "http://localhost:7072";
        assert!(order.contains(there), "the second app is called");
        let shop = app("order", order.replace(there, stock.url())).start();

        let answer = shop.get("/api/order?item=chair").json();
        assert_eq!(answer["response"], 200, "{version}: {}", shop.output());
        let failed = shop.get("/api/order?item=sofa").json();
        assert_eq!(failed["response"], 500, "{version}: {}", shop.output());

        let spans = wait_for_spans(&receiver, before + 8);
        let trace_of = |answer: &Value| {
            let traceparent = answer["ctx_trace_context_Traceparent"].as_str().expect("a text");
            let trace = traceparent.split('-').nth(1).expect("an id").to_owned();
            let of_it = spans.iter().filter(|span| hex(&span.trace_id) == trace);
            of_it.cloned().collect::<Vec<Span>>()
        };
        let trace = trace_of(&answer);
        let chain: Vec<_> = ["order", "parent", "/api/stock", "stock"]
            .map(|name| named(&trace, name))
            .to_vec();
        assert_eq!(trace.len(), chain.len(), "{version}: {trace:#?}");
        assert!(chain[0].parent_span_id.is_empty(), "{version}");
        for pair in chain.windows(2) {
            assert_eq!(
                pair[1].parent_span_id, pair[0].span_id,
                "{version}: {}",
                pair[1].name
            );
        }
        let kinds: Vec<_> = chain.iter().map(|span| span.kind()).collect();
        let expected = [
            SpanKind::Server,
            SpanKind::Internal,
            SpanKind::Client,
            SpanKind::Server,
        ];
        assert_eq!(kinds, expected, "{version}");

        let failed = trace_of(&failed);
        let culprit = named(&failed, "stock");
        assert_eq!(attribute(culprit, "error.type"), "KeyError", "{version}");
        assert_eq!(culprit.events[0].name, "exception", "{version}");
    }
}

/// Starts an app with a function of a page, which exports to the receiver.
fn function_of(page_name: &str, function: &str, receiver: &Receiver) -> Host {
    let script = format!("{function}/__init__.py");
    App::empty()
        .file("host.json", r#"{ "version": "2.0" }"#)
        .file(
            &format!("{function}/function.json"),
            &file_on(FIRST_TRACE, "function.json"),
        )
        .file(&script, &file_on(page_name, &script))
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .start()
}

#[test]
fn the_tour_makes_the_trace_that_the_page_draws() {
    let receiver = Receiver::start();
    let host = function_of("tracing/tracer.md", "tour", &receiver);
    assert_eq!(
        host.get("/api/tour?customer=ada").text(),
        "done",
        "{}",
        host.output()
    );
    let spans = wait_for_spans(&receiver, 9);

    let page = page("tracing/tracer.md");
    let (_, drawn) = page.split_once("```text\n").expect("the drawing");
    let (drawn, _) = drawn.split_once("\n```").expect("its end");
    // Each line's depth and name: three characters per level, and at least two spaces after the name.
    let lines: Vec<(usize, &str)> = drawn
        .lines()
        .map(|line| {
            let name = line.trim_start_matches(['│', '├', '└', '─', ' ']);
            let indent = line.chars().count() - name.chars().count();
            (indent / 3, name.split("  ").next().unwrap_or(name))
        })
        .collect();
    let mut expected = Vec::new();
    for (at, (depth, name)) in lines.iter().enumerate() {
        let above = lines[..at].iter().rev().find(|(other, _)| other < depth);
        expected.push((*name, above.map_or("", |(_, parent)| *parent)));
    }
    let mut found: Vec<(&str, &str)> = spans
        .iter()
        .map(|span| {
            let parent = spans.iter().find(|other| other.span_id == span.parent_span_id);
            (
                span.name.as_str(),
                parent.map_or("", |parent| parent.name.as_str()),
            )
        })
        .collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(attribute(named(&spans, "tour"), "customer"), "ada");
    let store = named(&spans, "store").status.as_ref().expect("a status");
    assert_eq!(store.message, "the archive is full");
}

#[test]
fn the_headers_of_the_page_pass_the_trace_on() {
    let receiver = Receiver::start();
    let host = function_of("tracing/sampling.md", "forward", &receiver);
    let status = format!("{}/admin/host/status", host.url());
    let inner = format!("/api/forward?url={status}");
    let outer = format!("/api/forward?url={}{inner}", host.url());
    assert_eq!(host.get(&outer).status, 200, "{}", host.output());
    let spans = wait_for_spans(&receiver, 4);
    let traces: BTreeSet<_> = spans.iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces.len(), 1, "{spans:#?}");
}

/// Returns the link targets of a page, without those in code blocks.
fn links(text: &str) -> Vec<String> {
    let mut is_code = false;
    let prose: String = text
        .lines()
        .filter(|line| {
            let is_fence = line.starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let ends = prose.split("](").skip(1);
    ends.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// Returns the anchors that mdBook makes from a page's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let title = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            });
            kept.collect()
        })
        .collect()
}

/// All pages of the book.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![book()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the book") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

#[test]
fn every_link_of_the_book_leads_somewhere() {
    let read = |path: &Path| fs::read_to_string(path).expect("a page");
    let summary = read(&book().join("SUMMARY.md"));
    let mut broken = Vec::new();
    for path in &pages() {
        let shown = path.strip_prefix(book()).expect("a page of the book").display();
        let is_listed = summary.contains(&format!("({shown})"));
        if !is_listed && shown.to_string() != "SUMMARY.md" {
            broken.push(format!("{shown} is not in SUMMARY.md"));
        }
        let own = read(path);
        for link in links(&own).iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().expect("a folder").join(file),
            };
            let there = target.exists();
            let leads = there && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !leads {
                broken.push(format!("{shown}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Folders of the repository: a code span that begins with one of them names a file or a folder.
const FOLDERS: [&str; 7] = [
    ".ci/",
    "docs/",
    "examples/",
    "extension-api/",
    "extensions/",
    "host/",
    "tests/",
];

#[test]
fn every_file_that_the_book_names_exists() {
    let mut missing = Vec::new();
    for path in pages() {
        let page = fs::read_to_string(&path).expect("a page");
        let spans = page.split('`').filter(|span| !span.contains(char::is_whitespace));
        let files = spans.filter(|span| FOLDERS.iter().any(|folder| span.starts_with(folder)));
        let gone = files.filter(|file| !repository().join(file).exists());
        missing.extend(gone.map(|file| format!("{}: {file}", path.display())));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
