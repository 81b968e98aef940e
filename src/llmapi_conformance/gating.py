"""What a gate starts and always stops: our upstream, and the gateway candidate in front of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from llmapi_conformance.errors import ConformanceError, TargetError
from llmapi_conformance.reporting.excerpt import printable
from llmapi_conformance.sending.embedded import start_upstream
from llmapi_conformance.target.files import read_target
from llmapi_conformance.target.parts import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from llmapi_conformance.target.parts import TargetPart

WITHIN = 120.0
"""Seconds that a candidate has until it serves, where nobody says otherwise."""
STOP_DEADLINE = 10.0
"""Seconds that a process has to end after it was asked to."""
SETUP_DEADLINE = 300.0
"""Seconds that the set-up command of a target may take."""
_ONE_LOOK = 2.0
_PAUSE = 0.2
_LAST_WORDS = 2_000
_LONGEST_KEY = 4_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A gateway that is started for a run.

    Attributes:
        command: What the shell starts; it stays in the foreground, and finds our upstream in ``$UPSTREAM_URL``.
        ready: Path that answers with success as soon as it serves; empty when any answer to ``/`` will do.
        within: Seconds until then.
        upstream_port: Where it calls our upstream; 0 for a free port.
        log: Where what it says goes; ``None`` for a file that is gone afterwards.
    """

    command: str
    ready: str = ""
    within: float = WITHIN
    upstream_port: int = 0
    log: Path | None = None


