"""The collector of traces in benchmarks, and servers that export to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from servers import ROOT, Server

# A real collector runs on another machine. This at least saves the cost of returning memory per batch.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456"}


def program() -> Path:
    """Builds the program that counts the spans which it receives; returns its file."""
    command = ["cargo", "build", "--release", "--quiet", "--package", "funcdock-tests", "--bin", "otlp-count"]
    subprocess.run(command, cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "otlp-count"


class Collector:
    """Receives spans in its own process, and compares their number with that of the calls."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.calls = 0
        self._process = subprocess.Popen(
            [program(), f"127.0.0.1:{self.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **KEEP_MEMORY},
        )

    def stop(self) -> int:
        """Ends it; returns the number of received spans."""
        count, _ = self._process.communicate("\n")
        return int(count)

    def report(self) -> None:
        """Prints the number of received spans, including FastAPI's, after all servers have flushed."""
        count = self.stop()
        print(f"traced: {self.calls} calls of funcdock-traced under wrk, {count} spans received in all")


def traced(plain: Server, kind: str, port: int, collector: Collector, **settings: str) -> Server:
    """Returns Funcdock with the tracing extension, which exports sampled spans in batches."""
    command = [str(port) if word == str(plain.port) else word for word in plain.command]
    section = "AzureFunctionsJobHost__workerExtensions__opencensus__settings"
    environment = {
        **plain.environment,
        "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
        f"{section}__endpoint": f"http://127.0.0.1:{collector.port}",
        f"{section}__queue": "65536",
        **{f"{section}__{key}": value for key, value in settings.items()},
    }
    return Server(kind, plain.workers, command, port, environment)


def exporting(collector: Collector) -> Mapping[str, str]:
    """Returns the settings of OpenTelemetry's exporter, which drops spans when its queue is full."""
    # It exports full batches during its turn, and the remaining spans before the next server's turn.
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }
