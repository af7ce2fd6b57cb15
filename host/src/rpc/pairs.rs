//! Calls and their requests, which come apart and in any order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The calls that wait for their requests, and the requests that wait for their calls.
pub(super) struct Pairs<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    /// By the ids of the calls.
    waiting: HashMap<String, (Number, Waiting<T>)>,
    last: Number,
}

/// Tells those apart that wait under the same id, one after the other.
type Number = u64;

/// Who waits, and what it is handed.
enum Waiting<T> {
    /// A call waits for its request, which is given as the way to it.
    Call(oneshot::Sender<oneshot::Sender<T>>),
    /// A request waits for its call.
    Request(oneshot::Sender<T>),
}

/// Why there is no pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPair {
    /// The other has not come.
    Alone,
    /// Another one of the same kind waits under this id.
    Twice,
}

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        let state = State {
            waiting: HashMap::new(),
            last: 0,
        };
        Pairs {
            state: Mutex::new(state),
        }
    }
}

impl<T> Pairs<T> {
    /// Hands a call to the request with this id, which may come until `given_up` is ready. Cancel-safe.
    ///
    /// # Errors
    /// The call, which no request has taken, and why.
    pub(super) async fn offer(
        &self,
        id: &str,
        mut call: T,
        given_up: impl Future<Output = ()>,
    ) -> Result<(), (T, NoPair)> {
        let (way, request) = oneshot::channel();
        let place = {
            let mut state = self.lock();
            if let Some(request) = state.take_request(id) {
                match request.send(call) {
                    Ok(()) => return Ok(()),
                    // The client has left.
                    Err(unsent) => call = unsent,
                }
            }
            match state.keep(id, Waiting::Call(way)) {
                Some(number) => self.place(id, number),
                None => return Err((call, NoPair::Twice)),
            }
        };
        let request = tokio::select! {
            biased;
            request = request => request.ok(),
            () = given_up => None,
        };
        drop(place);
        match request {
            Some(request) => request.send(call).map_err(|call| (call, NoPair::Alone)),
            None => Err((call, NoPair::Alone)),
        }
    }

    /// Takes the call with this id, which may come until `given_up` is ready. Cancel-safe.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn take(&self, id: &str, given_up: impl Future<Output = ()>) -> Result<T, NoPair> {
        let (request, call) = oneshot::channel();
        let place = {
            let mut state = self.lock();
            // Fails when the call has just been given up.
            let sent = match state.take_call(id) {
                Some(way) => way.send(request),
                None => Err(request),
            };
            match sent {
                Ok(()) => None,
                Err(request) => {
                    let kept = state.keep(id, Waiting::Request(request));
                    Some(self.place(id, kept.ok_or(NoPair::Twice)?))
                }
            }
        };
        let call = tokio::select! {
            biased;
            call = call => call.map_err(|_| NoPair::Alone),
            () = given_up => Err(NoPair::Alone),
        };
        drop(place);
        call
    }

    /// Returns the number of those that wait.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn place<'a>(&'a self, id: &'a str, number: Number) -> Place<'a, T> {
        Place {
            pairs: self,
            id,
            number,
        }
    }

    /// Locks the state. No code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Returns the request that waits under this id, which waits there no more.
    fn take_request(&mut self, id: &str) -> Option<oneshot::Sender<T>> {
        let (number, waiting) = self.waiting.remove(id)?;
        match waiting {
            Waiting::Request(request) => Some(request),
            call @ Waiting::Call(_) => {
                self.waiting.insert(id.to_owned(), (number, call));
                None
            }
        }
    }

    /// Returns the way to the call that waits under this id, which waits there no more.
    fn take_call(&mut self, id: &str) -> Option<oneshot::Sender<oneshot::Sender<T>>> {
        let (number, waiting) = self.waiting.remove(id)?;
        match waiting {
            Waiting::Call(way) => Some(way),
            request @ Waiting::Request(_) => {
                self.waiting.insert(id.to_owned(), (number, request));
                None
            }
        }
    }

    /// Keeps this under its id, and returns its number; `None` if another one waits there.
    fn keep(&mut self, id: &str, waiting: Waiting<T>) -> Option<Number> {
        match self.waiting.entry(id.to_owned()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(entry) => {
                self.last += 1;
                entry.insert((self.last, waiting));
                Some(self.last)
            }
        }
    }
}

/// A place among those that wait, which is left when this is dropped.
struct Place<'a, T> {
    pairs: &'a Pairs<T>,
    id: &'a str,
    number: Number,
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        let mut state = self.pairs.lock();
        let number = state.waiting.get(self.id).map(|(number, _)| *number);
        if number == Some(self.number) {
            state.waiting.remove(self.id);
        }
    }
}

#[cfg(test)]
mod tests;
