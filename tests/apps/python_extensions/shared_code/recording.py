"""What is called, in order, as lines of JSON: beside what extensions in Rust write there."""

import json


def record(**line):
    # In one piece: others write into the same file.
    with open("record.jsonl", "a", encoding="utf-8", buffering=1) as file:
        file.write(json.dumps(line) + "\n")


def note(context, hook="function", **more):
    record(hook=hook, function=context.function_name, invocation=context.invocation_id, context=id(context), **more)
