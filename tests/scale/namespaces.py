"""Two local network namespaces with a wire between them: two machines, as far as the network is concerned."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a process runs.

    Attributes:
        address: Under which the other machine reaches it.
        prefix: What stands before a command, so that it runs there.
    """

    address: str
    prefix: tuple[str, ...] = ()


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Make both, and take them away again; skips the test where that is not possible."""
    ip = shutil.which("ip")
    if ip is None or os.geteuid():
        pytest.skip("network namespaces need ip and root")
    near, far = (f"llmapi-{side}-{os.getpid()}" for side in ("near", "far"))
    wires = {near: f"lcn{os.getpid()}", far: f"lcf{os.getpid()}"}
    addresses = {near: "192.0.2.1", far: "192.0.2.2"}

    def tell(*words: str) -> bool:
        return not subprocess.run([ip, *words], capture_output=True, check=False, timeout=20).returncode

    made = []
    try:
        for name in (near, far):
            if not tell("netns", "add", name):
                pytest.skip("no network namespace can be made here")
            made.append(name)
        peer = ("type", "veth", "peer", "name", wires[far], "netns", far)
        done = [tell("link", "add", wires[near], "netns", near, *peer)]
        for name in (near, far):
            done.append(tell("-n", name, "addr", "add", f"{addresses[name]}/24", "dev", wires[name]))
            done += [tell("-n", name, "link", "set", device, "up") for device in (wires[name], "lo")]
        if not all(done):
            pytest.skip("no wire can be laid between network namespaces here")
        here, there = (Machine(addresses[name], (ip, "netns", "exec", name)) for name in (near, far))
        yield here, there
    finally:
        for name in made:
            tell("netns", "del", name)
