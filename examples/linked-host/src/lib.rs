//! What the workers of this host load into Python: Funcdock's own module, and the extensions linked into it.

// Nothing of them is called by name. This alone makes the linker keep them.
use funcdock_maintenance as _;
use funcdock_python as _;
