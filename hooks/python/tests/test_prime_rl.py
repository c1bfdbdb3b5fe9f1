"""The prime-rl adapter on prime-rl's own algorithms and train sink, and verifiers' own traces.

Not run: an orchestrator with its inference servers; the environments of the sink are stand-ins that
hold a real algorithm.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

import word_tokens as words
from word_tokens import IS, LET, ME, SEE, SUM, THE, TOOL, WAIT

pytest.importorskip("prime_rl.orchestrator.algo", reason="prime-rl is not on the path")

import verifiers.v1 as vf  # noqa: E402
from prime_rl.configs.algorithm import (  # noqa: E402
    GRPOAlgoConfig,
    HierarchicalGRPOAlgoConfig,
    MaxRLAlgoConfig,
    SFTAlgoConfig,
)
from prime_rl.orchestrator.algo import Algorithm, build_algorithm  # noqa: E402
from prime_rl.orchestrator.train_sink import TrainSink  # noqa: E402
from prime_rl.orchestrator.trajectories import trace_to_samples  # noqa: E402

from hicra_hook import SidecarError  # noqa: E402
from hicra_hook import prime_rl as adapter  # noqa: E402

OPEN_ALPHA = [{"name": "hicra", "alpha": 1, "allowSignChange": True}]


@pytest.fixture(autouse=True)
def _prime_rl_as_it_was(monkeypatch):
    monkeypatch.setattr(Algorithm, "finalize_group", Algorithm.finalize_group)


def said(ids, *, parent, mask=None, **fields):
    """What the policy sampled, after one token of scaffold."""
    mask = [False, *(mask or [True] * len(ids))]
    logprobs = [-0.5] * sum(mask)
    message = vf.AssistantMessage(content=str(ids))
    return vf.MessageNode(
        message=message, parent=parent, token_ids=[THE, *ids], mask=mask, logprobs=logprobs,
        sampled=True, **fields,
    )  # fmt: skip


def given(ids, *, parent=None):
    message = vf.UserMessage(content=str(ids))
    return vf.MessageNode(
        message=message, parent=parent, token_ids=list(ids), mask=[False] * len(ids)
    )


def episode(reward, *nodes, group="g", step=0, agent="agent"):
    task = vf.Task(vf.TaskData(idx=0, prompt=""))
    of_task = vf.TraceTask(type="Task", data=task.data, key=task.key, hash=task.hash)
    trace = vf.Trace(
        task=of_task,
        agent=vf.AgentInfo(config=vf.AgentConfig(), name=agent),
        nodes=list(nodes),
        rewards={"reward": vf.Reward(score=reward)},
        ok=True,
    )
    return vf.Episode(
        env=vf.EnvInfo(id="toy", name="toy"),
        task=of_task,
        group=vf.GroupInfo(id=group),
        run=vf.TrainRunInfo(id="run", work=vf.TrainWorkInfo(step=step)),
        traces=[trace],
        ok=True,
    )


def pair(**options):
    """Rewards 1 and 0, so advantages of a half and minus a half."""
    return [
        episode(1.0, given([WAIT]), said([SUM, WAIT, IS], parent=0), **options),
        episode(0.0, given([WAIT]), said([WAIT, IS], parent=0), **options),
    ]


def scored(episodes, config=None):
    algorithm = build_algorithm(config or GRPOAlgoConfig(), policy_pool=None)
    asyncio.run(algorithm.finalize_group(episodes))
    return [[node.advantages for node in e.traces[0].nodes] for e in episodes]


def shipped(episodes, *, filter_zero_advantages=True):
    """What the real train sink sends to the trainer."""
    algorithm = build_algorithm(GRPOAlgoConfig(), policy_pool=None)
    env = SimpleNamespace(
        config=SimpleNamespace(group_size=len(episodes)),
        algorithm=algorithm,
        sampling_args={"temperature": 1.0},
    )
    train = SimpleNamespace(filter_zero_advantages=filter_zero_advantages)
    sink = TrainSink(
        SimpleNamespace(max_off_policy_steps=8, train=train),
        tokenizer=None,
        train_envs=SimpleNamespace(get=lambda _: env),
        mm_token_type_ids_mapping=None,
        progress=SimpleNamespace(step=1),
        batch_size=len(episodes),
        token_batch_size=None,
    )

    async def add_all():
        return [await sink.add(e) for e in episodes][-1]

    return asyncio.run(add_all()).samples


def test_the_train_sink_ships_credited_samples(tmp_path):
    plain = [sample.advantages for sample in shipped(pair())]
    adapter.install(words.hook(tmp_path))
    credited = [sample.advantages for sample in shipped(pair())]
    assert plain == [[0, 0, 0.5, 0.5, 0.5], [0, 0, -0.5, -0.5]]
    assert credited == [[0, 0, 0.5, 0.75, 0.5], [0, 0, -0.25, -0.5]]


def test_pitfall_01_alignment_credit_is_on_the_token_that_says_wait(tmp_path):
    adapter.install(words.hook(tmp_path))
    [sample, _] = shipped(pair())
    raised = [t for t, a in zip(sample.token_ids, sample.advantages, strict=True) if a > 0.5]
    assert raised == [WAIT]


def test_pitfall_03_a_gap_inside_a_node_breaks_a_phrase(tmp_path):
    """The sampled ids alone, side by side, would join what was not said in a row."""
    adapter.install(words.hook(tmp_path))
    gap = said([LET, ME, TOOL, SEE], parent=0, mask=[True, True, False, True])
    whole = said([LET, ME, SEE], parent=0)
    found = scored([episode(1.0, given([THE]), gap), episode(0.0, given([THE]), whole)])
    assert found == [[None, [0.5] * 3], [None, [-0.25] * 3]]


def test_pitfall_03_words_that_were_not_sampled_complete_no_phrase(tmp_path):
    adapter.install(words.hook(tmp_path))
    lent = said([LET, ME, SEE], parent=0, mask=[True, False, True])
    found = scored(
        [episode(1.0, given([THE]), lent), episode(0.0, given([THE]), said([WAIT], parent=0))]
    )
    assert found == [[None, [0.5, 0.5]], [None, [-0.25]]]


def test_pitfall_03_a_phrase_does_not_cross_messages(tmp_path):
    adapter.install(words.hook(tmp_path))
    first = said([LET, ME], parent=0)
    second = said([SEE], parent=1)
    # Without scaffold between them the nodes' tokens touch.
    second.token_ids, second.mask = [SEE], [True]
    found = scored(
        [
            episode(1.0, given([THE]), first, second),
            episode(0.0, given([THE]), said([IS], parent=0)),
        ]
    )
    assert found[0] == [None, [0.5, 0.5], [0.5]]


def test_pitfall_21_a_node_shared_by_branches_is_credited_once(tmp_path):
    adapter.install(words.hook(tmp_path))
    nodes = [
        given([THE]),
        said([WAIT], parent=0),
        said([SUM], parent=1),
        said([IS, WAIT], parent=1),
    ]
    episodes = [episode(1.0, *nodes), episode(0.0, given([THE]), said([IS], parent=0))]
    assert scored(episodes)[0] == [None, [0.75], [0.5], [0.5, 0.75]]
    samples = trace_to_samples(episodes[0].traces[0])
    assert [sample.advantages for sample in samples] == [
        [0, 0, 0.75, 0, 0.5],
        [0, 0, 0.75, 0, 0.5, 0.75],
    ]


def test_pitfall_10_nodes_never_scored_stay_none_and_zeros_stay_zeros(tmp_path):
    adapter.install(words.hook(tmp_path))
    even = [episode(1.0, given([THE]), said([WAIT], parent=0)) for _ in range(2)]
    assert scored(even) == [[None, [0.0]]] * 2
    untouched = pair()
    assert adapter.credit(words.hook(tmp_path), untouched) is None
    assert untouched[0].traces[0].nodes[1].advantages is None
    assert "hicra" not in untouched[0].traces[0].info


def test_algorithms_without_advantages_are_left_alone_with_a_warning(tmp_path):
    adapter.install(words.hook(tmp_path))
    frozen = {"name": "a/b", "base_url": "http://127.0.0.1:1/v1"}
    config = SFTAlgoConfig(sampling={"source": frozen})
    with pytest.warns(UserWarning, match="assigns no advantages"):
        assert scored(pair(), config) == [[None, None]] * 2


@pytest.mark.parametrize(
    "config", [MaxRLAlgoConfig(), HierarchicalGRPOAlgoConfig(episode_agents=["x"])]
)
def test_other_algorithms_with_advantages_are_credited(tmp_path, config):
    plain = scored(pair(), config)
    adapter.install(words.hook(tmp_path))
    credited = scored(pair(), config)
    a, b = plain[0][1][1], plain[1][1][0]
    assert (credited[0][1][1], credited[1][1][0]) == (a + 0.5 * abs(a), b + 0.5 * abs(b))


def test_what_is_not_credited_keeps_every_digit(tmp_path):
    """Some algorithms compute in float64; the sidecar takes float32."""
    config = HierarchicalGRPOAlgoConfig(episode_agents=["x"])
    episodes = [
        episode(0.1, given([THE]), said([SUM, WAIT], parent=0)),
        episode(0.7, given([THE]), said([IS], parent=0)),
    ]
    adapter.install(words.hook(tmp_path))
    baseline = (0.1 + 0.7) / 2
    assert scored(episodes, config)[0][1][0] == 0.1 - baseline


@pytest.mark.parametrize("prune", [True, False])
def test_pitfall_06_exact_zeros_are_pruned_by_prime_rl_so_they_warn(tmp_path, prune):
    """Alpha 1 zeroes planning tokens of the failed rollout; the sink drops them from the loss."""
    adapter.install(words.hook(tmp_path, transforms=OPEN_ALPHA))
    with pytest.warns(RuntimeWarning, match="1 tokens of a group have advantage 0 now"):
        [_, failed] = shipped(pair(), filter_zero_advantages=prune)
    assert failed.advantages == [0, 0, 0, -0.5]
    assert failed.rl_weights == ([0.0, 0.0, 0.0, 1.0] if prune else None)


def test_alpha_1_is_refused_unless_allowed(tmp_path):
    with pytest.raises(RuntimeError, match="alpha must be less than 1"):
        adapter.install(words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": 1}]))


def test_pitfall_14_a_group_is_credited_once(tmp_path):
    hook = words.hook(tmp_path)
    adapter.install(hook)
    episodes = pair()
    scored(episodes)
    with pytest.raises(ValueError, match="second application"):
        adapter.credit(hook, episodes)


def test_pitfall_14_install_happens_once(tmp_path):
    adapter.install(words.hook(tmp_path))
    with pytest.raises(RuntimeError, match="installed already"):
        adapter.install(words.hook(tmp_path))


def test_install_acts_on_algorithms_made_before(tmp_path):
    """An environment's package may be imported after the orchestrator made its algorithms."""
    algorithm = build_algorithm(GRPOAlgoConfig(), policy_pool=None)
    adapter.install(words.hook(tmp_path))
    episodes = pair()
    asyncio.run(algorithm.finalize_group(episodes))
    assert episodes[0].traces[0].nodes[1].advantages == [0.5, 0.75, 0.5]


