"""What web_perf.py has around a server: nginx in front, pgbouncer and PostgreSQL behind.

They are Debian's, but run in a temporary folder, at free ports, as an account without rights. The machine's
own nginx and PostgreSQL are neither used nor changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import servers
from web_processes import Account, Process, ProcessError, started

#: The command that shows that a package of Debian is there.
PACKAGES = {"nginx": "nginx", "pgbouncer": "pgbouncer", "postgresql": "postgres", "wrk": "wrk"}
#: What PostgreSQL accepts. Configurations that would need more are not tried.
CONNECTIONS = 500

DIGITS_AS_LETTERS = str.maketrans(string.digits, "ghijklmnop")
#: The article's table: a key, and 20 letters. Here they follow from the key, so that answers can be checked.
TABLE = """
    CREATE TABLE test (a int PRIMARY KEY, b text);
    INSERT INTO test SELECT key, translate(left(md5(key::text), 20), '0123456789', 'ghijklmnop')
        FROM generate_series(0, {rows} - 1) AS key;
"""

PGBOUNCER = """
[databases]
bench = host={folder} port={database} dbname=postgres user=bench

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 20
"""

NGINX = """
daemon off;
worker_processes auto;
pid {folder}/nginx-{port}.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    upstream app {{
{upstreams}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
{location}
        }}
    }}
}}
"""
HTTP = """
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
"""
#: The protocol that uWSGI's documentation advises behind nginx.
UWSGI = """
            include /etc/nginx/uwsgi_params;
            uwsgi_pass app;
"""


class Stack(NamedTuple):
    """PostgreSQL, and pgbouncer before it, that run."""

    folder: Path
    account: Account
    rows: int
    #: The variables that apps are told of the database with.
    environment: dict[str, str]
    processes: list[Process]


@contextlib.contextmanager
def running(rows: int, is_direct: bool, is_prepared: bool) -> Iterator[Stack]:
    """Runs PostgreSQL with a table of so many rows, and pgbouncer unless apps connect directly."""
    account = unprivileged()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="funcdock-web-perf-")))
        if account.user is not None and account.group is not None:
            os.chown(folder, account.user, account.group)
        database, pooler = servers.free_ports(2)
        processes = [stack.enter_context(postgresql(folder, account, database, rows))]
        if not is_direct:
            processes.append(stack.enter_context(pgbouncer(folder, account, pooler, database)))
        url = f"127.0.0.1:{database}/postgres" if is_direct else f"127.0.0.1:{pooler}/bench"
        environment = {
            "WEB_PERF_DATABASE": f"postgresql://bench@{url}",
            "WEB_PERF_ROWS": str(rows),
            "WEB_PERF_PREPARED": str(int(is_prepared)),
        }
        yield Stack(folder, account, rows, environment, processes)


@contextlib.contextmanager
def postgresql(folder: Path, account: Account, port: int, rows: int) -> Iterator[Process]:
    data = folder / "data"
    initdb: list[str | Path] = [
        command("initdb"),
        "-D",
        data,
        "-U",
        "bench",
        "-A",
        "trust",
        "--no-locale",
        "-E",
        "UTF8",
    ]
    account.run([*initdb, "--no-sync"], folder)
    options = [
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={folder}",
        f"max_connections={CONNECTIONS + 20}",
        # It only makes the table faster: measured are reads alone.
        "fsync=off",
    ]
    settings = [word for option in options for word in ("-c", option)]
    postgres: list[str | Path] = [command("postgres"), "-D", data, "-p", str(port), *settings]
    # SIGINT closes the connections of apps that are left.
    log = folder / "postgresql.log"
    with started(postgres, log, folder, account, stop=signal.SIGINT) as process:
        address = ["-h", str(folder), "-p", str(port)]
        is_ready = [command("pg_isready"), "-q", *address]
        process.wait_for(lambda: subprocess.call(is_ready) == 0, "it accepts connections")
        psql = [
            command("psql"),
            "-X",
            "-q",
            *address,
            "-U",
            "bench",
            "-d",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        account.run([*psql, "-c", TABLE.format(rows=rows), "-c", "VACUUM ANALYZE test"], folder)
        yield process


@contextlib.contextmanager
def pgbouncer(folder: Path, account: Account, port: int, database: int) -> Iterator[Process]:
    file = folder / "pgbouncer.ini"
    file.write_text(PGBOUNCER.format(folder=folder, port=port, database=database))
    with started([command("pgbouncer"), file], folder / "pgbouncer.log", folder, account) as process:
        process.wait_for_port(port)
        yield process


@contextlib.contextmanager
def nginx(stack: Stack, port: int, upstreams: Sequence[int], is_uwsgi: bool) -> Iterator[Process]:
    """Runs nginx at `port`, before a server that listens at the ports `upstreams`."""
    # With several upstreams, nginx would leave one out for seconds after an error.
    lines = [f"server 127.0.0.1:{upstream} max_fails=0;" for upstream in upstreams]
    if not is_uwsgi:
        lines.append("keepalive 64;")
    file = stack.folder / f"nginx-{port}.conf"
    location = UWSGI if is_uwsgi else HTTP
    text = NGINX.format(folder=stack.folder, port=port, upstreams="\n".join(lines), location=location)
    file.write_text(text)
    words: list[str | Path] = [command("nginx"), "-e", "stderr", "-c", file]
    with started(words, stack.folder / f"nginx-{port}.log", stack.folder, stack.account) as process:
        process.wait_for_port(port)
        yield process


def expected(key: int) -> dict[str, str]:
    """Returns the answer for a key."""
    letters = hashlib.md5(str(key).encode()).hexdigest()[:20].translate(DIGITS_AS_LETTERS)
    return {"a": f"{key:010}", "b": letters}


def unprivileged() -> Account:
    """Returns an account for PostgreSQL and pgbouncer, which refuse to run as root."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def find(name: str) -> str | None:
    """Returns the path of a command. Debian has PostgreSQL's in a folder of the version, not on PATH."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / name).exists()]
    newest = max(versions, key=lambda path: float(path.parent.name), default=None)
    folders = [newest, os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return shutil.which(name, path=":".join(str(folder) for folder in folders if folder))


def command(name: str) -> str:
    found = find(name)
    if found is None:
        raise ProcessError(f"{name} is neither on PATH nor in the folders of Debian's packages")
    return found


def install_packages(*, has_load: bool) -> None:
    """Installs the packages of Debian that are missing, or says how. wrk makes the load."""
    missing = [name for name, shown_by in PACKAGES.items() if find(shown_by) is None]
    if not has_load and "wrk" in missing:
        missing.remove("wrk")
    if not missing:
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"{', '.join(missing)}: not installed. As root, on Debian: {' '.join(install)}")
    for words in (["apt-get", "update"], install):
        subprocess.run([*words, "-qq"], check=True, stdout=sys.stderr)


def versions() -> list[str]:
    """Returns a line for each of the three."""
    lines = []
    for name, option in (("nginx", "-v"), ("pgbouncer", "--version"), ("postgres", "--version")):
        # nginx says it on stderr.
        shown = subprocess.run(
            [command(name), option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
        lines.append(shown.stdout.splitlines()[0])
    return lines
