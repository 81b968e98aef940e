"""``verify`` and ``statement`` as somebody meets them who does not believe us."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from llmapi_conformance.cli import app
from llmapi_conformance.contract.clauses import Level
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.evidence.encoding import seal
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.judging.verdicts import ClauseVerdict, Verdict, exit_status
from llmapi_conformance.reporting.document import RunFacts, document, write_document
from llmapi_conformance.target.description import describe
from llmapi_conformance.target.target import Target
from llmapi_conformance.tree import tree
from tests.evidence.recordings import OPENING, chained, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BAD = {"A": Verdict.PASSED, "B": Verdict.WARNED, "C": Verdict.FAILED, "D": Verdict.NOT_OBSERVED, "E": Verdict.NOTED}
GOOD = {"A": Verdict.PASSED, "D": Verdict.INCONCLUSIVE}


def run_folder(folder: Path, verdicts: Mapping[str, Verdict] = BAD) -> Path:
    """The folder of a run whose first clauses came out as given."""
    folder.mkdir(exist_ok=True)
    recording = read_recording(written(folder / "recording.jsonl"))
    clauses = list(load_contract(tree()).clauses.values())
    results = [
        ClauseVerdict(clause, Level.SHOULD, verdict, examined=1)
        for clause, verdict in zip(clauses, verdicts.values(), strict=False)
    ]
    target = describe(Target("here", "http://127.0.0.1:1", {}))
    facts = RunFacts(
        target, "gate", {"keyword": ""}, "ab" * 32, OPENING["started_at"], 1_700_000_009.0, seal=recording.seal
    )
    made = document(facts, results, list(recording.exchanges.values()), exit_status(results))
    write_document(folder / "verdicts.json", made)
    return folder


def ids(*letters: str) -> list[str]:
    """Clause ids that stand behind the letters."""
    known = list(load_contract(tree()).clauses)
    return [known["ABCDE".index(letter)] for letter in letters]


def tool(*arguments: object, **environment: str) -> tuple[int, list[str]]:
    """Exit status and lines of the tool."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output.splitlines()


