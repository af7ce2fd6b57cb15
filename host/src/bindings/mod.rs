//! Bindings to storage: what functions read and write beside their trigger.
//!
//! A function's inputs are read after the pre hooks, and its outputs are written before the post hooks, as the worker's own
//! tasks: they are neither repeated nor cut off when a client leaves.

mod account;
mod blob;
mod connections;
mod error;
mod queue;
mod values;

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::{join_all, try_join_all};

use crate::app::MessageEncoding;
use crate::model::expression::SystemValues;
use crate::model::{Binding, BindingSettings, Data, Direction, FunctionDefinition, Invocation, Returned};
use account::Account;
use blob::BlobPlace;
pub use connections::Connections;
pub use error::BindingError;
use queue::QueuePlace;
use values::CallValues;

/// The storage bindings of a function.
#[derive(Debug)]
pub struct FunctionBindings {
    function: String,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

#[derive(Debug)]
struct Input {
    name: String,
    place: BlobPlace,
}

#[derive(Debug)]
struct Output {
    name: String,
    place: OutputPlace,
}

#[derive(Debug)]
enum OutputPlace {
    Blob(BlobPlace),
    Queue(QueuePlace),
}

impl FunctionBindings {
    /// Returns the storage bindings of this function; `None` if it has none. Messages of queues are written in `encoding`. A
    /// connection that the app settings do not have is an error of each call, and of [`problems`](Self::problems).
    pub fn new(
        definition: &FunctionDefinition,
        encoding: MessageEncoding,
        connections: &mut Connections,
    ) -> Option<Self> {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for binding in &definition.bindings {
            let Binding {
                name,
                settings,
                direction,
                data_type,
                ..
            } = binding;
            let mut connection = |name: &str| Account::new(name, connections);
            let name = name.clone();
            match settings {
                BindingSettings::BlobTrigger(trigger) => inputs.push(Input {
                    place: BlobPlace::of_trigger(connection(&trigger.connection), *data_type),
                    name,
                }),
                BindingSettings::Blob(blob) => {
                    let place = BlobPlace::new(connection(&blob.connection), &blob.path, *data_type);
                    match direction {
                        Direction::In | Direction::InOut => inputs.push(Input { name, place }),
                        Direction::Out => outputs.push(Output {
                            name,
                            place: OutputPlace::Blob(place),
                        }),
                    }
                }
                BindingSettings::Queue(queue) => outputs.push(Output {
                    place: OutputPlace::Queue(QueuePlace {
                        account: connection(&queue.connection),
                        queue: queue.queue.clone(),
                        encoding,
                    }),
                    name,
                }),
                _ => {}
            }
        }
        let bindings = FunctionBindings {
            function: definition.name.clone(),
            inputs,
            outputs,
        };
        (bindings.has_inputs() || bindings.has_outputs()).then_some(bindings)
    }

    /// Returns the bindings that cannot be used, each as a message for the user.
    pub fn problems(&self) -> Vec<String> {
        let inputs = self
            .inputs
            .iter()
            .map(|input| (&input.name, input.place.account()));
        let outputs = self.outputs.iter().map(|output| {
            let account = match &output.place {
                OutputPlace::Blob(blob) => blob.account(),
                OutputPlace::Queue(queue) => &queue.account,
            };
            (&output.name, account)
        });
        let problem = |(name, account): (&String, &Account)| {
            let error = account.connection().err()?;
            Some(error.of_binding(name).to_string())
        };
        inputs.chain(outputs).filter_map(problem).collect()
    }

    /// Whether there is anything to read before a call.
    pub(crate) fn has_inputs(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Whether there is anything to write after a call.
    pub(crate) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Reads the inputs of a call, all at once. Returns their data by their names.
    ///
    /// # Errors
    /// The first input that cannot be read. A blob that does not exist is no data.
    pub(crate) async fn read(
        self: Arc<Self>,
        invocation: Arc<Invocation>,
    ) -> Result<Vec<(String, Data)>, BindingError> {
        let values = CallValues::of(&invocation);
        let system = self.system();
        let read = self.inputs.iter().map(async |input| {
            let data = input.place.read(&invocation, &values, &system).await;
            let data = data.map_err(|error| error.of_binding(&input.name))?;
            Ok((input.name.clone(), data))
        });
        try_join_all(read).await
    }

    /// Writes what a function has put out, all at once.
    ///
    /// # Errors
    /// The first output that cannot be written, after all others were tried.
    pub(crate) async fn write(
        self: Arc<Self>,
        invocation: Arc<Invocation>,
        returned: Returned,
    ) -> Result<(), BindingError> {
        let values = CallValues::of(&invocation);
        let system = self.system();
        let written = self.outputs.iter().map(async |output| {
            let data = match output.name.as_str() {
                "$return" => &returned.value,
                name => returned.output(name).unwrap_or(&Data::None),
            };
            if data.is_none() {
                return Ok(());
            }
            let written = match &output.place {
                OutputPlace::Blob(blob) => blob.write(data, &values, &system).await,
                OutputPlace::Queue(queue) => queue.write(data, &values, &system).await,
            };
            written.map_err(|error| error.of_binding(&output.name))
        });
        join_all(written).await.into_iter().collect()
    }

    fn system(&self) -> SystemValues<'_> {
        SystemValues {
            function: &self.function,
            now: SystemTime::now(),
        }
    }
}
