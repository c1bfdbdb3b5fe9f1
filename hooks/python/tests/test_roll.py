"""The ROLL adapter on ROLL's own advantage functions, batches, grouping and losses, on a CPU.

Not run: a pipeline's `run`, which needs a Ray cluster and GPUs; pipelines are made without their
`__init__`.
"""

from __future__ import annotations

import os
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import word_tokens as words
from word_tokens import IS, LET, ME, PAD, SEE, SUM, THE, TOOL, WAIT

# ROLL makes a folder for its logs where it is imported.
os.environ.setdefault("ROLL_LOG_DIR", tempfile.mkdtemp())

functionals = pytest.importorskip("roll.utils.functionals", reason="ROLL is not on the path")

from roll.distributed.scheduler.protocol import DataProto  # noqa: E402
from roll.pipeline.agentic.utils import agentic_compute_advantage  # noqa: E402
from transformers import PretrainedConfig  # noqa: E402

from hicra_hook import SidecarError  # noqa: E402
from hicra_hook import roll as adapter  # noqa: E402

ROWS = [[THE, SUM, WAIT, IS, THE], [THE, WAIT, IS, PAD, PAD]]
MASK = [[0, 1, 1, 1, 1], [0, 1, 1, 0, 0]]
BEYOND = 99
"""An id that only the model knows."""
FUNCTIONS = [functionals.compute_advantage, agentic_compute_advantage]


def batch(rows=ROWS, mask=MASK, rewards=(1.0, -1.0), **meta):
    """As the pipelines have it then: rewards on the last token of each response."""
    mask = torch.tensor(mask)
    token_rewards = torch.zeros(mask.shape[0], mask.shape[1] - 1)
    for row, reward in enumerate(rewards):
        token_rewards[row, mask[row].nonzero().max() - 1] = reward
    return DataProto.from_dict(
        tensors={
            "input_ids": torch.tensor(rows),
            "response_mask": mask,
            "token_level_rewards": token_rewards,
            "old_log_probs": torch.full(token_rewards.shape, -0.5),
        },
        non_tensors={"domain": np.array(["math"] * len(rows), dtype=object)},
        meta_info={"global_step": 0} | meta,
    )


def advantages(function, data, **options):
    return function(data=data, gamma=1.0, lambd=1.0, adv_estimator="reinforce", **options).batch[
        "advantages"
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_advantages_are_credited(tmp_path, function):
    crediting = adapter.crediting(function, words.hook(tmp_path))
    assert advantages(function, batch()).tolist() == [[1, 1, 1, 1], [-1, -1, 0, 0]]
    found = advantages(crediting, batch())
    assert found.tolist() == [[1, 1.5, 1, 1], [-0.5, -1, 0, 0]]
    assert found.dtype == torch.float32


def test_pitfall_01_alignment_credit_is_on_the_column_before_wait(tmp_path):
    data = batch()
    found = advantages(adapter.crediting(FUNCTIONS[0], words.hook(tmp_path)), data)
    assert data.batch["input_ids"][:, 1:][found > 1].tolist() == [WAIT]


def test_pitfall_03_a_tool_call_breaks_a_phrase(tmp_path):
    rows = [[THE, LET, ME, TOOL, SEE], [THE, LET, ME, SEE, IS]]
    data = batch(rows, [[0, 1, 1, 0, 1], [0, 1, 1, 1, 1]])
    found = advantages(adapter.crediting(FUNCTIONS[1], words.hook(tmp_path)), data)
    assert found.tolist() == [[1, 1, 0, 1], [-0.5, -0.5, -0.5, -1]]


def test_pitfall_11_the_mask_that_the_pipeline_gives_is_the_mask(tmp_path):
    """`final_response_mask` leaves out rows that are too long or too easy."""
    final = torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0]])
    data = batch()
    data.meta_info["metrics"] = {"other": 1.0}
    crediting = adapter.crediting(FUNCTIONS[0], words.hook(tmp_path))
    assert advantages(crediting, data, response_mask=final).tolist() == [
        [1, 1.5, 1, 1],
        [0, 0, 0, 0],
    ]
    assert data.meta_info["metrics"]["hicra/planning_frac"] == pytest.approx(1 / 4)
    assert data.meta_info["metrics"]["other"] == 1.0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pitfall_04_credit_comes_after_whitening(tmp_path, function):
    plain = advantages(function, batch(), whiten_advantages=True)
    crediting = adapter.crediting(function, words.hook(tmp_path))
    found = advantages(crediting, batch(), whiten_advantages=True)
    expected = plain.clone()
    for row, column in [(0, 1), (1, 0)]:
        expected[row, column] += 0.5 * plain[row, column].abs()
    assert plain[0, 0] != 1
    assert torch.equal(found, expected)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pitfall_07_credit_comes_after_advantage_clip_and_may_exceed_it(tmp_path, function):
    data = batch()
    crediting = adapter.crediting(function, words.hook(tmp_path))
    found = advantages(crediting, data, advantage_clip=0.5)
    assert found.tolist() == [[0.5, 0.75, 0.5, 0.5], [-0.25, -0.5, 0, 0]]
    # ROLL overwrites its metrics there; both are logged.
    assert data.meta_info["metrics"]["critic/advantage_clip_frac"] > 0
    assert "hicra/adv_shift" in data.meta_info["metrics"]


def test_metrics_pass_roll_s_reduction_unchanged(tmp_path):
    """It aggregates lists by suffixes such as _max or _sum; ours are numbers."""
    data = batch()
    advantages(adapter.crediting(FUNCTIONS[0], words.hook(tmp_path)), data)
    logged = data.meta_info["metrics"]
    assert functionals.reduce_metrics(dict(logged)) == logged


