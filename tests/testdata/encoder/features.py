"""Writes features.json: small tokenizers, one feature each, with the ids of the reference implementation.

Made with Python 3.11 and tokenizers 0.23.3:
    python tests/testdata/encoder/features.py

A case is `base` with `fields` laid over it (`model` field by field). `refused` names the field for which the
file is refused; a text under `refused_texts` is refused by itself. Every other text has the reference's ids.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers

SHELL = dict(
    version="1.0",
    truncation=None,
    padding=None,
    added_tokens=[],
    normalizer=None,
    pre_tokenizer=None,
    post_processor=None,
    decoder=None,
)
BPE = dict(
    type="BPE",
    dropout=None,
    unk_token=None,
    continuing_subword_prefix=None,
    end_of_word_suffix=None,
    fuse_unk=False,
    byte_fallback=False,
    ignore_merges=False,
)


def numbered(pieces: list[str]) -> dict[str, int]:
    return {piece: i for i, piece in enumerate(pieces)}


def bpe(pieces: list[str], merges: list[list[str]], **fields: object) -> dict:
    vocab = numbered(pieces + ["".join(merge) for merge in merges])
    return dict(SHELL, model=dict(BPE, vocab=vocab, merges=merges, **fields))


BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
FALLBACK = [f"<0x{byte:02X}>" for byte in range(256)]
BYTE_LEVEL = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)
BASES = {
    "bytes": dict(
        bpe(
            BYTES,
            [
                ["a", "b"],
                ["Ġ", "a"],
                ["Ġ", "Ġ"],
                ["ab", "Ġ"],
                ["1", "2"],
                ["-", "-"],
                ["t", ">"],
                ["Ċ", "Ċ"],
                ["Â", "²"],
                ["Â²", "Â²"],
                ["Ġ", "Â²"],
                ["ï", "»"],
                ["ï»", "¿"],
                ["ï»¿", "-"],
                ["¿", "b"],
                ["©", "b"],
                ["1", "a"],
                ["ģ", "â"],
                ["b", "a"],
            ],
        ),
        pre_tokenizer=BYTE_LEVEL,
    ),
    "letters": bpe(
        ["<unk>", *" ▁abcdeσς<>-12tABCΣé", "²", "½"],
        [
            ["a", "b"],
            ["▁", "a"],
            ["▁", "▁"],
            ["b", "▁"],
            ["1", "2"],
            ["b", "a"],
            [" ", "a"],
            ["-", "-"],
        ],
        unk_token="<unk>",
    ),
    "fallback": bpe(
        ["<unk>", *FALLBACK, *"▁abct<>"],
        [["a", "b"], ["▁", "a"]],
        unk_token="<unk>",
        byte_fallback=True,
    ),
    "unigram": dict(
        SHELL,
        model=dict(
            type="Unigram",
            unk_id=0,
            byte_fallback=False,
            vocab=[["<unk>", 0.0]]
            + [[piece, -float(i + 2)] for i, piece in enumerate(["▁", "▁ab", "ab", *"abcdst<>"])],
        ),
    ),
    "wordpiece": dict(
        SHELL,
        model=dict(
            type="WordPiece",
            unk_token="[UNK]",
            continuing_subword_prefix="##",
            max_input_chars_per_word=5,
            vocab=numbered(["[UNK]", *"abcdσς-.12", "##a", "##b", "##c", "ab", "##σ", "##ς"]),
        ),
        pre_tokenizer=dict(type="WhitespaceSplit"),
    ),
    "words": dict(
        SHELL,
        model=dict(type="WordLevel", unk_token="[UNK]", vocab=numbered(["[UNK]", "a", "ab"])),
        pre_tokenizer=dict(type="WhitespaceSplit"),
    ),
}
TEXTS = ["", "a", "ab  ab ab", " abc\n\n12 -- 1--a", "ab<t>ab <t> <t>a"]
CASES: list[dict] = []


def case(
    name: str,
    base: str,
    *texts: str,
    refused: str | None = None,
    refused_texts: tuple[str, ...] = (),
    **fields: object,
) -> None:
    given = dict(name=name, base=base, fields=fields)
    if refused is not None:
        given["refused"] = refused
    CASES.append(dict(given, texts=[*TEXTS, *texts], refused_texts=list(refused_texts)))


def added(content: str, id_: int, **flags: bool) -> dict:
    plain = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    return dict(id=id_, content=content, **dict(plain, **flags))


def size(base: str) -> int:
    return len(BASES[base]["model"]["vocab"])


def seq(kind: str, *stages: dict) -> dict:
    return {"type": "Sequence", kind: list(stages)}


def before_bytes(stage: dict) -> dict:
    return dict(pre_tokenizer=seq("pretokenizers", stage, BYTE_LEVEL))


def split(pattern: dict, behavior: str, invert: bool = False) -> dict:
    return before_bytes(dict(type="Split", pattern=pattern, behavior=behavior, invert=invert))


SPACES = dict(type="Replace", pattern={"String": " "}, content="▁")
META = dict(type="Metaspace", replacement="▁", prepend_scheme="always", split=True)
BERT = dict(
    type="BertNormalizer",
    clean_text=True,
    handle_chinese_chars=False,
    strip_accents=None,
    lowercase=False,
)
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|"
    r"\s*[\r\n]|\s+(?!\S)|\s"
)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Models.
case("BPE on bytes", "bytes", "✓ é ² \ufeff \u0085")
case("ignore_merges", "bytes", model=dict(ignore_merges=True))
case("dropout", "bytes", "ab" * 30, refused="model.dropout", model=dict(dropout=1.0))
case("dropout of 0", "bytes", model=dict(dropout=0.0))
case("a character outside the vocabulary", "letters", "ab✓✓ab")
case(
    "the same without unknown token",
    "letters",
    "abba",
    model=dict(unk_token=None),
    refused_texts=("a✓b", " abc\n\n12 -- 1--a"),
)
case("fuse_unk", "letters", "✓✓ab✓", model=dict(fuse_unk=True))
case(
    "fuse_unk over pieces",
    "letters",
    "ab cd",
    model=dict(fuse_unk=True),
    pre_tokenizer=dict(type="WhitespaceSplit"),
    refused_texts=("✓ ✓",),
)
case("byte fallback of BPE", "fallback", "✓é", normalizer=SPACES)
case(
    "byte fallback with merges",
    "fallback",
    "✓",
    refused="model.merges[2]",
    normalizer=SPACES,
    model=dict(
        vocab=dict(BASES["fallback"]["model"]["vocab"], **{"<0xE2><0x9C>": size("fallback")}),
        merges=BASES["fallback"]["model"]["merges"] + [["<0xE2>", "<0x9C>"]],
    ),
)
case(
    "continuing_subword_prefix of BPE",
    "letters",
    refused="model.continuing_subword_prefix",
    model=dict(
        continuing_subword_prefix="##",
        vocab=numbered(["<unk>", "a", "b", "##b", "ab"]),
        merges=[["a", "##b"]],
    ),
)
case(
    "end_of_word_suffix",
    "letters",
    pre_tokenizer=dict(type="WhitespaceSplit"),
    model=dict(
        end_of_word_suffix="</w>",
        vocab=numbered(["<unk>", "a", "b", "c", "b</w>", "c</w>", "ab</w>", "ab"]),
        merges=[["a", "b"], ["a", "b</w>"]],
    ),
)
case(
    "byte fallback of Unigram",
    "unigram",
    "ab ✓",
    refused="model.byte_fallback",
    normalizer=SPACES,
    model=dict(
        byte_fallback=True,
        vocab=BASES["unigram"]["model"]["vocab"] + [[piece, -30.0] for piece in FALLBACK],
    ),
)
case("Unigram", "unigram", "ab ✓✓ ab", normalizer=SPACES)
case(
    "unknown tokens of Unigram over pieces",
    "unigram",
    pre_tokenizer=dict(type="WhitespaceSplit"),
    refused_texts=("✓ ✓", "✓", " abc\n\n12 -- 1--a"),
)
case("WordPiece", "wordpiece", "abc ababab ✓ a✓")
case("WordLevel", "words", refused="model.type")

# Normalizers.
for form in ("NFC", "NFD", "NFKC", "NFKD", "StripAccents"):
    case(form, "bytes", "e\u0301 é \uff41 \u1e9b\u0323", normalizer=dict(type=form))
case("Nmt", "bytes", "a\u200bb", refused="normalizer.type", normalizer=dict(type="Nmt"))
case(
    "ByteLevel as a normalizer",
    "bytes",
    "é",
    refused="normalizer.type",
    normalizer=dict(type="ByteLevel"),
    pre_tokenizer=None,
)
case("Lowercase", "letters", "ABC Éé", refused_texts=("ΑΒΣ aΣ",), normalizer=dict(type="Lowercase"))
case("BertNormalizer", "bytes", "ÄB\u0007 ＡΣ", normalizer=BERT)
case(
    "BertNormalizer with lowercase",
    "wordpiece",
    "ÁB",
    refused_texts=("aΣ",),
    normalizer=dict(BERT, lowercase=True),
)
case(
    "BertNormalizer with Chinese",
    "bytes",
    "a日本b",
    refused_texts=("a\U00020000b",),
    normalizer=dict(BERT, handle_chinese_chars=True),
)
case(
    "Strip",
    "bytes",
    " \u3000ab\n",
    refused_texts=("\ufeffab",),
    normalizer=dict(type="Strip", strip_left=True, strip_right=True),
)
case(
    "Replace by a regular expression",
    "bytes",
    "1122ab",
    normalizer=dict(type="Replace", pattern={"Regex": "[0-9]+"}, content="1"),
)
case(
    "Replace by $",
    "bytes",
    refused="normalizer.content",
    normalizer=dict(type="Replace", pattern={"String": "a"}, content="$&"),
)
case("Prepend", "letters", normalizer=seq("normalizers", dict(type="Prepend", prepend="▁"), SPACES))
case(
    "Prepend to nothing",
    "letters",
    " ",
    refused="normalizer.normalizers[1]",
    normalizer=seq(
        "normalizers",
        dict(type="Strip", strip_left=True, strip_right=True),
        dict(type="Prepend", prepend="▁"),
    ),
)

# Pre-tokenizers.
case(
    "ByteLevel with its expression",
    "bytes",
    "don't  12ab\u3000-",
    refused_texts=("-\ufeff-",),
    pre_tokenizer=dict(BYTE_LEVEL, use_regex=True),
)
case(
    "ByteLevel with a space before", "bytes", pre_tokenizer=dict(BYTE_LEVEL, add_prefix_space=True)
)
case(
    "Whitespace",
    "bytes",
    "aéb ab",
    refused="pre_tokenizer.pretokenizers[0].type",
    **before_bytes(dict(type="Whitespace")),
)
case(
    "UnicodeScripts",
    "bytes",
    refused="pre_tokenizer.pretokenizers[0].type",
    **before_bytes(dict(type="UnicodeScripts")),
)
case(
    "CharDelimiterSplit",
    "bytes",
    refused="pre_tokenizer.pretokenizers[0].type",
    **before_bytes(dict(type="CharDelimiterSplit", delimiter="a")),
)
case(
    "FixedLength",
    "bytes",
    "a\U0001f600ab",
    refused="pre_tokenizer.pretokenizers[0].type",
    **before_bytes(dict(type="FixedLength", length=2)),
)
case(
    "WhitespaceSplit",
    "bytes",
    "a\u3000b",
    refused_texts=("a\ufeffb", "\u0085"),
    **before_bytes(dict(type="WhitespaceSplit")),
)
case(
    "BertPreTokenizer",
    "bytes",
    "a,b--c\u3000d",
    refused_texts=("a\ufeffb",),
    **before_bytes(dict(type="BertPreTokenizer")),
)
case(
    "Digits one by one",
    "bytes",
    "a12 ab",
    refused_texts=("²²", " ²"),
    **before_bytes(dict(type="Digits", individual_digits=True)),
)
case(
    "Digits together",
    "bytes",
    "a12 12",
    refused_texts=(" ²",),
    **before_bytes(dict(type="Digits", individual_digits=False)),
)
case(
    "Digits after ByteLevel",
    "bytes",
    "²",
    refused="pre_tokenizer.pretokenizers[1]",
    pre_tokenizer=seq("pretokenizers", BYTE_LEVEL, dict(type="Digits", individual_digits=True)),
)
case(
    "Punctuation Contiguous",
    "bytes",
    "a--b",
    **before_bytes(dict(type="Punctuation", behavior="Contiguous")),
)
for behavior in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext"):
    case(
        f"Punctuation {behavior}",
        "bytes",
        "a--b-- ",
        refused="pre_tokenizer.pretokenizers[0].behavior",
        **before_bytes(dict(type="Punctuation", behavior=behavior)),
    )
for behavior in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
    for invert in (False, True):
        for kind, pattern in (("text", {"String": " "}), ("group", {"Regex": "(a)|1"})):
            exact = behavior == "Removed" if invert else behavior == "Isolated"
            case(
                f"Split {behavior} by a {kind}{', inverted' if invert else ''}",
                "bytes",
                "a  1a1a-1 a",
                refused=None if exact else "pre_tokenizer.pretokenizers[0].behavior",
                **split(pattern, behavior, invert),
            )
case("Split Removed without group", "bytes", "a1b", **split({"Regex": "(?:a)|1"}, "Removed"))
case(
    "Split of what is gone",
    "letters",
    "a  b",
    normalizer=SPACES,
    pre_tokenizer=dict(
        type="Split", pattern={"String": " "}, behavior="MergedWithPrevious", invert=False
    ),
)
case(
    "Split as Llama 3",
    "bytes",
    "don'T  12345\n\n -",
    refused_texts=("a'ſb",),
    **split({"Regex": LLAMA3}, "Isolated"),
)
case(
    "Split with possessive quantifiers",
    "bytes",
    "a \n\n -",
    refused="pre_tokenizer.pretokenizers[0].pattern",
    **split({"Regex": CL100K}, "Isolated"),
)
case("Metaspace", "unigram", "a  b", pre_tokenizer=META)
case(
    "Metaspace without split",
    "letters",
    pre_tokenizer=dict(META, split=False, prepend_scheme="never"),
)
case(
    "Metaspace that splits tokens",
    "letters",
    "ab  ab",
    refused="pre_tokenizer.split",
    pre_tokenizer=META,
)
case(
    "Metaspace before another",
    "bytes",
    "▁▁",
    refused="pre_tokenizer.pretokenizers[0].split",
    pre_tokenizer=seq("pretokenizers", META, BYTE_LEVEL),
)
case(
    "Metaspace with another text",
    "unigram",
    refused="pre_tokenizer.str_rep",
    pre_tokenizer=dict(META, str_rep="a"),
)
case(
    "Metaspace at the first piece",
    "unigram",
    "a<t>a",
    pre_tokenizer=dict(META, prepend_scheme="first"),
    added_tokens=[added("<t>", size("unigram"))],
)
case(
    "Metaspace at the first piece of several",
    "letters",
    "b<t>b",
    refused="pre_tokenizer.prepend_scheme",
    normalizer=dict(type="NFC"),
    pre_tokenizer=dict(META, prepend_scheme="first", split=False),
    added_tokens=[added("<t>", size("letters"), normalized=True)],
)

# Added tokens.
T = size("bytes")
case("an added token", "bytes", added_tokens=[added("<t>", T)])
for flag in ("lstrip", "rstrip"):
    case(
        flag,
        "bytes",
        "a \n<t> \n",
        refused_texts=("\ufeff<t>\ufeff",),
        added_tokens=[added("<t>", T, **{flag: True})],
    )
case(
    "single_word",
    "bytes",
    refused="added_tokens[0].single_word",
    added_tokens=[added("<t>", T, single_word=True)],
)
case("the longest", "bytes", added_tokens=[added("<t", T), added("<t>", T + 1)])
case(
    "normalized tokens first",
    "bytes",
    refused="added_tokens[1].normalized",
    added_tokens=[added("<t", T), added("<t>", T + 1, normalized=True)],
)
case(
    "normalized",
    "bytes",
    "a<T>",
    normalizer=dict(type="Lowercase"),
    added_tokens=[added("<t>", T, normalized=True)],
)
case(
    "normalized into another",
    "letters",
    "<t><t>",
    refused="added_tokens[0].normalized",
    normalizer=dict(type="Prepend", prepend="▁"),
    added_tokens=[added("<t>", size("letters"), normalized=True)],
)
case(
    "only normalized",
    "bytes",
    refused_texts=("<T>", "<t><T>"),
    normalizer=dict(type="Lowercase"),
    added_tokens=[added("<t>", T)],
)
case(
    "with white space beside lstrip",
    "bytes",
    "ab <t>",
    refused="added_tokens[0].content",
    added_tokens=[added("ab ", T), added("<t>", T + 1, lstrip=True)],
)
case(
    "another id than the vocabulary",
    "bytes",
    refused="added_tokens[0].id",
    added_tokens=[added("ab", 3)],
)
case(
    "an id after a hole", "bytes", refused="added_tokens[0].id", added_tokens=[added("<t>", T + 5)]
)

# Post-processors add nothing where special tokens are not asked for; truncation and padding are switched off.
LIMITS = dict(
    truncation=dict(direction="Right", max_length=1, strategy="LongestFirst", stride=0),
    padding=dict(
        strategy={"Fixed": 9},
        direction="Right",
        pad_to_multiple_of=None,
        pad_id=0,
        pad_type_id=0,
        pad_token="a",
    ),
)
case("truncation and padding", "bytes", **LIMITS)
ENDS = dict(sep=["a", 64], cls=["b", 65])
TEMPLATE = dict(
    type="TemplateProcessing",
    single=[{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    pair=[{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
    special_tokens={"a": {"id": "a", "ids": [64], "tokens": ["a"]}},
)
for processor in (
    dict(type="BertProcessing", **ENDS),
    dict(type="RobertaProcessing", trim_offsets=True, add_prefix_space=True, **ENDS),
    BYTE_LEVEL,
    TEMPLATE,
    seq("processors", BYTE_LEVEL, TEMPLATE),
):
    case(f"post-processor {processor['type']}", "bytes", post_processor=processor)


def build(base: str, fields: dict) -> Tokenizer:
    file = dict(BASES[base], **fields)
    file["model"] = dict(BASES[base]["model"], **fields.get("model", {}))
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


for one in CASES:
    tokenizer = build(one["base"], one["fields"])
    texts, refused = (
        [t for t in one["texts"] if t not in one["refused_texts"]],
        one["refused_texts"],
    )
    one["texts"] = texts
    for key, of in (("ids", texts), ("refused_ids", refused)):
        one[key] = [tokenizer.encode(text, add_special_tokens=False).ids for text in of]
path = Path(__file__).parent / "features.json"
path.write_text(json.dumps(dict(bases=BASES, cases=CASES), separators=(",", ":")) + "\n")
