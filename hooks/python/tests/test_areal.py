"""The AReaL adapter on AReaL's own actor, normalization, loss and engine classes, on a CPU.

Not run: a training step, which needs a model on GPUs; the engine is a stand-in where only its
version is asked.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing

import word_tokens as words
from word_tokens import IS, LET, ME, PAD, SEE, SUM, THE, TOOL, WAIT

pytest.importorskip("areal", reason="AReaL is not installed")

from areal.api.cli_args import NormConfig, PPOActorConfig  # noqa: E402
from areal.trainer.ppo.actor import PPOActor  # noqa: E402
from areal.utils import stats_tracker  # noqa: E402
from areal.utils.functional import ppo_actor_loss_fn  # noqa: E402
from transformers import Qwen3Config  # noqa: E402

from hicra_hook import areal as adapter  # noqa: E402

ROWS = [[THE, SUM, WAIT, IS, THE], [THE, WAIT, IS, PAD, PAD]]
MASK = [[0, 1, 1, 1, 1], [0, 1, 1, 0, 0]]
BEYOND = 99
"""An id that only the model knows."""
ENGINE = SimpleNamespace(get_version=lambda: 0)


def config(path="", **options):
    return PPOActorConfig(path=path, kl_ctl=0.0, **options)


def batch(rows=ROWS, mask=MASK, rewards=(1.0, -1.0)):
    ids = torch.tensor(rows)
    return {
        "input_ids": ids,
        "attention_mask": (ids != PAD).long(),
        "loss_mask": torch.tensor(mask),
        "logprobs": torch.full(ids.shape, -0.5),
        "rewards": torch.tensor(rewards),
    }


def actor(tmp_path, *, options=None, **of_hook):
    return adapter.HicraActor(config(**(options or {})), ENGINE, words.hook(tmp_path, **of_hook))


@pytest.fixture(autouse=True)
def _fresh_statistics():
    stats_tracker.export_all()
    yield
    stats_tracker.export_all()


def test_advantages_are_credited(tmp_path):
    plain = PPOActor(config(), ENGINE)._compute_advantages(batch())
    credited = actor(tmp_path)._compute_advantages(batch())
    assert plain["advantages"].tolist() == [[1, 1, 1, 1, 0], [-1, -1, 0, 0, 0]]
    assert credited["advantages"].tolist() == [[1, 1.5, 1, 1, 0], [-0.5, -1, 0, 0, 0]]
    assert credited["advantages"].dtype == torch.float32
    for name in ("returns", "loss_mask", "logprobs", "kl_rewards"):
        assert torch.equal(credited[name], plain[name])


def test_lists_of_trajectories_are_credited(tmp_path):
    """As the trainer calls it."""
    one = batch()
    rows = [{name: value[i : i + 1] for name, value in one.items()} for i in range(2)]
    credited = actor(tmp_path).compute_advantages(rows)
    found = torch.cat([row["advantages"] for row in credited])
    assert found.tolist() == [[1, 1.5, 1, 1, 0], [-0.5, -1, 0, 0, 0]]


def test_pitfall_01_alignment_credit_is_on_the_column_before_wait(tmp_path):
    credited = actor(tmp_path)._compute_advantages(batch())
    # Column t weighs the logprob of token t + 1.
    predicted = torch.roll(credited["input_ids"], -1, dims=-1)
    assert predicted[credited["advantages"] > 1].tolist() == [WAIT]


def test_pitfall_01_the_prompt_is_never_credited_for_the_roll(tmp_path):
    """The roll brings column 0 to the end; what it says there is prompt, and masked."""
    credited = actor(tmp_path)._compute_advantages(
        batch([[WAIT, SUM], [WAIT, IS]], [[0, 1], [0, 1]])
    )
    assert credited["advantages"].tolist() == [[1, 0], [-1, 0]]


def test_pitfall_02_left_padding(tmp_path):
    rows = [[THE, SUM, WAIT, IS, THE], [PAD, PAD, THE, WAIT, IS]]
    data = batch(rows, [[0, 1, 1, 1, 1], [0, 0, 0, 1, 1]])
    marks = actor(tmp_path).hook.mask_padded(
        torch.roll(data["input_ids"], -1, -1), torch.roll(data["loss_mask"], -1, -1)
    )
    assert marks.tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]


def test_pitfall_03_a_tool_call_breaks_a_phrase(tmp_path):
    rows = [[THE, LET, ME, TOOL, SEE], [THE, LET, ME, SEE, IS]]
    data = batch(rows, [[0, 1, 1, 0, 1], [0, 1, 1, 1, 1]])
    found = actor(tmp_path)._compute_advantages(data)["advantages"]
    # AReaL carries the advantage over masked columns; they stay as they are.
    assert found.tolist() == [[1, 1, 1, 1, 0], [-0.5, -0.5, -0.5, -1, 0]]


def test_pitfall_04_credit_comes_after_adv_norm(tmp_path):
    norm = NormConfig(mean_level="batch", std_level="batch", group_size=2)
    plain = PPOActor(config(adv_norm=norm), ENGINE)._compute_advantages(batch())["advantages"]
    found = actor(tmp_path, options={"adv_norm": norm})._compute_advantages(batch())["advantages"]
    expected = plain.clone()
    for row, column in [(0, 1), (1, 0)]:
        expected[row, column] += 0.5 * plain[row, column].abs()
    assert plain[0, 0] != 1
    assert torch.equal(found, expected)


def test_pitfall_09_ratios_per_sequence_are_refused(tmp_path):
    with pytest.raises(ValueError, match="importance_sampling_level must have"):
        actor(tmp_path, options={"importance_sampling_level": "sequence"})


@pytest.mark.parametrize(("level", "differs"), [("token", True), ("sequence", False)])
def test_pitfall_09_why_areals_sequence_level_erases_credit(tmp_path, level, differs):
    """AReaL's own loss: with ratios per sequence all tokens of it get the same gradient."""
    advantages = torch.tensor([[1.0, 1.5, 1.0]])
    logprobs = torch.full((1, 3), -0.5, requires_grad=True)
    loss, _ = ppo_actor_loss_fn(
        logprobs=logprobs,
        proximal_logprobs=torch.full((1, 3), -0.5),
        old_logprobs=torch.full((1, 3), -0.5),
        advantages=advantages,
        eps_clip=0.2,
        loss_mask=torch.ones(1, 3, dtype=torch.bool),
        importance_sampling_level=level,
    )
    loss.backward()
    assert (logprobs.grad[0, 1] != logprobs.grad[0, 0]).item() is differs


