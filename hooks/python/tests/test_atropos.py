"""The Atropos adapter through the real API server, and what the example trainer makes of it."""

from __future__ import annotations

import asyncio
import copy
from types import SimpleNamespace

import numpy as np
import pytest

import mortal
import word_tokens as words
from word_tokens import IS, LET, ME, SEE, SUM, THE, TOOL, WAIT

base = pytest.importorskip("atroposlib.envs.base", reason="atroposlib is not installed")
pytest.importorskip("httpx", reason="the test client of the API server needs it")

from atroposlib.api.server import app  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from hicra_hook import SidecarError, SidecarUnavailable  # noqa: E402
from hicra_hook.atropos import HicraEnv, credit  # noqa: E402


def scored(*rows, prompt=1, scores=(1.0, 0.0), **fields):
    """A group whose first tokens are the prompt."""
    masks = [[-100] * prompt + row[prompt:] for row in rows]
    group = base.ScoredDataGroup(
        tokens=[list(row) for row in rows], masks=masks, scores=list(scores)
    )
    return group | {"advantages": None, "overrides": None} | fields


def pair(**fields):
    return scored([THE, SUM, WAIT, IS], [THE, WAIT, IS], **fields)


class ToyEnv(base.BaseEnv):
    """An environment that sends what it is told."""

    async def get_next_item(self):
        raise NotImplementedError

    async def evaluate(self, *args, **kwargs):
        raise NotImplementedError

    async def collect_trajectories(self, item):
        return copy.deepcopy(self.says), []

    async def setup(self):
        pass


class PlanningEnv(HicraEnv, ToyEnv):
    hicra_baseline = "mean"


@pytest.fixture
def env(tmp_path, monkeypatch):
    """A real environment with a tokenizer from a file, as the hub cannot be reached."""
    tokenizer = SimpleNamespace(decode=lambda ids: str(ids))
    monkeypatch.setattr(base.AutoTokenizer, "from_pretrained", lambda _: tokenizer)

    def make(kind=PlanningEnv, *, with_hook=True, **options):
        config = base.BaseEnvConfig(group_size=2, use_wandb=False, include_messages=False)
        made = kind(config, base.ServerBaseline(), testing=True)
        made.max_token_len = 64
        if issubclass(kind, HicraEnv) and with_hook:
            made.hicra = words.hook(tmp_path, **options)
        return made

    return make


@pytest.fixture
def server():
    client = TestClient(app)
    client.get("/reset_data")
    client.post(
        "/register",
        json={
            "wandb_group": "",
            "wandb_project": "",
            "batch_size": 2,
            "max_token_len": 64,
            "checkpoint_dir": "",
            "save_checkpoint_interval": 0,
            "starting_step": 0,
            "num_steps": 1,
        },
    )
    client.get("/batch")
    return client


def rolled_out(env, group):
    """What the environment's own handling of one item sends to the API."""
    sent = []

    async def send(data):
        sent.append(data)

    env._send_scored_data_to_api = send
    env.says = group
    env.running_items["a"] = {"item": "a"}
    asyncio.run(env.handle_env("a"))
    return sent


def test_a_rollout_reaches_the_trainer_credited(env, server):
    [group] = rolled_out(env(), pair())
    assert server.post("/scored_data", json=group).status_code == 200
    [batch] = server.get("/batch").json()["batch"]
    assert batch["advantages"] == [[0.5, 0.5, 0.75, 0.5], [-0.5, -0.25, -0.5]]
    assert batch["scores"] == [1.0, 0.0]


def test_lists_of_groups_are_credited_too(env, tmp_path):
    environment = env()
    groups = asyncio.run(environment.postprocess_histories([pair(), None, pair()]))
    assert (
        groups[0]["advantages"]
        == groups[2]["advantages"]
        == [[0.5, 0.5, 0.75, 0.5], [-0.5, -0.25, -0.5]]
    )


def test_pitfall_01_alignment_credit_is_on_the_token_that_says_wait(tmp_path):
    group = pair()
    credit(words.hook(tmp_path), group, baseline="mean")
    raised = np.array(group["advantages"][0]) > 0.5
    assert np.array(group["tokens"][0])[raised].tolist() == [WAIT]


def test_pitfall_03_minus_100_is_not_trained_and_breaks_a_phrase(tmp_path):
    group = scored([THE, LET, ME, TOOL, SEE], [WAIT, LET, ME, SEE, WAIT])
    group["masks"][0][3] = -100
    credit(words.hook(tmp_path), group, baseline="mean")
    # In the second, the first "wait" is prompt.
    assert group["advantages"] == [[0.5] * 5, [-0.5, -0.25, -0.25, -0.25, -0.25]]


@pytest.mark.parametrize("absent", [None, []])
def test_pitfall_10_absent_advantages_are_not_zeros(tmp_path, absent):
    hook = words.hook(tmp_path)
    with pytest.raises(ValueError, match="must have advantages, or a baseline"):
        credit(hook, pair(advantages=absent))
    zeros = pair(advantages=[[0.0] * 4, [0.0] * 3])
    credit(hook, zeros)
    assert zeros["advantages"] == [[0.0] * 4, [0.0] * 3]


