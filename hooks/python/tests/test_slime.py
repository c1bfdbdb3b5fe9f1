"""The slime adapter on slime's own functions, from a checkout; the ranks are real processes (gloo).

slime is on no registry: put a checkout of v0.3.1 on PYTHONPATH. Advantages are those of its
`compute_advantages_and_returns`, the hook is loaded by its `load_function` and called as
`train_actor` calls it, slices are those of its `cp_utils`, and the metrics go through its
`log_rollout_data`. Megatron's `mpu`, which here only says which rank this is, is made up.
"""

from __future__ import annotations

import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing

import hf_toy as toy

pytest.importorskip("slime.backends", reason="needs slime v0.3.1, see docs/frameworks/slime.md")

from slime.observability import train_metric_utils  # noqa: E402

import slime_ranks as ranks  # noqa: E402
from hicra_hook import slime as adapter  # noqa: E402

# Prompts, responses, planning tokens: long enough that two and three ranks cut phrases apart.
LONG = " the sum is two wait . let me three . the sum is three . wait . the sum let me"
TEXTS = [
    (" the", LONG, [0, 0, 0, 0, 1, 0, 1, 1] + [0] * 7 + [1, 0, 0, 0, 1, 1]),
    (" the sum is two three . the sum is", " let me", [1, 1]),
    (" two three", " wait . let", [1, 0, 0]),
    (" wait", " me the sum is let me .", [0, 0, 0, 0, 1, 1, 0]),
]
REWARDS = [1.0, -0.5, 0.25, -0.75]


def samples(masks=None):
    made = []
    for i, (prompt, response, _) in enumerate(TEXTS):
        prompt, response = toy.ids(prompt), toy.ids(response)
        mask = [1] * len(response) if masks is None else masks[i]
        logprobs = [-0.1 * (1 + t % 7) for t in range(len(response))]
        made.append((prompt, response, mask, REWARDS[i], logprobs))
    return made


GAPS = [[1] * len(planning) for _, _, planning in TEXTS]
GAPS[0][6] = GAPS[3][3] = 0
WHITENED = ("grpo", "reinforce_plus_plus_baseline", "cispo")
SCENARIOS = {
    "plain": (toy.ALPHA, None, {}),
    "gaps": (toy.ALPHA, GAPS, {}),
    "alpha 0": (0, None, {"normalize_advantages": True}),
} | {
    name: (toy.ALPHA, None, {"normalize_advantages": True, "advantage_estimator": name})
    for name in WHITENED
}
LAYOUTS = {1: [1], 2: [1, 2], 3: [3]}
"""Sizes of context parallelism, by number of ranks."""
EVERY_LAYOUT = [(world, size) for world, sizes in LAYOUTS.items() for size in sizes]


@pytest.fixture(scope="module")
def environment(tmp_path_factory, address):
    folder = tmp_path_factory.mktemp("slime")
    toy.tokenizer().save_pretrained(folder)
    return {
        "HICRA_SOCKET": address,
        "HICRA_LEXICON": toy.lexicon(folder),
        "HICRA_TOKENIZER": str(folder),
    }


@pytest.fixture(scope="module")
def results(environment, tmp_path_factory):
    """What every rank came to, by number of ranks and scenario: processes start once a number."""
    folder = tmp_path_factory.mktemp("results")
    checkpoint = {"hf_checkpoint": environment["HICRA_TOKENIZER"]}
    by_world = {}
    for world, layouts in LAYOUTS.items():
        scenarios = {}
        for context_parallel in layouts:
            for name, (alpha, masks, options) in SCENARIOS.items():
                options = checkpoint | options
                scenarios[context_parallel, name] = (
                    context_parallel,
                    alpha,
                    samples(masks),
                    options,
                )
        arguments = (world, _port(), scenarios, environment, folder)
        torch.multiprocessing.spawn(ranks.train, arguments, nprocs=world)
        by_world[world] = [torch.load(folder / f"{world}-{rank}.pt") for rank in range(world)]

    def results(world, context_parallel, name):
        return [done[context_parallel, name] for done in by_world[world]]

    return results


