"""The package that ``pip install funcdock`` brings: the command as a module, and types for function code.

In a worker the modules of this name are those of the host, which are inside its library: see
``host/python/src/package.rs``. So an app may have this package in its environment, of any version.
"""