def test_pitfall_14_two_actors_do_not_compound(tmp_path):
    """A second HICRA over the first is refused by the mark on the tensor."""
    inner = actor(tmp_path)
    data = inner._compute_advantages(batch())
    with pytest.raises(ValueError, match="second application"):
        inner.hook.transform_padded(data["input_ids"], data["loss_mask"], data["advantages"])


def test_pitfall_15_the_result_is_fresh_and_contiguous(tmp_path):
    data = actor(tmp_path)._compute_advantages(batch())
    assert data["advantages"].is_contiguous()
    assert data["advantages"].data_ptr() != data["returns"].data_ptr()


def test_pitfall_23_workers_that_pass_through_on_their_own_are_refused(tmp_path):
    with pytest.raises(ValueError, match='must be "raise" in areal .* "pass-through"'):
        actor(tmp_path, on_failure="pass-through")


def test_metrics_go_to_the_stats_tracker(tmp_path, capsys):
    actor(tmp_path)._compute_advantages(batch())
    stats = stats_tracker.export_all()
    assert stats["hicra/planning_frac"] == pytest.approx(2 / 6)
    assert stats["hicra/failures"] == 0
    assert "hicra: bound to areal 1.0.4 PPOActor._compute_advantages" in capsys.readouterr().err


def _rank(rank, folder, store, results):
    """One of two workers, which hold one row each."""
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    mine = batch(ROWS[rank : rank + 1], MASK[rank : rank + 1], (1.0,))
    made = actor(folder)
    made.engine = SimpleNamespace(get_version=lambda: 0, data_parallel_group=dist.group.WORLD)
    made._compute_advantages(mine)
    torch.save(stats_tracker.export_all(), results / f"{rank}.pt")
    dist.destroy_process_group()


