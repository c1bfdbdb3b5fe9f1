"""The OpenRLHF adapter on OpenRLHF's own experience maker, experiences and trainers, as released.

Generation and the models' passes need GPUs and are left out. Rollouts become experiences by
`_process_response_into_experience` and `split_rollout_samples`; what the models would add,
log-probabilities and KL, is made up; `compute_advantages_and_returns` and the loss are theirs.
Where vLLM and FlashAttention are not installed, `stand_ins` has the names imported from them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest
import ray
import torch

import hf_toy as toy
from hf_toy import PLANNING, PROMPTS, RESPONSES, REWARDS

pytest.importorskip("openrlhf", reason="needs openrlhf==0.11.2, see docs/frameworks/openrlhf.md")

STAND_INS = str(Path(__file__).parent / "stand_ins")
sys.path.append(STAND_INS)

from openrlhf.models.loss import PolicyLoss  # noqa: E402
from openrlhf.trainer import ppo_trainer, ppo_trainer_async  # noqa: E402
from openrlhf.trainer.ppo_utils import balance_experiences  # noqa: E402
from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker  # noqa: E402
from openrlhf.trainer.ppo_utils.kl_controller import FixedKLController  # noqa: E402
from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator  # noqa: E402
from openrlhf.utils.deepspeed import DeepspeedStrategy  # noqa: E402

# OpenRLHF has its names; other libraries shall not find a vLLM that is none.
sys.path.remove(STAND_INS)
for name, module in list(sys.modules.items()):
    if (getattr(module, "__file__", None) or "").startswith(STAND_INS):
        del sys.modules[name]

from hicra_hook import SidecarError  # noqa: E402
from hicra_hook import openrlhf as adapter  # noqa: E402
from hicra_hook.openrlhf import HicraExperienceMaker  # noqa: E402


def arguments(**options):
    """What the command line would give, as far as it is read here."""
    estimator = options.get("estimator", "group_norm")
    return Namespace(
        algo=Namespace(
            advantage=Namespace(
                estimator=estimator, gamma=1.0, lambd=1.0, no_std_norm=options.get("no_std", False)
            ),
            kl=Namespace(use_loss=False, init_coef=0.1, target=None, horizon=1),
        ),
        actor=Namespace(
            policy_loss_type=options.get("loss", "ppo"),
            model_name_or_path=toy.model(),
            num_nodes=1,
            num_gpus_per_node=2,
        ),
        ckpt=Namespace(save_steps=-1, best_metric_key=""),
        data=Namespace(
            disable_fast_tokenizer=False,
            prompt_dataset=options.get("prompts"),
            prompt_probs=None,
            max_samples=8,
            prompt_split="train",
            input_template=None,
            input_key="input",
            label_key=None,
            apply_chat_template=False,
            dataloader_num_workers=0,
            max_images_per_prompt=0,
        ),
        ds=Namespace(
            ring_attn_size=1, tensor_parallel_size=1, enable_sleep=False, param_dtype="bf16"
        ),
        eval=Namespace(steps=-1, dataset=None),
        logger=Namespace(wandb=Namespace(key=None), tensorboard_dir=None),
        reward=Namespace(
            clip_range=None, overlong_buffer_len=None, stop_properly_penalty_coef=None
        ),
        rollout=Namespace(
            n_samples_per_prompt=2, micro_batch_size=2, batch_size=2, max_tokens_per_gpu=30
        ),
        train=Namespace(
            dynamic_batch_enable=options.get("dynamic", False),
            batch_size=4,
            num_episodes=1,
            max_epochs=1,
            seed=0,
        ),
        use_ms=False,
    )


def maker(kind, **options):
    strategy = Namespace(args=arguments(**options))
    return kind(None, None, None, None, FixedKLController(0.1), strategy, toy.tokenizer())


def experiences(maker, *, ranges=None):
    """Experiences as OpenRLHF makes them of rollouts, before advantages."""
    generator = SamplesGenerator(maker.strategy, None, None, toy.tokenizer(), [])
    samples = []
    for index, (prompt, text, reward) in enumerate(zip(PROMPTS, RESPONSES, REWARDS, strict=True)):
        prompt, response = toy.ids(prompt), toy.ids(text)
        whole = [(len(prompt), len(prompt) + len(response))]
        samples.append(
            generator._process_response_into_experience(
                {
                    "observation_tokens": prompt + response,
                    "action_ranges": whole if ranges is None else ranges[index],
                    "reward": reward,
                    "scores": reward,
                    "rollout_log_probs": None,
                    "prompt": "",
                    "label": "",
                }
            )
        )
    made = maker.split_rollout_samples(samples)
    generator = torch.Generator().manual_seed(0)
    for each in made:
        shape = each.action_mask.shape
        each.action_log_probs = -torch.rand(shape, generator=generator)
        each.kl = torch.rand(shape, generator=generator) - 0.5
        each.values = torch.rand(shape, generator=generator)
    return made


def planning_mask(experience):
    mask = torch.zeros(experience.action_mask.shape)
    for row, index in enumerate(experience.index):
        # Action k chose token k + 1.
        start = len(toy.ids(PROMPTS[index])) - 1
        marks = PLANNING[index]
        mask[row, start : start + len(marks)] = torch.tensor(marks)
    return mask


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch, address):
    monkeypatch.setenv("HICRA_SOCKET", address)
    monkeypatch.setenv("HICRA_LEXICON", toy.lexicon(tmp_path))
    monkeypatch.setenv("HICRA_ALPHA", str(toy.ALPHA))
    return monkeypatch


def both(ranges=None, **options):
    """Experiences without HICRA and with it."""
    ours, theirs = maker(HicraExperienceMaker, **options), maker(RemoteExperienceMaker, **options)
    return (
        theirs.compute_advantages_and_returns(experiences(theirs, ranges=ranges)),
        ours.compute_advantages_and_returns(experiences(ours, ranges=ranges)),
    )


ESTIMATORS = ["gae", "reinforce", "rloo", "reinforce_baseline", "group_norm", "dr_grpo"]
ESTIMATORS += ["flash_reinforce"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pitfall_01_alignment_of_a_phrase_of_one_token(estimator):
    plain, got = both(estimator=estimator)
    for one, other in zip(plain, got, strict=True):
        marks = planning_mask(other)
        assert torch.equal(other.advantages, toy.credited(one.advantages, marks))
        assert torch.equal(other.returns, one.returns)
        assert (one.advantages[marks.bool()] != 0).all()


def test_credit_follows_the_sign_of_each_token():
    # KL in the reward makes advantages differ within a response.
    plain, got = both()
    for one, other in zip(plain, got, strict=True):
        marks = planning_mask(other).bool()
        assert (other.advantages[marks] > one.advantages[marks]).all()


def test_pitfall_02_padding_stands_on_the_right_and_stays():
    plain, got = both()
    for one, other in zip(plain, got, strict=True):
        padding = other.attention_mask[:, 1:] == 0
        assert torch.equal(other.advantages[padding], one.advantages[padding])
    assert (got[1].attention_mask == 0).any()


@pytest.mark.parametrize("trained", [[(1, 3), (4, 5)], [(2, 5)]])
def test_pitfall_03_a_tool_result_breaks_a_phrase(trained):
    ranges = [[(1, 6)], trained, [(3, 5)], [(3, 11)]]
    plain, got = both(ranges=ranges)
    marks = planning_mask(got[0])
    # " wait . let me" after a prompt of one token: without " let" there is no "let me".
    marks[1] = 0
    marks[1, 0 if trained[0] == (1, 3) else slice(2, 4)] = 1
    assert torch.equal(got[0].advantages, toy.credited(plain[0].advantages, marks))


@pytest.mark.parametrize("estimator", ["gae", "reinforce", "reinforce_baseline"])
@pytest.mark.parametrize("no_std", [False, True])
def test_pitfall_04_whitening_comes_first(estimator, no_std):
    plain, got = both(estimator=estimator, no_std=no_std)
    base = torch.cat([each.advantages[each.action_mask.bool()] for each in plain])
    # Whitened over all trained tokens of all experiences; 1e-6 is what float32 sums leave.
    assert abs(base.mean()) < 1e-6
    after = torch.cat([each.advantages[each.action_mask.bool()] for each in got])
    assert after.mean() > 1e-3


def test_pitfall_12_no_advantage_but_of_trained_tokens_changes():
    plain, got = both()
    for one, other in zip(plain, got, strict=True):
        untrained = other.action_mask == 0
        assert torch.equal(other.advantages[untrained], one.advantages[untrained])


def test_pitfall_13_samples_ordered_by_length():
    # Groups stand apart when batches are balanced by length.
    plain, got = both(dynamic=True)
    assert [index for each in got for index in each.index] != list(range(4))
    for one, other in zip(plain, got, strict=True):
        assert torch.equal(other.advantages, toy.credited(one.advantages, planning_mask(other)))


def test_ids_that_only_the_model_knows():
    plain, got = (maker(kind) for kind in (RemoteExperienceMaker, HicraExperienceMaker))
    made, ours = experiences(plain), experiences(got)
    for batch in (made, ours):
        assert batch[0].sequences[0, 2] == toy.ids(" sum")[0]
        batch[0].sequences[0, 2] = toy.BEYOND
    plain.compute_advantages_and_returns(made)
    got.compute_advantages_and_returns(ours)
    marks = planning_mask(ours[0])
    assert torch.equal(ours[0].advantages, toy.credited(made[0].advantages, marks))


def test_pitfall_22_the_token_stays_out_of_what_ray_shows(environment):
    environment.setenv("HICRA_TOKEN", "secret")
    actor = adapter.with_hicra(ppo_trainer.PPOTrainer)
    handed = actor._default_options["runtime_env"]["env_vars"]
    assert handed["HICRA_ALPHA"] == str(toy.ALPHA)
    assert "HICRA_TOKEN" not in handed


def test_metrics_go_with_every_sample_through_balancing():
    ours = maker(HicraExperienceMaker, dynamic=True)
    got = ours.compute_advantages_and_returns(experiences(ours))
    tokens = sum(len(marks) for marks in PLANNING)
    for each in balance_experiences(got, ours.args):
        for value in each.info["hicra/planning_frac"]:
            assert float(value) == pytest.approx(5 / tokens)
        assert len(each.info["hicra/adv_shift"]) == len(each.sequences)


def test_pitfall_15_output_is_its_own_and_contiguous():
    _, got = both()
    for each in got:
        assert each.advantages.is_contiguous() and each.advantages.dtype == torch.float32
        returns = each.returns.clone()
        each.advantages.add_(1)
        assert torch.equal(each.returns, returns)


def test_alpha_0_is_openrlhf_bit_for_bit(environment):
    environment.setenv("HICRA_ALPHA", "0")
    for one, other in zip(*both(estimator="reinforce_baseline"), strict=True):
        assert torch.equal(other.advantages, one.advantages)


def test_the_loss_weighs_tokens():
    plain, got = both()
    one, other = plain[0], got[0]
    logprobs = other.action_log_probs.clone().requires_grad_()
    gradients = []
    for each in (one, other):
        loss, *_ = PolicyLoss()(
            logprobs, each.action_log_probs, each.advantages, each.action_mask, batch_num_tokens=1.0
        )
        gradients.append(torch.autograd.grad(loss, logprobs)[0])
    changed = gradients[0] != gradients[1]
    assert torch.equal(changed, planning_mask(other).bool())


def test_pitfall_09_a_ratio_per_sequence_is_refused():
    with pytest.raises(ValueError, match='policy_loss_type .* "gspo"'):
        maker(HicraExperienceMaker, loss="gspo")


def test_pitfall_09_with_such_a_ratio_credit_would_be_lost():
    plain, got = both()
    other = got[0]
    logprobs = (other.action_log_probs + 0.01).requires_grad_()
    loss, *_ = PolicyLoss(policy_loss_type="gspo")(
        logprobs, other.action_log_probs, other.advantages, other.action_mask, global_batch_size=1.0
    )
    (gradient,) = torch.autograd.grad(loss, logprobs)
    for row, mask in zip(gradient, other.action_mask.bool(), strict=True):
        # One weight for all tokens of a sequence; 1e-5 is the rounding of float32.
        torch.testing.assert_close(row[mask], row[mask][:1].expand(mask.sum()), rtol=1e-5, atol=0)


def test_shapes_that_do_not_fit_are_refused():
    ours = maker(HicraExperienceMaker)
    wrong = experiences(ours)
    for each in wrong:
        each.sequences = torch.cat([each.sequences, each.sequences[:, :1]], dim=1)
    with pytest.raises(ValueError, match=r"action_mask must be \[2, 6\], .* shape is \[2, 5\]"):
        ours.compute_advantages_and_returns(wrong)


def test_a_schedule_follows_the_step(environment):
    environment.delenv("HICRA_ALPHA")
    alpha = '{"type": "linear", "from": 0, "to": 0.2, "steps": 10}'
    environment.setenv("HICRA_TRANSFORMS", f'[{{"name": "hicra", "alpha": {alpha}}}]')
    ours = maker(HicraExperienceMaker)
    with pytest.raises(SidecarError, match="its alpha needs the training step"):
        ours.compute_advantages_and_returns(experiences(ours))
    ours.step = 10
    got = ours.compute_advantages_and_returns(experiences(ours))
    theirs = maker(RemoteExperienceMaker)
    plain = theirs.compute_advantages_and_returns(experiences(theirs))
    assert torch.equal(got[0].advantages, toy.credited(plain[0].advantages, planning_mask(got[0])))


# In Ray, where the trainers are


@pytest.fixture(scope="module")
def cluster():
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""), STAND_INS]
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(path)}},
    )
    yield
    ray.shutdown()


def trainer_arguments(folder):
    toy.tokenizer().save_pretrained(folder)
    prompts = folder / "prompts.jsonl"
    prompts.write_text('{"input": " the"}\n' * 4)
    strategy = DeepspeedStrategy(args=arguments(prompts=str(prompts)))
    return str(folder), strategy


def see(trainer):
    """Which experience maker the trainer has, and the advantages of its first experience."""
    maker = trainer.experience_maker
    got = maker.compute_advantages_and_returns(experiences(maker))
    return type(maker).__name__, got[0].advantages


def test_the_trainer_s_actor_has_hicra(cluster, tmp_path):
    trainer = adapter.with_hicra(ppo_trainer.PPOTrainer).remote(
        *trainer_arguments(tmp_path), None, None, None, None, None
    )
    name, advantages = ray.get(trainer.__ray_call__.remote(see))
    _, got = both()
    assert name == "HicraExperienceMaker"
    assert torch.equal(advantages, got[0].advantages)


def test_the_asynchronous_trainer_s_actor_has_hicra(cluster, tmp_path):
    names = ("vllm_lock", "rollout_queue", "rollout_slots")
    trainer = adapter.with_hicra(ppo_trainer_async.TrainingActor).remote(
        *trainer_arguments(tmp_path), None, None, None, None, None, **dict.fromkeys(names)
    )
    name, advantages = ray.get(trainer.__ray_call__.remote(see))
    _, got = both()
    assert name == "HicraExperienceMaker"
    assert torch.equal(advantages, got[0].advantages)


def test_a_name_replaced_in_the_launcher_is_not_replaced_in_the_actor(
    cluster, tmp_path, monkeypatch
):
    # Why the adapter replaces trainers: this is what a launcher would try first.
    monkeypatch.setattr(ppo_trainer, "RemoteExperienceMaker", HicraExperienceMaker)
    trainer = ppo_trainer.PPOTrainer.remote(
        *trainer_arguments(tmp_path), None, None, None, None, None
    )
    name, _ = ray.get(trainer.__ray_call__.remote(see))
    assert name == "RemoteExperienceMaker"


def test_the_command_line_is_openrlhf_s_with_hicra_s_trainers():
    script = (
        "import sys; from hicra_hook import openrlhf as adapter\n"
        "sys.argv[1:] = ['--help']\n"
        "try: adapter.main()\n"
        "except SystemExit as ended: assert ended.code == 0\n"
        "actors = adapter.ppo_trainer.PPOTrainer, adapter.ppo_trainer_async.TrainingActor\n"
        "names = [actor.__ray_metadata__.class_name for actor in actors]\n"
        "assert names == ['HicraPPOTrainer', 'HicraTrainingActor'], names\n"
    )
    path = [STAND_INS, *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "--algo.advantage.estimator" in ended.stdout


def test_tested_release():
    assert adapter.installed_version("openrlhf") in adapter.TESTED
