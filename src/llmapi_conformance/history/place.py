"""Where the history is kept: a file, or a PostgreSQL database by URL, whose password is a secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from llmapi_conformance.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT: Final = "LLMAPI_CONFORMANCE_HISTORY"
"""Names the history where no option does."""
DEFAULT: Final = Path("reports") / "history.sqlite"
_SECRET: Final = frozenset({"password", "sslpassword", "passfile"})
_WANTED: Final = "a path, sqlite:///path or postgresql://user@host/database"


def place(given: str | None = None, environment: Mapping[str, str] = os.environ) -> URL:
    """The database that holds the history.

    Args:
        given: By an option: a URL, or the path of an SQLite file.
        environment: Where it is named otherwise.

    Raises:
        HistoryError: It is none that this tool can use, or an option shows a password.
    """
    named = given or environment.get(ENVIRONMENT) or str(DEFAULT)
    if "://" not in named:
        return URL.create("sqlite", database=named)
    try:
        url = make_url(named)
    except (ArgumentError, ValueError):
        # What was given may hold a password, so it is not shown.
        raise HistoryError(f"The URL of the history can't be read: expected {_WANTED}.") from None
    if given and (url.password is not None or _SECRET & url.query.keys()):
        raise HistoryError(
            "A password has no place on a command line: leave it out of the URL and set PGPASSWORD or a pgpass file, "
            f"or give the whole URL in {ENVIRONMENT}."
        )
    backend = url.get_backend_name()
    if backend == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise HistoryError(f"The URL of the history names no file: expected {_WANTED}.")
        return URL.create("sqlite", database=url.database)
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise HistoryError(f"A history can't be kept in {backend}: expected {_WANTED}.")


def shown(url: URL) -> str:
    """A place for people: without user's password and without what stands behind the question mark."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return URL.create("postgresql", url.username, None, url.host, url.port, url.database).render_as_string()
