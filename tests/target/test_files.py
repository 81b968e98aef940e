from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.contract.clauses import Basis
from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.files import load_target
from llmapi_conformance.target.target import TaskTerms

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-some-key-0123456789"
GOOD = """\
name = "mine"
base_url = "http://127.0.0.1:4000/gateway/"
claims = ["protocol", "standard"]

[roles."general:openai"]
key_env = "MY_KEY"
models = ["gpt-5.1"]

[limits]
concurrency = 4

[tasks]
heartbeat_seconds = 5
list_path = "/v1/tasks"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "target.toml"
    path.write_text(text, "utf-8")
    return path


def refusal(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(TargetError) as error:
        load_target(write(tmp_path, text), environ if environ is not None else {"MY_KEY": KEY})
    return str(error.value)


def test_a_target_file_becomes_a_target_and_a_keyring(tmp_path: Path) -> None:
    target, keyring, secrets = load_target(write(tmp_path, GOOD), {"MY_KEY": f" {KEY}\n"})
    assert (target.name, target.base_url) == ("mine", "http://127.0.0.1:4000/gateway")
    assert target.claims == {Basis.PROTOCOL, Basis.STANDARD}
    assert target.roles["general:openai"].models == ("gpt-5.1",)
    assert target.concurrency == 4
    assert not target.sandwich
    assert target.tasks == TaskTerms(heartbeat=5.0, end=300.0, timeout=0.0, running=0, waiting=0, list_path="/v1/tasks")
    assert keyring.reveal("general:openai") == KEY
    assert KEY not in repr(keyring) + repr(target)
    assert secrets == {}


@pytest.mark.parametrize(
    ("wrong", "mended", "line", "says"),
    [
        ("base_url =", "base_ulr =", 2, "did you mean 'base_url'"),
        ('"http://127.0.0.1:4000/gateway/"', '"127.0.0.1:4000"', 2, "http://host:port"),
        ('"http://127.0.0.1:4000/gateway/"', '"http://u:p@127.0.0.1:4000"', 2, "leave user name and password out"),
        ("127.0.0.1:4000", "127.0.0.1:99999", 2, "port out of range"),
        ('"protocol"', '"protokol"', 3, "did you mean 'protocol'"),
        ("general:openai", "general:openia", 5, "did you mean 'general:openai'"),
        ("general:openai", "general:openai+disabeld", 5, "did you mean 'disabled'"),
        ('key_env = "MY_KEY"', f'key = "{KEY}"', 6, "never stands in a target file"),
        ("MY_KEY", "OTHER_KEY", 6, "OTHER_KEY is not set"),
        ('models = ["gpt-5.1"]', 'models = "gpt-5.1"', 7, "valid list"),
        ("concurrency = 4", "concurrency = 0", 10, "greater than or equal to 1"),
        ("concurrency = 4", "concurrencey = 4", 10, "did you mean 'concurrency'"),
        ("concurrency = 4", "concurrency = ", 10, "not TOML"),
        ("heartbeat_seconds = 5", "heartbeat_seconds = 0", 13, "greater than 0"),
        ("heartbeat_seconds = 5", "beats = 5", 13, "known here: heartbeat_seconds, end_seconds"),
        ("heartbeat_seconds = 5", "runing = 5", 13, "did you mean 'running'"),
        ("heartbeat_seconds = 5", "waiting = -1", 13, "greater than or equal to 0"),
        ("heartbeat_seconds = 5", 'timeout_seconds = "6"', 13, "valid number"),
        ('"/v1/tasks"', '"v1/tasks?x=1"', 14, "a path below base_url"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_way_out(
    tmp_path: Path, wrong: str, mended: str, line: int, says: str
) -> None:
    message = refusal(tmp_path, GOOD.replace(wrong, mended, 1))
    assert f"line {line}" in message
    assert says in message
    assert KEY not in message
    assert message.count("\n") == 0


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    assert "'base_url' is missing" in refusal(tmp_path, GOOD.replace('base_url = "http://127.0.0.1:4000/gateway/"', ""))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="Can't read the target file"):
        load_target(tmp_path / "absent.toml", {})


def test_an_optional_role_without_a_key_is_left_out(tmp_path: Path) -> None:
    text = GOOD + '\n[roles."general:anthropic"]\nkey_env = "NOT_THERE"\noptional = true\n'
    target, keyring, _ = load_target(write(tmp_path, text), {"MY_KEY": KEY})
    assert list(target.roles) == ["general:openai"]
    assert "general:anthropic" not in keyring


def test_a_target_without_any_key_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("models", "optional = true\nmodels")
    assert "no role has a key" in refusal(tmp_path, text, {})


@pytest.mark.parametrize("key", ["short", "sk-with space-0123456789", "sk-ümlaut-0123456789"])
def test_a_key_that_could_not_be_redacted_or_sent_is_refused_without_being_shown(tmp_path: Path, key: str) -> None:
    message = refusal(tmp_path, GOOD, {"MY_KEY": key})
    assert "role general:openai" in message
    assert key not in message


def test_a_key_may_come_from_a_file_beside_the_target(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    _, keyring, _ = load_target(write(tmp_path, GOOD.replace('key_env = "MY_KEY"', 'key_file = "key"')), {})
    assert keyring.reveal("general:openai") == KEY


def test_header_values_may_come_from_the_environment_and_count_as_secrets(tmp_path: Path) -> None:
    text = GOOD.replace("[limits]", '[headers]\nx-tenant = { env = "TENANT" }\nx-plain = "openai"\n\n[limits]')
    target, _, secrets = load_target(write(tmp_path, text), {"MY_KEY": KEY, "TENANT": "tenant-secret-1"})
    assert target.headers == (("x-tenant", "tenant-secret-1"), ("x-plain", "openai"))
    assert secrets == {"header:x-tenant": "tenant-secret-1"}


def test_headers_of_one_name_in_two_roles_are_two_secrets(tmp_path: Path) -> None:
    text = GOOD + (
        '\n[roles."general:openai".headers]\nX-Pass = { env = "FIRST" }\n'
        '\n[roles."general:gemini"]\nkey_env = "OTHER_KEY"\nmodels = ["m"]\nheaders = { X-Pass = { env = "SECOND" } }\n'
    )
    environ = {"MY_KEY": KEY, "OTHER_KEY": KEY + "2", "FIRST": "first-pass-word", "SECOND": "second-pass-word"}
    _, _, secrets = load_target(write(tmp_path, text), environ)
    assert secrets == {"header:x-pass": "first-pass-word", "header:general:gemini:x-pass": "second-pass-word"}


def test_a_secret_header_that_is_too_short_to_be_kept_out_of_reports_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("[limits]", '[headers]\nx-tenant = { env = "TENANT" }\n\n[limits]')
    with pytest.raises(TargetError, match="the value of TENANT has 7 characters") as caught:
        load_target(write(tmp_path, text), {"MY_KEY": KEY, "TENANT": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_target_file_that_holds_the_key_itself_is_refused_without_showing_it(tmp_path: Path) -> None:
    text = GOOD.replace("[limits]", f'[headers]\nx-plain = "{KEY}"\n\n[limits]')
    with pytest.raises(TargetError, match=r"line \d+: the key of role general:openai stands in this line") as caught:
        load_target(write(tmp_path, text), {"MY_KEY": KEY})
    assert KEY not in str(caught.value)
