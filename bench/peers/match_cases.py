"""Finding strategic grams from token ids on: two Aho-Corasick packages."""


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


def decoding(compile_search):
    """From ids on: join, decode, lower-case, search."""

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


MAKERS = {
    "pyahocorasick, decode": decoding(pyahocorasick),
    "ahocorasick_rs, decode": decoding(rs_default),
    "ahocorasick_rs DFA, decode": joining(rs_fastest),
}
