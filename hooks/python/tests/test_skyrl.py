"""The SkyRL adapter on SkyRL's own trainer, batches and functions, as released.

What runs on GPUs, generation and the policy's update, is left out: tests go from rollouts as lists
through `convert_to_training_input`, `compute_advantages_and_returns` and `_normalize_advantages`,
after which SkyRL sends advantages to its workers. Below Python 3.12 pydantic wants the `TypedDict`
of typing_extensions and SkyRL 0.3.0 takes that of typing, so it is exchanged for the import.
"""

from __future__ import annotations

import sys
import typing
from types import SimpleNamespace

import pytest
import torch
import typing_extensions

import hf_toy as toy
from hf_toy import PLANNING, PROMPTS, RESPONSES, REWARDS

_TYPED_DICT = typing.TypedDict
if sys.version_info < (3, 12):
    typing.TypedDict = typing_extensions.TypedDict
pytest.importorskip("skyrl", reason="needs skyrl==0.3.0, see docs/frameworks/skyrl.md")

from skyrl.train.config import SkyRLTrainConfig  # noqa: E402
from skyrl.train.fully_async_trainer import FullyAsyncRayPPOTrainer  # noqa: E402
from skyrl.train.trainer import RayPPOTrainer  # noqa: E402

from hicra_hook import skyrl as adapter  # noqa: E402
from hicra_hook.skyrl import HicraExp, HicraRayPPOTrainer, with_hicra  # noqa: E402

typing.TypedDict = _TYPED_DICT


