//! Workers of Microsoft's Functions host: `funcdock worker` under a mock of it.

mod calls;
mod declared;
mod endings;
mod extensions;
mod harm;
mod hostile;
mod inputs;
mod life;
mod loads;
mod outputs;
mod shared_memory;
mod streams;
mod telemetry;
mod texts;
