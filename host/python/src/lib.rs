//! Funcdock for CPython.