def test_pitfall_13_metrics_are_those_of_all_ranks(tmp_path):
    """Shards are uneven, and AReaL averages scalars over ranks with equal weight."""
    torch.multiprocessing.spawn(_rank, (tmp_path, tmp_path / "store", tmp_path), nprocs=2)
    for rank in range(2):
        stats = torch.load(tmp_path / f"{rank}.pt")
        assert stats["hicra/planning_frac"] == pytest.approx(2 / 6)


def test_a_schedule_follows_the_version_of_the_engine(tmp_path):
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    made = actor(tmp_path, transforms=[{"name": "hicra", "alpha": linear}])
    assert made._compute_advantages(batch())["advantages"][1, 0] == -1
    made.engine = SimpleNamespace(get_version=lambda: 10)
    assert made._compute_advantages(batch())["advantages"][1, 0] == -0.5


@pytest.fixture
def environment(tmp_path, monkeypatch):
    for name, value in words.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HICRA_TOKENIZER", words.tokenizer(tmp_path))
    # What an engine reads of a model when it is made; its embedding has rows without a token.
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    Qwen3Config(vocab_size=BEYOND + 1, **sizes).save_pretrained(tmp_path)
    return {"path": str(tmp_path), "backend": "fsdp:d1"}


def test_the_engine_of_a_worker_has_the_actor(environment):
    """AReaL's own import by name, which is how a worker of a single controller gets its engine."""
    from areal.utils.dynamic_import import import_from_string

    engine_class = import_from_string("hicra_hook.areal.HicraFSDPPPOActor")
    assert (
        f"{engine_class.__module__}.{engine_class.__name__}" == "hicra_hook.areal.HicraFSDPPPOActor"
    )
    engine = engine_class(config(**environment))
    engine.get_version = lambda: 0
    rows = [[THE, SUM, WAIT, IS, BEYOND], *ROWS[1:]]
    found = engine.compute_advantages([batch(rows)])[0]["advantages"]
    assert found.tolist() == [[1, 1.5, 1, 1, 0], [-0.5, -1, 0, 0, 0]]


@pytest.mark.parametrize("single_controller", [True, False])
def test_the_trainer_makes_its_actor_with_it_and_its_reference_without(
    environment, monkeypatch, single_controller
):
    from areal.engine import FSDPPPOActor

    made = []
    monkeypatch.setattr(adapter, "is_single_controller", lambda: single_controller)
    monkeypatch.setattr("areal.trainer.rl_trainer.is_single_controller", lambda: single_controller)
    monkeypatch.setattr(FSDPPPOActor, "create_process_group", lambda *_, **__: None)
    monkeypatch.setattr(
        FSDPPPOActor,
        "as_controller",
        classmethod(
            lambda cls, *_: (
                made.append(cls) or SimpleNamespace(create_process_group=lambda **_: None)
            )
        ),
    )
    trainer = object.__new__(adapter.HicraPPOTrainer)
    trainer.config, trainer.scheduler = SimpleNamespace(actor=config(**environment)), None
    alloc = SimpleNamespace(backend="fsdp", parallel=None)
    actor = trainer._create_train_engine(trainer.config.actor, alloc)
    reference = trainer._create_train_engine(config(**environment), alloc)
    kinds = made if single_controller else [type(actor), type(reference)]
    assert kinds == [adapter.HicraFSDPPPOActor, FSDPPPOActor]
