"""GRPO with HICRA in TRL, in seconds on a CPU: a small random model learns to say "wait".

    pip install ./hooks/python "trl==1.16.0"
    python examples/trl_grpo.py

For a model of yours, pass its name as `model`, leave `processing_class` out, and bring your prompts
and rewards. The toy says nothing about whether HICRA helps.
"""

import json
import tempfile

import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from trl import GRPOConfig

from hicra_hook.trl import HicraGRPOTrainer

PROMPT = "so what is two and three"


def small_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    text = f"{PROMPT} but wait maybe the sum is five now"
    trainer = trainers.BpeTrainer(special_tokens=["<end>"], show_progress=False)
    tokenizer.train_from_iterator([text, f" {text}"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")


def small_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(config)


def says_wait(completions: list[str], **_) -> list[float]:
    return [float("wait" in text) for text in completions]


def main() -> None:
    torch.set_num_threads(1)  # More only get in one another's way with a model this small.
    tokenizer = small_tokenizer()
    trainer = HicraGRPOTrainer(
        model=small_model(tokenizer),
        processing_class=tokenizer,
        reward_funcs=says_wait,
        args=GRPOConfig(
            output_dir=tempfile.mkdtemp(),
            use_cpu=True,
            bf16=False,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            max_steps=40,
            logging_steps=10,
            learning_rate=5e-3,
            per_device_train_batch_size=16,
            num_generations=8,
            max_completion_length=12,
        ),
        train_dataset=Dataset.from_dict({"prompt": [PROMPT] * 16}),
        hicra={"alpha": 0.2, "lexicon": "paper"},
    )
    trainer.train()
    names = ("reward", "hicra/planning_frac", "hicra/adv_shift", "hicra/adv_abs_ratio")
    logs = [log for log in trainer.state.log_history if "reward" in log]
    print(json.dumps({name: [log[name] for log in logs] for name in names}))


if __name__ == "__main__":
    main()
