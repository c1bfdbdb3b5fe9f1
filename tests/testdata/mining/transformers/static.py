"""Writes static.json: vectors of the static embedder in float64 with numpy, from the numbers in the
model file and tokens that are written out by hand.

    python static.py > static.json

Made with Python 3.11, numpy 2.4.6 and onnx 1.23.2.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

CASES = [
    ("check", ["check", "^check", "check$"]),
    ("But Wait, let\u2019s check", ["but", "wait", "let's", "check", "^but", "check$"]),
    ("that doesn't work", ["that", "doesn't", "work", "^that", "work$"]),
    ("I need a double-check", ["i", "need", "a", "double", "check", "^i", "check$"]),
    ("so the author's sign", ["so", "the", "author", "s", "sign", "^so"]),
    ("wait wait qzxv", ["wait", "wait", "^wait"]),
]
models = Path(__file__).parents[4] / "sg/mining/models"
rows = {token: row for row, token in enumerate((models / "minilm_words_128d.txt").read_text().split())}
stored = {
    tensor.name: numpy_helper.to_array(tensor).astype(np.float64)
    for tensor in onnx.load(models / "minilm_words_128d.onnx").graph.initializer
}
cases = []
for text, tokens in CASES:
    known = [rows[token] for token in tokens]
    total = (stored["table"][known] * stored["scales"][known]).sum(axis=0)
    vector = total / np.linalg.norm(total)
    cases.append({"text": text, "vector": [float(f"{value:.9g}") for value in vector]})
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
