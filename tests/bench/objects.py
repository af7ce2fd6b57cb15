#!/usr/bin/env python3
"""Measures the cost of a call to an extension's object (`context.tracer.span("x")`) for function code.

    cargo build --release && cargo build --release --package fixture-hooks --examples
    tests/bench/objects.py

Prints medians of seven rounds of 100,000 calls, in a synchronous function, on a thread of the pool; for
comparison, a method of a class written in Python.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request

import servers


def main() -> None:
    python = servers.prepare_environment(sys.executable)
    os.environ["PYTHON_ENABLE_WORKER_EXTENSIONS"] = "1"
    server = servers.funcdocks(python, servers.HERE / "apps" / "objects", iter(servers.free_ports(2)))[0]
    with servers.running(server):
        url = f"http://127.0.0.1:{server.port}/api/measure"
        with urllib.request.urlopen(url) as answer:
            results = json.load(answer)
    for name, nanoseconds in results.items():
        print(f"{name:<28} {nanoseconds:8.0f} ns")


if __name__ == "__main__":
    main()
