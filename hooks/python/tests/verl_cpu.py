"""Lets the real verl train on a CPU; loaded in every process by VERL_USE_EXTERNAL_MODULES=verl_cpu.

What differs from a training run on GPUs is all here. The platform is the CPU, by verl's own
extension point. Responses are scripted, by an agent loop of ours, in place of an inference server,
so no weights are sent to one. Trainer, TransferQueue, Ray workers, FSDP engine, losses and optimizer
are verl's. What the loss was given is written to the folder $VERL_CPU_SEEN.
"""

import functools
import itertools
import os
import types
from pathlib import Path

import torch
from verl.plugin.platform.platform_cuda import PlatformCUDA
from verl.plugin.platform.platform_manager import set_platform


class PlatformCPU(PlatformCUDA):
    """Ray is told to count one GPU, so that verl's placement groups stay as they are."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = types.SimpleNamespace(
        is_available=lambda: True,
        empty_cache=lambda: None,
        synchronize=lambda: None,
        **dict.fromkeys(["max_memory_allocated", "max_memory_reserved"], lambda *_: 0),
        **dict.fromkeys(["memory_allocated", "memory_reserved"], lambda *_: 0),
        mem_get_info=lambda *_: (0, 0),
        get_device_name=lambda *_: "cpu",
    )

    def is_available(self):
        return True

    def current_device(self):
        return "cpu"

    def set_device(self, device_index):
        pass

    def manual_seed(self, seed):
        torch.manual_seed(seed)

    def empty_cache(self):
        pass

    def communication_backend_name(self):
        return "gloo"


# Before what follows is imported, as it asks for the platform.
set_platform(PlatformCPU())

from verl.checkpoint_engine import CheckpointEngineManager  # noqa: E402
from verl.experimental.agent_loop import agent_loop  # noqa: E402
from verl.models.transformers import monkey_patch  # noqa: E402
from verl.workers import engine_workers  # noqa: E402
from verl.workers.engine import EngineRegistry  # noqa: E402
from verl.workers.rollout import base as rollout  # noqa: E402
from verl.workers.rollout.llm_server import LLMServerManager  # noqa: E402
from verl.workers.rollout.replica import RolloutReplicaRegistry  # noqa: E402

for backends in EngineRegistry._engines["language_model"].values():
    if "cuda" in backends:
        backends["cpu"] = backends["cuda"]

# verl's own "cpu:gloo,cpu:gloo" names the device twice, which torch refuses.
engine_workers.initialize_global_process_group_ray = functools.partial(
    engine_workers.initialize_global_process_group_ray, backend="gloo"
)

# verl 0.9.1 wants a class of trl that left it; without trl installed it goes on.
monkey_patch.is_trl_available = lambda: False


class NoRollout:
    """An inference server that is never asked."""

    def __init__(self, **kwargs):
        pass


RolloutReplicaRegistry.register("scripted", lambda: NoRollout)
rollout._ROLLOUT_REGISTRY[("scripted", "async")] = "verl_cpu.NoRollout"
LLMServerManager.create = LLMServerManager.create_empty
CheckpointEngineManager.update_weights = lambda self, global_steps=None: {}

# Text, and whether the policy said it or a tool.
ANSWERS = [
    [
        ("Let me think. ", 1),
        ("tool: let me ", 0),
        ("verify that. Wait, ", 1),
        ("wait. It is 3.", 1),
    ],
    [("It is 4.", 1)],
    [("Let me ", 1), ("tool", 0), ("think. No", 1)],
]
_calls = itertools.count()


@agent_loop.register("scripted")
class ScriptedAgentLoop(agent_loop.AgentLoopBase):
    """Answers with the next of ANSWERS; in v1 the first is a session of two outputs."""

    async def run(self, sampling_params, *, raw_prompt, **kwargs):
        number = next(_calls) % len(ANSWERS)
        output = self._output(raw_prompt, ANSWERS[number])
        if self.config.trainer.use_v1 and number == 0:
            return [self._output(raw_prompt, ANSWERS[2]), output]
        return output

    def _output(self, raw_prompt, answer):
        encoded = [(self.tokenizer.encode(text), trained) for text, trained in answer]
        ids = [token for tokens, _ in encoded for token in tokens]
        return agent_loop.AgentLoopOutput(
            prompt_ids=self.tokenizer.encode(raw_prompt[0]["content"]),
            response_ids=ids,
            response_mask=[trained for tokens, trained in encoded for _ in tokens],
            response_logprobs=[-5.0] * len(ids),
            num_turns=2,
            metrics={},
            extra_fields={"min_global_steps": 0, "max_global_steps": 0},
        )


def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    """The reward: 1 for an answer with a 3 in it."""
    return float("3" in solution_str)


def _seen(loss):
    batches = itertools.count()

    def ppo_loss(config, model_output, data, dp_group=None):
        fields = ["responses", "response_mask", "advantages"]
        seen = {name: data[name] for name in fields}
        padded = {n: t.to_padded_tensor(0) if t.is_nested else t for n, t in seen.items()}
        torch.save(padded, Path(os.environ["VERL_CPU_SEEN"], f"{next(batches):03}.pt"))
        return loss(config, model_output, data, dp_group)

    return ppo_loss


engine_workers.ppo_loss = _seen(engine_workers.ppo_loss)
