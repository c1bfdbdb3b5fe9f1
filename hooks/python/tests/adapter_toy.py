"""What the tests of adapters share: a tokenizer of few words, a lexicon, and HICRA by the book.

The lexicon holds a phrase of one token, which no mistake of one position survives, and one of two.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

ALPHA = 0.2
_WORDS = " wait let me the sum is two three ."


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


def credited(advantages: torch.Tensor, planning: torch.Tensor) -> torch.Tensor:
    """HICRA as the paper has it, in float64 and rounded once, as the sidecar promises."""
    exact = advantages.double()
    more = (exact + ALPHA * exact.abs()).float()
    return torch.where(planning.bool(), more, advantages)
