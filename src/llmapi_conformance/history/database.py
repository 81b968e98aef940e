"""The database of the history: opened, brought to the newest tables under a lock, read and written."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from llmapi_conformance.errors import HistoryError
from llmapi_conformance.history.models import Base
from llmapi_conformance.history.place import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection, Engine

VERSIONS: Final = "llmapi_conformance_revision"
"""The table that says how new the tables are; its name is ours alone, since a database may be shared."""
PATIENCE: Final = 30
"""Seconds that somebody waits for another writer, and for a database to answer."""
_LOCK: Final = 0x6C6C6D61_70696366
"""The advisory lock of PostgreSQL that stands for this history."""


class History:
    """An open history."""

    def __init__(self, url: URL, engine: Engine) -> None:
        self.place = shown(url)
        self._password = url.password or ""
        self._engine = engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads.

        Raises:
            HistoryError: The database can't do it.
        """
        with self._told(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that writes all or nothing; one at a time, whoever else has the history open.

        Raises:
            HistoryError: The database can't do it.
        """
        with self._told(), self._locked() as connection, Session(connection, expire_on_commit=False) as session:
            yield session
            session.commit()

    def upgrade(self) -> None:
        """Bring the tables to what this version of the tool knows.

        Raises:
            HistoryError: They were made by a newer version or by somebody else, or the database can't do it.
        """
        with self._told():
            with self._engine.connect() as connection:
                if self._is_new(connection):
                    return
            # Looked at again under the lock: somebody else may have been first.
            with self._locked(migrating=True) as connection:
                if not self._is_new(connection):
                    command.upgrade(_config(connection), "head")

    def downgrade(self, revision: str) -> None:
        """Take the tables back to an older revision; ``base`` removes them.

        Raises:
            HistoryError: The database can't do it.
        """
        with self._told(), self._locked(migrating=True) as connection:
            command.downgrade(_config(connection), revision)

    def _is_new(self, connection: Connection) -> bool:
        """Whether nothing has to be done."""
        known = ScriptDirectory.from_config(_config(connection))
        heads = MigrationContext.configure(connection, opts={"version_table": VERSIONS}).get_current_heads()
        newer = [head for head in heads if head not in {script.revision for script in known.walk_revisions()}]
        if newer:
            raise HistoryError(
                f"The history at {self.place} was made by a newer version of this tool (its tables are of revision "
                f"{newer[0]}, this version knows {known.get_current_head()}): update the tool, or name another history."
            )
        if not heads:
            foreign = sorted({*inspect(connection).get_table_names()} & Base.metadata.tables.keys())
            if foreign:
                raise HistoryError(
                    f"The database {self.place} has a table {foreign[0]} that is none of this tool's: name a database "
                    "of its own for the history."
                )
        return set(heads) == set(known.get_heads())

    @contextmanager
    def _locked(self, *, migrating: bool = False) -> Iterator[Connection]:
        """A transaction that keeps other writers waiting."""
        options = {"sqlite_begin": "BEGIN IMMEDIATE", "sqlite_keys": not migrating}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell errors of the database in one sentence, without its password."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            said = " ".join(str(cause).split())[:300]
            if self._password:
                said = said.replace(self._password, "***")
            raise HistoryError(f"The history at {self.place} can't be used: {said}.") from None


def open_history(url: URL, *, new: bool = False) -> History:
    """Open a history, and bring its tables to what this version knows.

    Args:
        url: Where it is.
        new: Whether an SQLite file that is not there is made.

    Raises:
        HistoryError: It is not there, can't be used, or was made by a newer version.
    """
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        path = Path(str(url.database))
        if not new and not path.is_file():
            raise HistoryError(
                f"There is no history at {path}: 'llmapi-conformance run --history' and "
                "'llmapi-conformance history add RUN' make one."
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HistoryError(f"The folder {path.parent} can't be made: {error.strerror}.") from None
    history = History(url, _engine(url, sqlite=sqlite))
    history.upgrade()
    return history


def _engine(url: URL, *, sqlite: bool) -> Engine:
    arguments: dict[str, Any] = (
        {"timeout": PATIENCE}
        if sqlite
        else {"connect_timeout": PATIENCE, "options": f"-c statement_timeout={PATIENCE * 2}s"}
    )
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    except (ModuleNotFoundError, NoSuchModuleError, ImportError):
        raise HistoryError("PostgreSQL needs its driver: pip install 'llmapi-conformance[postgres]'.") from None
    if sqlite:
        event.listen(engine, "connect", _no_begin_of_its_own)
        event.listen(engine, "begin", _begin)
    return engine


def _no_begin_of_its_own(connection: Any, _: object) -> None:
    """Python's sqlite3 begins a transaction at the first write only, and not for DDL: we begin ourselves."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    # A migration that makes a table anew would else delete what refers to its rows.
    connection.exec_driver_sql(f"PRAGMA foreign_keys = {'ON' if options.get('sqlite_keys', True) else 'OFF'}")
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN"))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
