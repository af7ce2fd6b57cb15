"""Records calls in order as lines of JSON, in the file where extensions in Rust also write."""

import json


def record(**line):
    # In one write, as others write into the same file.
    with open("record.jsonl", "a", encoding="utf-8", buffering=1) as file:
        file.write(json.dumps(line) + "\n")


def note(context, hook="function", **more):
    record(hook=hook, function=context.function_name, invocation=context.invocation_id, context=id(context), **more)
