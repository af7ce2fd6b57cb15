"""Funcdock's Python side. Part of the worker: apps do not install it."""
