"""Writes decoders.json: what the reference implementation makes of a few tokens, for decoders in any order.

Made with Python 3.11 and tokenizers 0.23.3:
    python tests/testdata/tokenizers/decoders.py
"""

import json
from itertools import permutations
from pathlib import Path

from tokenizers import Tokenizer

STAGES = {
    "ByteLevel": dict(add_prefix_space=True, trim_offsets=True, use_regex=True),
    "ByteFallback": {},
    "Fuse": {},
    "Replace": dict(pattern={"String": "▁"}, content=" "),
    "Metaspace": dict(replacement="▁", prepend_scheme="always", split=True),
    "Strip": dict(content="a", start=1, stop=0),
}
# A vocabulary of bytes and one of SentencePiece, each in a text that starts with no space.
BYTES = (["b", "Ġwa", "Ã", "©", "Ċ", "ab", "âĢ", "Ļ", "<e>"], [0, 1, 2, 3, 4, 0, 6, 7, 5, 8])
PIECES = (["b", "▁wa", "<0xC3>", "<0xA9>", "é", "ab", "▁▁", "<e>"], [0, 1, 2, 3, 4, 6, 5, 7, 1])

cases = []
for length in range(1, 5):
    for types in permutations(["ByteLevel", "ByteFallback", "Fuse", "Replace"], length):
        cases.append((types, BYTES if "ByteLevel" in types else PIECES))
for types in (
    ("Replace", "ByteFallback", "Fuse", "Strip"),
    ("Strip", "Replace", "ByteFallback", "Fuse"),
    ("Replace", "Strip", "Fuse"),
    ("Metaspace",),
    ("Metaspace", "ByteFallback", "Fuse"),
    ("Fuse", "Metaspace"),
):
    cases.append((types, PIECES))

out = []
for types, (vocab, ids) in cases:
    model = dict(type="BPE", vocab={piece: i for i, piece in enumerate(vocab)}, merges=[])
    decoder = dict(type="Sequence", decoders=[dict(type=t, **STAGES[t]) for t in types])
    file = dict(
        version="1.0",
        truncation=None,
        padding=None,
        added_tokens=[],
        normalizer=None,
        pre_tokenizer=None,
        post_processor=None,
        decoder=decoder,
        model=model,
    )
    text = Tokenizer.from_str(json.dumps(file)).decode(ids)
    out.append(dict(vocab=model["vocab"], decoder=decoder, ids=ids, text=text))
path = Path(__file__).parent / "decoders.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
