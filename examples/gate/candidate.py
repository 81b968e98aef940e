"""Starts Keyway where target.toml says, with nothing in it."""

import os
import secrets
import shutil
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"


def main() -> None:
    """Serve until a signal comes."""
    address = urlsplit(tomllib.loads((HERE / "target.toml").read_text("utf-8"))["base_url"])
    shutil.rmtree(WORK / "data", ignore_errors=True)
    WORK.mkdir(mode=0o700, exist_ok=True)
    token = secrets.token_hex(24)
    (WORK / "admin.token").write_text(token, "utf-8")
    os.environ |= {
        "KEYWAY_HOST": str(address.hostname),
        "KEYWAY_PORT": str(address.port),
        "KEYWAY_DATA_DIR": str(WORK / "data"),
        "KEYWAY_ADMIN_TOKEN": token,
        "KEYWAY_SECRET": secrets.token_hex(32),
    }
    from keyway import __main__ as keyway  # type: ignore[import-not-found]  # noqa: PLC0415 - lives in its own environment
    from keyway import llm_store  # noqa: PLC0415

    # After three failures of the upstream in a row it would close the provider to every key for a minute.
    llm_store.CIRCUIT_FAIL_THRESHOLD = 10**9
    keyway.main()


if __name__ == "__main__":
    main()
