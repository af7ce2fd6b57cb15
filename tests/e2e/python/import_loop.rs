//! The event loop counts as running while functions are imported, and loops may be run there and in functions.

use std::path::PathBuf;

use funcdock_tests::{App, python};

/// Uses the loop at the top level in many ways; each function reports what it has found.
const MAKES: &str = "
import asyncio
import json
import threading

seen = {}


async def value(of):
    await asyncio.sleep(0)
    return of


async def work():
    seen['task'] = 'begun'
    await asyncio.sleep(0)
    seen['task'] = asyncio.get_running_loop() is loop


loop = asyncio.get_running_loop()
task = asyncio.create_task(work())
future = loop.create_future()
loop.call_soon(future.set_result, 'set')
seen['same'] = asyncio.get_event_loop() is loop
seen['run'] = asyncio.run(value('run'))
seen['after run'] = asyncio.get_running_loop() is loop and asyncio.get_event_loop() is loop
own = asyncio.new_event_loop()
seen['own'] = own.run_until_complete(value('own'))
seen['policy'] = asyncio.set_event_loop(own)
own.close()
seen['ours'] = asyncio.get_event_loop().run_until_complete(value('ours'))
try:
    asyncio.run(value('raise').throw(ValueError('as it should')))
except ValueError as error:
    seen['raises'] = str(error)
if hasattr(asyncio, 'Runner'):
    with asyncio.Runner() as runner:
        seen['runner'] = [runner.run(value(1)), runner.run(value(2))]


def thread():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        seen['thread'] = asyncio.run(value('thread'))


threading.Thread(target=thread).start()
";

const NEXT: &str = "
import asyncio
import json

from shared_code.makes import future, loop, own, seen, task, value

seen['next'] = asyncio.get_event_loop() is loop and asyncio.run(value('next'))


async def main(req):
    await task
    found = dict(seen, future=await future, running=asyncio.get_running_loop() is loop)
    found['event loop'] = asyncio.get_event_loop() is loop
    try:
        coroutine = value('nested')
        asyncio.run(coroutine)
    except RuntimeError as error:
        coroutine.close()
        found['nested'] = str(error)
    return json.dumps(found)
";

const SYNC: &str = "
import asyncio

from shared_code.makes import loop, value


def main(req):
    sent = asyncio.run_coroutine_threadsafe(value('sent'), loop).result(10)
    return asyncio.run(value('in a function')) + ' ' + sent
";

fn interpreters() -> Vec<(&'static str, PathBuf)> {
    let mut found = python::oldest_and_newest();
    found.extend(python::with_packages(python::WITH_UVLOOP).map(|python| ("uvloop", python)));
    found
}

#[test]
fn modules_use_the_loop_and_run_others_at_their_top_level() {
    for (version, python) in interpreters() {
        let host = App::without_functions()
            .file("shared_code/makes.py", MAKES)
            // In this order.
            .function(
                "a_first",
                "from shared_code import makes\n\ndef main(req):\n    return ''\n",
            )
            .function("b_next", NEXT)
            .function("c_sync", SYNC)
            .python(&python)
            .start();
        let seen = host.get("/api/b_next");
        assert_eq!(seen.status, 200, "{version}\n{}", host.output());
        let seen = seen.json();
        for (key, expected) in [
            ("task", serde_json::json!(true)),
            ("same", true.into()),
            ("run", "run".into()),
            ("after run", true.into()),
            ("own", "own".into()),
            ("ours", "ours".into()),
            ("raises", "as it should".into()),
            ("thread", "thread".into()),
            ("next", "next".into()),
            ("future", "set".into()),
            ("running", true.into()),
            ("event loop", true.into()),
            (
                "nested",
                "asyncio.run() cannot be called from a running event loop".into(),
            ),
        ] {
            assert_eq!(seen[key], expected, "{version}: {key} in {seen}");
        }
        let runner = &seen["runner"];
        assert!(
            runner.is_null() || *runner == serde_json::json!([1, 2]),
            "{version}: {seen}"
        );
        assert_eq!(host.get("/api/c_sync").text(), "in a function sent", "{version}");
        host.stop().assert_clean();
    }
}

#[test]
fn a_client_session_is_made_at_the_top_level() {
    let code = "
import asyncio

import aiohttp
import anyio

session = aiohttp.ClientSession()


async def ready():
    await anyio.sleep(0)
    return 'ready'

made = anyio.run(ready)
assert asyncio.get_running_loop() is session._loop


async def main(req):
    url = req.url.replace('fetches', 'answers')
    async with session.get(url) as response:
        return made + ' ' + await response.text()
";
    for (version, python) in python::oldest_and_newest_with("aiohttp", &["aiohttp", "anyio"]) {
        let host = App::without_functions()
            .function("fetches", code)
            .function("answers", "def main(req):\n    return 'the answer'\n")
            .python(python)
            .start();
        let answer = host.get("/api/fetches").text();
        assert_eq!(answer, "ready the answer", "{version}\n{}", host.output());
        host.stop().assert_clean();
    }
}

/// The decorator model, and a framework's app whose start-up runs the loop.
#[test]
fn a_script_and_an_apps_start_up_use_the_loop() {
    let code = "
import asyncio

import azure.functions as func

began = asyncio.get_running_loop().create_future()
asyncio.create_task(asyncio.sleep(0)).add_done_callback(began.set_result)
asyncio.run(asyncio.sleep(0))


async def asgi(scope, receive, send):
    if scope['type'] == 'lifespan':
        await receive()
        await began
        scope['state']['loop'] = asyncio.get_running_loop()
        await send({'type': 'lifespan.startup.complete'})
        await receive()
        await send({'type': 'lifespan.shutdown.complete'})
        return
    same = scope['state']['loop'] is asyncio.get_running_loop()
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': str(same).encode()})


app = func.AsgiFunctionApp(asgi, http_auth_level=func.AuthLevel.ANONYMOUS)
";
    for (version, python) in interpreters() {
        let host = App::without_functions()
            .file(
                "host.json",
                r#"{ "version": "2.0", "extensions": { "http": { "routePrefix": "" } } }"#,
            )
            .file("function_app.py", code)
            .python(python)
            .start();
        assert_eq!(host.get("/any").text(), "True", "{version}\n{}", host.output());
        host.stop().assert_clean();
    }
}
