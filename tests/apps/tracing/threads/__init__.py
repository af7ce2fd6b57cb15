"""Threads: one that runs in a copied context, and one that does not."""

import contextvars
import threading


def main(req, context):
    def work(name):
        with context.tracer.span(name):
            pass

    with context.tracer.span("parent"):
        copied = contextvars.copy_context()
        threads = [
            threading.Thread(target=copied.run, args=(work, "copied")),
            threading.Thread(target=work, args=("bare",)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return "done"
