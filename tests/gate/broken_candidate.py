"""The candidate of examples/gate as its next release might be: its chat streams have lost their end."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import keyway.app as keyway  # type: ignore[import-not-found]

made = keyway.create_app


def create_app() -> Any:
    inner = made()

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        async def without_end(message: Any) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": message.get("body", b"").replace(b"data: [DONE]\n\n", b"")}
            await send(message)

        await inner(scope, receive, without_end)

    return outer


keyway.create_app = create_app
sys.path.insert(0, str(Path(sys.argv[1]).parent))
runpy.run_path(sys.argv[1], run_name="__main__")
