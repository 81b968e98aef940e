"""Messages to a webhook: kept until they are delivered, at least once, with an id by which a receiver knows them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import math
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import httpx2
from sqlalchemy import select

from llmapi_conformance import __version__
from llmapi_conformance.errors import HistoryError
from llmapi_conformance.history.models import DeliveryRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmapi_conformance.history.database import History

DEADLINE: Final = 30.0
"""Seconds for one message with all its attempts."""
GIVEN_UP: Final = timedelta(days=7)
"""A message that nobody took for so long is no longer tried."""
_ATTEMPT: Final = 10.0
_PAUSE: Final = 0.5
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook.

    Attributes:
        name: The environment variable with its URL.
        url: The URL: whoever knows it can send, so it is shown nowhere.
        secret: What messages are signed with; empty for no signature.
        deadline: Seconds for one message with all its attempts.
    """

    name: str
    url: str
    secret: bytes = b""
    deadline: float = DEADLINE


def hook_named(
    name: str, secret_name: str = "", deadline: float = DEADLINE, environment: Mapping[str, str] = os.environ
) -> Hook:
    """A webhook whose URL, and secret, stand in the environment.

    Raises:
        HistoryError: They do not, or can't be used.
    """
    url = environment.get(name, "").strip()
    if not url:
        raise HistoryError(f"The environment has no {name}: it holds the URL of the webhook.")
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise HistoryError(f"{name} holds no URL that begins with https:// or http://.")
    secret = environment.get(secret_name, "").strip() if secret_name else ""
    if secret_name and not secret:
        raise HistoryError(f"The environment has no {secret_name}: it holds the secret that messages are signed with.")
    return Hook(name, url, _key(secret, secret_name), deadline)


def _key(secret: str, name: str) -> bytes:
    """A secret's bytes: what follows ``whsec_`` is Base64, anything else is taken as it is."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise HistoryError(f"What follows {_PREFIX} in {name} is no Base64.") from None


def signature(secret: bytes, name: str, seconds: int, body: bytes) -> str:
    """The value of ``webhook-signature``: version 1 of the Standard Webhooks specification."""
    signed = f"{name}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def deliver(history: History, hook: Hook) -> list[str]:
    """Send every message that waits for this webhook, the oldest first.

    Returns:
        What could not be delivered and why, one sentence each; it stays in the history and is tried at the next call.

    Raises:
        HistoryError: The database can't do it.
    """
    oldest = datetime.now(UTC) - GIVEN_UP
    with history.reading() as session:
        waiting = session.scalars(
            select(DeliveryRow)
            .where(DeliveryRow.hook == hook.name, DeliveryRow.delivered_at.is_(None), DeliveryRow.created_at > oldest)
            .order_by(DeliveryRow.created_at, DeliveryRow.id)
        ).all()
    troubles = []
    for row in waiting:
        trouble, attempts = asyncio.run(_send(hook, row.id, row.payload.encode()))
        with history.writing() as session:
            kept = session.get_one(DeliveryRow, row.id)
            kept.attempts += attempts
            kept.trouble = trouble
            kept.delivered_at = None if trouble else datetime.now(UTC)
        if trouble:
            troubles.append(f"{row.id} was not delivered to {hook.name}: {trouble}; it is kept for the next time")
            break  # the order stays, and what does not answer now need not be asked once more for each message
    return troubles


async def _send(hook: Hook, name: str, body: bytes) -> tuple[str, int]:
    """Send one message; why it was not taken, empty when it was, and the attempts that it took."""
    end, pause, attempts = time.monotonic() + hook.deadline, _PAUSE, 0
    async with httpx2.AsyncClient(timeout=_ATTEMPT, follow_redirects=False) as client:
        while True:
            attempts += 1
            trouble, asked = await _attempt(client, hook, name, body, min(_ATTEMPT, end - time.monotonic()))
            wait = max(pause, asked)
            if not trouble or asked == math.inf or time.monotonic() + wait >= end:
                return trouble, attempts
            await asyncio.sleep(wait)
            pause = min(pause * 2, 8.0)


async def _attempt(client: httpx2.AsyncClient, hook: Hook, name: str, body: bytes, seconds: float) -> tuple[str, float]:
    """One attempt: why the message was not taken, and the seconds to wait; for ever where another is of no use."""
    now = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": f"llmapi-conformance/{__version__}",
        "webhook-id": name,
        "webhook-timestamp": str(now),
    }
    if hook.secret:
        headers["webhook-signature"] = signature(hook.secret, name, now, body)
    try:
        async with (
            asyncio.timeout(max(seconds, 0.1)),
            client.stream("POST", hook.url, content=body, headers=headers) as answer,
        ):
            if answer.is_success:
                return "", 0.0
            again = answer.status_code in _AGAIN
            return f"it answered {answer.status_code}", _seconds(answer) if again else math.inf
    except (httpx2.HTTPError, OSError, ValueError) as error:  # the text may name the URL
        return f"it can't be reached ({type(error).__name__})", 0.0


def _seconds(answer: httpx2.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
