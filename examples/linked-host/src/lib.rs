//! The library that the workers of this host load into Python: Funcdock's own module, with extensions linked into it.

// No code calls them by name. This use makes the linker keep them.
use funcdock_maintenance as _;
use funcdock_python as _;
