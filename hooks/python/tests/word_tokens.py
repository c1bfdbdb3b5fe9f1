"""Nine token ids that are words, as bare bytes, and hooks over them.

For adapters whose tests write ids; those whose hosts tokenize text have hf_toy.

With alpha a half, every product is exact in float32, so tests compare bit for bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import shared_sidecar
from hicra_hook import Hook

ALPHA = 0.5
PAD, WAIT, LET, ME, SEE, THE, SUM, IS, TOOL = range(9)
"""Ids; the phrases are "wait", of one token, and "let me see", of three."""

_TOKENS = ["<pad>", " wait", " let", " me", " see", " the", " sum", " is", " tool"]
VOCABULARY = (
    np.cumsum([0, *(len(token) for token in _TOKENS)]),
    "".join(_TOKENS).encode(),
)


def environment(folder: Path) -> dict[str, str]:
    """What `Hook.from_env` reads, all but the tokenizer."""
    return {
        "HICRA_ALPHA": str(ALPHA),
        "HICRA_LEXICON": _lexicon(folder),
        "HICRA_SOCKET": shared_sidecar.address(),
    }


def hook(folder: Path, **options: Any) -> Hook:
    if "transforms" not in options:
        options = {"alpha": ALPHA} | options
    options = {"socket": shared_sidecar.address()} | options
    return Hook(VOCABULARY, lexicon=_lexicon(folder), **options)


def _lexicon(folder: Path) -> str:
    path = folder / "phrases.txt"
    path.write_text("wait\nlet me see\n")
    return str(path)


def tokenizer(folder: Path) -> str:
    """The same vocabulary as a `tokenizer.json`, for hosts that load a tokenizer of their own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    spelled = [token.replace(" ", "\u0120") for token in _TOKENS]
    letters = {char for token in spelled for char in token}
    vocabulary = {token: index for index, token in enumerate(spelled)}
    for letter in sorted(letters - set(vocabulary)):
        vocabulary[letter] = len(vocabulary)
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    path = folder / "tokenizer.json"
    made.save(str(path))
    return str(path)
