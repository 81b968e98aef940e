from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.merging import gather, write_merged
from llmapi_conformance.evidence.recording import Recording, read_recording
from llmapi_conformance.evidence.silence import LAST_LOOK
from llmapi_conformance.evidence.tasks import CLEANUP
from tests.evidence.recordings import exchange

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange, Response

TARGET = {"name": "here", "base_url": "http://127.0.0.1:1", "version": "7"}
SENDERS = {"a": 1, "b": 2, "c": 3}
"""Which shard sends which scenario."""


def shard(folder: Path, number: int, count: int = 3, reason: str = "", sends: str = "", **changes: Any) -> Path:
    """What a run of one shard leaves: its own scenario is done, the others are sent elsewhere, one nobody can send."""
    path = folder / f"{number}-of-{count}"
    path.mkdir(parents=True)
    opening: dict[str, Any] = {
        "tool_version": "1",
        "contract_digest": "ab" * 32,
        "target": TARGET,
        "profile": "gate",
        "selection": {"keyword": "x", "shard": f"{number}/{count}"},
        "started_at": 100.0 - number,
    } | changes
    with Journal(path / "recording.jsonl", **opening) as journal:
        journal.write_exchange(looked(number))
        for name, sender in SENDERS.items():
            if sender == number or name == sends:
                sent = exchange(name, parameters="", started_at=100.0 + number, response=complete())
                journal.write_exchange(sent)
                journal.write_result(name, "", "done", value=[sent, number])
            else:
                journal.write_result(name, "", "not_observed", reason=f"sent by shard {sender} of {count}")
        journal.write_result("no_key", "", "not_observed", reason="no key for role general:gemini")
        journal.close(reason=reason, ended_at=200.0 + number)
    return path


def complete() -> Response:
    answer = exchange().response
    assert answer is not None
    return replace(answer, ending=type(answer.ending)("complete"), detail="")


def looked(number: int, **changes: Any) -> Exchange:
    """The gateway was looked at: every shard calls that the same."""
    values: dict[str, Any] = {"parameters": "", "label": LAST_LOOK, "step": 0, "started_at": 50.0 + number} | changes
    return exchange(CLEANUP, **values)


def merged(folder: Path, *paths: Path, partial: bool = False) -> Recording:
    write_merged(gather(paths, partial=partial), folder / "merged.jsonl")
    return read_recording(folder / "merged.jsonl", exact=True)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return [shard(tmp_path, number) for number in (1, 2, 3)]


def test_a_merge_has_every_result_with_its_exchange_and_a_chain_of_its_own(shards: list[Path], tmp_path: Path) -> None:
    found = merged(tmp_path, *shards)
    assert not found.damaged
    assert found.seal
    for name, sender in SENDERS.items():
        result = found.result(name)
        assert (result.status, result.value[1]) == ("done", sender)  # type: ignore[union-attr]
        assert result.value[0] is found.exchanges[f"{name}#1"]  # type: ignore[union-attr]
    assert found.result("no_key").reason == "no key for role general:gemini"
    assert len(found.results) == 4


def test_a_merge_names_the_seals_of_its_shards_and_is_a_whole_run(shards: list[Path], tmp_path: Path) -> None:
    found = merged(tmp_path, *shards)
    assert found.opening.merged == tuple(read_recording(path / "recording.jsonl").seal for path in shards)
    assert found.opening.selection == {"keyword": "x"}
    assert found.opening.started_at == 97.0
    assert found.closing is not None
    assert found.closing.ended_at == 203.0


def test_what_has_the_same_name_in_each_shard_is_kept_under_names_of_its_own(
    shards: list[Path], tmp_path: Path
) -> None:
    looks = [one for one in merged(tmp_path, *shards).exchanges.values() if one.scenario == CLEANUP]
    assert [(one.id, one.started_at) for one in looks] == [
        ("cleanup#0", 51.0),
        ("cleanup#0.2", 52.0),
        ("cleanup#0.3", 53.0),
    ]


