"""Puts our upstream behind Keyway and makes the keys that target.toml names."""

import json
import os
import secrets
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HERE = Path(__file__).resolve().parent
DEADLINE = 10.0


def main() -> None:
    """One group for each role: a provider, a route for each model, a key."""
    target = tomllib.loads((HERE / "target.toml").read_text("utf-8"))
    upstream = os.environ.get("UPSTREAM_URL")
    if not upstream:
        sys.exit("UPSTREAM_URL is not set: 'llmapi-conformance gate' starts our upstream and sets it, 'run' does not")
    for name, role in target["roles"].items():
        group = name.partition(":")[2]
        provider = {
            "provider_id": group,
            "name": group,
            "protocol": group,
            "base_url": f"{upstream}/v1" if group == "openai" else upstream,
            "api_key": f"sk-upstream-{secrets.token_hex(20)}",
        }
        ask(target, "/groups", {"group_id": group, "name": group})
        ask(target, f"/groups/{group}/providers", provider)
        for model in role["models"]:
            route = {"alias": model, "provider_id": group, "upstream_model": model}
            ask(target, f"/groups/{group}/routes", route)
        key = ask(target, f"/groups/{group}/keys", {"name": group})["plaintext"]
        file = HERE / role["key_file"]
        file.touch(mode=0o600)
        file.write_text(key, "utf-8")


def ask(target: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call Keyway's administration."""
    token = (HERE / "work" / "admin.token").read_text("utf-8")
    headers = {"X-Admin-Token": token, "Content-Type": "application/json"}
    request = Request(  # noqa: S310 - the address of target.toml
        f"{target['base_url']}/admin/llm{path}", json.dumps(body).encode(), headers
    )
    with urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310
        made: dict[str, Any] = json.load(answer)
        return made


if __name__ == "__main__":
    main()
