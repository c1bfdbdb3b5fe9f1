"""The Tinker adapter on the cookbook's own training step; a recorder replaces the service."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

import word_tokens as words
from word_tokens import IS, LET, ME, SEE, SUM, THE, WAIT

tinker = pytest.importorskip("tinker", reason="the Tinker SDK is not installed")
train = pytest.importorskip("tinker_cookbook.rl.train", reason="the cookbook is not installed")

from tinker.proto.request_conv import forward_backward_request_to_proto  # noqa: E402
from tinker.types.forward_backward_input import ForwardBackwardInput  # noqa: E402
from tinker.types.forward_backward_request import ForwardBackwardRequest  # noqa: E402
from tinker_cookbook.completers import TokensWithLogprobs  # noqa: E402
from tinker_cookbook.rl import data_processing  # noqa: E402
from tinker_cookbook.rl.types import Trajectory, TrajectoryGroup, Transition  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

from hicra_hook import SidecarError  # noqa: E402
from hicra_hook import tinker as adapter  # noqa: E402


def turn(prompt, said, **metrics):
    action = TokensWithLogprobs(tokens=said, maybe_logprobs=[-0.5] * len(said))
    observation = tinker.ModelInput.from_ints(prompt)
    return Transition(observation, action, reward=0.0, episode_done=True, metrics=metrics)


def group(*trajectories, rewards=(1.0, 0.0)):
    """Two trajectories of rewards 1 and 0, so their advantages are a half and minus a half."""
    end = tinker.ModelInput.from_ints([THE])
    return TrajectoryGroup(
        [Trajectory(list(turns), final_ob=end) for turns in trajectories],
        list(rewards),
        [{} for _ in trajectories],
    )


GROUP = group([turn([THE], [SUM, WAIT, IS])], [turn([THE], [WAIT, IS])])


def datums(*groups):
    advantages = data_processing.compute_advantages(list(groups))
    return data_processing.assemble_training_data(list(groups), advantages)[0]


def values(datum, name="advantages"):
    return datum.loss_fn_inputs[name].to_numpy().tolist()


class Service:
    """What a training client would send, recorded."""

    def __init__(self):
        self.sent = []

    def forward_backward(self, data, loss_fn, loss_fn_config=None):
        self.sent += data
        outputs = [{"logprobs": datum.loss_fn_inputs["logprobs"]} for datum in data]
        return _future(SimpleNamespace(loss_fn_outputs=outputs))

    def optim_step(self, params):
        return _future(SimpleNamespace(metrics={}))


async def _future(value):
    return value


@pytest.fixture
def cookbook(monkeypatch):
    """The cookbook as it was, after the test."""
    for name in ("prepare_minibatch", *adapter._STEPS):
        monkeypatch.setattr(train, name, getattr(train, name))


def configuration(loss="importance_sampling", stream=None):
    """What a training step reads of `train.Config`, which wants a data set and a model too."""
    return SimpleNamespace(
        kl_penalty_coef=0.0,
        kl_discount_factor=0.0,
        learning_rate=1e-5,
        num_substeps=1,
        loss_fn_config=None,
        compute_post_kl=False,
        stream_minibatch_config=stream,
        training_loss_fn=lambda: loss,
        records_stability_info=lambda: False,
    )


def tokenizer(tmp_path):
    return PreTrainedTokenizerFast(tokenizer_file=words.tokenizer(tmp_path))


BUILDER = SimpleNamespace(logging_tags=lambda: [])


def step(tmp_path, *groups, i_batch=0, loss="importance_sampling"):
    """The cookbook's training step, on groups that were sampled."""
    service, done = Service(), asyncio.Event()
    done.set()
    _, metrics = asyncio.run(
        train.do_train_step_and_get_sampling_client(
            configuration(loss),
            i_batch,
            service,
            SimpleNamespace(should_save_periodic=lambda _: False),
            None,
            tokenizer(tmp_path),
            [BUILDER for _ in groups],
            list(groups),
            sampling_client_reuse=train.SamplingClientReuse(None, done),
        )
    )
    return service.sent, metrics