def test_the_order_in_which_shards_are_named_changes_no_byte(shards: list[Path], tmp_path: Path) -> None:
    merged(tmp_path, *shards)
    write_merged(gather(shards[::-1]), tmp_path / "other.jsonl")
    assert (tmp_path / "other.jsonl").read_bytes() == (tmp_path / "merged.jsonl").read_bytes()


def test_a_missing_shard_is_one_sentence(shards: list[Path]) -> None:
    with pytest.raises(RecordingError, match=r"has 3 shards and 2/3 is not there: .*--partial"):
        gather([shards[0], shards[2]])


def test_without_a_shard_what_it_sends_stays_unobserved_and_the_merge_is_a_part_of_the_run(
    shards: list[Path], tmp_path: Path
) -> None:
    found = merged(tmp_path, shards[2], shards[0], partial=True)
    assert found.result("b").status == "not_observed"  # type: ignore[union-attr]
    assert found.result("b").reason == "sent by shard 2 of 3"
    assert found.result("c").status == "done"  # type: ignore[union-attr]
    assert found.opening.selection["shard"] == "1,3/3"
    with pytest.raises(RecordingError, match="is a merge of the shards 1,3/3 already"):
        gather([tmp_path / "merged.jsonl", shards[1]])


def test_a_whole_run_is_no_shard(tmp_path: Path) -> None:
    path = shard(tmp_path, 1, selection={"keyword": ""})
    with pytest.raises(RecordingError, match=r"is no shard but a whole run: .*'matrix'"):
        gather([path])


