"""Finding strategic grams: two Aho-Corasick packages on text, window comparison in torch on token ids."""

import os
from itertools import groupby


def texts_of(arrays):
    """The texts, lower-cased by the other side."""
    text, offsets = arrays.raw("text"), arrays.numpy("text offsets").tolist()
    return [text[a:b].decode("utf-8") for a, b in zip(offsets, offsets[1:])]


def joiner_of(arrays):
    """A function that spells the sequences: bytes by token from a table of objects, then one join.

    Taking objects by a numpy index was the fastest of six exact ways: a list comprehension, map() and
    operator.itemgetter() took up to 1.7 times as long, gathering single bytes in numpy 1.3 times. Ids are
    given as one numpy array, as a loop holds them.
    """
    import numpy as np

    ids, offsets = arrays.numpy("ids"), arrays.numpy("offsets").tolist()
    spelled, ends = arrays.raw("token bytes"), arrays.numpy("token offsets").tolist()
    table = np.empty(len(ends) - 1, object)
    table[:] = [spelled[a:b] for a, b in zip(ends, ends[1:])]
    bounds = list(zip(offsets, offsets[1:]))
    return lambda: (b"".join(table[ids[a:b]].tolist()) for a, b in bounds)


def searching(compile_search, prepare_given=None):
    """Text is given ready."""

    def make(arrays, options):
        count = compile_search(options["grams"])
        texts = texts_of(arrays)
        if prepare_given is not None:
            texts = [prepare_given(text) for text in texts]
        return lambda: sum(map(count, texts)), lambda found: {"result": found}

    return make


def decoding(compile_search):
    """The same from ids on: join, decode, lower-case, search."""

    def make(arrays, options):
        count, spell = compile_search(options["grams"]), joiner_of(arrays)
        return (
            lambda: sum(count(spelled.decode("utf-8", "replace").lower()) for spelled in spell()),
            lambda found: {"result": found},
        )

    return make


def joining(compile_search):
    """The same for a package that searches bytes: nothing to decode; only ASCII is lower-cased."""

    def make(arrays, options):
        count, spell = compile_search(options["grams"]), joiner_of(arrays)
        return (
            lambda: sum(count(spelled.lower()) for spelled in spell()),
            lambda found: {"result": found},
        )

    return make


def pyahocorasick(grams):
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for gram in grams:
        automaton.add_word(gram, len(gram))
    automaton.make_automaton()
    return lambda text: len(list(automaton.iter(text)))


def rs_default(grams):
    from ahocorasick_rs import AhoCorasick

    automaton = AhoCorasick(grams)
    return lambda text: len(automaton.find_matches_as_indexes(text, overlapping=True))


def rs_fastest(grams):
    """A deterministic automaton over bytes: the fastest of all its settings."""
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    automaton = BytesAhoCorasick(
        [gram.encode("utf-8") for gram in grams], implementation=Implementation.DFA
    )
    return lambda text: len(automaton.find_matches_as_indexes(text, overlapping=True))


# Sequences of a padded batch, sorted by their length, as a trainer forms its batches.
BATCH = 64


def padded_batches(arrays, longest):
    """int64 ids [B, T] as a tokenizer returns them, with room for the longest gram at the end."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    ids, offsets = arrays.numpy("ids"), arrays.numpy("offsets").tolist()
    rows = sorted((ids[a:b] for a, b in zip(offsets, offsets[1:])), key=len)
    batches = []
    for begin in range(0, len(rows), BATCH):
        part = rows[begin : begin + BATCH]
        batch = torch.full((len(part), len(part[-1]) + longest), -1, dtype=torch.int64)
        for target, row in zip(batch, part):
            target[: len(row)] = torch.from_numpy(row)
        batches.append(batch)
    return batches


def windows(arrays, options):
    """As it is described: every window of the ids is compared with every gram."""
    import torch

    grams = [torch.tensor(gram) for gram in options["grams"]]
    batches = padded_batches(arrays, max(map(len, grams)))

    def mark(ids):
        mask = torch.zeros(ids.shape, dtype=torch.bool)
        for gram in grams:
            size = len(gram)
            hits = (ids.unfold(1, size, 1) == gram).all(-1)
            for k in range(size):
                mask[:, k : k + hits.shape[1]] |= hits
        return mask

    return lambda: [mark(ids) for ids in batches], marked


def windows_from_candidates(arrays, options):
    """The same masks at less cost: windows are compared only where the first id of a gram stands."""
    import torch

    grams = sorted(tuple(gram) for gram in options["grams"])
    by_first = [(first, list(group)) for first, group in groupby(grams, key=lambda gram: gram[0])]
    batches = padded_batches(arrays, max(map(len, grams)))

    def mark(ids):
        mask = torch.zeros(ids.shape, dtype=torch.bool)
        for first, group in by_first:
            rows, columns = (ids == first).nonzero(as_tuple=True)
            if len(rows) == 0:
                continue
            for gram in group:
                r, c = rows, columns
                for k in range(1, len(gram)):
                    keep = ids[r, c + k] == gram[k]
                    r, c = r[keep], c[keep]
                for k in range(len(gram)):
                    mask[r, c + k] = True
        return mask

    return lambda: [mark(ids) for ids in batches], marked


def marked(masks):
    return {"result": sum(int(mask.sum()) for mask in masks)}


MAKERS = {
    "pyahocorasick, search": searching(pyahocorasick),
    "pyahocorasick, decode": decoding(pyahocorasick),
    "ahocorasick_rs, search": searching(rs_default),
    "ahocorasick_rs, decode": decoding(rs_default),
    "ahocorasick_rs DFA, search": searching(rs_fastest, lambda text: text.encode("utf-8")),
    "ahocorasick_rs DFA, decode": joining(rs_fastest),
    "windows": windows,
    "windows, candidates": windows_from_candidates,
}
