//! The samplers of an app: one for all functions, and those that settings name have one of their own.

use std::collections::HashMap;
use std::time::Instant;

use super::choice::{Choice, Measure, Sampling};
use super::rate_limit::RateLimit;
use super::sampler::{Rule, Sampler};

/// The samplers of an app.
#[derive(Debug)]
pub struct Samplers {
    all: Sampler,
    functions: HashMap<String, Sampler>,
}

impl Samplers {
    /// Makes the samplers that settings choose.
    pub fn new(sampling: &Sampling) -> Self {
        let own = sampling.functions.iter();
        Samplers {
            all: sampler(sampling.all),
            functions: own
                .map(|(name, choice)| (name.clone(), sampler(*choice)))
                .collect(),
        }
    }

    /// The sampler of this function.
    pub fn of(&self, function: &str) -> &Sampler {
        if self.functions.is_empty() {
            return &self.all;
        }
        self.functions.get(function).unwrap_or(&self.all)
    }

    /// Warns of settings for functions that are not among these.
    pub fn warn_of_unknown(&self, functions: &[&str]) {
        for name in self.unknown(functions) {
            tracing::warn!(
                "functions.{name}: this setting applies to no function; those that are traced are {}",
                functions.join(", ")
            );
        }
    }

    fn unknown(&self, functions: &[&str]) -> Vec<&str> {
        let mut unknown: Vec<_> = self.functions.keys().map(String::as_str).collect();
        unknown.retain(|name| !functions.contains(name));
        unknown.sort_unstable();
        unknown
    }
}

fn sampler(choice: Choice) -> Sampler {
    let rule = match choice.sampler.measure() {
        Measure::All => Rule::Always(true),
        Measure::Nothing => Rule::Always(false),
        Measure::Share => Rule::Ratio(choice.rate),
        Measure::PerSecond => Rule::RateLimited(RateLimit::new(choice.rate, Instant::now())),
    };
    Sampler::new(rule, choice.sampler.parent_policy())
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceId;

    use super::*;
    use crate::sampling::SamplerName;

    fn choice(sampler: SamplerName, rate: f64) -> Choice {
        Choice { sampler, rate }
    }

    #[test]
    fn each_function_has_the_sampler_that_is_meant_for_it() {
        let off = choice(SamplerName::AlwaysOff, 1.0);
        let one = choice(SamplerName::RateLimited, 0.001);
        let named = [("Health", off), ("First", one), ("Second", one)];
        let samplers = Samplers::new(&Sampling {
            functions: named.map(|(name, choice)| (name.to_owned(), choice)).into(),
            ..Sampling::default()
        });
        let samples = |function: &str| samplers.of(function).samples(TraceId::from(1), None);
        assert!(samples("Order"), "it is not named");
        assert!(!samples("Health"));
        assert!(samples("First") && !samples("First"), "one in a thousand seconds");
        assert!(samples("Second"), "limits are not shared");
        assert_eq!(samplers.unknown(&["Health", "Order", "Second"]), ["First"]);
    }
}
