"""The database: made, brought up to date and back, shared by writers, refused when it is newer or not ours."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import column, create_engine, func, inspect, select, table, text, update

from llmapi_conformance.errors import HistoryError
from llmapi_conformance.history.adding import add
from llmapi_conformance.history.database import VERSIONS, History, open_history
from llmapi_conformance.history.models import Base, FindingRow, RunRow, VerdictRow
from llmapi_conformance.history.nights import series_of
from llmapi_conformance.history.place import ENVIRONMENT, place, shown
from llmapi_conformance.history.pruning import prune
from llmapi_conformance.judging.verdicts import Verdict
from tests.history.conftest import PASSWORD
from tests.history.weeks import FIRST, past
from tests.reporting.runs import HOSTILE, clause, document, finding, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.history.conftest import Server


def tables(history: History) -> set[str]:
    with history._engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_the_migrations_make_exactly_the_tables_of_the_models(history: History) -> None:
    with history._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSIONS, "compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_tables_go_back_and_forth_step_by_step(history: History) -> None:
    everything = tables(history)
    history.downgrade("0001")
    assert everything - tables(history) == {"told", "alerts", "deliveries"}
    history.upgrade()
    assert tables(history) == everything
    history.downgrade("base")
    assert tables(history) <= {VERSIONS}
    history.upgrade()
    assert add(history, past({"CHAT-S04": "."}))


def test_going_forth_keeps_the_runs_that_are_there(history: History) -> None:
    history.downgrade("0001")
    with history.writing() as session:
        session.execute(
            text(
                "INSERT INTO runs (id, identity, target, profile, keyword, contract, tool_version, started_at,"
                " ended_at, exit_status, headline, requests, problems, added_at)"
                " VALUES (1, 'a', 't', 'probe', '', 'c', '0.1.0', '2026-11-01 03:00:00',"
                " '2026-11-01 03:01:00', 0, 'conformant', 1, '[]', '2026-11-01 03:01:00')"
            )
        )
        session.execute(text("INSERT INTO verdicts VALUES (1, 'CHAT-S04', 'chat', 'MUST', 'protocol', 'passed', '')"))
    history.upgrade()
    with history.reading() as session:
        (series,) = series_of(session)
    assert series.newest.clauses["CHAT-S04"].verdict is Verdict.PASSED


def test_a_history_of_a_newer_version_is_refused_in_one_sentence(history: History, history_url: str) -> None:
    with history.writing() as session:
        session.execute(update(table(VERSIONS, column("version_num"))).values(version_num="9999"))
    with pytest.raises(HistoryError, match="made by a newer version of this tool") as caught:
        open_history(place(None, {ENVIRONMENT: history_url}))
    assert PASSWORD not in str(caught.value)


def test_a_database_with_tables_of_somebody_else_is_refused(history_url: str, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    engine = create_engine(place(None, {ENVIRONMENT: history_url}))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE runs (whose VARCHAR(9))"))
    engine.dispose()
    with pytest.raises(HistoryError, match="has a table runs that is none of this tool's"):
        open_history(place(None, {ENVIRONMENT: history_url}), new=True)


def test_a_run_is_added_once_and_read_back_as_it_was(history: History) -> None:
    run = past(
        {"CHAT-S04": "F", "MSG-S07": "."},
        figures={
            "requests": 12,
            "verdicts": {},
            "surfaces": {},
            "spent": {
                "requests": 12,
                "input_tokens": {"declared": 900, "observed": 700},
                "output_tokens": {"declared": 90, "observed": 70},
                "images": {"declared": 0, "observed": 0},
                "money": {"amount": 0.012345, "currency": "USD"},
            },
        },
    )
    assert add(history, run)
    assert not add(history, run)
    with history.reading() as session:
        (series,) = series_of(session)
    night = series.newest
    assert (series.target, series.profile, series.keyword) == ("staging", "probe", "")
    assert (night.started_at, night.exit_status, night.requests) == (FIRST, 1, 12)
    assert (night.ended_at - night.started_at).total_seconds() == 42
    assert (night.input_tokens, night.output_tokens, str(night.money), night.currency) == (700, 70, "0.012345", "USD")
    said = night.clauses["CHAT-S04"]
    assert (said.verdict, said.findings[0].observed) == (Verdict.FAILED, "it is not so")


def test_runs_are_the_same_by_the_seal_of_their_recording(history: History) -> None:
    assert add(history, past({"CHAT-S04": "."}, recording={"seal": "ab" * 32}))
    assert not add(history, past({"CHAT-S04": "F"}, recording={"seal": "ab" * 32}))
    assert add(history, past({"CHAT-S04": "."}, recording={"seal": "cd" * 32}))


def test_clauses_that_were_not_selected_are_not_kept(history: History) -> None:
    add(history, past({}, clauses=[clause("CHAT-S04"), clause("MSG-S07", "not_observed", checks=[])]))
    with history.reading() as session:
        (series,) = series_of(session)
    assert list(series.newest.clauses) == ["CHAT-S04"]


def test_whatever_a_gateway_says_can_be_kept(history: History) -> None:
    text_ = HOSTILE + "\x00\ud800"
    broken = clause("CHAT-S04", "failed", findings=[finding(observed=text_, expected=text_)], reason=text_)
    add(history, past({}, clauses=[broken], target={"name": text_}, problems=[text_]))
    with history.reading() as session:
        (series,) = series_of(session)
    assert "<script>alert(1)</script>" in series.newest.clauses["CHAT-S04"].findings[0].observed


def test_pruning_deletes_old_runs_with_all_that_hangs_on_them_but_never_the_newest(history: History) -> None:
    for day in range(5):
        add(history, past({"CHAT-S04": "F"}, day=day))
    assert prune(history, 2, now=FIRST.replace(day=5)) == 2
    assert prune(history, 1, now=FIRST.replace(year=2027)) == 2
    with history.reading() as session:
        (series,) = series_of(session)
        for row in (VerdictRow, FindingRow):
            assert session.scalar(select(func.count()).select_from(row)) == 1
    assert [night.started_at.day for night in series.nights] == [5]


WRITER = """
import sys
from pathlib import Path
from llmapi_conformance.history.adding import add
from llmapi_conformance.history.database import open_history
from llmapi_conformance.history.place import place
from llmapi_conformance.reporting.past import load_run
runs = [load_run(path) for path in sorted(Path(sys.argv[1]).iterdir())]
sys.stdin.readline()
history = open_history(place(), new=True)
print(sum(add(history, run) for run in runs))
"""


def test_two_processes_make_one_history_and_add_each_run_once(history_url: str, tmp_path: Path) -> None:
    for day in range(12):
        written(tmp_path / "runs" / f"{day:02}", dict(past({"CHAT-S04": "F", "MSG-S07": "."}, day=day).document))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "runs")],
            env={ENVIRONMENT: history_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for one in writers:  # all are loaded: now they start at the same moment
        assert one.stdin
        one.stdin.write("\n")
        one.stdin.flush()
    ended = [one.communicate(timeout=400) for one in writers]
    assert [one.returncode for one in writers] == [0, 0, 0], ended
    assert sum(int(out) for out, _ in ended) == 12
    history = open_history(place(None, {ENVIRONMENT: history_url}))
    with history.reading() as session:
        assert len(session.scalars(select(RunRow)).all()) == 12


@pytest.mark.parametrize(
    "given",
    ["postgresql://me:s3cr3t-of-the-history@127.0.0.1/db", "postgresql://127.0.0.1/db?password=s3cr3t-of-the-history"],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(HistoryError, match="no place on a command line") as caught:
        place(given)
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in shown(place(None, {ENVIRONMENT: given}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("mysql://h/d", "can't be kept in mysql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://me:s3cr3t-of-the-history@[::1/db", "can't be read"),
    ],
)
def test_a_place_that_cannot_hold_a_history_is_refused(given: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words) as caught:
        place(None, {ENVIRONMENT: given})
    assert PASSWORD not in str(caught.value)


def test_a_place_is_a_path_or_the_default_where_nothing_is_named() -> None:
    assert shown(place(None, {})) == "reports/history.sqlite"
    assert shown(place("kept/h.sqlite", {ENVIRONMENT: "other.sqlite"})) == "kept/h.sqlite"
    assert place(None, {ENVIRONMENT: "postgres://h/d"}).drivername == "postgresql+psycopg"


def test_a_history_that_is_not_there_or_no_database_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="There is no history at"):
        open_history(place(str(tmp_path / "none.sqlite")))
    (tmp_path / "text.sqlite").write_text("this is no database, " * 100)
    with pytest.raises(HistoryError, match="can't be used: file is not a database"):
        open_history(place(str(tmp_path / "text.sqlite")))


def test_a_wrong_password_is_told_without_any_password(server: Server) -> None:
    url = server.database().replace(PASSWORD, "wr0ng-password")
    with pytest.raises(HistoryError, match="password authentication failed") as caught:
        open_history(place(None, {ENVIRONMENT: url}))
    assert "wr0ng-password" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_password_may_come_from_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    given = server.database().replace(f":{PASSWORD}", "")
    assert add(open_history(place(given), new=True), past({"CHAT-S04": "."}))


def test_documents_that_were_made_by_hand_are_those_that_a_run_writes() -> None:
    assert set(past({"CHAT-S04": "."}).document) == set(document())
