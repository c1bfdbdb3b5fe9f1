"""The NeMo-RL adapter on NeMo-RL's own estimators, loss and batches, from a checkout.

NeMo-RL is on no registry: put a checkout of v0.6.0 on PYTHONPATH. A `Policy` starts GPU workers
when it is made, so these are made without, and what it would hand to them is recorded in their
place: `_shard_for_train` and the data plane's `read_columns` and `write_columns` are the seams.
`compute` is the lines of `grpo_train` from rollouts to the policy: its functions, in its order.
"""

from __future__ import annotations

import sys
import typing
from types import SimpleNamespace as Namespace

import pytest
import torch
import typing_extensions

import hf_toy as toy

_TYPED_DICT = typing.TypedDict
if sys.version_info < (3, 12):
    # Pydantic takes no TypedDict of typing there, and NeMo-RL has one.
    typing.TypedDict = typing_extensions.TypedDict
pytest.importorskip("nemo_rl.algorithms", reason="needs NeMo-RL, see docs/frameworks/nemo-rl.md")

from nemo_rl.algorithms import grpo  # noqa: E402
from nemo_rl.algorithms.advantage_estimator import AdvEstimatorConfig  # noqa: E402
from nemo_rl.algorithms.loss.loss_functions import (  # noqa: E402
    ClippedPGLossConfig,
    ClippedPGLossFn,
)
from nemo_rl.data.llm_message_utils import batched_message_log_to_flat_message  # noqa: E402
from nemo_rl.distributed.batched_data_dict import BatchedDataDict  # noqa: E402
from nemo_rl.models.policy import lm_policy, tq_policy  # noqa: E402

from hicra_hook import nemo_rl as adapter  # noqa: E402
from hicra_hook.nemo_rl import attach  # noqa: E402

typing.TypedDict = _TYPED_DICT

# Per sample: the prompt, then what the policy said and what a tool said, by turns.
SAMPLES = [
    (" the", [" the sum is two wait"]),
    (" the sum is", [" wait . let", " the", " me let me"]),
    (" the", [" let me"]),
    (" wait", [" me wait is three"]),
]
PLANNING = [
    [0, 0, 0, 0, 0, 1],
    [0, 0, 0, 1, 0, 0, 0, 0, 1, 1],
    [0, 1, 1],
    [0, 0, 1, 0, 0],
]
"""By sample: " let", what a tool said, " me" is no phrase, nor is " wait" in a prompt."""
REWARDS = torch.tensor([1.0, 0.0, 0.5, 0.25])


class Recorded(Exception):
    """Carries what the policy would hand to its workers."""


@pytest.fixture
def options(tmp_path, address):
    return {"alpha": toy.ALPHA, "lexicon": toy.lexicon(tmp_path), "socket": address}


def config(name="grpo", low=None, high=None, **loss):
    return Namespace(
        grpo=Namespace(
            adv_estimator=AdvEstimatorConfig(name=name, normalize_rewards=True),
            advantage_clip_low=low,
            advantage_clip_high=high,
        ),
        loss_fn=ClippedPGLossConfig(**loss),
    )


def compute(config):
    """The training batch of `grpo_train`, up to the policy."""
    logs = []
    for prompt, turns in SAMPLES:
        log = [{"role": "user", "content": prompt, "token_ids": torch.tensor(toy.ids(prompt))}]
        for turn, text in enumerate(turns):
            said = {"content": text, "token_ids": torch.tensor(toy.ids(text))}
            if turn % 2 == 0:
                said |= {
                    "role": "assistant",
                    "generation_logprobs": torch.full((len(said["token_ids"]),), -0.5),
                }
            else:
                said |= {"role": "environment"}
            log.append(said)
        logs.append(log)
    grpo.add_grpo_token_loss_masks_and_generation_logprobs(logs)
    flat, lengths = batched_message_log_to_flat_message(
        logs, pad_value_dict={"token_ids": toy.tokenizer().pad_token_id}
    )
    data = BatchedDataDict(
        {
            "input_ids": flat["token_ids"],
            "input_lengths": lengths,
            "generation_logprobs": flat["generation_logprobs"],
            "prev_logprobs": flat["generation_logprobs"],
            "token_mask": flat["token_loss_mask"],
            "sample_mask": torch.ones(len(logs)),
        }
    )
    mask = data["token_mask"] * data["sample_mask"].unsqueeze(-1)
    data["advantages"] = grpo._create_advantage_estimator(config).compute_advantage(
        prompt_ids=torch.zeros(len(logs), 1, dtype=torch.long),
        rewards=REWARDS,
        mask=mask,
        repeated_batch=BatchedDataDict({"total_reward": REWARDS}),
        logprobs_policy=data["prev_logprobs"],
        logprobs_reference=None,
    )
    data["advantages"] = grpo._clip_grpo_advantages(data["advantages"], config.grpo)
    return data