def test_the_environment_s_own_advantages_keep_every_digit(tmp_path):
    group = pair(advantages=[[0.1, 0.1, 1.0, 0.1], [-1.0, -1.0, -0.1]])
    credit(words.hook(tmp_path), group, baseline="mean")
    assert group["advantages"] == [[0.1, 0.1, 1.5, 0.1], [-1.0, -0.5, -0.1]]


def test_mean_std_is_what_the_example_trainer_computes(tmp_path):
    data = pytest.importorskip("example_trainer.data", reason="atroposlib came without its trainer")
    scores = (1.0, 0.25)
    group = pair(scores=scores, inference_logprobs=[[1.0] * 4, [1.0] * 3])
    credit(words.hook(tmp_path), group, baseline="mean-std")
    theirs = data.pad_data_to_good_offset({"batch": [pair(scores=scores)]}, 2)[2][0]
    assert [row[0] for row in group["advantages"]] == theirs.flatten().tolist()


def test_overrides_of_the_baseline_are_kept(tmp_path):
    group = pair(overrides=[{"set_advantage_to_zero": True}, {}])
    credit(words.hook(tmp_path), group, baseline="mean")
    assert group["advantages"][0] == [0.0] * 4


def test_the_example_trainer_ignores_advantages(tmp_path):
    """Why the page says so loudly: its batches are the same with HICRA and without."""
    data = pytest.importorskip("example_trainer.data", reason="atroposlib came without its trainer")
    plain, credited = pair(), pair()
    credit(words.hook(tmp_path), credited, baseline="mean-std")
    assert credited["advantages"] != plain["advantages"]
    batches = [
        data.pad_data_to_good_offset({"batch": [group]}, 2)[2][0] for group in (plain, credited)
    ]
    assert batches[0].tolist() == batches[1].tolist()
    assert batches[0].shape == (2, 1)


def test_pitfall_14_a_group_is_credited_once(tmp_path):
    hook, group = words.hook(tmp_path), pair()
    credit(hook, group, baseline="mean")
    with pytest.raises(ValueError, match="second application"):
        credit(hook, group, baseline="mean")


def test_pitfall_22_without_sidecar_nothing_is_sent(env, tmp_path):
    """Atropos logs what a rollout raises and goes on: the group is dropped, not sent as it was."""
    environment = env(socket=None)
    mortal.end_for_good(environment.hicra.sidecar)
    with pytest.raises(SidecarUnavailable):
        credit(environment.hicra, pair(), baseline="mean")
    assert rolled_out(environment, pair()) == []


ENTROPY_BONUS = [{"name": "entropy-regularization", "coefficient": 0.01}]


@pytest.mark.parametrize(
    ("transforms", "says"), [([{"name": "hicrq"}], "hicrq"), (ENTROPY_BONUS, "host must add")]
)
def test_bad_options_show_before_any_rollout(env, transforms, says):
    with pytest.raises(Exception, match=says):
        env(transforms=transforms)


def test_setup_makes_the_hook_of_the_environment(env, tmp_path, monkeypatch, capsys):
    for name, value in words.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    environment = env(with_hook=False)
    environment.tokenizer = words.VOCABULARY
    asyncio.run(environment.setup())
    assert "hicra: bound to atroposlib 0.4.0" in capsys.readouterr().err
    monkeypatch.setenv("HICRA_ALPHA", "1.5")
    environment = env(with_hook=False)
    environment.tokenizer = words.VOCABULARY
    with pytest.raises(Exception, match="alpha"):
        asyncio.run(environment.setup())


def test_metrics_are_logged_over_all_groups_since_the_last_log(env, monkeypatch, capsys):
    logged = {}
    environment = env()

    async def record(self, wandb_metrics=None):
        logged.update(wandb_metrics)

    monkeypatch.setattr(base.BaseEnv, "wandb_log", record)
    rolled_out(environment, pair())
    rolled_out(environment, scored([THE, SUM], [THE, SUM]))
    asyncio.run(environment.wandb_log({"own": 1.0}))
    # 2 of 5 sampled tokens in the first group, 0 of 2 in the second.
    assert logged["hicra/planning_frac"] == pytest.approx(2 / 7)
    assert (logged["own"], logged["hicra/failures"]) == (1.0, 0.0)
    assert logged["hicra/latency_ms"] > 0
    assert (
        "hicra: bound to atroposlib 0.4.0 PlanningEnv.postprocess_histories"
        in capsys.readouterr().err
    )


def test_a_schedule_follows_the_trainer_s_step(env, tmp_path):
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    options = {"transforms": [{"name": "hicra", "alpha": linear}]}
    environment = env(**options)
    # What the server says when the environment registers, also after a resume, and in its status.
    environment.curr_step = 10
    credited = asyncio.run(environment.postprocess_histories(pair()))
    assert credited["advantages"] == [[0.5, 0.5, 0.75, 0.5], [-0.5, -0.25, -0.5]]
    with pytest.raises(SidecarError, match="its alpha needs the training step"):
        credit(words.hook(tmp_path, **options), pair(), baseline="mean")


def test_lengths_that_disagree_are_refused(tmp_path):
    with pytest.raises(ValueError, match="advantages must have one value a token"):
        credit(words.hook(tmp_path), pair(advantages=[[0.5], [-0.5]]))


def test_only_environments_can_be_extended():
    with pytest.raises(TypeError, match="must be an environment of atroposlib"):

        class Wrong(HicraEnv):
            pass
