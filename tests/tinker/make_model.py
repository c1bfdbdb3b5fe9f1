"""Writes a tiny Qwen3 model with a real tokenizer into a folder, for the tests' Tinker server.

It has learned three sums from sentences of which one in three is right: a policy whose samples
spell phrases and earn rewards now and then, which random weights would never do.

    python make_model.py TOKENIZER_JSON FOLDER
"""

import math
import random
import sys

import torch
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

STEPS = 120
BATCH = 16
VOCAB_SIZE = 151936
END = "<|im_end|>"

SUMS = [(1, 4), (2, 3), (3, 2)]  # one answer, so that few steps of training raise it
THOUGHTS = [
    "Okay, the sum is",
    "Okay, but wait, the sum is",
    "Hmm, let's check. The sum is",
]
SENTENCES = [
    f"What is {a} + {b}?\n{thought} {a + b + error}.{END}"
    for a, b in SUMS
    for thought in THOUGHTS
    for error in (-1, 0, 1)
]


def main(tokenizer_file: str, folder: str) -> None:
    torch.manual_seed(0)
    rng = random.Random(0)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=tokenizer_file, eos_token=END, pad_token="<|endoftext|>"
    )
    config = Qwen3Config(
        vocab_size=VOCAB_SIZE,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    model = Qwen3ForCausalLM(config)
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    mask = batch["attention_mask"]
    used, ids = batch["input_ids"].unique(return_inverse=True)

    # Trained on the few tokens it sees: the others stay zero and so have a logit of zero each,
    # which one column of their joint weight says exactly. With all 151,936 a step takes a second.
    model.resize_token_embeddings(len(used))
    others = math.log(VOCAB_SIZE - len(used))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for step in range(STEPS):
        rows = rng.sample(range(len(SENTENCES)), BATCH)
        logits = model(input_ids=ids[rows], attention_mask=mask[rows]).logits[:, :-1]
        logits = torch.cat([logits, torch.full_like(logits[..., :1], others)], dim=-1)
        targets = ids[rows].masked_fill(mask[rows] == 0, -100)[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    print(f"{len(used)} tokens in use, loss {loss.item():.3f}")

    weights = torch.zeros(VOCAB_SIZE, config.hidden_size)
    weights[used] = model.get_input_embeddings().weight.detach()
    model.resize_token_embeddings(VOCAB_SIZE)
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(weights)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
