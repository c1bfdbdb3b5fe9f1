"""Writes minilm_words_128d.onnx and minilm_words_128d.txt: word vectors that add up to what
all-MiniLM-L6-v2 gives for n-grams. README.md says what it does, and where the files of FOLDER come from.

    python build.py FOLDER

FOLDER holds model.onnx, tokenizer.json and vocab.txt of MiniLM, and what bench/lexicons/print_ngrams.ts
prints: ngrams.tsv to fit to, labeled.tsv and others.tsv to test on. teacher.npz is added, so that a second
run does not ask MiniLM again. Made with Python 3.11, numpy 2.4.6, scipy 1.17.1, onnx 1.23.2, onnxruntime 1.32.0 and
tokenizers 0.23.3.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper, save
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr
from tokenizers import Tokenizer

DIMENSIONS = 128
MIN_PROMPTS = 3  # a word of an n-gram of so many prompts is taken though MiniLM takes it apart
MIN_EDGE_NGRAMS = 40  # a word that begins (ends) so many n-grams has a vector for it
TEST_NGRAMS = 10_000
RARE_NGRAMS = 60_000  # of the n-grams of a single prompt, as many as these, at random
REPLACEMENTS = 3  # n-grams for each word in which it takes the place of another
REPLACED_WEIGHT = 0.5
WORD_WEIGHT = 0.2
PRIOR = 0.1  # how firmly a vector stays at the word's own embedding, in n-grams
ITERATIONS = 60

# Not all of them occur in the rollouts.
CONTRACTIONS = """ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he'll
    he's here's how's i'd i'll i'm i've isn't it'd it'll it's let's might've mightn't must've mustn't
    needn't o'clock shan't she'd she'll she's should've shouldn't that'd that'll that's there's they'd
    they'll they're they've wasn't we'd we'll we're we've weren't what's when's where's who's why's won't
    would've wouldn't you'd you'll you're you've""".split()

WORD = re.compile(r"\w+(?:'\w+)*")
here = Path(__file__).parent
folder = Path(sys.argv[1])
random = np.random.default_rng(1)


def read_ngrams(name):
    rows = (line.split("\t") for line in (folder / name).read_text().splitlines())
    return [(int(prompts), int(words), text) for prompts, words, text in rows]


def teacher(texts):
    """MiniLM's vectors of norm 1; texts of equal length share a batch, so nothing is padded."""
    path = folder / "teacher.npz"
    known, vectors = {}, np.zeros((0, 384), np.float32)
    if path.exists():
        stored = np.load(path)
        known = {text: row for row, text in enumerate(stored["texts"].tolist())}
        vectors = stored["vectors"]
    new = sorted(set(texts) - known.keys())
    if new:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        lengths = {}
        for row, encoding in enumerate(tokenizer.encode_batch(new)):
            lengths.setdefault(len(encoding.ids), []).append((row, encoding.ids))
        added = np.zeros((len(new), 384), np.float32)
        for _, group in sorted(lengths.items()):
            for first in range(0, len(group), 128):
                rows, ids = map(np.array, zip(*group[first : first + 128]))
                feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
                means = session.run(None, feeds)[0].mean(axis=1)
                added[rows] = means / np.linalg.norm(means, axis=1, keepdims=True)
        known.update((text, len(vectors) + row) for row, text in enumerate(new))
        vectors = np.vstack([vectors, added])
        np.savez(path, texts=np.array(list(known)), vectors=vectors)
    return vectors[[known[text] for text in texts]]


def features(text):
    """The rule of _static_words.ts: words, and which is the first and the last."""
    words = [part for word in WORD.findall(text) for part in ([word] if word in vocabulary else word.split("'"))]
    return [*words, f"^{words[0]}", f"{words[-1]}$"]


def counts_of(texts):
    """How often each row of the model is part of each text."""
    pairs = [(i, rows[name]) for i, text in enumerate(texts) for name in features(text) if name in rows]
    texts_of, rows_of = np.array(pairs).T
    return csr_matrix((np.ones(len(pairs), np.float32), (texts_of, rows_of)), (len(texts), len(rows)))


def fit(texts, targets, weights, prior):
    """Least mean of 1 - cos(sum of rows, target), which leaves the length of sums free."""
    counts = counts_of(texts)
    transposed = counts.T.tocsr()
    weights = (weights / weights.sum())[:, None].astype(np.float32)
    firmness = PRIOR / len(texts)

    def loss(flat):
        table = flat.reshape(prior.shape).astype(np.float32)
        sums = counts @ table
        norms = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
        units = sums / norms
        cosines = (units * targets).sum(axis=1, keepdims=True)
        gradient = transposed @ (weights * (cosines * units - targets) / norms)
        moved = table - prior
        value = float((weights * (1 - cosines)).sum() + firmness * (moved * moved).sum())
        return value, (gradient + 2 * firmness * moved).ravel().astype(np.float64)

    options = {"maxiter": ITERATIONS, "maxcor": 6}
    result = minimize(loss, prior.ravel().astype(np.float64), jac=True, method="L-BFGS-B", options=options)
    print("loss", result.fun, "after", result.nit, "iterations")
    return result.x.reshape(prior.shape).astype(np.float32)