def planning_mask(data):
    mask = torch.zeros(data["advantages"].shape)
    for row, marks in enumerate(PLANNING):
        mask[row, : len(marks)] = torch.tensor(marks)
    return mask


def make_policy(results=None):
    """A policy without workers, which records the batch that it would cut for them."""
    policy = lm_policy.Policy.__new__(lm_policy.Policy)
    sizes = {"train_global_batch_size": 4, "train_micro_batch_size": 4}
    policy.cfg = sizes | {"model_name": toy.model()}

    def shard(data, batch_size):
        raise Recorded(data)

    policy._shard_for_train = shard
    if results is not None:
        policy.train = lambda data, loss_fn: results
    return policy


def trained_on(policy, data, loss=None):
    with pytest.raises(Recorded) as recorded:
        policy.train(data, loss or ClippedPGLossFn(ClippedPGLossConfig()))
    return recorded.value.args[0]


def test_pitfall_01_alignment_of_a_phrase_of_one_token(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    got = trained_on(policy, data)
    marks = planning_mask(data)
    assert torch.equal(got["advantages"], toy.credited(data["advantages"], marks))
    assert (data["advantages"][marks.bool()] != 0).all()


def test_a_schedule_starts_where_the_loop_does(options):
    del options["alpha"]
    linear = {"type": "linear", "from": 0, "to": toy.ALPHA, "steps": 10}
    options |= {"transforms": [{"name": "hicra", "alpha": linear}]}
    with pytest.raises(TypeError, match="first_step"):
        attach(make_policy(), toy.tokenizer(), **options)
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=9, **options)
    data = compute(config())
    before, after = (trained_on(policy, data)["advantages"] for _ in range(2))
    assert torch.equal(after, toy.credited(data["advantages"], planning_mask(data)))
    assert not torch.equal(before, after)


def test_pitfall_03_a_tool_result_breaks_a_phrase(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    got = trained_on(policy, data)
    changed = got["advantages"] != data["advantages"]
    assert changed[1].nonzero().flatten().tolist() == [3, 8, 9]
    assert data["token_mask"][1].tolist() == [0, 0, 0, 1, 1, 1, 0, 1, 1, 1]


@pytest.mark.parametrize("name", ["grpo", "reinforce_plus_plus"])
def test_pitfall_04_whitening_comes_first(options, name):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config(name))
    got = trained_on(policy, data)
    assert torch.equal(got["advantages"], toy.credited(data["advantages"], planning_mask(data)))


def test_pitfall_07_clipping_comes_first_and_takes_nothing_back(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config(low=-0.5, high=0.5))
    assert data["advantages"].abs().max() == 0.5
    got = trained_on(policy, data)
    marks = planning_mask(data)
    assert torch.equal(got["advantages"], toy.credited(data["advantages"], marks))
    assert got["advantages"].max() == pytest.approx(0.6)


