"""Golden values of the sums of segments, exact sums (math.fsum) rounded to f32.

Writes golden/segment_sums.json beside this file; Python's standard library only:
    python3 tests/kernels/segment_sums/golden.py
"""

import json
import math
import platform
import random
import struct
from pathlib import Path

NUM_CLASSES = 3
LENGTHS = [0, 1, 2, 63, 64, 65, 0, 257, 300, 1]


def f32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def pairs(members: list[int]) -> list[list[float]]:
    """(sum, count) of each class over the tokens given."""
    rows = []
    for c in range(NUM_CLASSES):
        chosen = [values[t] for t in members if classes[t] == c]
        rows.append([f32(math.fsum(chosen)), len(chosen)])
    return rows


random.seed(20250903)
offsets = [0]
for length in LENGTHS:
    offsets.append(offsets[-1] + length)
tokens = range(offsets[-1])
values = [f32(random.choice((-1, 1)) * 10 ** random.uniform(-4, 2)) for _ in tokens]
classes = [random.choice((0, 0, 0, 1, 2, 3, 255)) for _ in tokens]
group_ids = [random.choice((-7, 3, 1_000_000)) for _ in LENGTHS]
spans = [range(a, b) for a, b in zip(offsets, offsets[1:])]
groups = sorted(set(group_ids))

golden = {
    "generator": f"golden.py, Python {platform.python_version()}, math.fsum rounded to f32",
    "numClasses": NUM_CLASSES,
    "offsets": offsets,
    "values": values,
    "classes": classes,
    "groupIds": group_ids,
    "segments": [pair for span in spans for pair in pairs(list(span))],
    "total": pairs(list(tokens)),
    "groupRows": groups,
    "groups": [
        pair
        for group in groups
        for pair in pairs([t for g, span in zip(group_ids, spans) if g == group for t in span])
    ],
}
path = Path(__file__).parent / "golden" / "segment_sums.json"
path.write_text(json.dumps(golden) + "\n")
