"""Golden values of the token amplification, in exact rational arithmetic.

Writes golden.json beside this file; Python's standard library only:
    python3 tests/kernels/amplify/golden.py
"""

import json
import platform
import random
import struct
from fractions import Fraction
from pathlib import Path


def f32(bits: int) -> float:
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits_of(value: float) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def round_to_f32(exact: Fraction) -> int:
    """Bits of the f32 nearest to an exact value, ties to even."""
    guess = bits_of(float(exact))
    magnitude = guess & 0x7FFFFFFF
    around = [guess + d for d in (-1, 0, 1) if 0 <= magnitude + d < 0x7F800000]
    return min(around, key=lambda b: (abs(Fraction(f32(b)) - exact), b & 1))


random.seed(20250903)
gains = [bits_of(g) for g in (0.0, 0.2, 0.5, 0.99, 1.0)]
advantages = [bits_of(random.choice((-1, 1)) * 10 ** random.uniform(-6, 3)) for _ in range(96)]
kinds = [random.randrange(5) for _ in advantages]


def amplified(symmetric: bool) -> list[int]:
    out = []
    for bits, kind in zip(advantages, kinds):
        a, gain = Fraction(f32(bits)), Fraction(f32(gains[kind]))
        out.append(bits if gain == 0 else round_to_f32(a + gain * (a if symmetric else abs(a))))
    return out


golden = {
    "generator": f"golden.py, Python {platform.python_version()}, exact fractions rounded to f32",
    "gains": gains,
    "kinds": kinds,
    "advantages": advantages,
    "paper": amplified(False),
    "symmetric": amplified(True),
}
path = Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden) + "\n")
