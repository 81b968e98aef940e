from __future__ import annotations

import base64

from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.secrets import secrets_of, sent_forms

KEY = "sk-llmapi-0123456789abcdef"


def test_a_key_is_a_secret_also_in_the_forms_in_which_a_run_sends_it() -> None:
    assert secrets_of(Keyring({"image:batch": KEY}), {}) == {
        KEY: "[[key:image:batch]]",
        KEY[:-1]: "[[key:image:batch:truncated]]",
        "SK-LLMAPI-0123456789ABCDEF": "[[key:image:batch:case-changed]]",
    }


def test_a_key_without_letters_or_of_eight_characters_has_fewer_forms() -> None:
    assert sent_forms("12345678", "key:x") == {"12345678": "[[key:x]]"}


def test_the_credential_within_a_header_is_a_secret_of_its_own() -> None:
    basic = base64.b64encode(b"somebody:pass-word-1").decode()
    found = secrets_of(Keyring({}), {"header:x": "Bearer abcdefgh-1", "header:proxy-authorization": f"Basic {basic}"})
    assert found == {
        "Bearer abcdefgh-1": "[[header:x]]",
        "abcdefgh-1": "[[header:x]]",
        f"Basic {basic}": "[[header:proxy-authorization]]",
        basic: "[[header:proxy-authorization]]",
        "somebody:pass-word-1": "[[header:proxy-authorization]]",
        "pass-word-1": "[[header:proxy-authorization]]",
    }