def test_the_same_shard_twice_is_refused(shards: list[Path], tmp_path: Path) -> None:
    again = shard(tmp_path / "again", 2)
    for named in ([*shards, shards[0]], [*shards, again]):
        with pytest.raises(RecordingError, match=r"are both shard \d of 3: name one of them"):
            gather(named, partial=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": {**TARGET, "base_url": "http://127.0.0.1:2"}}, "another target, by base_url .*'matrix'"),
        ({"target": {**TARGET, "region": "eu"}}, "another target, by region"),
        ({"target": {**TARGET, "roles": {"general:x": ["m" * 200]}}}, "another target, by roles, as the first line of"),
        ({"profile": "probe"}, "another profile"),
        ({"contract_digest": "cd" * 32}, "another contract"),
        ({"tool_version": "2"}, "another version of the tool"),
        ({"selection": {"keyword": "y", "shard": "2/3"}}, r"another -k \('x' and 'y'\)\. Send one of them again"),
        ({"selection": {"keyword": "x", "seed": 2, "shard": "2/3"}}, r"another --seed \(None and 2\)"),
        ({"selection": {"keyword": "x", "shard": "2/4"}}, "another number of shards"),
    ],
)
def test_shards_of_different_runs_are_refused_and_say_what_differs(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    one, other = shard(tmp_path, 1), shard(tmp_path / "other", 2, **changes)
    with pytest.raises(RecordingError, match=f"are no parts of one run: they have {words}"):
        gather([one, other], partial=True)


HOUR = 3600.0


def test_a_shard_of_another_night_is_refused_and_says_when_each_began(tmp_path: Path) -> None:
    night = 1_700_000_000.0
    paths = [shard(tmp_path, number, started_at=night + HOUR * (24 if number == 2 else 0)) for number in (1, 2, 3)]
    words = r"1-of-3\S* and \S*2-of-3\S* are no parts .*24\.0 hours apart \(2023-11-14 22:13 UTC and .*--hours-apart 24"
    for partial in (False, True):
        with pytest.raises(RecordingError, match=words):
            gather(paths, partial=partial)
    assert gather(paths, hours_apart=24).missing == ()


def test_it_is_the_first_and_the_last_shard_that_may_not_be_too_far_apart(tmp_path: Path) -> None:
    paths = [shard(tmp_path, number, started_at=HOUR * 4 * number) for number in (1, 2, 3)]
    assert gather(paths[:2], partial=True).missing == (3,)
    with pytest.raises(RecordingError, match=r"8\.0 hours apart .*at most 6 are allowed"):
        gather(paths)


def spoil(path: Path, old: bytes, new: bytes) -> None:
    file = path / "recording.jsonl"
    text = file.read_bytes()
    assert old in text
    file.write_bytes(text.replace(old, new, 1))


def test_an_altered_shard_is_refused_and_left_out_only_when_asked(shards: list[Path], tmp_path: Path) -> None:
    spoil(shards[1], b'"status":200', b'"status":500')
    with pytest.raises(RecordingError, match=r"shard 2 of 3\) can't be merged: line \d+ was changed"):
        gather(shards)
    left = gather(shards, partial=True)
    assert left.missing == (2,)
    assert "was changed" in left.left_out[0]
    assert merged(tmp_path, *shards, partial=True).opening.selection["shard"] == "1,3/3"


def test_a_shard_that_says_the_same_in_another_spelling_is_refused(shards: list[Path]) -> None:
    spoil(shards[1], b'"status":200', b'"status": 200')
    with pytest.raises(RecordingError, match="another spelling"):
        gather(shards)


def test_a_shard_without_a_seal_is_refused_and_says_how_to_go_on(shards: list[Path]) -> None:
    file = shards[0] / "recording.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(RecordingError, match=r"closing record is missing.*run --shard 1/3, with --resume"):
        gather(shards)


def test_a_shard_that_ended_early_is_refused(tmp_path: Path) -> None:
    paths = [shard(tmp_path, number, reason="the run was interrupted" if number == 2 else "") for number in (1, 2, 3)]
    with pytest.raises(RecordingError, match=r"shard 2 of 3\) can't be merged: the run was interrupted"):
        gather(paths)


def test_a_shard_whose_gateway_went_away_is_refused_though_it_was_there_for_later_ones(tmp_path: Path) -> None:
    paths = [shard(tmp_path, number) for number in (2, 3)]
    folder = tmp_path / "gone"
    folder.mkdir()
    opening = read_recording(paths[0] / "recording.jsonl").opening
    with Journal(
        folder / "recording.jsonl",
        tool_version=opening.tool_version,
        contract_digest=opening.contract_digest,
        target=opening.target,
        profile=opening.profile,
        selection={"keyword": "x", "shard": "1/3"},
    ) as journal:
        journal.write_exchange(exchange("a", parameters="", response=None, failure="connection refused"))
        journal.write_exchange(looked(1, started_at=1_700_000_009.0, response=None, failure="connection refused"))
        journal.write_result("a", "", "inconclusive", reason="the gateway stopped answering")
    with pytest.raises(RecordingError, match=r"shard 1 of 3\) can't be merged: the gateway stopped answering"):
        gather([folder, *paths])


def test_two_shards_that_sent_the_same_are_no_parts_of_one_run(tmp_path: Path) -> None:
    paths = [shard(tmp_path, number, sends="a" if number == 3 else "") for number in (1, 2, 3)]
    with pytest.raises(RecordingError, match="both sent a: they are no parts of one run"):
        merged(tmp_path, *paths)
    assert not (tmp_path / "merged.jsonl").exists()


def test_what_no_shard_sent_is_said_where_all_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SENDERS, "d", 9)
    paths = [shard(tmp_path, number) for number in (1, 2, 3)]
    with pytest.raises(RecordingError, match="No shard sent d"):
        merged(tmp_path, *paths)


def test_nothing_is_overwritten(shards: list[Path], tmp_path: Path) -> None:
    merged(tmp_path, *shards)
    with pytest.raises(RecordingError, match="never overwritten"):
        merged(tmp_path, *shards)


def test_the_merged_opening_is_of_the_present_format(shards: list[Path], tmp_path: Path) -> None:
    merged(tmp_path, *shards)
    opening = json.loads((tmp_path / "merged.jsonl").read_bytes().splitlines()[0])
    assert opening["version"] == "1.6"
    assert len(opening["merged"]) == 3
