#!/usr/bin/env python3
"""A worker without the Python module: replaces the interpreter and speaks the control protocol itself.

Its response to every HTTP request is its pid. FAKE_WORKER chooses its other behaviour.
"""
import json
import os
import select
import signal
import socket
import struct
import sys
import time

control = socket.socket(fileno=3)
listener = socket.socket(fileno=4)


def send(message):
    body = json.dumps(message).encode()
    control.sendall(struct.pack("<I", len(body)) + body)


def exactly(length):
    data = b""
    while len(data) < length:
        piece = control.recv(length - len(data))
        if not piece:
            sys.exit("the supervisor is gone")
        data += piece
    return data


def receive():
    return json.loads(exactly(struct.unpack("<I", exactly(4))[0]))


def hang():
    """Does nothing, until the supervisor has ended."""
    while control.recv(65536):
        pass
    sys.exit("the supervisor is gone")


def answer():
    try:
        connection, _ = listener.accept()
    except BlockingIOError:  # another worker was faster
        return
    connection.setblocking(True)
    try:
        connection.recv(65536)
        body = b"%d" % os.getpid()
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    except OSError:
        pass  # the client disconnected
    connection.close()


def serve():
    may_answer = False
    while True:
        for source in select.select([control, listener] if may_answer else [control], [], [])[0]:
            if source is listener:
                answer()
                continue
            message = receive()
            if message == "serve":
                may_answer = True
                continue
            if message != "ping":
                return message["drain"]
            if behaviour != "is silent":
                send("pong")


signal.signal(signal.SIGINT, lambda *_: None)
behaviour = os.environ.get("FAKE_WORKER", "")
assert sys.argv[1:4] == ["-X", "utf8", "-c"] and len(sys.argv) == 6, sys.argv

if behaviour == "dies at start":
    os.kill(os.getpid(), signal.SIGSEGV)
if behaviour == "exits at start":
    sys.exit(7)

config = receive()["start"]
if behaviour == "fails":
    send({"failed": {"phase": "import of function Hello", "message": "Traceback:\nModuleNotFoundError: nope"}})
    sys.exit(1)
if behaviour == "hangs at start":
    hang()
if behaviour == "second fails later" and config["index"] == 1:
    while not os.path.exists("fail"):
        time.sleep(0.01)
    send({"failed": {"phase": "second try", "message": "on purpose"}})
    sys.exit(1)

environment = {name: os.environ.get(name) for name in ["AzureWebJobsScriptRoot", "FUNCTIONS_WORKER_RUNTIME"]}
print("worker", json.dumps({"cwd": os.getcwd(), "config": config, "environment": environment}), flush=True)
functions = [
    {"name": "Hello", "kind": "httpTrigger", "methods": ["GET", "POST"], "route": "hello/{name}"},
    {"name": "Clock", "kind": "timerTrigger", "methods": [], "route": None},
]
extension = {"name": "tracing", "version": "1.2.3", "state": "failed", "message": "no such library"}
send({"ready": {"functions": functions, "extensions": [extension], "python": "3.12.4"}})
drain = serve()
print("worker drains", json.dumps(drain), flush=True)
if behaviour == "never drains":
    listener.close()
    hang()
if behaviour == "fails to drain":
    sys.exit(9)
send({"statistics": {"calls": 3}})
send("drained")
