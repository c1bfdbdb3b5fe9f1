"""Mines strategic grams as a plain Python pipeline: what `hicra mine` is measured beside.

The steps are those of `mine` in mining/, with the usual libraries: json, re, dictionaries, numpy,
sentence-transformers or onnxruntime, scikit-learn. Its sentence rules are simpler, so the grams are not
the same one by one. Writes seconds by stage, what was counted, and peak memory as JSON on standard
output.

    python mining_pipeline.py FILE... --embedder torch|onnx --model FOLDER --prototypes FILE

FOLDER holds a sentence-transformer for `torch`, model.onnx and tokenizer.json for `onnx`.
"""

import argparse
import gzip
import json
import math
import re
import resource
import time
import zlib
from collections import Counter, defaultdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

MIN_WORDS, MAX_WORDS = 2, 5
MIN_PROMPT_SHARE, MIN_PROMPTS = 0.002, 3
ABSORB_SHARE = 0.9
SIMILARITY, SIGNATURE, BANDS, SHINGLE = 0.9, 64, 8, 5
KEEP_CLUSTERS, KEEP_SPARSE = 0.2, 0.9
PRIOR, MATH_WEIGHT, MAX_SHARE = 0.12, 0.5, 0.045
EXAMPLES = 3
BATCH = 64

# --- read: solutions that succeeded, near-duplicates once


def read_solutions(paths):
    for path in paths:
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if record.get("reward") is not None and record["reward"] >= 1:
                    yield record["prompt_id"], record["completion"]


# (a x + b) mod p in 64 bits.
PRIME = np.uint64(2**31 - 1)
RNG = np.random.default_rng(0)
MULTIPLIERS = RNG.integers(1, int(PRIME), (SIGNATURE, 1), dtype=np.uint64)
OFFSETS = RNG.integers(0, int(PRIME), (SIGNATURE, 1), dtype=np.uint64)


def min_hash(text):
    words = text.lower().split()
    if len(words) < SHINGLE:
        return None
    shingles = {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
    hashes = np.fromiter((zlib.crc32(s.encode()) for s in shingles), np.uint64, len(shingles))
    return ((MULTIPLIERS * (hashes % PRIME) + OFFSETS) % PRIME).min(axis=1)


def drop_near_duplicates(solutions):
    texts, buckets = set(), defaultdict(list)
    rows = SIGNATURE // BANDS
    for prompt, text in solutions:
        key = " ".join(text.lower().split())
        if key in texts:
            continue
        signature = min_hash(text)
        if signature is not None:
            keys = [(b, signature[b * rows : (b + 1) * rows].tobytes()) for b in range(BANDS)]
            near = (other for band in keys for other in buckets.get(band, ()))
            if any(np.mean(signature == other) >= SIMILARITY for other in near):
                continue
            for band in keys:
                buckets[band].append(signature)
        texts.add(key)
        yield prompt, text


# --- count: n-grams inside sentences, parted by mathematics, code, numbers and variables

BREAK = "\0"
MATHEMATICS = re.compile(
    r"""```.*?(?:```|\Z) | `[^`\n]*`
      | \$\$.*?\$\$ | \$[^$\n]*\$
      | \\\[.*?\\\] | \\\(.*?\\\) | \\begin\{(\w+\*?)\}.*?\\end\{\1\}
      | \\[A-Za-z]+(?:\{[^{}]*\})*
      | \w*\d[\w.,]*\w | \d | \w+_\w*
      | (?<![\w'])(?![aAiI]\b)[A-Za-z](?![\w'])
      | [=+*/^<>|~%]""",
    re.VERBOSE | re.DOTALL,
)
SENTENCE = re.compile(r"[^.!?:;\n]+")
# A comma belongs to the word before it, as in "wait, let me".
TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*,?|\S")
QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


def runs_of(text):
    """Runs of words that nothing parts: (words, whether the sentence holds mathematics, sentence)."""
    masked = MATHEMATICS.sub(f" {BREAK} ", text.translate(QUOTES).lower())
    for match in SENTENCE.finditer(masked):
        sentence = match.group()
        has_math = BREAK in sentence
        run = []
        for token in TOKEN.findall(sentence):
            if token[0].isalpha():
                run.append(token)
            elif run:
                yield run, has_math, sentence
                run = []
        if run:
            yield run, has_math, sentence


def grams_of(run):
    """All n-grams of a run, with where they begin and end."""
    for begin in range(len(run)):
        for end in range(begin + MIN_WORDS, min(begin + MAX_WORDS, len(run)) + 1):
            yield " ".join(run[begin:end]).rstrip(","), begin, end


class Gram:
    __slots__ = ("occurrences", "prompts", "solutions", "math", "examples")

    def __init__(self):
        self.occurrences, self.prompts, self.solutions, self.math = 0, set(), 0, 0
        self.examples = []


def count_ngrams(documents):
    """Counts the grams of enough prompts: prompts first, the rest in a second pass for those kept."""
    by_prompt = defaultdict(list)
    for prompt, runs in documents:
        by_prompt[prompt].append(runs)
    frequencies = Counter()
    for solutions in by_prompt.values():
        frequencies.update({
            gram for runs in solutions for run, _, _ in runs for gram, _, _ in grams_of(run)
        })
    least = max(MIN_PROMPTS, math.ceil(len(by_prompt) * MIN_PROMPT_SHARE))
    table = {gram: Gram() for gram, count in sorted(frequencies.items()) if count >= least}
    del frequencies
    for prompt, solutions in enumerate(by_prompt.values()):
        for runs in solutions:
            seen = set()
            for run, has_math, sentence in runs:
                for text, _, _ in grams_of(run):
                    gram = table.get(text)
                    if gram is None:
                        continue
                    gram.occurrences += 1
                    gram.math += has_math
                    if text not in seen:
                        seen.add(text)
                        gram.solutions += 1
                        gram.prompts.add(prompt)
                        if len(gram.examples) < EXAMPLES:
                            gram.examples.append(sentence.strip())
    return table, len(by_prompt)


def absorb_nested(table):
    """Keeps of grams inside one another those that say each thing once."""
    dropped = set()
    by_length = sorted(table, key=lambda text: text.count(" "), reverse=True)
    holders = {}
    for text in by_length:
        words = text.split(" ")
        longer = holders.get(text)
        if longer and table[longer].occurrences >= ABSORB_SHARE * table[text].occurrences:
            dropped.add(text)
            best = longer
        else:
            best = text
        for part in (" ".join(words[1:]), " ".join(words[:-1]).rstrip(",")):
            if part in table:
                held = holders.get(part)
                if held is None or table[best].occurrences > table[held].occurrences:
                    holders[part] = best
    parts = {}
    for text in reversed(by_length):
        words = text.split(" ")
        best = None
        for part in (" ".join(words[1:]), " ".join(words[:-1]).rstrip(",")):
            kept = part if part in table and part not in dropped else parts.get(part)
            if kept and (best is None or table[kept].occurrences > table[best].occurrences):
                best = kept
        parts[text] = best
        if best and table[text].occurrences <= (1 - ABSORB_SHARE) * table[best].occurrences:
            dropped.add(text)
    return {text: gram for text, gram in table.items() if text not in dropped}


# --- embed


class TorchEmbedder:
    """sentence-transformers, float32 on the CPU."""

    def __init__(self, folder):
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(folder), device="cpu")

    def embed(self, texts):
        return self.model.encode(
            texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )


class OnnxEmbedder:
    """onnxruntime, with texts sorted by their length as sentence-transformers does."""

    def __init__(self, folder):
        import onnxruntime
        from tokenizers import Tokenizer

        self.session = onnxruntime.InferenceSession(folder / "model.onnx")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(128)
        self.tokenizer.enable_padding()

    def embed(self, texts):
        order = np.argsort([-len(text) for text in texts], kind="stable")
        vectors = [None] * len(texts)
        for begin in range(0, len(order), BATCH):
            indices = order[begin : begin + BATCH]
            encoded = self.tokenizer.encode_batch([texts[i] for i in indices])
            ids = np.array([e.ids for e in encoded])
            mask = np.array([e.attention_mask for e in encoded])
            feeds = {
                "input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)
            }
            hidden = self.session.run(None, feeds)[0]
            weights = mask[:, :, None].astype(np.float32)
            means = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            for row, i in enumerate(indices):
                vectors[i] = means[row]
        return np.stack(vectors)


# --- cluster: DBSCAN at the epsilon of 19 that makes the most clusters; noise stays as clusters of one


def cluster(vectors):
    epsilon, labels = choose_epsilon(vectors)
    noise = labels == -1
    labels[noise] = labels.max() + 1 + np.arange(noise.sum())
    return epsilon, labels