@cache
def keys() -> dict[str, bytes]:
    """Key files as openssl makes them."""
    made: dict[str, bytes] = {}
    for name, options in {
        "key": ("-algorithm", "ed25519"),
        "other": ("-algorithm", "ed25519"),
        "rsa": ("-algorithm", "rsa"),
        "locked": ("-algorithm", "ed25519", "-aes256", "-pass", "pass:open sesame"),
    }.items():
        done = subprocess.run(["openssl", "genpkey", *options], capture_output=True, check=True)  # noqa: S607
        made[name] = done.stdout
        public = ["openssl", "pkey", "-pubout", "-passin", "pass:open sesame"]
        made[f"{name}.pub"] = subprocess.run(public, input=done.stdout, capture_output=True, check=True).stdout
    return made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A folder with key files."""
    folder = tmp_path / "keys"
    folder.mkdir()
    for name, content in keys().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run")


def payload(run: Path) -> Any:
    value = json.loads((run / "statement.json").read_bytes())
    return json.loads(base64.b64decode(value["payload"])) if "payload" in value else value


def test_a_run_that_nobody_touched_is_whole(run: Path) -> None:
    seal = read_recording(run / "recording.jsonl").seal
    assert tool("verify", run) == (
        0,
        [
            f"{run}/recording.jsonl: whole: 8 records, chained without a gap, seal {seal}",
            f"{run}/verdicts.json: was judged from recording.jsonl: it names this seal",
        ],
    )
    assert tool("verify", run / "recording.jsonl")[0] == 0
    assert tool("verify", run / "verdicts.json")[0] == 0


def test_the_line_that_was_altered_is_named(run: Path) -> None:
    path = run / "recording.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"label":"first"', b'"label":"worst"', 1))
    status, (recording, verdicts) = tool("verify", run)
    assert status == 1
    assert recording == f"{path}: altered: line 2 was changed: its digest does not match"
    assert "verdicts.json: was not judged from recording.jsonl as it is" in verdicts


def test_verdicts_of_another_recording_are_found(run: Path) -> None:
    records = [json.loads(line) for line in (run / "recording.jsonl").read_bytes().splitlines()]
    records[1]["label"] = "other"
    (run / "recording.jsonl").write_bytes(chained(records))
    status, (recording, verdicts) = tool("verify", run)
    assert status == 1
    assert ": whole: " in recording
    assert "was not judged from recording.jsonl as it is: it names the seal " in verdicts
    named = json.loads((run / "verdicts.json").read_bytes())
    del named["recording"]
    (run / "verdicts.json").write_text(json.dumps(named), "utf-8")
    assert tool("verify", run)[0] == 2


def test_a_recording_before_seals_says_how_far_it_can_be_trusted(run: Path) -> None:
    path = run / "recording.jsonl"
    old = [json.loads(line) for line in path.read_bytes().splitlines()]
    for record in old:
        del record["line"], record["previous"]
    path.write_bytes(b"".join(seal(record) for record in ({**old[0], "version": "1.2"}, *old[1:])))
    status, (line,) = tool("verify", path)
    assert status == 0
    assert line == (
        f"{path}: whole as far as format 1.2 can tell: 8 records, each with its digest and all counted, "
        "but not chained, so that their order proves nothing"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "neither a recording"),
        (b"{}", "neither a recording"),
        (b"[" * 100_000, "neither a recording"),
        (b'{"payload":"","payloadType":"x","signatures":[]}', "application/vnd.in-toto+json was expected"),
        (b'{"payload":1,"payloadType":"x","signatures":[]}', "no DSSE envelope"),
        (b'{"payload":"","payloadType":"x","signatures":[1]}', "no DSSE envelope"),
        (b'{"_type":"x"}', "no in-toto statement"),
        (b'{"clauses":[]}', "no verdicts.json"),
    ],
    ids=range(9),
)
def test_what_is_nothing_of_ours_is_unusable_in_one_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "thing.json"
    if content is not None:
        path.write_bytes(content)
    status, (line,) = tool("verify", path)
    assert status == 2
    assert words in line


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    status, (line,) = tool("verify", tmp_path / "pipe")
    assert (status, "neither a file nor a folder" in line) == (2, True)


def test_a_folder_without_a_recording_is_unusable(tmp_path: Path) -> None:
    status, (line,) = tool("verify", tmp_path)
    assert (status, "there is no recording" in line) == (2, True)


def test_several_paths_are_told_one_after_the_other_and_altered_wins(run: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes((run / "recording.jsonl").read_bytes()[:-9])
    status, lines = tool("verify", run, torn, tmp_path / "absent")
    assert status == 1
    assert [line.partition(": ")[0] for line in lines] == [
        f"{run}/recording.jsonl",
        f"{run}/verdicts.json",
        str(torn),
        str(tmp_path / "absent"),
    ]
    assert "the last line is torn" in lines[2]


def test_a_statement_says_what_was_found_of_which_files_with_what(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "staging.toml"
    target.write_text("name = 'x'", "utf-8")
    assert tool("statement", run, "--target", target) == (0, [f"{run}/statement.json"])
    stated = payload(run)
    assert stated["_type"] == "https://in-toto.io/Statement/v1"
    assert stated["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert [one["name"] for one in stated["subject"]] == ["recording.jsonl", "verdicts.json"]
    for subject in stated["subject"]:
        done = subprocess.run(["sha256sum", run / subject["name"]], capture_output=True, check=True)  # noqa: S607
        assert done.stdout.decode().split()[0] == subject["digest"]["sha256"]
    predicate = stated["predicate"]
    assert predicate["result"] == "FAILED"
    assert (predicate["passedTests"], predicate["warnedTests"], predicate["failedTests"]) == (
        ids("A"),
        ids("B"),
        ids("C"),
    )
    assert [one["name"] for one in predicate["configuration"]] == [
        "target",
        "staging.toml",
        "contract",
        "llmapi-conformance",
    ]
    # Each must be a resource descriptor: uri, digest or content.
    assert all(one.keys() & {"uri", "digest", "content"} for one in [*stated["subject"], *predicate["configuration"]])


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        ({"A": Verdict.PASSED}, "PASSED"),
        ({"A": Verdict.PASSED, "B": Verdict.NOTED}, "PASSED"),
        ({"A": Verdict.PASSED, "B": Verdict.WARNED}, "WARNED"),
        ({"A": Verdict.PASSED, "B": Verdict.WAIVED}, "WARNED"),
        ({"A": Verdict.PASSED, "B": Verdict.FAILED}, "FAILED"),
        ({"A": Verdict.PASSED, "B": Verdict.ERROR}, "FAILED"),
    ],
)
def test_the_result_is_that_of_the_run(tmp_path: Path, verdicts: dict[str, Verdict], result: str) -> None:
    run = run_folder(tmp_path / "run", verdicts)
    assert tool("statement", run)[0] == 0
    assert payload(run)["predicate"]["result"] == result


@pytest.mark.parametrize("damage", ["altered", "other", "no verdicts"])
def test_nothing_is_stated_about_what_does_not_hold(run: Path, damage: str) -> None:
    path = run / "recording.jsonl"
    if damage == "altered":
        path.write_bytes(path.read_bytes().replace(b'"label":"first"', b'"label":"worst"', 1))
    elif damage == "other":
        records = [json.loads(line) for line in path.read_bytes().splitlines()]
        path.write_bytes(chained([{**record, "reason": "other"} for record in records]))
    else:
        (run / "verdicts.json").unlink()
    status, (line,) = tool("statement", run)
    assert status == 2
    assert line.startswith("llmapi-conformance: ")
    assert not (run / "statement.json").exists()


def test_a_signed_statement_is_true_as_long_as_nobody_touches_anything(run: Path, key: Path) -> None:
    assert tool("statement", run, "--key", key / "key")[0] == 0
    status, lines = tool("verify", run, "--public-key", key / "key.pub")
    assert status == 0
    assert ": says FAILED of recording.jsonl and verdicts.json as they are here; signed with the key " in lines[-1]
    status, lines = tool("verify", run)
    assert status == 2
    assert "its signature was not checked: name a key with --public-key" in lines[-1]


def rewritten(run: Path) -> None:
    """The whole run made anew by somebody who knows how."""
    records = [json.loads(line) for line in (run / "recording.jsonl").read_bytes().splitlines()]
    records[1]["label"] = "other"
    (run / "recording.jsonl").write_bytes(chained(records))
    verdicts = json.loads((run / "verdicts.json").read_bytes())
    verdicts["recording"]["seal"] = read_recording(run / "recording.jsonl").seal
    write_document(run / "verdicts.json", verdicts)


def better(run: Path) -> None:
    path = run / "verdicts.json"
    path.write_bytes(path.read_bytes().replace(b'"failed"', b'"passed"'))


def with_other_payload(run: Path) -> None:
    path = run / "statement.json"
    envelope = json.loads(path.read_bytes())
    stated = base64.b64decode(envelope["payload"]).replace(b"FAILED", b"PASSED")
    path.write_text(json.dumps({**envelope, "payload": base64.b64encode(stated).decode()}), "utf-8")


def with_other_signature(run: Path) -> None:
    path = run / "statement.json"
    envelope = json.loads(path.read_bytes())
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[5] ^= 1
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    path.write_text(json.dumps(envelope), "utf-8")


def without_signature(run: Path) -> None:
    path = run / "statement.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "signatures": []}), "utf-8")


def bare(run: Path) -> None:
    stated = payload(run)
    (run / "statement.json").write_text(json.dumps(stated), "utf-8")


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (rewritten, "recording.jsonl is another one than it speaks of; verdicts.json is another one"),
        (better, "verdicts.json is another one than it speaks of"),
        (with_other_payload, "its signature is not right, or made with another key"),
        (with_other_signature, "its signature is not right, or made with another key"),
        (without_signature, "its signature is not right, or made with another key"),
        (bare, "it is not signed"),
    ],
)
def test_what_was_done_to_a_signed_run_is_found(
    run: Path, key: Path, tamper: Callable[[Path], None], words: str
) -> None:
    tool("statement", run, "--key", key / "key")
    tamper(run)
    status, lines = tool("verify", run, "--public-key", key / "key.pub")
    assert status == 1
    assert words in lines[-1]


def test_a_rewritten_run_is_only_found_by_the_signature(run: Path, key: Path) -> None:
    rewritten(run)
    assert tool("verify", run)[0] == 0
    tool("statement", run, "--key", key / "other")
    assert tool("verify", run, "--public-key", key / "other.pub")[0] == 0
    status, lines = tool("verify", run, "--public-key", key / "key.pub")
    assert status == 1
    assert "made with another key" in lines[-1]


def test_the_id_of_the_key_in_an_envelope_is_not_believed(run: Path, key: Path) -> None:
    tool("statement", run, "--key", key / "key")
    path = run / "statement.json"
    envelope = json.loads(path.read_bytes())
    del envelope["signatures"][0]["keyid"]  # optional in DSSE
    path.write_text(json.dumps(envelope), "utf-8")
    assert tool("verify", path, "--public-key", key / "key.pub")[0] == 0


def test_openssl_agrees_with_the_signature(run: Path, key: Path, tmp_path: Path) -> None:
    """The envelope is DSSE: another tool checks the signature over the pre-authentication encoding."""
    tool("statement", run, "--key", key / "key")
    envelope = json.loads((run / "statement.json").read_bytes())
    body, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    (tmp_path / "pae").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(body)} ".encode() + body)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key / "key.pub"), "-rawin"]
    done = subprocess.run([*command, "-in", str(tmp_path / "pae"), "-sigfile", str(tmp_path / "sig")], check=False)
    assert done.returncode == 0


def test_a_signature_that_is_asked_for_and_not_there_is_told(run: Path, key: Path) -> None:
    status, lines = tool("verify", run, "--public-key", key / "key.pub")
    assert status == 2
    assert "there is no statement whose signature" in lines[-1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", "No such file"),
        ("key.pub", "holds no private key in PEM (PKCS #8)"),
        ("rsa", "another kind than Ed25519"),
        ("locked", "put its passphrase into LLMAPI_CONFORMANCE_KEY_PASSPHRASE"),
    ],
)
def test_a_key_that_can_not_sign_is_one_sentence_without_the_key(run: Path, key: Path, name: str, words: str) -> None:
    status, (line,) = tool("statement", run, "--key", key / name)
    assert status == 2
    assert words in line
    assert not (run / "statement.json").exists()
    content = keys().get(name, b"-").decode().splitlines()
    assert not any(part in line for part in content if len(part) > 20 and "KEY" not in part)


@pytest.mark.parametrize(("name", "words"), [("key", "no public key in PEM"), ("rsa.pub", "another kind than Ed25519")])
def test_a_key_that_can_not_verify_is_one_sentence_without_the_key(run: Path, key: Path, name: str, words: str) -> None:
    tool("statement", run, "--key", key / "key")
    status, lines = tool("verify", run / "statement.json", "--public-key", key / name)
    assert status == 2
    assert words in lines[-1]
    content = keys()[name].decode().splitlines()
    assert not any(part in lines[-1] for part in content if len(part) > 20 and "KEY" not in part)


def test_an_encrypted_key_is_opened_by_the_passphrase_of_the_environment(run: Path, key: Path) -> None:
    opened = {"LLMAPI_CONFORMANCE_KEY_PASSPHRASE": "open sesame"}
    assert tool("statement", run, "--key", key / "locked", **opened)[0] == 0
    assert tool("verify", run, "--public-key", key / "locked.pub")[0] == 0
    wrong = {"LLMAPI_CONFORMANCE_KEY_PASSPHRASE": "open barley"}
    status, (line,) = tool("statement", run, "--key", key / "locked", **wrong)
    assert (status, "or the passphrase is wrong" in line, "barley" in line) == (2, True, False)


def test_without_the_extra_everything_but_signatures_works(run: Path, key: Path) -> None:
    script = (
        "import sys; sys.modules['securesystemslib'] = sys.modules['cryptography'] = None; "
        "from llmapi_conformance.cli import app; app()"
    )

    def bare_tool(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)

    assert bare_tool("statement", run).returncode == 0
    assert bare_tool("verify", run).returncode == 0
    done = bare_tool("statement", run, "--key", key / "key")
    assert done.returncode == 2
    assert done.stderr == (
        "llmapi-conformance: signing, and checking a signature, needs the extra 'sign': "
        "pip install 'llmapi-conformance[sign]'\n"
    )


def test_the_file_may_be_put_elsewhere_and_speaks_of_what_lies_beside_it(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    assert tool("statement", run, "-o", other) == (0, [str(other)])
    status, (line,) = tool("verify", other)
    assert status == 1
    assert "recording.jsonl cannot be read: No such file" in line
    shutil.move(other, run / "other.json")
    assert tool("verify", run / "other.json")[0] == 0


def test_the_verdicts_with_their_seal_fit_the_schema(run: Path) -> None:
    schema = json.loads(
        (
            Path(sys.modules["llmapi_conformance"].__file__ or "").parent / "reporting" / "verdicts.schema.json"
        ).read_bytes()
    )
    value = json.loads((run / "verdicts.json").read_bytes())
    for named in (value["recording"], {"seal": None}):
        Draft202012Validator(schema).validate({**value, "recording": named})
    assert not Draft202012Validator(schema).is_valid({**value, "recording": {}})


def test_the_help_says_what_only_a_signature_finds() -> None:
    _, lines = tool("verify", "--help", COLUMNS="400")
    assert "rewrites the recording from some record on" in " ".join(" ".join(lines).split())
