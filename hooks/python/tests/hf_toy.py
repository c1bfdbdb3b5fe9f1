"""A tokenizer of Hugging Face for few words, a lexicon, samples, and HICRA by the book.

For adapters whose tests write text; those that write ids have word_tokens.

The lexicon holds a phrase of one token, which no mistake of one position survives, and one of two.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PretrainedConfig, PreTrainedTokenizerFast

import formula

ALPHA = 0.2
_WORDS = " wait let me the sum is two three ."

BEYOND = 999
"""An id that only the model knows, as embeddings have more rows than there are tokens."""

PROMPTS = [" the", " the", " the sum wait", " the sum wait"]
"""Of two groups; a planning phrase in a prompt is none of the policy's."""
RESPONSES = [
    " the sum is two wait",
    " wait . let me",
    " the let",
    " me wait is three . the sum is",
]
PLANNING = [[0, 0, 0, 0, 1], [1, 0, 1, 1], [0, 0], [0, 1, 0, 0, 0, 0, 0, 0]]
"""By response; " let" at the end of one and " me" at the start of the next are no phrase."""
REWARDS = [1.0, 0.0, 0.5, 0.25]


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE in which every word of the toy, with its space, is one token."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        special_tokens=["<pad>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        vocab_size=400,
        show_progress=False,
    )
    made.train_from_iterator([_WORDS] * 9, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<eos>", padding_side="left"
    )


def ids(text: str) -> list[int]:
    """Token ids of words of the toy, one a word: " the sum is" has three."""
    found = tokenizer().backend_tokenizer.encode(text).ids
    assert len(found) == len(text.split()), f"not one token a word: {text!r}"
    return found


def lexicon(folder: Path) -> str:
    """The path of the toy's lexicon."""
    path = folder / "toy.txt"
    path.write_text("wait\nlet me\n")
    return str(path)


def model() -> str:
    """The path of a model that is nothing but a configuration: an embedding with rows to spare."""
    return _model().name


@cache
def _model() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="hicra-model-")
    PretrainedConfig(vocab_size=BEYOND + 1).save_pretrained(folder.name)
    return folder


def credited(advantages: torch.Tensor, planning: torch.Tensor) -> torch.Tensor:
    """What HICRA with this alpha makes of advantages."""
    return formula.credited(advantages, planning, ALPHA)