class Prompts:
    """A data set of one prompt, for a trainer that never asks for it."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return "a"

    def collate_fn(self, rows):
        return rows


def make(kind, **algorithm):
    cfg = SkyRLTrainConfig()
    cfg.trainer.train_batch_size = cfg.trainer.policy_mini_batch_size = 1
    cfg.generator.n_samples_per_prompt = 4
    cfg.trainer.policy.model.path = toy.model()
    cfg.trainer.micro_train_batch_size_per_gpu = 2
    # These two ask Ray of GPUs.
    cfg.trainer.enable_ray_gpu_monitor = False
    cfg.generator.inference_engine.enable_ray_prometheus_stats = False
    cfg.trainer.algorithm.max_seq_len = 64
    for name, value in algorithm.items():
        setattr(cfg.trainer.algorithm, name, value)
    return kind(
        cfg=cfg,
        tracker=None,
        tokenizer=toy.tokenizer(),
        train_dataset=Prompts(),
        inference_engine_client=None,
        generator=None,
    )


@pytest.fixture
def environment(tmp_path, monkeypatch, address):
    monkeypatch.setenv("HICRA_SOCKET", address)
    monkeypatch.setenv("HICRA_LEXICON", toy.lexicon(tmp_path))
    monkeypatch.setenv("HICRA_ALPHA", str(toy.ALPHA))
    return monkeypatch


@pytest.fixture
def plain():
    return lambda **algorithm: make(RayPPOTrainer, **algorithm)


@pytest.fixture
def planning(environment):
    return lambda **algorithm: make(HicraRayPPOTrainer, **algorithm)


def batch(trainer, *, masks=None, ranks=1):
    """A batch as SkyRL makes it of rollouts, with its advantages."""
    responses = [toy.ids(text) for text in RESPONSES]
    # The dispatcher of GPU workers, of which is asked only how many ranks share the batch.
    trainer.dispatch = SimpleNamespace(get_lcm_dp_size=lambda: ranks)
    data = trainer.convert_to_training_input(
        {
            "prompt_token_ids": [toy.ids(text) for text in PROMPTS],
            "response_ids": responses,
            "rewards": [
                [0.0] * (len(ids) - 1) + [reward]
                for ids, reward in zip(responses, REWARDS, strict=True)
            ],
            "loss_masks": masks or [[1] * len(ids) for ids in responses],
        },
        ["a"] * len(responses),
    )
    data["values"] = None
    return trainer.compute_advantages_and_returns(data)


def planning_mask(data):
    columns = data["advantages"].shape[1]
    mask = torch.zeros(data["advantages"].shape)
    for row, marks in enumerate(PLANNING):
        mask[row, columns - len(marks) :] = torch.tensor(marks)
    return mask


def normalized(trainer, data):
    """Advantages as SkyRL hands them to its workers."""
    metadata = data.metadata
    boundaries = metadata["policy_mini_batch_boundaries"], metadata["policy_prompt_boundaries"]
    return trainer._normalize_advantages(data, *boundaries)["advantages"]


def both(plain, planning, **algorithm):
    """Advantages without HICRA, with it, and the batch."""
    ours, theirs = planning(**algorithm), plain(**algorithm)
    data = batch(ours)
    return normalized(theirs, batch(theirs)), normalized(ours, data), data


def test_pitfall_01_alignment_of_a_phrase_of_one_token(plain, planning):
    base, got, data = both(plain, planning)
    marks = planning_mask(data)
    assert torch.equal(got, toy.credited(base, marks))
    assert (base[marks.bool()] != 0).all()


def test_pitfall_02_responses_are_padded_on_the_left(plain, planning):
    base, got, data = both(plain, planning)
    # The shortest response stands at the end of its row, and the longest fills its own.
    assert data["response_mask"][2].tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    padding = data["response_mask"] == 0
    assert torch.equal(got[padding], base[padding])


@pytest.mark.parametrize("gap", [[1, 1, 0, 1], [0, 1, 1, 1]])
def test_pitfall_03_a_tool_result_breaks_a_phrase(plain, planning, gap):
    # " wait . let me": without " let" there is no "let me"; without " wait", "let me" stays.
    ours, theirs = planning(), plain()
    masks = [[1] * len(marks) for marks in PLANNING]
    masks[1] = gap
    data = batch(ours, masks=masks)
    base, got = normalized(theirs, batch(theirs, masks=masks)), normalized(ours, data)
    marks = planning_mask(data)
    marks[1] = 0
    if gap[2]:
        marks[1, -2:] = 1
    else:
        marks[1, -4] = 1
    assert torch.equal(got, toy.credited(base, marks))


@pytest.mark.parametrize(
    "reduction",
    ["token_mean", "token_mean_legacy", "sequence_mean", "seq_mean_token_sum_norm", "prompt_mean"],
)
@pytest.mark.parametrize("estimator", ["grpo", "rloo", "reinforce++"])
def test_pitfall_04_whitening_comes_first(plain, planning, reduction, estimator):
    options = {
        "advantage_batch_normalize": True,
        "loss_reduction": reduction,
        "advantage_estimator": estimator,
    }
    base, got, data = both(plain, planning, **options)
    marks = planning_mask(data)
    assert torch.equal(got, toy.credited(base, marks))
    # Before whitening it would be something else: whitening takes the mean away again.
    theirs = plain(**options)
    early = batch(theirs)
    early["advantages"] = toy.credited(early["advantages"], marks)
    assert not torch.allclose(normalized(theirs, early), got, rtol=1e-3)


def test_ids_that_only_the_model_knows(plain, planning):
    ours, theirs = planning(), plain()
    data, base = batch(ours), batch(theirs)
    data["sequences"][0, -5] = toy.BEYOND
    got = normalized(ours, data)
    assert torch.equal(got, toy.credited(normalized(theirs, base), planning_mask(data)))


def test_pitfall_12_padding_rows_change_no_metric(plain, planning):
    with_rows, without = planning(), planning()
    data = batch(with_rows, ranks=3)
    assert data.metadata["pad_size"] == 2
    got = normalized(with_rows, data)
    normalized(without, batch(without))
    assert torch.equal(got[4:], torch.zeros(2, got.shape[1]))
    ours, theirs = with_rows.all_metrics, without.all_metrics
    names = {n for n in ours if n.startswith("hicra/")} - {"hicra/latency_ms"}
    assert names == {n for n in theirs if n.startswith("hicra/")} - {"hicra/latency_ms"}
    for name in names:
        assert ours[name] == pytest.approx(theirs[name], rel=1e-6), name


def test_pitfall_14_a_second_application_is_refused(planning):
    trainer = planning()
    data = batch(trainer)
    normalized(trainer, data)
    with pytest.raises(ValueError, match="second application"):
        normalized(trainer, data)


def test_pitfall_15_output_is_its_own(planning):
    trainer = planning()
    data = batch(trainer)
    before = data["advantages"]
    copy = before.clone()
    got = normalized(trainer, data)
    assert got.is_contiguous() and got.dtype == torch.float32
    got.add_(1)
    assert torch.equal(before, copy)


def test_metrics_are_logged(planning):
    trainer = planning()
    normalized(trainer, batch(trainer))
    tokens = sum(len(marks) for marks in PLANNING)
    assert trainer.all_metrics["hicra/planning_frac"] == pytest.approx(5 / tokens)
    assert trainer.all_metrics["hicra/adv_shift"] > 0
    assert trainer.all_metrics["hicra/failures"] == 0


def test_alpha_0_is_skyrl_bit_for_bit(plain, planning, environment):
    environment.setenv("HICRA_ALPHA", "0")
    base, got, _ = both(plain, planning, advantage_batch_normalize=True)
    assert torch.equal(got, base)


def test_fully_async_trainer(plain, planning):
    kind = with_hicra(FullyAsyncRayPPOTrainer)
    assert kind.__name__ == "HicraFullyAsyncRayPPOTrainer"
    assert issubclass(kind, FullyAsyncRayPPOTrainer)
    assert kind._normalize_advantages is not RayPPOTrainer._normalize_advantages


def test_gspo_of_skyrl_keeps_credit_per_token(planning):
    # Its ratio per sequence has gradients per token (GSPO-token), so it is not refused.
    planning(policy_loss_type="gspo")


def test_a_loss_without_advantages_is_refused(planning):
    with pytest.raises(ValueError, match='policy_loss_type .* "cross_entropy"'):
        planning(policy_loss_type="cross_entropy")


def test_bad_options_fail_before_training(planning, environment):
    environment.setenv("HICRA_TRANSFORMS", '[{"name": "hicra", "alpha": 1.5}]')
    environment.delenv("HICRA_ALPHA")
    with pytest.raises(Exception, match="alpha"):
        planning()


def test_options_in_code_win_over_the_environment(plain, environment):
    theirs = plain()
    base = normalized(theirs, batch(theirs))
    ours = make(lambda **kwargs: HicraRayPPOTrainer(hicra={"alpha": 0}, **kwargs))
    assert torch.equal(normalized(ours, batch(ours)), base)


def test_old_logprobs_are_promised_where_skyrl_computes_them(planning, environment):
    environment.delenv("HICRA_ALPHA")
    environment.setenv("HICRA_TRANSFORMS", '[{"name": "surprisal-weighting"}]')
    planning()
    with pytest.raises(Exception, match="oldLogprobs"):
        planning(policy_loss_type="dppo")


def test_the_experiment_makes_a_trainer_with_hicra(environment):
    exp = HicraExp.__new__(HicraExp)
    trainer = make(lambda **kwargs: exp.get_trainer(**kwargs))
    assert isinstance(trainer, HicraRayPPOTrainer)


def test_a_changed_host_is_refused():
    class Renamed(RayPPOTrainer):
        def _normalize_advantages(self, batch, mini_batch_boundaries):
            return batch

    with pytest.raises(RuntimeError, match="skyrl .* must take self, data, .* takes self, batch"):
        with_hicra(Renamed)


def test_tested_release():
    assert adapter.installed_version("skyrl") in adapter.TESTED
