"""Writes sentence-transformers of a few kB, their tokenizer, and golden.json: vectors of onnxruntime and
tokenizers in Python, text by text, mean over all tokens and division by the norm in float64.

    python build.py

Made with Python 3.11, numpy 2.4.6, onnx 1.23.2, onnxruntime 1.32.0 and tokenizers 0.23.3.

hidden.onnx     last_hidden_state of one layer of self-attention over at most 16 tokens, with all inputs
pooled.onnx     the mean of that, as sentence_embedding; no token_type_ids
quantised.onnx  last_hidden_state of a layer whose activations are quantised with one scale a batch
flat.onnx       a last_hidden_state without an axis of tokens, which is wrong
int32.onnx      input_ids of type int32, which is not supported
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper, save
from tokenizers import Tokenizer

here = Path(__file__).parent
rng = np.random.default_rng(3)
DIMENSIONS = 8
POSITIONS = 16
VOCABULARY = (
    "[PAD] [UNK] [CLS] [SEP] wait , . ' let s us me check verify this that again but so try another "
    "##ing way 2 the answer"
).split()

(here / "tokenizer.json").write_text(json.dumps({
    "version": "1.0",
    "truncation": None,
    # As sentence-transformers save it: nothing may follow it.
    "padding": {
        "strategy": {"Fixed": 24}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
    },
    "added_tokens": [
        {"id": i, "content": VOCABULARY[i], "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for i in range(4)
    ],
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                   "strip_accents": None, "lowercase": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            name: {"id": name, "ids": [VOCABULARY.index(name)], "tokens": [name]}
            for name in ("[CLS]", "[SEP]")
        },
    },
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100, "vocab": {word: i for i, word in enumerate(VOCABULARY)}},
}, indent=1) + "\n")


def matrix(name, *shape):
    return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)


def constant(name, *values, dtype=np.int64):
    return numpy_helper.from_array(np.array(values, dtype), name)


def tensor(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, shape)


def write(name, nodes, inputs, output, initializers, kind=TensorProto.INT64):
    graph = helper.make_graph(
        [helper.make_node(op, i, o, **attributes) for op, i, o, attributes in nodes],
        name,
        [tensor(i, kind, "batch", "tokens") for i in inputs],
        [output],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model, full_check=True)
    save(model, here / f"{name}.onnx")


WORDS = matrix("words", len(VOCABULARY), DIMENSIONS)
ATTENTION = [
    ("Gather", ["words", "input_ids"], ["word"], {}),
    ("Shape", ["input_ids"], ["length"], {"start": 1, "end": 2}),
    ("Slice", ["positions", "zero", "length", "zero"], ["position"], {}),
    ("Add", ["word", "position"], ["x"], {}),
    ("MatMul", ["x", "query"], ["q"], {}),
    ("MatMul", ["x", "key"], ["k"], {}),
    ("MatMul", ["x", "value"], ["v"], {}),
    ("Transpose", ["k"], ["kt"], {"perm": [0, 2, 1]}),
    ("MatMul", ["q", "kt"], ["scores"], {}),
    ("Cast", ["attention_mask"], ["mask"], {"to": TensorProto.FLOAT}),
    ("Log", ["mask"], ["log_mask"], {}),
    ("Unsqueeze", ["log_mask", "one"], ["bias"], {}),
    ("Add", ["scores", "bias"], ["masked"], {}),
    ("Softmax", ["masked"], ["weights"], {"axis": -1}),
    ("MatMul", ["weights", "v"], ["attended"], {}),
    ("Add", ["x", "attended"], ["hidden"], {}),
]
WEIGHTS = [
    WORDS,
    matrix("positions", POSITIONS, DIMENSIONS),
    matrix("query", DIMENSIONS, DIMENSIONS),
    matrix("key", DIMENSIONS, DIMENSIONS),
    matrix("value", DIMENSIONS, DIMENSIONS),
    constant("zero", 0),
    constant("one", 1),
]
HIDDEN = tensor("last_hidden_state", TensorProto.FLOAT, "batch", "tokens", DIMENSIONS)

write(
    "hidden",
    ATTENTION + [
        ("Gather", ["types", "token_type_ids"], ["type"], {}),
        ("Add", ["hidden", "type"], ["last_hidden_state"], {}),
    ],
    ["input_ids", "attention_mask", "token_type_ids"],
    HIDDEN,
    WEIGHTS + [matrix("types", 2, DIMENSIONS)],
)
write(
    "pooled",
    ATTENTION + [("ReduceMean", ["hidden"], ["sentence_embedding"], {"axes": [1], "keepdims": 0})],
    ["input_ids", "attention_mask"],
    tensor("sentence_embedding", TensorProto.FLOAT, "batch", DIMENSIONS),
    WEIGHTS,
)
write(
    "quantised",
    [
        ("Gather", ["words", "input_ids"], ["word"], {}),
        ("DynamicQuantizeLinear", ["word"], ["integers", "step", "zero_point"], {}),
        ("MatMulInteger", ["integers", "layer", "zero_point"], ["products"], {}),
        ("Cast", ["products"], ["product"], {"to": TensorProto.FLOAT}),
        ("Mul", ["product", "step"], ["last_hidden_state"], {}),
    ],
    ["input_ids"],
    HIDDEN,
    # Seven bits: with eight, sums of two products saturate at 16 bits on processors without VNNI.
    [WORDS, numpy_helper.from_array(
        rng.integers(-63, 64, (DIMENSIONS, DIMENSIONS)).astype(np.int8), "layer")],
)
write(
    "flat",
    [("Gather", ["words", "input_ids"], ["word"], {}),
     ("ReduceMean", ["word"], ["last_hidden_state"], {"axes": [1], "keepdims": 0})],
    ["input_ids"],
    tensor("last_hidden_state", TensorProto.FLOAT, "batch", DIMENSIONS),
    [WORDS],
)
write(
    "int32",
    [("Gather", ["words", "input_ids"], ["last_hidden_state"], {})],
    ["input_ids"],
    HIDDEN,
    [WORDS],
    TensorProto.INT32,
)

TEXTS = [
    "", "wait", "but wait, let's check this", "Let us verify that again.", "the answer is 2",
    "so, try another way", "checking", "let me check again", "let me check this", "wait, wait",
    "this that this that this that this that this that this that",
]
tokenizer = Tokenizer.from_file(str(here / "tokenizer.json"))
tokenizer.no_padding()
golden = {"texts": TEXTS, "models": {}}
encodings = []
for text in TEXTS:
    ids = tokenizer.encode(text).ids
    encodings.append(ids)
golden["ids"] = encodings
for name in ("hidden", "pooled", "quantised"):
    session = onnxruntime.InferenceSession(here / f"{name}.onnx")
    rows = []
    for ids in encodings:
        feeds = {
            "input_ids": np.array([ids]),
            "attention_mask": np.ones((1, len(ids)), np.int64),
            "token_type_ids": np.zeros((1, len(ids)), np.int64),
        }
        output = session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})[0][0]
        mean = output.astype(np.float64).reshape(-1, DIMENSIONS).mean(axis=0)
        rows.append([float(f"{value:.9g}") for value in mean / np.linalg.norm(mean)])
    golden["models"][name] = rows
(here / "golden.json").write_text(json.dumps(golden) + "\n")