@pytest.fixture
def one_rank(environment, monkeypatch):
    """This process as the only rank."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HICRA_ALPHA", str(toy.ALPHA))
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    ranks.be_rank(0, 1, 1)
    adapter._hooks.clear()
    folder = environment["HICRA_TOKENIZER"]
    rows = toy.BEYOND + 1
    yield lambda **options: ranks.arguments(hf_checkpoint=folder, vocab_size=rows, **options)
    dist.destroy_process_group()


def _port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def marks(i):
    return torch.tensor(TEXTS[i][2])


@pytest.mark.parametrize(("world", "context_parallel"), EVERY_LAYOUT)
def test_pitfall_01_alignment_in_every_layout(results, world, context_parallel):
    seen = set()
    for rank, result in enumerate(results(world, context_parallel, "plain")):
        data_ranks = world // context_parallel
        mine = ranks.samples_of(rank // context_parallel, range(len(TEXTS)), data_ranks)
        for i, before, after in zip(mine, result["before"], result["after"], strict=True):
            assert torch.equal(before, torch.full((len(marks(i)),), REWARDS[i]))
            assert torch.equal(after, toy.credited(before, marks(i)))
            seen.add(i)
        # What the loss is given has the size it had.
        assert [len(each) for each in result["slices"]] == result["sizes"]
    assert seen == set(range(len(TEXTS)))


def test_a_rank_may_hold_no_token_of_a_response(results):
    assert any(0 in result["sizes"] for result in results(3, 3, "plain"))


@pytest.mark.parametrize(("world", "context_parallel"), [(1, 1), (2, 2), (3, 3)])
def test_pitfall_03_a_tool_result_breaks_a_phrase(results, world, context_parallel):
    for result in results(world, context_parallel, "gaps"):
        for i, gap in ((0, [6, 7]), (3, [])):
            expected = marks(i)
            expected[gap] = 0
            assert torch.equal(result["after"][i], toy.credited(result["before"][i], expected))


@pytest.mark.parametrize("context_parallel", [1, 2, 3])
@pytest.mark.parametrize("estimator", WHITENED)
def test_pitfall_04_whitening_comes_first(results, context_parallel, estimator):
    for result in results(context_parallel, context_parallel, estimator):
        before = torch.cat(result["before"])
        # Whitened by slime over all tokens; 1e-5 is its epsilon and float32.
        assert abs(before.mean()) < 1e-5
        for i, (one, other) in enumerate(zip(result["before"], result["after"], strict=True)):
            assert torch.equal(other, toy.credited(one, marks(i)))


def test_pitfall_13_metrics_are_those_of_all_ranks_whatever_the_layout(results):
    (alone,) = results(1, 1, "plain")
    for world, context_parallel in EVERY_LAYOUT:
        for result in results(world, context_parallel, "plain"):
            names = set(alone["logged"]) - {"hicra/latency_ms"}
            assert names == set(result["logged"]) - {"hicra/latency_ms"}
            for name in names:
                # Sums are exact on a rank, and of float64 between ranks.
                value = alone["logged"][name][0]
                assert result["logged"][name][0] == pytest.approx(value, rel=1e-12), name
    tokens = sum(len(planning) for _, _, planning in TEXTS)
    planning = sum(sum(planning) for _, _, planning in TEXTS)
    assert alone["logged"]["hicra/planning_frac"][0] == pytest.approx(planning / tokens)


def test_slime_logs_the_metrics(one_rank, monkeypatch):
    written = {}
    monkeypatch.setattr(
        train_metric_utils.logging_utils, "log", lambda args, log, step_key: written.update(log)
    )
    args = one_rank(rollout_batch_size=2, n_samples_per_prompt=2, global_batch_size=4)
    args.wandb_always_use_train_step = False
    data = ranks.rollout(samples())
    from slime.backends.megatron_utils.loss import compute_advantages_and_returns

    compute_advantages_and_returns(args, data)
    adapter.postprocess(args, 3, data)
    train_metric_utils.log_rollout_data(3, args, data | {"global_batch_sizes": [4]})
    assert written["rollout/hicra/planning_frac"] == data["hicra/planning_frac"][0]
    assert written["rollout/hicra/adv_shift"] > 0
    assert written["rollout/hicra/failures"] == 0


def test_pitfall_14_a_second_application_is_refused(one_rank):
    args = one_rank()
    data = ranks.rollout(samples())
    data["advantages"] = [torch.ones_like(each) for each in data["log_probs"]]
    adapter.postprocess(args, 0, data)
    with pytest.raises(ValueError, match="second application"):
        adapter.postprocess(args, 0, data)


def test_pitfall_09_a_ratio_per_sequence_is_refused(one_rank):
    with pytest.raises(ValueError, match='advantage_estimator .* "gspo"'):
        adapter.postprocess(one_rank(advantage_estimator="gspo"), 0, {"advantages": []})


def test_pitfall_23_ranks_that_pass_through_on_their_own_are_refused(one_rank, monkeypatch):
    monkeypatch.setenv("HICRA_ON_FAILURE", "pass-through")
    data = ranks.rollout(samples())
    data["advantages"] = [torch.ones_like(each) for each in data["log_probs"]]
    with pytest.raises(ValueError, match=r"\(HICRA_ON_FAILURE\) must be"):
        adapter.postprocess(one_rank(), 0, data)


def test_no_advantages_is_an_error_and_another_pipeline_stage_is_none(one_rank):
    from megatron.core import mpu

    with pytest.raises(ValueError, match="rollout_data must hold advantages"):
        adapter.postprocess(one_rank(), 0, {})
    mpu.is_pipeline_last_stage = lambda: False
    data = {}
    adapter.postprocess(one_rank(), 0, data)
    assert data == {}


def test_a_mask_that_does_not_cover_its_response_is_refused(one_rank):
    data = ranks.rollout(samples())
    data["advantages"] = [torch.ones_like(each) for each in data["log_probs"]]
    data["loss_masks"][1] = data["loss_masks"][1][:1]
    with pytest.raises(ValueError, match=r"loss_masks\[1\] .* 2 tokens: it covers 1"):
        adapter.postprocess(one_rank(), 0, data)


def test_alpha_0_is_slime_bit_for_bit(results):
    for result in results(2, 2, "alpha 0"):
        for one, other in zip(result["before"], result["after"], strict=True):
            assert torch.equal(one, other)


def test_a_changed_host_is_refused(one_rank, monkeypatch):
    def renamed(tensor, total):
        return tensor

    (_, expected), other = adapter._BOUND
    monkeypatch.setattr(adapter, "_BOUND", ((renamed, expected), other))
    data = ranks.rollout(samples())
    data["advantages"] = [torch.ones_like(each) for each in data["log_probs"]]
    with pytest.raises(RuntimeError, match="slime .* must take tensor, total_length"):
        adapter.postprocess(one_rank(), 0, data)


def test_ids_that_only_the_model_knows(one_rank):
    data = ranks.rollout(samples())
    data["advantages"] = [torch.ones_like(each) for each in data["log_probs"]]
    data["tokens"][0][-1] = toy.BEYOND
    adapter.postprocess(one_rank(), 0, data)
    expected = marks(0)
    expected[-2:] = 0
    assert torch.equal(data["advantages"][0], toy.credited(torch.ones(len(expected)), expected))