def test_pitfall_15_raw_advantages_and_returns_are_left_alone(tmp_path):
    data = batch()
    found = advantages(adapter.crediting(FUNCTIONS[0], words.hook(tmp_path)), data)
    for name in ("raw_advantages", "returns"):
        assert data.batch[name].max() == 1
        assert data.batch[name].data_ptr() != found.data_ptr()


def test_pitfall_13_domains_are_credited_each_and_put_together(tmp_path):
    """As the RLVR pipeline does: grouped by domain, computed for each, concatenated."""
    data = batch()
    data.non_tensor_batch["domain"] = np.array(["math", "code"], dtype=object)
    data.meta_info["global_step"] = 10
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    hook = words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": linear}])
    crediting = adapter.crediting(FUNCTIONS[0], hook)
    parts = []
    for domain_batch in data.group_by("domain").values():
        advantages(crediting, domain_batch)
        domain_batch.meta_info.pop("metrics")
        parts.append(domain_batch)
    found = {tuple(row) for row in DataProto.concat(parts).batch["advantages"].tolist()}
    assert found == {(1, 1.5, 1, 1), (-0.5, -1, 0, 0)}


def test_a_schedule_follows_the_pipeline_s_step_where_its_batches_have_none(tmp_path):
    """As in the RLVR-VLM pipeline; ROLL's numbers go on after a resume."""
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    hook = words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": linear}])
    silent = batch()
    del silent.meta_info["global_step"]
    pipeline = SimpleNamespace(global_step=10)
    found = advantages(adapter.crediting(FUNCTIONS[0], hook, pipeline), silent)
    assert found.tolist() == [[1, 1.5, 1, 1], [-0.5, -1, 0, 0]]
    silent = batch()
    del silent.meta_info["global_step"]
    with pytest.raises(SidecarError, match="its alpha needs the training step"):
        advantages(adapter.crediting(FUNCTIONS[0], hook, SimpleNamespace()), silent)


def test_pitfall_14_wrapping_twice_is_refused_when_it_runs(tmp_path):
    hook = words.hook(tmp_path)
    twice = adapter.crediting(adapter.crediting(FUNCTIONS[0], hook), hook)
    with pytest.raises(ValueError, match="second application"):
        advantages(twice, batch())


@pytest.fixture(params=["rlvr", "agentic"])
def pipeline(request, monkeypatch):
    """A pipeline of ROLL's class, and the module whose function it calls."""
    if request.param == "rlvr":
        from roll.pipeline.rlvr import rlvr_pipeline as module

        made, name = object.__new__(module.RLVRPipeline), "compute_advantage"
    else:
        from roll.pipeline.agentic import agentic_pipeline as module

        made, name = object.__new__(module.AgenticPipeline), "agentic_compute_advantage"
    monkeypatch.setattr(module, name, getattr(module, name))
    made.pipeline_config = SimpleNamespace(importance_sampling="token", ratio_type="token")
    return made, module, name


def test_install_replaces_the_function_that_the_pipeline_calls(tmp_path, pipeline, capsys):
    made, module, name = pipeline
    adapter.install(made, words.hook(tmp_path))
    # The name that `run` looks up when it is called.
    run = type(made).run
    found = getattr(run, "__wrapped__", run).__globals__[name]
    assert advantages(found, batch()).tolist() == [[1, 1.5, 1, 1], [-0.5, -1, 0, 0]]
    assert f"{module.__name__}.{name}" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="installed already"):
        adapter.install(made, words.hook(tmp_path))


def test_install_finds_the_function_for_a_subclass(tmp_path, pipeline):
    made, module, name = pipeline
    mine = object.__new__(type("Mine", (type(made),), {}))
    mine.pipeline_config = made.pipeline_config
    adapter.install(mine, words.hook(tmp_path))
    assert hasattr(getattr(module, name), "hicra")


@pytest.mark.parametrize(
    ("option", "value"), [("importance_sampling", "seq"), ("ratio_type", "segment")]
)
def test_pitfall_09_ratios_per_sequence_are_refused(tmp_path, pipeline, option, value):
    made, _, _ = pipeline
    setattr(made.pipeline_config, option, value)
    with pytest.raises(ValueError, match=f'{option} must have .* value is "{value}"'):
        adapter.install(made, words.hook(tmp_path))


def test_a_class_for_yaml(tmp_path, monkeypatch):
    """`pipeline_cls` as ROLL's start script imports it; the pipeline's own start is left out."""
    from roll.pipeline.agentic import agentic_pipeline as module
    from roll.utils.import_utils import safe_import_class

    for name, value in words.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    PretrainedConfig(vocab_size=BEYOND + 1).save_pretrained(tmp_path)

    def start(self, pipeline_config):
        self.pipeline_config, self.tokenizer = pipeline_config, words.VOCABULARY

    monkeypatch.setattr(module.AgenticPipeline, "__init__", start)
    monkeypatch.setattr(module, "agentic_compute_advantage", module.agentic_compute_advantage)
    made = safe_import_class("hicra_hook.roll.HicraAgenticPipeline")
    model_args = SimpleNamespace(model_name_or_path=str(tmp_path))
    actor_train = SimpleNamespace(model_args=model_args)
    made(SimpleNamespace(ratio_type="token", actor_train=actor_train))
    rows = [[THE, SUM, WAIT, IS, BEYOND], *ROWS[1:]]
    found = advantages(module.agentic_compute_advantage, batch(rows))
    assert found.tolist() == [[1, 1.5, 1, 1], [-0.5, -1, 0, 0]]


def test_what_has_no_advantage_function_is_refused(tmp_path):
    stranger = SimpleNamespace(pipeline_config=None)
    with pytest.raises(TypeError, match="must run one of"):
        adapter.install(stranger, words.hook(tmp_path))
