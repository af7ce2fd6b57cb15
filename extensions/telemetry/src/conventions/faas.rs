//! The function that is called.

use crate::encode::{Attributes, Encoded, Limits};

/// What is the same for each call of a function. It lives as long as the process.
#[derive(Debug, Default)]
pub struct TracedFunction {
    /// The function's name.
    pub name: &'static str,
    /// `faas.name`: in Azure, the function app's name stands before it.
    pub faas_name: &'static str,
    /// `faas.trigger`.
    pub trigger: &'static str,
    /// `cloud.resource_id` of the function, for its spans; the resource has that of the app.
    pub resource_id: Option<&'static str>,
    /// `http.route`, with a leading slash.
    pub route: Option<&'static str>,
    /// The attributes of each call, encoded once: see [`encoded`](Self::encoded).
    pub encoded: Encoded,
}

impl TracedFunction {
    /// Encodes the attributes, by the limits of its spans.
    pub fn encoded(mut self, limits: Limits) -> Self {
        self.encoded = Encoded::of(limits, |attributes| self.write_each(attributes));
        self
    }

    /// Writes the attributes of a call.
    #[inline]
    pub(super) fn write(&self, attributes: &mut Attributes<'_>) {
        attributes.encoded(&self.encoded, |attributes| self.write_each(attributes));
    }

    fn write_each(&self, attributes: &mut Attributes<'_>) {
        attributes.string("faas.name", self.faas_name);
        attributes.string("faas.trigger", self.trigger);
        if let Some(id) = self.resource_id {
            attributes.string("cloud.resource_id", id);
        }
        if let Some(route) = self.route {
            attributes.string("http.route", route);
        }
    }
}

/// Returns `faas.trigger` for the type of a trigger's binding.
pub fn faas_trigger(binding: &str) -> &'static str {
    match binding.to_ascii_lowercase().as_str() {
        "httptrigger" => "http",
        "timertrigger" => "timer",
        "queuetrigger" | "servicebustrigger" | "eventhubtrigger" | "eventgridtrigger" | "kafkatrigger"
        | "rabbitmqtrigger" => "pubsub",
        "blobtrigger" | "cosmosdbtrigger" | "sqltrigger" => "datasource",
        _ => "other",
    }
}
