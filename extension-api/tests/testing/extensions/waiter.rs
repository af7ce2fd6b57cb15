//! Hooks that wait.

use std::future::poll_fn;
use std::sync::mpsc::{self, TryRecvError};
use std::task::Poll;
use std::thread;

use funcdock_extension_api::{
    AppInfo, Error, Extension, Flow, Invocation, Outcome, Response, Result, extension,
};

/// Waits as the header `x-how` says.
pub(crate) struct Waiter;

#[extension(name = "waiter")]
impl Extension for Waiter {
    type State = u32;

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Waiter)
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<u32>> {
        let handle = call.handle();
        Ok(match how(call) {
            Some("respond") => Flow::wait(async {
                on_another_thread().await;
                Ok(Flow::Respond(Response::new(418)))
            }),
            Some("never") => Flow::wait(std::future::pending()),
            Some("panic") => Flow::wait(async { panic!("while it waited") }),
            Some("wait again") => Flow::wait(async { Ok(Flow::wait(std::future::pending())) }),
            Some("wait for") => {
                call.wait_for(async { Err(Error::msg("nobody came")) })?;
                if let Err(error) = call.wait_for(async { Ok(()) }) {
                    call.set_attribute("second", error.message())?;
                }
                Flow::Continue(1)
            }
            Some("post never") => Flow::Continue(1),
            _ => Flow::wait(async move {
                on_another_thread().await;
                handle.invocation().set_attribute("waited", true)?;
                tracing::info!("has waited");
                Ok(Flow::Continue(7))
            }),
        })
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: &mut u32,
        _outcome: &Outcome<'_>,
    ) -> Result<()> {
        if how(call) == Some("post never") {
            call.wait_for(std::future::pending())?;
        }
        match call.response() {
            Some(mut response) => response.set_header("x-state", &state.to_string()),
            None => Ok(()),
        }
    }
}

fn how<'a>(call: &Invocation<'a>) -> Option<&'a str> {
    call.http_request()?.header("x-how")
}

/// Is ready when another thread has said so.
async fn on_another_thread() {
    let (mut begin, mut answer) = (None, None);
    poll_fn(|context| {
        if begin.is_none() {
            let (sender, receiver) = mpsc::channel();
            let waker = context.waker().clone();
            begin = Some(thread::spawn(move || {
                // The receiver is in the future that waits.
                let _ = sender.send(());
                waker.wake();
            }));
            answer = Some(receiver);
        }
        match answer.as_ref().map(mpsc::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}
