"""One rank of slime's trainer on a CPU: what `train_actor` does around the hook.

Of Megatron slime reads here only which rank this is. Where Megatron is missing, `megatron.core.mpu`
is made of that, as slime's own CPU tests do. The process group is real (gloo).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType, SimpleNamespace

import torch
import torch.distributed as dist

if importlib.util.find_spec("megatron") is None:
    names = ("megatron", "megatron.core", "megatron.core.mpu")
    megatron, core, mpu = (ModuleType(name) for name in names)
    megatron.core, core.mpu = core, mpu
    sys.modules |= {m.__name__: m for m in (megatron, core, mpu)}


def train(rank, world, port, scenarios, environment, results):
    """Runs scenarios on one rank; what it came to is saved as `results/<world>-<rank>.pt`."""
    from hicra_hook import slime

    os.environ.update(environment, MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=world)
    done = {}
    for name, (context_parallel, alpha, samples, options) in scenarios.items():
        be_rank(rank, world, context_parallel)
        os.environ["HICRA_ALPHA"] = str(alpha)
        slime._hooks.clear()
        mine = samples_of(rank // context_parallel, samples, world // context_parallel)
        done[name] = step(mine, options)
    torch.save(done, f"{results}/{world}-{rank}.pt")
    dist.destroy_process_group()


def be_rank(rank, world, context_parallel):
    from megatron.core import mpu

    everyone = dist.new_group(range(world))
    mpu.is_pipeline_last_stage = lambda: True
    mpu.get_tensor_model_parallel_rank = lambda: 0
    mpu.get_context_parallel_world_size = lambda: context_parallel
    mpu.get_context_parallel_rank = lambda: rank % context_parallel
    groups = [
        dist.new_group(range(first, first + context_parallel))
        for first in range(0, world, context_parallel)
    ]
    mpu.get_context_parallel_group = lambda: groups[rank // context_parallel]
    mpu.get_data_parallel_group = lambda with_context_parallel: everyone
    mpu.get_data_parallel_group_gloo = lambda with_context_parallel: everyone
    mpu.get_data_parallel_src_rank = lambda with_context_parallel: 0
    mpu.get_data_parallel_world_size = lambda with_context_parallel: (
        world if with_context_parallel else world // context_parallel
    )


def samples_of(data_rank, samples, data_ranks):
    return [each for i, each in enumerate(samples) if i % data_ranks == data_rank]


def arguments(**options):
    return SimpleNamespace(
        **{
            "advantage_estimator": "grpo",
            "normalize_advantages": False,
            "kl_coef": 0.0,
            "kl_loss_type": "k1",
            "use_rollout_logprobs": False,
            "use_opd": False,
            "custom_advantage_function_path": None,
            "gamma": 1.0,
            "lambd": 1.0,
            "hf_checkpoint": "",
            "vocab_size": None,
            "ci_test": False,
            "log_multi_turn": False,
            "log_passrate": False,
            "log_correct_samples": False,
        }
        | options
    )


def rollout(samples):
    """`rollout_data` of this rank's samples; log-probabilities are cut as the model's are."""
    from slime.backends.megatron_utils.cp_utils import slice_log_prob_with_cp

    data = {"tokens": [], "loss_masks": [], "total_lengths": [], "response_lengths": []}
    data |= {"rewards": [], "local_raw_reward": [], "log_probs": []}
    for prompt, response, mask, reward, logprobs in samples:
        data["tokens"].append(torch.tensor(prompt + response))
        data["loss_masks"].append(torch.tensor(mask, dtype=torch.int))
        data["total_lengths"].append(len(prompt) + len(response))
        data["response_lengths"].append(len(response))
        data["rewards"].append(reward)
        data["local_raw_reward"].append(reward)
        data["log_probs"].append(
            slice_log_prob_with_cp(
                torch.tensor(logprobs), len(prompt) + len(response), len(response)
            )
        )
    return data


def step(samples, options):
    """slime's advantages before and after the hook, each made whole, and what slime would log."""
    from slime.backends.megatron_utils.cp_utils import all_gather_with_cp
    from slime.backends.megatron_utils.loss import compute_advantages_and_returns
    from slime.utils.misc import load_function

    args = arguments(**options)
    data = rollout(samples)
    compute_advantages_and_returns(args, data)
    before = data["advantages"]
    load_function("hicra_hook.slime.postprocess")(args, 3, data)

    def whole(slices):
        rows = zip(slices, data["total_lengths"], data["response_lengths"], strict=True)
        return [all_gather_with_cp(*row).detach() for row in rows]

    return {
        "before": whole(before),
        "after": whole(data["advantages"]),
        "slices": data["advantages"],
        "sizes": [len(each) for each in before],
        "logged": {name: value for name, value in data.items() if name.startswith("hicra/")},
    }