def test_traces_carry_metrics_that_prime_rl_logs(tmp_path):
    adapter.install(words.hook(tmp_path))
    episodes = pair()
    scored(episodes)
    assert episodes[0].traces[0].metrics == {
        "hicra/trace_planning_frac": pytest.approx(1 / 3),
        "hicra/failures": 0,
    }
    assert episodes[1].traces[0].metrics["hicra/trace_planning_frac"] == pytest.approx(1 / 2)


def test_a_schedule_follows_the_step_of_the_rollouts(tmp_path):
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    adapter.install(words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": linear}]))
    assert scored(pair(step=0))[1][1] == [-0.5, -0.5]
    assert scored(pair(step=10))[1][1] == [-0.25, -0.5]


def test_a_schedule_without_a_step_is_refused(tmp_path):
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    hook = words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": linear}])
    episodes = pair()
    scored(episodes)
    with pytest.raises(SidecarError, match="its alpha needs the training step"):
        adapter.credit(hook, episodes)


def test_the_hook_may_come_from_the_environment(tmp_path, monkeypatch, capsys):
    for name, value in words.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="set HICRA_TOKENIZER"):
        adapter.install()
    monkeypatch.setenv("HICRA_TOKENIZER", words.tokenizer(tmp_path))
    adapter.install()
    assert scored(pair())[1][1] == [-0.25, -0.5]
    assert "hicra: bound to prime-rl" in capsys.readouterr().err
