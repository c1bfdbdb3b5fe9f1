"""Writes static.json: vectors of the static embedder in float64 with numpy, from the numbers in the
model file and words that are written out by hand.

    python static.py > static.json

Made with Python 3.11, numpy 2.4.6 and onnx 1.23.2.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

CASES = [
    ("wait", ["wait"]),
    ("But Wait, let\u2019s check", ["but", "wait", "let", "us", "check"]),
    ("that doesn't work", ["that", "does", "not", "work"]),
    ("I need a double-check", ["need", "double", "check"]),
    ("so the denominator's sign", ["so", "the", "denominator", "sign"]),
    ("wait wait qzxv", ["wait", "wait"]),
]
models = Path(__file__).parents[4] / "sg/mining/models"
rows = {word: row for row, word in enumerate((models / "wink_sg_100d.txt").read_text().split())}
stored = {
    tensor.name: numpy_helper.to_array(tensor).astype(np.float64)
    for tensor in onnx.load(models / "wink_sg_100d.onnx").graph.initializer
}
cases = []
for text, words in CASES:
    known = [rows[word] for word in words]
    total = (stored["table"][known] * stored["scales"][known]).sum(axis=0)
    vector = total / np.linalg.norm(total)
    cases.append({"text": text, "vector": [float(f"{value:.9g}") for value in vector]})
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