def streamed(tmp_path, *groups, i_batch=0):
    """The same in a streaming run, a minibatch for each group; no weights are saved."""
    service = Service()
    stream = train.StreamMinibatchConfig(groups_per_batch=len(groups), num_minibatches=len(groups))

    async def run():
        queue = asyncio.Queue()
        for sampled in groups:
            wrapped = train.WrappedTrajectoryGroup(
                trajectory_group=sampled,
                env_group_builder=BUILDER,
                sampling_client_step=i_batch,
                metrics={"time/trajectory_group_worker_loop/total": 0.0},
            )
            queue.put_nowait(wrapped)
        await train.do_train_step_streaming_and_get_sampling_client(
            configuration(stream=stream),
            i_batch,
            queue,
            service,
            None,
            None,
            tokenizer(tmp_path),
        )

    asyncio.run(run())
    return service.sent


def test_the_training_step_sends_credited_datums(cookbook, tmp_path):
    plain, _ = step(tmp_path, GROUP)
    adapter.install(words.hook(tmp_path))
    sent, metrics = step(tmp_path, GROUP)
    assert [values(datum) for datum in plain] == [[0.5, 0.5, 0.5], [-0.5, -0.5]]
    assert [values(datum) for datum in sent] == [[0.5, 0.75, 0.5], [-0.25, -0.5]]
    assert "mask" not in sent[0].loss_fn_inputs
    assert metrics["hicra/planning_frac"] == pytest.approx(2 / 5)
    assert metrics["hicra/failures"] == 0


