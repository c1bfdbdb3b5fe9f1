"""Golden values of the logit statistics and the policy gradient, by PyTorch in float64.

Writes golden.json beside this file. The gradient is that of autograd, on a loss written from the formulas of
GRPO and HICRA with torch's own log_softmax, clamp and min. Needs torch and numpy:
    python3 tests/kernels/logits/golden.py
"""

import json
from pathlib import Path

import numpy as np
import torch

VOCAB = 37
TOKENS = 6
rng = np.random.default_rng(20250903)


def logits_of(dtype: str):
    """Bits as integers, and the same values in float64."""
    values = torch.tensor(rng.normal(0, 3, (TOKENS, VOCAB)))
    values[1, ::2] = float("-inf")
    values[2] = 1.5
    values[3] += 30
    kind = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[dtype]
    stored = values.to(kind)
    integer = torch.int32 if dtype == "f32" else torch.int16
    mask = 0xFFFFFFFF if dtype == "f32" else 0xFFFF
    bits = [int(b) & mask for b in stored.view(integer).flatten().tolist()]
    return bits, stored.to(torch.float64)


def case(dtype: str, temperature: float) -> dict:
    bits, logits = logits_of(dtype)
    ids = torch.tensor([int(rng.integers(0, VOCAB)) | 1 for _ in range(TOKENS)]) % VOCAB
    ids[1] = 5  # not masked
    # Autograd of 0 * -inf is NaN. In float64 exp(-1e5) is 0 as well, and the product too.
    logits = logits.clamp(min=-1e5).requires_grad_(True)
    logps = torch.log_softmax(logits / temperature, -1)
    probabilities = logps.exp()
    entropies = -torch.where(probabilities > 0, probabilities * logps, 0.0).sum(-1)
    logprobs = logps.gather(-1, ids[:, None])[:, 0]
    top = probabilities.topk(4, -1).values.sum(-1)

    old = (logprobs.detach() + torch.tensor(rng.normal(0, 0.3, TOKENS))).float().double()
    ref = (logprobs.detach() + torch.tensor(rng.normal(0, 0.5, TOKENS))).float().double()
    advantages = torch.tensor(rng.normal(0, 1, TOKENS)).float().double()
    weights = torch.tensor(rng.uniform(0.5, 1, TOKENS)).float().double()
    weights[4] = 0
    clip_low, clip_high, dual_clip, bonus, penalty = 0.2, 0.28, 3.0, 0.05, 0.04
    # Old log-probabilities far below make the ratio of a token with blame pass the dual clip.
    old[0] -= 2
    advantages[0] = -1.25
    ratio = (logprobs - old).clamp(-20, 20).exp()
    surrogate = torch.min(ratio * advantages, ratio.clamp(1 - clip_low, 1 + clip_high) * advantages)
    surrogate = torch.where(
        advantages < 0, torch.max(surrogate, dual_clip * advantages), surrogate
    )
    k3 = (ref - logprobs).exp() - (ref - logprobs) - 1
    losses = weights * (-surrogate - bonus * entropies + penalty * k3)
    losses.sum().backward()
    return {
        "dtype": dtype,
        "temperature": temperature,
        "logits": bits,
        "tokenIds": ids.tolist(),
        "logprobs": logprobs.tolist(),
        "entropies": entropies.tolist(),
        "logsumexps": torch.logsumexp(logits / temperature, -1).tolist(),
        "argmaxes": logits.argmax(-1).tolist(),
        "topK": 4,
        "topKMasses": top.tolist(),
        "oldLogprobs": old.tolist(),
        "refLogprobs": ref.tolist(),
        "advantages": advantages.tolist(),
        "weights": weights.tolist(),
        "objective": {
            "clipLow": clip_low,
            "clipHigh": clip_high,
            "dualClip": dual_clip,
            "entropyBonus": bonus,
            "klPenalty": penalty,
        },
        "losses": losses.tolist(),
        "gradients": logits.grad.flatten().tolist(),
    }


golden = {
    "generator": f"golden.py, torch {torch.__version__}, float64",
    "vocabSize": VOCAB,
    "cases": [case("f32", 1.0), case("f32", 0.7), case("f16", 1.0), case("bf16", 1.3)],
}
Path(__file__).with_name("golden.json").write_text(json.dumps(golden) + "\n")
