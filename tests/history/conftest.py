"""Histories to try: an SQLite file, and a PostgreSQL server of our own, as its own user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from llmapi_conformance.history.database import open_history
from llmapi_conformance.history.place import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.history.database import History

PASSWORD = "s3cr3t-of-the-history"
"""Of a server that lives as long as the tests."""


def server_programs() -> Path | None:
    """The folder with initdb and postgres; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))


class Server:
    """A PostgreSQL server on 127.0.0.1; its databases need a password."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._made = 0

    def database(self) -> str:
        """The URL of a new, empty database, with its password."""
        self._made += 1
        name = f"history{self._made}_{os.getpid()}"
        with psycopg.connect(f"postgresql://keeper:{PASSWORD}@127.0.0.1:{self.port}/postgres", autocommit=True) as line:
            line.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://keeper:{PASSWORD}@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    programs = server_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is missing: 'make postgresql' installs it")
        pytest.skip("PostgreSQL is missing: 'make postgresql' installs it")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="history-pg-")))
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        pass_file = folder / "password"
        pass_file.write_text(PASSWORD)
        pass_file.chmod(0o644)
        data = folder / "data"
        made = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "keeper",
            "-A",
            "scram-sha-256",
            f"--pwfile={pass_file}",
        ]
        made += ["-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, timeout=400, cwd=folder, **as_user)
        with socket.create_server(("127.0.0.1", 0)) as line:
            port = line.getsockname()[1]
        log = stack.enter_context((folder / "log").open("wb"))
        started = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
        process = subprocess.Popen(started, stdout=log, stderr=log, cwd=folder, **as_user)
        try:
            _wait(process, port, folder / "log")
            yield Server(port)
        finally:
            process.terminate()  # SIGTERM: no new sessions; ours are closed
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://keeper:{PASSWORD}@127.0.0.1:{port}/postgres", connect_timeout=5).close()
            return
        time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')[-500:]}")


@pytest.fixture(params=["sqlite", "postgresql"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty history can be made, as the environment would name it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept/history.sqlite"
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def history(history_url: str) -> History:
    return open_history(place(None, {"LLMAPI_CONFORMANCE_HISTORY": history_url}), new=True)
