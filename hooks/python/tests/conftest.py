"""What several test files share: a tokenizer of eleven tokens, a lexicon of two phrases, and a hook on them."""

import pytest

import shared_sidecar
import wire_cases
from hicra_hook import Hook

TABLE = (wire_cases.TABLE_OFFSETS, wire_cases.TABLE.tobytes())
"""Token ids: 0 But, 1 wait, 2 comma, 3 let, 4 's, 5 try, 6 a, 7 different, 8 approach, 9 full stop, 10 x."""


@pytest.fixture(scope="session")
def lexicon(tmp_path_factory):
    """Path of a lexicon of "but wait" and "let's try a different approach"."""
    path = tmp_path_factory.mktemp("lexicon") / "two.txt"
    path.write_bytes(wire_cases.LEXICON)
    return str(path)


@pytest.fixture(scope="session")
def hook(lexicon):
    hook = Hook(TABLE, alpha=0.2, lexicon=lexicon)
    yield hook
    hook.close()


@pytest.fixture(scope="session")
def address():
    """The socket of one sidecar for all tests that need none of their own."""
    return shared_sidecar.address()