def test_pitfall_12_samples_that_are_masked_out_stay(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    data["sample_mask"][0] = 0
    got = trained_on(policy, data)
    marks = planning_mask(data)
    marks[0] = 0
    assert torch.equal(got["advantages"], toy.credited(data["advantages"], marks))


def test_pitfall_14_training_twice_on_a_batch_does_not_compound(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    once, twice = trained_on(policy, data), trained_on(policy, data)
    assert torch.equal(once["advantages"], twice["advantages"])
    with pytest.raises(ValueError, match="second application"):
        policy.train(once, ClippedPGLossFn(ClippedPGLossConfig()))
    with pytest.raises(ValueError, match="attach once"):
        attach(policy, toy.tokenizer(), first_step=0, **options)


def test_pitfall_15_the_view_with_stride_0_is_not_written_to(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    assert data["advantages"].stride(1) == 0
    before = data["advantages"].clone()
    got = trained_on(policy, data)["advantages"]
    assert got.is_contiguous() and got.dtype == torch.float32
    got.add_(1)
    assert torch.equal(data["advantages"], before)


def test_pitfall_09_a_ratio_per_sequence_is_refused(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    gspo = ClippedPGLossConfig(sequence_level_importance_ratios=True, token_level_loss=False)
    with pytest.raises(ValueError, match="sequence_level_importance_ratios must have"):
        policy.train(compute(config()), ClippedPGLossFn(gspo))


def test_the_loss_weighs_tokens(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    got = trained_on(policy, data)
    valid = data["token_mask"][:, 1:].sum()
    gradients = []
    for batch in (data, got):
        batch = BatchedDataDict({**batch, "reference_policy_logprobs": batch["prev_logprobs"]})
        logprobs = batch["prev_logprobs"][:, 1:].clone().requires_grad_()
        loss_fn = ClippedPGLossFn(ClippedPGLossConfig(reference_policy_kl_penalty=0.0))
        loss, _ = loss_fn(
            next_token_logprobs=logprobs,
            data=batch,
            global_valid_seqs=torch.tensor(4.0),
            global_valid_toks=valid.float(),
        )
        gradients.append(torch.autograd.grad(loss, logprobs)[0])
    changed = gradients[0] != gradients[1]
    assert torch.equal(changed, planning_mask(data)[:, 1:].bool())


def test_ids_that_only_the_model_knows(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    data["input_ids"][0, 2] = toy.BEYOND
    got = trained_on(policy, data)
    assert torch.equal(got["advantages"], toy.credited(data["advantages"], planning_mask(data)))


def test_options_in_code_win_over_the_environment(options, monkeypatch):
    monkeypatch.setenv("HICRA_ALPHA", "0.9")
    monkeypatch.setenv("HICRA_LEXICON", options.pop("lexicon"))
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    got = trained_on(policy, data)
    assert torch.equal(got["advantages"], toy.credited(data["advantages"], planning_mask(data)))


def test_metrics_join_those_of_the_step(options):
    policy = make_policy(results={"loss": torch.zeros(1), "all_mb_metrics": {"lr": [0.1]}})
    attach(policy, toy.tokenizer(), first_step=0, **options)
    data = compute(config())
    metrics = policy.train(data, ClippedPGLossFn(ClippedPGLossConfig()))["all_mb_metrics"]
    trained = int(data["token_mask"].sum())
    assert metrics["lr"] == [0.1]
    # The loop adds lists up, so there must be one value in each.
    assert metrics["hicra/planning_frac"] == [pytest.approx(7 / trained)]
    assert metrics["hicra/surprisal_plan"] == [pytest.approx(0.5)]


def make_data_plane_policy(columns, monkeypatch):
    """A policy over a data plane that is a dict; what is read and written is what NeMo-RL asks."""
    policy = tq_policy.TQPolicy.__new__(tq_policy.TQPolicy)
    policy.cfg = {"model_name": toy.model()}
    policy.dp_client = columns
    monkeypatch.setattr(
        tq_policy.TQPolicy, "_stamp_pad_seqlen", lambda self, meta: None, raising=True
    )
    monkeypatch.setattr(
        tq_policy,
        "read_columns",
        lambda client, meta, select_fields, pad_value_dict: BatchedDataDict(
            {name: client[name] for name in select_fields}
        ),
    )
    monkeypatch.setattr(
        tq_policy, "write_columns", lambda client, meta, fields: client.update(fields)
    )
    policy.train_from_meta = lambda meta, loss_fn: {"all_mb_metrics": {}}
    return policy


def test_the_data_plane_gets_credited_advantages(options, monkeypatch):
    data = compute(config())
    columns = {name: data[name] for name in ("input_ids", "token_mask", "generation_logprobs")}
    policy = make_data_plane_policy(columns, monkeypatch)
    attach(policy, toy.tokenizer(), first_step=0, **options)
    policy.write_to_dataplane(
        None, {"advantages": data["advantages"], "sample_mask": data["sample_mask"]}
    )
    marks = planning_mask(data)
    assert torch.equal(columns["advantages"], toy.credited(data["advantages"], marks))
    policy.write_to_dataplane(None, {"prev_logprobs": data["prev_logprobs"]})
    assert columns["prev_logprobs"] is data["prev_logprobs"]

    results = policy.train_from_meta(None, loss_fn=ClippedPGLossFn(ClippedPGLossConfig()))
    assert len(results["all_mb_metrics"]["hicra/planning_frac"]) == 1
    with pytest.raises(ValueError, match="advantages must have been written"):
        policy.train_from_meta(None, loss_fn=ClippedPGLossFn(ClippedPGLossConfig()))


def test_alpha_0_is_nemo_rl_bit_for_bit(options):
    policy = make_policy()
    attach(policy, toy.tokenizer(), first_step=0, **options | {"alpha": 0})
    data = compute(config())
    assert torch.equal(trained_on(policy, data)["advantages"], data["advantages"])


def test_a_changed_host_is_refused(options):
    policy = make_policy()
    policy.train = lambda batch: None
    with pytest.raises(RuntimeError, match="nemo-rl .* must take data, loss_fn: it takes batch"):
        attach(policy, toy.tokenizer(), first_step=0, **options)


def test_tested_release():
    assert adapter.__shortversion__ in adapter.TESTED