@contextlib.contextmanager
def candidate_running(candidate: Candidate, target: Path) -> Iterator[None]:
    """Run a candidate with our upstream behind it, and set it up; both end with the block, whatever happens in it.

    Args:
        candidate: What is started.
        target: Its target file: ``base_url`` says where it will be, ``[upstream] control_url`` where the log of our
            upstream shall be; without that table the candidate runs alone.

    Raises:
        TargetError: Something did not start, did not answer in time, or ended on its own.
    """
    part = read_target(target)
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        if part.upstream is not None:
            control = urlsplit(part.upstream.control_url)
            if control.hostname not in ("127.0.0.1", "localhost") or not control.port:
                raise TargetError(
                    f"{target}: control_url is {part.upstream.control_url}; a gate starts the upstream itself, so it "
                    "must be a port of this machine, such as http://127.0.0.1:4901."
                )
            _unused(control.port, f"[upstream] control_url of {target} names")
            if candidate.upstream_port:
                _unused(candidate.upstream_port, "--upstream-port names")
            upstream = start_upstream(port=candidate.upstream_port, control_port=control.port)
            stack.callback(upstream.stop)
            environment["UPSTREAM_URL"] = upstream.announcement["upstream_url"]
        _free(part.base_url)
        log = stack.enter_context(candidate.log.open("w+b") if candidate.log else tempfile.TemporaryFile())  # noqa: SIM115
        process = subprocess.Popen(  # noqa: S602 - a command of the caller's own, who asked for a shell
            candidate.command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        stack.callback(_stop, process)
        words = _Words(log, target, part)
        _await(process, candidate, part.base_url, words)
        set_up(target, environment)
        said = ""
        try:
            yield
        except ConformanceError as error:
            said = f"{error} "
            if process.poll() is None:
                raise
        if process.poll() is not None:
            ended = f"The candidate ended with status {process.returncode} while it was under test."
            raise TargetError(f"{said}{ended} {words.last()}")


def set_up(target: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Run the set-up command of a target file, in the folder of that file; nothing without one.

    Args:
        target: The file.
        environment: What the command sees.

    Raises:
        TargetError: It failed, or took too long.
    """
    part = read_target(target)
    if part.setup is None or not part.setup.command:
        return
    shown = " ".join(part.setup.command)
    try:
        done = subprocess.run(  # noqa: S603 - the target file's own
            part.setup.command,
            cwd=target.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=SETUP_DEADLINE,
            check=False,
        )
    except OSError as error:
        raise TargetError(f"{target}: [setup] {shown} can't be started: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise TargetError(f"{target}: [setup] {shown} took longer than {SETUP_DEADLINE:.0f} s and was ended.") from None
    if done.returncode:
        raise TargetError(f"{target}: [setup] {shown} ended with status {done.returncode}; what it said stands above.")


def _unused(port: int, whose: str) -> None:
    """See that the upstream can listen there: another gate may be running, or one that was killed."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise TargetError(
                f"{whose} port {port} for our upstream, which can't be used ({error.strerror}): stop what listens "
                "there, such as another gate, or name another port."
            ) from None


def _free(address: str) -> None:
    """See that nothing serves there yet: it would be judged in the candidate's place."""
    if _look(address + "/") is not None:
        raise TargetError(f"Something serves {address} already; stop it, or let the candidate listen somewhere else.")


def _await(process: subprocess.Popen[bytes], candidate: Candidate, base_url: str, words: _Words) -> None:
    address = base_url + (candidate.ready or "/")
    give_up = time.monotonic() + candidate.within
    while True:
        status = _look(address)
        if status is not None and (not candidate.ready or 200 <= status < 300):
            return
        if process.poll() is not None:
            ended = f"The candidate ended with status {process.returncode} before it served {address}."
            raise TargetError(f"{ended} {words.last()}")
        if time.monotonic() > give_up:
            seen = f"its last answer was {status}" if status is not None else "nothing answers there"
            late = f"The candidate did not serve {address} within {candidate.within:.0f} s: {seen}."
            raise TargetError(f"{late} {words.last()}")
        time.sleep(_PAUSE)


def _look(address: str) -> int | None:
    """Status of a GET, ``None`` when nothing answers."""
    try:
        with httpx2.stream("GET", address, trust_env=False, verify=False, timeout=_ONE_LOOK) as answer:
            return answer.status_code
    except httpx2.HTTPError:
        return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: first asked, then forced; the shell may end before them."""
    with contextlib.suppress(ProcessLookupError):
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.killpg(process.pid, number)
            give_up = time.monotonic() + STOP_DEADLINE
            while time.monotonic() < give_up:
                process.poll()
                os.killpg(process.pid, 0)  # raises when nobody is left
                time.sleep(_PAUSE / 4)


@dataclass(frozen=True, slots=True)
class _Words:
    """What a candidate says about itself."""

    log: IO[bytes]
    target: Path
    part: TargetPart

    def last(self) -> str:
        """The end of it, without the keys and secret headers that the target file names."""
        self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, self.log.tell() - _LAST_WORDS - _LONGEST_KEY))
        said = self.log.read().decode("utf-8", "replace").strip()
        for secret in _secrets(self.target, self.part):
            said = said.replace(secret, "[secret]")
        said = said[-_LAST_WORDS:]  # not sooner: half a key would not be found
        if not said:
            return "It said nothing."
        # With a mark before each line none of them is a command to a CI system that reads this.
        return "The end of what it said:\n" + "\n".join(f"  | {line}" for line in printable(said).splitlines())


def without_keys(command: str, target: Path) -> str:
    """A command as it can be shown: what the target file takes from the environment is named as the shell does.

    Args:
        command: Of a candidate, which sees that environment.
        target: The target file.

    Raises:
        TargetError: It can't be read.
    """
    for secret, name in _secrets(target, read_target(target)).items():
        command = command.replace(secret, f"${{{name}}}" if name else "[secret]")
    return command


def _secrets(target: Path, part: TargetPart) -> dict[str, str]:
    """Keys and secret headers that a target file names, longest first, each with its variable; a file has none."""
    headers = [*part.headers.values(), *(one for role in part.roles.values() for one in role.headers.values())]
    names = [one.env for one in headers if isinstance(one, Secret)]
    names += [role.key_env for role in part.roles.values()]
    found = {os.environ.get(name, "").strip(): name for name in names}
    for role in part.roles.values():
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if role.key_file:
                found.setdefault((target.parent / role.key_file).read_text("utf-8").strip(), "")
    return {secret: found[secret] for secret in sorted(found, key=len, reverse=True) if secret}