def score(name, texts, table):
    """How well cosines of the table agree with MiniLM's."""
    expected = teacher(texts)
    actual = counts_of(texts) @ table
    actual /= np.linalg.norm(actual, axis=1, keepdims=True)
    draw = np.random.default_rng(7)
    left, right = draw.integers(len(texts), size=(2, 200_000))
    left, right = left[left != right], right[left != right]
    order = spearmanr(*((rows[left] * rows[right]).sum(axis=1) for rows in (expected, actual)))[0]

    def nearest(rows, queries):
        cosines = rows[queries] @ rows.T
        cosines[np.arange(len(queries)), queries] = -2
        return np.argpartition(-cosines, 10, axis=1)[:, :10]

    def common(queries):
        pairs = zip(nearest(expected, queries), nearest(actual, queries))
        return np.mean([len(np.intersect1d(*pair)) / 10 for pair in pairs])

    some = draw.choice(len(texts), 2_000, replace=False)
    planning = np.flatnonzero([bool(PLANNING.search(text)) for text in texts])
    found, best = (
        np.mean([expected[near] @ expected[query] for query, near in zip(some, nearest(rows, some))])
        for rows in (actual, expected)
    )
    print(f"{name}: Spearman {order:.3f}, common neighbors {common(some):.3f}, of the {len(planning)} with "
          f"planning phrases {common(planning):.3f}, MiniLM cosine of neighbors {found:.3f} of {best:.3f}")


def choose(texts, count):
    return [texts[i] for i in sorted(random.choice(len(texts), count, replace=False))]


# n-grams to fit to and to test on
ngrams = read_ngrams("ngrams.tsv")
words_of = {text: " ".join(WORD.findall(text)) for _, _, text in ngrams}
seen = set(words_of.values())
held_out = choose([text for prompts, count, text in ngrams if prompts >= MIN_PROMPTS and count >= 3], TEST_NGRAMS)
hidden = {words_of[text] for text in held_out}
shared = [text for prompts, _, text in ngrams if prompts >= 2 and words_of[text] not in hidden]
single = choose([text for prompts, _, text in ngrams if prompts == 1 and words_of[text] not in hidden], RARE_NGRAMS)
labeled, others = (
    choose([text for prompts, count, text in read_ngrams(name)
            if prompts >= least and count >= 3 and " ".join(WORD.findall(text)) not in seen], TEST_NGRAMS)
    for name, least in (("labeled.tsv", 1), ("others.tsv", 2))
)

# Words
pieces = (folder / "vocab.txt").read_text().splitlines()
of_rollouts = {word for prompts, _, text in ngrams if prompts >= MIN_PROMPTS for word in WORD.findall(text)}
words = [word for word in pieces if re.fullmatch("[a-z]+", word)]
spelled = {word for word in of_rollouts | set(CONTRACTIONS) if re.fullmatch("[a-z]+(?:'[a-z]+)*", word)}
words += sorted(spelled - set(words))
vocabulary = set(words)
replaced = []
for _ in range(REPLACEMENTS):
    for word in words:
        text = shared[random.integers(len(shared))]
        spans = list(WORD.finditer(text))
        span = spans[random.integers(len(spans))]
        replaced.append(text[: span.start()] + word + text[span.end() :])
edges = Counter(edge for text in shared + single for edge in features(text)[-2:])
names = words + sorted(edge for edge, count in edges.items()
                       if count >= MIN_EDGE_NGRAMS and edge.strip("^$") in vocabulary)
rows = {name: row for row, name in enumerate(names)}

# Vectors
texts = shared + single + replaced + words
embedded = teacher(texts)
weights = np.repeat([1, REPLACED_WEIGHT, WORD_WEIGHT], [len(shared) + len(single), len(replaced), len(words)])
axes = np.linalg.eigh(embedded.T @ embedded)[1][:, ::-1][:, :DIMENSIONS]
targets = embedded @ axes
targets /= np.linalg.norm(targets, axis=1, keepdims=True)
prior = np.zeros((len(names), DIMENSIONS), np.float32)
prior[: len(words)] = embedded[-len(words) :] @ axes
vectors = fit(texts, targets, weights, prior)

# Files
scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float32)[:, None]
table = np.rint(vectors / scales).astype(np.int8)
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
    [numpy_helper.from_array(table, "table"), numpy_helper.from_array(scales, "scales")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model, full_check=True)
save(model, here / "minilm_words_128d.onnx")
(here / "minilm_words_128d.txt").write_text("\n".join(names) + "\n")

# What it keeps
lexicon = json.loads((here / "../../lexicons/paper.json").read_text())
phrases = [gram["text"] for gram in lexicon["grams"] if " " in gram["text"]]
PLANNING = re.compile(rf"(?<![\w'])(?:{'|'.join(map(re.escape, phrases))})(?![\w'])")
print(len(words), "words,", len(names) - len(words), "first or last,", len(texts), "texts")
for name, tests in (("held out", held_out), ("labeled", labeled), ("others", others)):
    (folder / f"test_{name.split()[0]}.txt").write_text("\n".join(tests) + "\n")
    score(name, tests, table * scales)
