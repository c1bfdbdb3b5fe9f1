"""The golden files of the wire: requests as this client writes them, answers as the sidecar does.

Run as a program it writes them again: python wire_cases.py. Both sides test against them.
"""

import json
from pathlib import Path

import numpy as np

from formula import credited
from hicra_hook.sidecar import encode

FOLDER = Path(__file__).parents[3] / "tests/testdata/wire"

TOKENS = ["But", " wait", ",", " let", "'s", " try", " a", " different", " approach", ".", " x"]
TABLE = np.frombuffer("".join(TOKENS).encode(), "u1")
TABLE_OFFSETS = np.cumsum([0, *(len(token) for token in TOKENS)]).astype("<i4")
LEXICON = b"but wait\nlet's try a different approach\n"

# Two phrases; an empty sequence; a phrase broken by a token that is not trained; one by a segment.
BATCH = {
    "offsets": np.array([0, 10, 10, 13, 19], "<i4"),
    "token_ids": np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 10, 3, 4, 5, 6, 7, 8], "<i4"),
    "loss_mask": np.array([1] * 11 + [0] + [1] * 7, "u1"),
    "segment_ids": np.array([0] * 16 + [1] * 3, "<i4"),
}
ADVANTAGES = np.array(
    [0.5, -1.25, 0.1, 2, -0.3, 0.7, -2, 0.9, -0.01, 1, 0, 7, 0, -1, 1, -1, 1, -1, 1], "<f4"
)
PLANNING_MASK = np.array([1, 1, 0, 1, 1, 1, 1, 1, 1, 0] + [0] * 9, "u1")
ALPHA = 0.2
EXPECTED = credited(ADVANTAGES, PLANNING_MASK, ALPHA)


def requests(tokenizer: str, lexicon: str) -> dict[str, tuple[str, bytes]]:
    """Path and body of each request, by its name."""
    named = {"contract": "1", "tokenizer": tokenizer, "lexicon": lexicon}
    transform = named | {
        "advantages_per": "token",
        "base": "raw",
        "transforms": json.dumps([{"name": "hicra", "alpha": ALPHA}]),
        "step": "12",
    }
    outputs = json.dumps(["planning_mask", "kinds", "spans"])
    with_advantages = BATCH | {"advantages": ADVANTAGES}
    return {
        "mask": ("/v1/mask", joined(encode(BATCH, named | {"outputs": outputs}))),
        "transform": ("/v1/transform", joined(encode(with_advantages, transform))),
        "metrics": (
            "/v1/metrics",
            joined(
                encode(
                    with_advantages | {"advantages_after": EXPECTED},
                    named | {"advantages_per": "token"},
                )
            ),
        ),
        "twice": (
            "/v1/transform",
            joined(encode(with_advantages, transform | {"base": "transformed"})),
        ),
        "unknown_tokenizer": (
            "/v1/mask",
            joined(encode(BATCH, named | {"tokenizer": "sha256:0"})),
        ),
        "bad_offsets": (
            "/v1/mask",
            joined(encode(BATCH | {"offsets": np.array([0, 10, 9, 13, 19], "<i4")}, named)),
        ),
    }


def joined(parts) -> bytes:
    return b"".join(bytes(part) for part in parts)


def table_body() -> bytes:
    return joined(encode({"offsets": TABLE_OFFSETS, "bytes": TABLE}, {}))


def main() -> None:
    from hicra_hook import Sidecar
    from hicra_hook.sidecar import SAFETENSORS

    sidecar = Sidecar()
    tokenizer = sidecar.put_token_table(TABLE_OFFSETS, TABLE)
    lexicon = sidecar.put_lexicon(LEXICON, name="two")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "tokenizer.request").write_bytes(table_body())
    (FOLDER / "lexicon.request").write_bytes(LEXICON)
    cases = []
    for name, (path, body) in requests(tokenizer, lexicon).items():
        headers = {"content-type": SAFETENSORS, "content-length": str(len(body))}
        status, reply = sidecar._exchange("POST", path, [body], headers)
        (FOLDER / f"{name}.request").write_bytes(body)
        (FOLDER / f"{name}.response").write_bytes(reply)
        cases.append({"name": name, "path": path, "status": status})
    digests = {"tokenizer": tokenizer, "lexicon": lexicon}
    (FOLDER / "cases.json").write_text(json.dumps({**digests, "cases": cases}, indent=2) + "\n")
    sidecar.close()


if __name__ == "__main__":
    main()