def choose_epsilon(vectors):
    """The pairs are found once, at the largest candidate; DBSCAN then runs on the sparse matrix."""
    index = NearestNeighbors(metric="cosine", algorithm="brute", n_jobs=-1).fit(vectors)
    sample = vectors[:: max(1, len(vectors) // 1000)]
    nearest = index.kneighbors(sample, n_neighbors=2)[0][:, 1]
    candidates = np.unique(np.ceil(1e4 * np.quantile(nearest, np.arange(1, 20) / 20)) / 1e4)
    candidates = candidates[candidates > 0]
    graph = index.radius_neighbors_graph(vectors, candidates[-1], mode="distance")
    best, most = None, -2
    for epsilon in candidates:
        dbscan = DBSCAN(eps=epsilon, min_samples=2, metric="precomputed", n_jobs=-1)
        labels = dbscan.fit_predict(graph)
        if labels.max() > most:
            best, most = (float(epsilon), labels), labels.max()
    return best


# --- rank: frequent over prompts, rare within a solution, guiding by prototypes


def log_densities(vectors, prototypes, temperature):
    cosines = vectors @ prototypes.T / temperature
    highest = cosines.max(axis=1, keepdims=True)
    return (highest + np.log(np.exp(cosines - highest).mean(axis=1, keepdims=True)))[:, 0]


def rank(table, labels, vectors, prototypes, num_solutions, temperature=0.1):
    grams = list(table.values())
    prompts = defaultdict(set)
    for gram, label in zip(grams, labels):
        prompts[label] |= gram.prompts
    frequency = np.array([len(prompts[label]) for label in labels])
    descending = sorted((len(found) for found in prompts.values()), reverse=True)
    least = descending[max(0, math.ceil(KEEP_CLUSTERS * len(descending)) - 1)]

    occurrences = np.array([gram.occurrences for gram in grams])
    solutions = np.array([gram.solutions for gram in grams])
    share = np.minimum(solutions / num_solutions, 1 - 0.5 / num_solutions)
    bursts = occurrences / solutions * share / -np.log1p(-share)

    kinds = np.stack([log_densities(vectors, p, temperature) for p in prototypes["kinds"].values()])
    guiding = np.logaddexp.reduce(kinds, axis=0) - np.log(len(kinds))
    odds = guiding - log_densities(vectors, prototypes["execution"], temperature)
    inside = np.array([gram.math for gram in grams])
    outside, p = occurrences - inside, inside.sum() / occurrences.sum()
    ratio = np.log((inside + 1) / (occurrences * p + 1))
    ratio -= np.log((outside + 1) / (occurrences * (1 - p) + 1))
    own = odds - MATH_WEIGHT * ratio + np.log(PRIOR / (1 - PRIOR))
    score = (own + (np.bincount(labels, own) / np.bincount(labels))[labels]) / 2

    keep = (frequency >= least) & (bursts <= np.quantile(bursts, KEEP_SPARSE)) & (score > 0)
    order = np.argsort(-score, kind="stable")
    texts = list(table)
    return [texts[i] for i in order if keep[i]]


# --- cover: the best grams that cover at most a share of the characters


def cover(grams, documents, num_characters):
    ranks = {text: r for r, text in enumerate(grams)}
    covered = np.zeros(len(grams) + 1, np.int64)
    for _, runs in documents:
        for run, _, _ in runs:
            best = [len(grams)] * len(run)
            for text, begin, end in grams_of(run):
                r = ranks.get(text)
                if r is not None:
                    for word in range(begin, end):
                        if r < best[word]:
                            best[word] = r
            for word, r in zip(run, best):
                covered[r] += len(word) + 1
    together = np.cumsum(covered[:-1]) / num_characters
    count = int(np.searchsorted(together, MAX_SHARE, side="right"))
    return grams[:count], float(together[count - 1]) if count else 0.0


class Stages:
    """Seconds by stage."""

    def __init__(self):
        self.seconds, self.last = {}, time.perf_counter()

    def end(self, name):
        now = time.perf_counter()
        self.seconds[name], self.last = now - self.last, now


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--embedder", choices=["torch", "onnx"], required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--prototypes", type=Path, required=True)
    options = parser.parse_args()

    stages = Stages()
    embedder = {"torch": TorchEmbedder, "onnx": OnnxEmbedder}[options.embedder](options.model)
    stages.end("load")

    solutions = list(drop_near_duplicates(read_solutions(options.files)))
    num_characters = sum(len(text) for _, text in solutions)
    stages.end("read")

    documents = [(prompt, list(runs_of(text))) for prompt, text in solutions]
    num_solutions = len(solutions)
    del solutions
    counted, num_prompts = count_ngrams(documents)
    table = absorb_nested(counted)
    stages.end("count")

    vectors = embedder.embed(list(table))
    stages.end("embed")

    epsilon, labels = cluster(vectors)
    phrases = json.loads(options.prototypes.read_text(encoding="utf-8"))
    prototypes = {
        "kinds": {kind: embedder.embed(texts) for kind, texts in phrases["kinds"].items()},
        "execution": embedder.embed(phrases["execution"]),
    }
    ranked = rank(table, labels, vectors, prototypes, num_solutions)
    stages.end("cluster")

    grams, share = cover(ranked, documents, num_characters)
    stages.end("cover")

    libraries = ["numpy", "scikit-learn"]
    libraries += ["torch", "sentence-transformers"] if options.embedder == "torch" else ["onnxruntime"]
    print(json.dumps({
        "seconds": stages.seconds,
        "cpuSeconds": time.process_time(),
        "peakMemoryBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "characters": num_characters,
        "solutions": num_solutions,
        "prompts": num_prompts,
        "ngrams": len(counted),
        "vectors": len(vectors),
        "clusters": len(set(labels.tolist())),
        "epsilon": epsilon,
        "grams": len(grams),
        "coveredShare": share,
        "versions": {name: version(name) for name in libraries},
    }))


if __name__ == "__main__":
    main()
