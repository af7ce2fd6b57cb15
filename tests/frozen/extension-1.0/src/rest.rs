//! An app-level extension with what the others do not use: hooks that wait, data of bindings, the response, attributes
//! on demand, a companion, metrics, a strict hook, `on_exception` and `flush`.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use funcdock_extension_api::{
    AppInfo, Counter, Data, Error, Exception, Extension, Flow, Histogram, Invocation, Outcome, PythonModule,
    Response, Result, Value, extension, methods,
};
use serde_json::{Value as Json, json};

use crate::record::{Record, Settings};

/// Its hook shows what it got to function code, in `environ["FROZEN_COMPANION"]`.
const COMPANION: &str = r#"
import os

from . import words


class Hooks:
    def pre_invocation(self, logger, context, arguments):
        os.environ["FROZEN_COMPANION"] = f"{words.GREETING} {self.native} {context.lazy}"


def dock(native):
    hooks = Hooks()
    hooks.native = native
    return hooks
"#;

struct Rest {
    record: Record,
    calls: Counter,
    inputs: Histogram,
}

/// An object that is never there: its class is in the type stubs.
struct Sums;

#[methods]
impl Sums {
    fn add(&self, to: i64, more: Option<Vec<i64>>) -> i64 {
        to + more.unwrap_or_default().iter().sum::<i64>()
    }
}

fn shown(data: Option<Data<'_>>) -> Json {
    match data {
        None => Json::Null,
        Some(Data::Text(text)) => json!({ "text": text }),
        Some(Data::Json(text)) => json!({ "json": text }),
        Some(Data::Bytes(bytes)) => json!({ "bytes": bytes }),
        Some(Data::Int(value)) => json!({ "int": value }),
        Some(Data::Double(value)) => json!({ "double": value }),
        Some(Data::Http(body)) => json!({ "http": body }),
        Some(other) => json!({ "other": format!("{other:?}") }),
    }
}

/// Is ready at the second poll.
async fn a_moment() {
    let mut is_second = false;
    poll_fn(|context| {
        if is_second {
            return Poll::Ready(());
        }
        is_second = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

fn scenario<'a>(call: &Invocation<'a>) -> &'a str {
    let request = call.http_request();
    request.and_then(|request| request.header("x-rest")).unwrap_or("")
}

#[extension(names = ["rest", "remainder"], after = ["everything"], sets(waited: bool))]
impl Extension for Rest {
    type Settings = Settings;
    type State = &'static str;
    const COMPANION: &'static [PythonModule] = &[
        PythonModule::new("words", "GREETING = 'hello'"),
        PythonModule::new("companion", COMPANION),
    ];

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        let open = app.gauge("open", "Opened things.", &[])?;
        open.set(2.5);
        open.add(-0.5);
        Ok(Rest {
            record: Record::open(settings)?,
            calls: app.counter("calls_total", "Calls.", &[("kind", "all")])?,
            inputs: app.histogram("input_bytes", "Bytes of the request.", &[], &[1.0, 16.0])?,
        })
    }

    fn native(&self) -> Result<Value> {
        Ok(Value::from("native"))
    }

    #[strict]
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<&'static str>> {
        let input = call.input("req");
        self.calls.add(1);
        if let Some(Data::Http(Some(body))) = input {
            self.inputs.record(body.len() as f64);
        }
        self.record.write(
            "pre_invocation",
            json!({
                "input": shown(input),
                "unknown": shown(call.input("x")),
                "metadata": shown(call.metadata("x")),
                "parameters": call.http_request().map(|request| {
                    let query = request.query_parameter("q").map(|value| value.into_owned());
                    (request.route_parameter("name").map(str::to_owned), query)
                }),
            }),
        )?;
        let handle = call.handle();
        match scenario(call) {
            "wait" => Ok(Flow::wait(async move {
                a_moment().await;
                handle.invocation().set_attribute("waited", true)?;
                Ok(Flow::Continue("waited"))
            })),
            "wait and respond" => Ok(Flow::wait(async {
                a_moment().await;
                Ok(Flow::Respond(Response::new(202).body("waited")))
            })),
            "fail" => Err(Error::msg("failed in a strict hook")),
            _ => {
                call.wait_for(async {
                    a_moment().await;
                    Ok(())
                })?;
                Ok(Flow::Continue("at once"))
            }
        }
    }

    /// For which function it was made.
    #[attribute]
    fn lazy(&self, call: &Invocation<'_>) -> String {
        format!("made for {}", call.function().name())
    }

    #[attribute]
    fn nothing_today(&self, _call: &Invocation<'_>) -> Result<Option<Sums>> {
        Ok(None)
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: &mut &'static str,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let outputs: Vec<Json> = outcome
            .outputs()
            .map(|(name, data)| json!([name, shown(Some(data))]))
            .collect();
        let mut record = json!({
            "state": state,
            "value": shown(outcome.return_value()),
            "output": shown(outcome.output("x")),
            "outputs": outputs,
        });
        if let Some(mut response) = call.response() {
            record["response"] = json!({
                "status": response.status(),
                "type": response.header("Content-Type"),
                "headers": response.headers().map(|(name, _)| name).collect::<Vec<_>>(),
                "body": response.body().map(String::from_utf8_lossy),
                "streamed": response.is_streamed(),
            });
            response.set_header("x-rest-made", "one")?;
            response.append_header("x-rest-made", "two")?;
            let refused = response.set_status(99).is_err() && response.set_header("a b", "c").is_err();
            record["refused"] = refused.into();
        }
        if scenario(call) == "change"
            && let Some(mut response) = call.response()
        {
            response.set_status(203)?;
            response.remove_header("Content-Type");
            response.set_body("changed");
        }
        call.wait_for(a_moment_after())?;
        self.record.write("post_invocation", record)
    }

    fn on_exception(&self, _call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()> {
        self.record
            .write("on_exception", json!({ "message": exception.message }))
    }

    /// The end of the worker flushes too, as there is no `shutdown`.
    fn flush(&self, deadline: Duration) -> Result<()> {
        self.record
            .write("flush", json!({ "in_time": deadline.as_millis() > 0 }))
    }
}

async fn a_moment_after() -> Result<()> {
    a_moment().await;
    Ok(())
}