def test_a_streaming_step_sends_credited_datums(cookbook, tmp_path, monkeypatch):
    monkeypatch.setattr(
        train, "save_checkpoint_and_get_sampling_client", lambda *_, **__: _future((None, {}))
    )
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    adapter.install(words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": linear}]))
    sent = streamed(tmp_path, GROUP, GROUP, i_batch=10)
    assert [values(datum) for datum in sent] == [[0.5, 0.75, 0.5], [-0.25, -0.5]] * 2


def test_pitfall_01_alignment_credit_is_on_the_target_that_says_wait(tmp_path):
    data = datums(GROUP)
    adapter.credit(words.hook(tmp_path), data)
    raised = np.array(values(data[0])) > 0.5
    assert np.array(values(data[0], "target_tokens"))[raised].tolist() == [WAIT]
    # The input at that place is the token before.
    assert np.array(data[0].model_input.to_ints())[raised].tolist() == [SUM]


def test_pitfall_03_an_observation_breaks_a_phrase(tmp_path):
    first = turn([THE], [LET, ME])
    broken = turn([THE, LET, ME, IS], [SEE, WAIT])
    whole = turn([THE], [LET, ME, SEE])
    lent = [turn([THE], [LET]), turn([THE, LET, ME], [SEE])]
    data = datums(group([first, broken], [whole]), group(lent, [whole]))
    adapter.credit(words.hook(tmp_path), data)
    assert values(data[2]) == [0.5, 0.0, 0.5]
    assert values(data[0]) == [0.5, 0.5, 0.0, 0.5, 0.75]
    assert values(data[1]) == [-0.25, -0.25, -0.25]


def test_pitfall_03_a_turn_that_the_cookbook_masks_gets_nothing(tmp_path):
    masked = {data_processing.PARSE_ERROR_MASKED_METRIC_KEY: 1.0}
    data = datums(group([turn([THE], [WAIT], **masked)], [turn([THE], [WAIT])]))
    adapter.credit(words.hook(tmp_path), data)
    assert values(data[0]) == [0.0]
    assert values(data[1]) == [-0.25]


def test_pitfall_14_datums_are_credited_once(tmp_path):
    hook, data = words.hook(tmp_path), datums(GROUP)
    adapter.credit(hook, data)
    with pytest.raises(ValueError, match="second application"):
        adapter.credit(hook, data)


def test_pitfall_14_install_happens_once(cookbook, tmp_path):
    adapter.install(words.hook(tmp_path))
    with pytest.raises(RuntimeError, match="installed already"):
        adapter.install(words.hook(tmp_path))


def test_pitfall_15_the_host_s_array_is_left_alone(tmp_path):
    data = datums(GROUP)
    before = data[0].loss_fn_inputs["advantages"].to_numpy()
    adapter.credit(words.hook(tmp_path), data)
    assert before.tolist() == [0.5, 0.5, 0.5]


def test_pitfall_16_what_is_sent_is_float32(tmp_path):
    data = datums(GROUP)
    adapter.credit(words.hook(tmp_path), data)
    tensor = data[0].loss_fn_inputs["advantages"]
    assert (tensor.dtype, tensor.to_numpy().dtype, tensor.shape) == ("float32", np.float32, [3])
    sent = ForwardBackwardInput(data=[train._remove_mask(data[0])], loss_fn="ppo")
    message = forward_backward_request_to_proto(ForwardBackwardRequest(sent, model_id="m"))
    on_wire = message.data[0].loss_fn_inputs["advantages"].dense
    assert np.frombuffer(on_wire, "<f4").tolist() == [0.5, 0.75, 0.5]


def test_pitfall_04_credit_comes_after_the_kl_penalty(cookbook, tmp_path):
    """The penalty is the cookbook's own; the reference's logprobs are given, not served."""

    class Reference:
        def sample(self, prompt, **_):
            logprobs = [None] + [-1.0 - 0.5 * t for t in range(1, prompt.length)]
            scored = SimpleNamespace(
                prompt_logprobs=logprobs, prompt_cache_hit_tokens=0, sequences=[]
            )
            return SimpleNamespace(coroutine=lambda: _future(scored))

    async def prepare():
        token = adapter._step.set(0)
        try:
            data, _, _ = await train.prepare_minibatch(
                [BUILDER],
                [GROUP],
                tokenizer(tmp_path),
                Reference(),
                kl_penalty_coef=0.25,
                kl_discount_factor=0.0,
            )
            return data
        finally:
            adapter._step.reset(token)

    plain = [values(datum) for datum in asyncio.run(prepare())]
    assert plain != [[0.5, 0.5, 0.5], [-0.5, -0.5]]
    adapter.install(words.hook(tmp_path))
    credited = [values(datum) for datum in asyncio.run(prepare())]
    expected = [np.array(row, np.float32) for row in plain]
    expected[0][1] += np.float32(0.5) * abs(expected[0][1])
    expected[1][0] += np.float32(0.5) * abs(expected[1][0])
    assert credited == [row.tolist() for row in expected]


def test_a_schedule_follows_the_step(cookbook, tmp_path):
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    adapter.install(words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": linear}]))
    early, _ = step(tmp_path, GROUP, i_batch=0)
    late, _ = step(tmp_path, GROUP, i_batch=10)
    assert (values(early[1]), values(late[1])) == ([-0.5, -0.5], [-0.25, -0.5])


def test_a_schedule_without_a_step_is_refused(tmp_path):
    linear = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    hook = words.hook(tmp_path, transforms=[{"name": "hicra", "alpha": linear}])
    data = datums(GROUP)
    with pytest.raises(SidecarError, match="its alpha needs the training step"):
        adapter.credit(hook, data)
    adapter.credit(hook, data, step=10)
    assert values(data[1]) == [-0.25, -0.5]


@pytest.mark.parametrize("loss", ["gspo", "cross_entropy", "custom"])
def test_pitfall_09_losses_that_credit_does_not_reach_are_refused(cookbook, tmp_path, loss):
    adapter.install(words.hook(tmp_path))
    with pytest.raises(ValueError, match=f'current value is "{loss}"'):
        step(tmp_path, GROUP, loss=loss)


def test_pitfall_09_a_loss_of_unknown_formula_warns(cookbook, tmp_path):
    adapter.install(words.hook(tmp_path))
    # Without provenance the cookbook itself refuses this loss, after the warning.
    with (
        pytest.warns(UserWarning, match="was not verified"),
        pytest.raises(Exception, match="prov"),
    ):
        step(tmp_path, GROUP, loss="stable_reinforce")


def test_the_hook_may_come_from_the_environment(cookbook, tmp_path, monkeypatch, capsys):
    for name, value in words.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    adapter.install()
    sent, _ = step(tmp_path, GROUP)
    assert values(sent[1]) == [-0.25, -0.5]
    assert (
        "hicra: bound to tinker-cookbook 0.6.1 rl.train.prepare_minibatch"
        in capsys.readouterr().err
    )


def test_datums_without_mask_are_refused(tmp_path):
    data = [train._remove_mask(datum) for datum in datums(GROUP)]
    with pytest.raises(ValueError, match="mask missing"):
        adapter.credit(words.hook(tmp_path), data)
