"""A worker extension for Funcdock. There is nothing to import: the host loads the library in `native`."""
