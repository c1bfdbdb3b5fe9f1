"""Our presets against the released TRL package: real trainers on a model of a few hundred weights.

Nothing of TRL is replaced. A one-layer model with random weights generates, the trainer calls our reward
function, which returns the rewards of the test, and `_generate_and_score_completions` turns them into
advantages.
"""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from bridge import assert_close, call, even_batches
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer
from trl.experimental.async_grpo.async_rollout_worker import RolloutGroup, _AsyncRolloutLoop
from trl.rewards import get_soft_overlong_punishment

GROUP_SIZE = 4


def tiny_model():
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=4,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    return Qwen2ForCausalLM(config)


def tiny_tokenizer():
    tokenizer = Tokenizer(WordLevel({"<pad>": 0, "<eos>": 1, "a": 2, "b": 3}, unk_token="a"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")


def trainer_advantages(trainer_class, config_class, rewards, out, *, evaluate=False, **options):
    args = config_class(
        output_dir=str(out),
        use_cpu=True,
        bf16=False,
        report_to=[],
        max_completion_length=2,
        per_device_train_batch_size=len(rewards),
        num_generations=GROUP_SIZE,
        **options,
    )
    trainer = trainer_class(
        model=tiny_model(),
        processing_class=tiny_tokenizer(),
        reward_funcs=lambda completions, **_: rewards,
        args=args,
        train_dataset=Dataset.from_dict({"prompt": ["a"]}),
    )
    trainer.model.train(not evaluate)
    prompts = [{"prompt": "a b"} for _ in rewards]
    return trainer._generate_and_score_completions(prompts)["advantages"].numpy()


@pytest.mark.parametrize(
    ("preset", "scale"), [("trl", "group"), ("trl-batch", "batch"), ("trl-none", "none")]
)
@pytest.mark.parametrize(("name", "rewards", "groups"), list(even_batches()))
def test_preset_equals_grpo_trainer(tmp_path, preset, scale, name, rewards, groups):
    theirs = trainer_advantages(
        GRPOTrainer, GRPOConfig, rewards.tolist(), tmp_path, scale_rewards=scale
    )
    assert_close(call("groupBaseline", preset=preset, rewards=rewards, groupIds=groups), theirs)


@pytest.mark.parametrize("preset", ["trl", "trl-batch", "trl-none"])
def test_rewards_nobody_could_compute_are_excluded(tmp_path, preset):
    rewards = [1.0, 0.0, 0.5, None, 0.25, None, 1.0, 0.0]
    theirs = trainer_advantages(
        GRPOTrainer,
        GRPOConfig,
        rewards,
        tmp_path,
        scale_rewards={"trl": "group", "trl-batch": "batch", "trl-none": "none"}[preset],
    )
    ours = call(
        "groupBaseline",
        preset=preset,
        rewards=[r or 0 for r in rewards],
        groupIds=[0, 0, 0, 0, 1, 1, 1, 1],
        include=[int(r is not None) for r in rewards],
    )
    assert_close(ours, theirs)


@pytest.mark.parametrize("preset", ["trl", "trl-none"])
def test_group_of_one_in_evaluation(tmp_path, preset):
    rewards = [1.0, 0.25, 0.0, 0.5]
    theirs = trainer_advantages(
        GRPOTrainer,
        GRPOConfig,
        rewards,
        tmp_path,
        evaluate=True,
        num_generations_eval=1,
        scale_rewards={"trl": "group", "trl-none": "none"}[preset],
    )
    assert_close(
        call("groupBaseline", preset=preset, rewards=rewards, groupIds=[0, 1, 2, 3]), theirs
    )


@pytest.mark.parametrize(("name", "rewards", "groups"), list(even_batches()))
def test_preset_equals_rloo_trainer(tmp_path, name, rewards, groups):
    theirs = trainer_advantages(RLOOTrainer, RLOOConfig, rewards.tolist(), tmp_path, beta=0.0)
    assert_close(call("groupBaseline", preset="rloo", rewards=rewards, groupIds=groups), theirs)


def async_advantages(rewards):
    """TRL's scoring of one group, on a worker reduced to the attributes that scoring reads."""

    def reward(**_):
        return rewards

    size = len(rewards)
    worker = SimpleNamespace(
        reward_funcs=[reward],
        reward_func_names=["reward"],
        _env_reward_types=[],
        _provides_rollout_reward=False,
    )
    sequence = SimpleNamespace(input_ids=[2], completion_mask=[1], old_log_probs=[0.0])
    group = RolloutGroup(
        prompts=[[]] * size,
        reward_kwargs={},
        completions=[[]] * size,
        completions_ids=[[2]] * size,
        completions_sequences=[[sequence]] * size,
        tool_call_counts=[0] * size,
        tool_failure_counts=[0] * size,
        model_version=0,
        group_id=0,
        env_rewards=[None] * size,
        rollout_rewards=[None] * size,
    )
    return [s.advantage for s in asyncio.run(_AsyncRolloutLoop._score_group(worker, group))]


@pytest.mark.parametrize(
    "rewards",
    [[1, 0, 0, 1, 1], [0.2, 0.9, -0.4], [0, 1e-5, 3e-5], [0.5, 0.5, 0.5], [0.7], [1, None, 0, 0]],
)
def test_preset_equals_async_grpo(rewards):
    ours = call(
        "groupBaseline",
        preset="trl-async",
        rewards=[r or 0 for r in rewards],
        groupIds=[0] * len(rewards),
        include=[int(r is not None) for r in rewards],
    )
    assert_close(ours, async_advantages(rewards))


@pytest.mark.parametrize(("longest", "cache"), [(100, 20), (16, 16), (8, 0)])
def test_overlong_penalty_equals_trl(longest, cache):
    lengths = np.arange(longest + 5)
    theirs = get_soft_overlong_punishment(longest, cache)([[0] * n for n in lengths])
    ours = call("overlongPenalty", lengths=lengths, maxLength=longest, cacheLength=cache)
    assert_close(ours, theirs)
