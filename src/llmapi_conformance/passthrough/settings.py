"""What is put between clients and a gateway, and what bounds it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from llmapi_conformance.errors import TargetError
from llmapi_conformance.wire.message import Deadlines

if TYPE_CHECKING:
    from llmapi_conformance.target.keyring import Keyring
    from llmapi_conformance.target.target import Target


_PATIENT: Final = Deadlines(connect=10.0, first_byte=600.0, idle=600.0, total=3600.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a recording.

    Attributes:
        exchanges: How many there may be.
        connections: How many clients may have open at once.
        deadlines: Of each exchange; longer than those of a run, since an agent may have its model think for minutes.
        keep_alive: Seconds that a connection may be idle between two exchanges.
        client: Seconds that a client may take to begin with its first request.
    """

    exchanges: int = 10_000
    connections: int = 1_024
    deadlines: Deadlines = _PATIENT
    keep_alive: float = 600.0
    client: float = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What is put between clients and a gateway.

    Attributes:
        target: The gateway.
        keyring: Its keys: those are named in the recording.
        secrets: Marker name -> value of the secret headers of the target file.
        role: Whose key takes the place of the client's; empty to let the client's own through.
        host: Address to listen on.
        port: 0 takes a free one.
        limits: Of the recording.
    """

    target: Target
    keyring: Keyring
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    role: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        """See that it can be served.

        Raises:
            TargetError: There is no key for the role, or anybody in the network could send with it.
        """
        if self.role and self.role not in self.keyring:
            raise TargetError(f"There is no key for role {self.role}; the target file has {', '.join(self.keyring)}.")
        if self.role and not is_loopback(self.host):
            raise TargetError(
                f"With the key of {self.role} put in, whoever reaches {self.host} could send at its owner's cost: "
                "listen on 127.0.0.1, or let clients send their own keys."
            )


def is_loopback(host: str) -> bool:
    """Whether a host, with or without brackets, is this machine and nobody else's."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
