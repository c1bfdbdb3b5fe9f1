"""The TRL adapter on real runs: TRL trains, and what its loss is given is looked at.

Nothing is replaced but, where a test says so, the text that is generated. Tensors are compared bit
for bit; where a figure is not, its tolerance says why.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback
from trl import GRPOTrainer, RLOOTrainer
from trl.experimental.async_grpo import AsyncGRPOTrainer

import mortal
import trl_toy as toy
from hicra_hook import Hook
from hicra_hook import trl as adapter
from hicra_hook.trl import HicraGRPOTrainer, with_hicra

ALPHA = toy.ALPHA
HERE = Path(__file__).parent


@pytest.fixture
def plain(tmp_path):
    """Makes trainers of TRL's own."""
    return lambda **options: toy.trainer(tmp_path, **options)


@pytest.fixture
def planning(tmp_path, address):
    """Makes trainers with HICRA."""
    return toy.planning(tmp_path, address)


def trained(make, **options):
    """A trainer seeds itself when it is made, so it is made just before it trains."""
    trainer = make(**options)
    trainer.train()
    return trainer


def generate(trainer, prompt="a"):
    """One generation, as the training loop asks for it."""
    return trainer._generate_and_score_completions([{"prompt": prompt} for _ in range(8)])


def scripted(*rows, masks=None):
    """A rollout function that says what it is told, through TRL's own door for rollouts."""

    def roll_out(prompts, trainer):
        said = [list(rows[i % len(rows)]) for i in range(len(prompts))]
        output = {
            "prompt_ids": [[64]] * len(said),
            "completion_ids": said,
            "logprobs": [[-1.0] * len(ids) for ids in said],
        }
        if masks is not None:
            output["env_mask"] = [list(masks[i % len(masks)]) for i in range(len(said))]
        return output

    return roll_out


def every_other(completion_ids, **_):
    return [float(i % 2) for i in range(len(completion_ids))]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# What training sees


def test_loss_gets_credit_per_token(planning):
    trainer = planning(max_steps=3)
    trainer.train()
    assert len(trainer.seen) == 3
    for batch in trainer.seen:
        assert batch["advantages"].shape == batch["completion_ids"].shape
        assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))
        assert (toy.planning_mask(batch) & (batch["base_advantages"] != 0)[:, None]).any()


def test_off_the_planning_mask_nothing_changes(plain, planning):
    ours, theirs = trained(planning), trained(plain)
    (got,), (batch,) = ours.seen, theirs.seen
    assert torch.equal(got["completion_ids"], batch["completion_ids"])
    assert torch.equal(got["base_advantages"], batch["advantages"])
    spread = batch["advantages"][:, None].expand(got["advantages"].shape)
    off = ~toy.planning_mask(got)
    assert torch.equal(got["advantages"][off], spread[off])
    assert not torch.equal(got["advantages"], spread)


def test_alpha_0_is_plain_grpo_bit_for_bit(plain, planning):
    ours = trained(lambda **options: planning({"alpha": 0}, **options), max_steps=4)
    theirs = trained(plain, max_steps=4)
    assert same(ours.model.parameters(), theirs.model.parameters())
    for one, other in zip(ours.state.log_history, theirs.state.log_history, strict=True):
        for key in ("loss", "grad_norm", "reward", "entropy"):
            assert one.get(key) == other.get(key)


def test_alpha_changes_the_policy(plain, planning):
    # Without it the test above could pass as nothing reached the loss.
    ours, theirs = trained(planning), trained(plain)
    assert not same(ours.model.parameters(), theirs.model.parameters())


def test_conversational_prompts(planning):
    tokenizer = toy.fresh_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }} {% endfor %}"
    trainer = planning(processing_class=tokenizer, prompts=[[{"role": "user", "content": "a"}]] * 8)
    trainer.train()
    (batch,) = trainer.seen
    assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))


def test_adapters_of_peft(planning):
    from peft import LoraConfig

    trainer = planning(peft_config=LoraConfig(target_modules=["q_proj"]))
    trainer.train()
    (batch,) = trainer.seen
    assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))


def test_ids_that_only_the_model_knows(planning):
    """Embeddings are padded: Qwen3's has 151,936 rows for 151,669 tokens; all can be sampled."""
    rows = [279, 151900, toy.WAIT, toy.END], [toy.WAIT, 279]
    script = scripted(*rows)
    batch = generate(
        planning(model=toy.model(151936), rollout_func=script, reward_funcs=every_other)
    )
    raised = batch["advantages"] != batch["base_advantages"][:, None]
    assert raised[0].tolist() == [False, False, True, False]


# What is logged


def test_metrics_are_in_the_logs(planning):
    trainer = planning(max_steps=2)
    trainer.train()
    for batch, log in zip(trainer.generated, trainer.state.log_history, strict=False):
        spoken, found = toy.loss_mask(batch).bool(), toy.planning_mask(batch)
        shift = ALPHA * batch["advantages"][:, None].double().abs().expand(found.shape)
        assert log["hicra/planning_frac"] == found.sum().item() / spoken.sum().item()
        # Each advantage after HICRA was rounded to float32, relative 2^-24.
        expected = shift[found].sum().item() / spoken.sum().item()
        assert log["hicra/adv_shift"] == pytest.approx(expected, abs=1e-6)
        assert log["hicra/reward"] == pytest.approx(log["reward"], rel=1e-6)
        assert log["hicra/failures"] == 0
        assert log["hicra/latency_ms"] > 0
        assert "hicra/truncated_frac" not in log
        assert "hicra/surprisal_plan" not in log


def test_surprisal_where_trl_has_old_logprobs(planning):
    trainer = planning(num_iterations=2)
    trainer.train()
    (batch,) = trainer.generated
    found = toy.planning_mask(batch)
    expected = -batch["old_per_token_logps"][found].double().mean().item()
    # A mean of float32 values, summed exactly on one side and in float64 on the other.
    logged = trainer.state.log_history[0]["hicra/surprisal_plan"]
    assert logged == pytest.approx(expected, rel=1e-12)


def test_rewards_are_weighted_as_trl_weighs_them(planning):
    def one(completion_ids, **_):
        return [1.0 for _ in completion_ids]

    trainer = planning(reward_funcs=[toy.reward, one], reward_weights=[1.0, -0.5])
    trainer.train()
    log = trainer.state.log_history[0]
    # TRL averages in float32.
    assert log["hicra/reward"] == pytest.approx(log["reward"], rel=1e-6)


@pytest.mark.parametrize("unscored", [None, float("nan"), float("inf"), float("-inf")])
def test_a_completion_without_a_reward_is_counted_and_trained_on(planning, unscored):
    """As plain TRL trains on, also where an infinity takes the whole group's advantages with it."""
    if adapter.trl.__version__ == "1.0.0" and unscored in (float("inf"), float("-inf")):
        pytest.skip("this TRL's advantages are NaN then, and so would its loss be")

    def some(completion_ids, **_):
        return [unscored, *(float(i) for i in range(1, len(completion_ids)))]

    trainer = planning(reward_funcs=some, max_steps=2)
    with pytest.warns(RuntimeWarning, match="the reward of some rollouts is not finite") as caught:
        trainer.train()
    assert sum("not finite" in str(warning.message) for warning in caught) == 1
    for batch, log in zip(trainer.seen, trainer.state.log_history[:2], strict=True):
        assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))
        assert log["hicra/reward_missing_frac"] == 1 / 8
        assert log["hicra/reward"] == 4
        assert log["hicra/zero_std_group_frac"] == 0
        assert log["hicra/planning_frac"] > 0


def test_groups_are_of_no_matter_to_a_reward_that_is_missing(planning):
    def some(completion_ids, **_):
        return [float("-inf"), *(float(i) for i in range(1, len(completion_ids)))]

    trainer = planning(BASELINE_CORRECTED, reward_funcs=some)
    trainer.train()
    assert trainer.state.log_history[0]["hicra/reward_missing_frac"] == 1 / 8


def test_pass_at_k(planning):
    trainer = planning(num_generations=4)
    trainer.train()
    said = trainer.generated[0]["completion_ids"].tolist()
    correct = [points > 0 for points in toy.reward(said)]
    # pass@1 is the mean over groups of equal size, one division more than this mean.
    logged = trainer.state.log_history[0]["hicra/pass_at_1"]
    assert logged == pytest.approx(sum(correct) / len(correct), rel=1e-15)


def test_evaluation(planning):
    from datasets import Dataset

    trainer = planning(eval_dataset=Dataset.from_dict({"prompt": ["a", "The sum is"]}))
    logged = trainer.evaluate()
    (batch,) = trainer.generated
    share = toy.planning_mask(batch).sum().item() / toy.loss_mask(batch).sum().item()
    log = trainer.state.log_history[0]
    assert log["eval_hicra/planning_frac"] == share
    assert "hicra/planning_frac" not in log
    assert "eval_loss" in logged


def test_completions_table_keeps_base_advantages(planning, tmp_path):
    import pandas

    trainer = planning(log_completions=True, num_completions_to_print=0)
    trainer.train()
    table = pandas.read_parquet(tmp_path / "out/completions/completions_00001.parquet")
    base = trainer.generated[0]["advantages"]
    assert table["advantage"].tolist() == base.tolist()


def test_says_what_it_is_bound_to(planning, capfd):
    planning({"alpha": None})
    bound = f"bound to trl {adapter.trl.__version__} Recorder._generate_and_score_completions"
    in_force = 'transforms [{"name": "hicra", "alpha": 0.2, "mode": "paper", '
    assert f"{bound}; {in_force}" in capfd.readouterr().err


class Reporter(TrainerCallback):
    """Records the configuration of a run as the integrations of transformers do."""

    def on_train_begin(self, args, state, control, **_):
        self.recorded = args.to_dict()


def test_what_reporters_record_has_the_options(plain, planning, tmp_path):
    reporter = Reporter()
    trainer = planning(
        {"on_failure": "pass-through"}, callbacks=[reporter], save_strategy="steps", save_steps=1
    )
    trainer.train()
    recorded = json.loads(json.dumps(reporter.recorded["hicra"]))
    assert recorded["transforms"][0]["alpha"] == ALPHA
    assert recorded["lexicon_digest"].startswith("sha256:")
    assert recorded["on_failure"] == "pass-through"
    assert '"lexicon": "toy.txt"' in trainer.args.to_json_string()
    saved = torch.load(tmp_path / "out/checkpoint-1/training_args.bin", weights_only=False)
    assert saved.to_dict()["hicra"] == recorded
    assert "hicra" not in plain().args.to_dict()


def test_the_arguments_that_were_given_stay_as_they_were(planning):
    """Whoever trains plain GRPO with them next must not find HICRA in its record."""

    class Keeping(toy.Recorder):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.given = kwargs["args"]

    trainer = planning(kind=with_hicra(Keeping))
    assert "hicra" in trainer.args.to_dict()
    assert "hicra" not in trainer.given.to_dict()


def test_a_slow_tokenizer_has_a_way_in(planning, tmp_path, monkeypatch):
    from transformers import ByT5Tokenizer

    toy.qwen3_tokenizer().backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    slow = {"processing_class": ByT5Tokenizer(eos_token=";", pad_token=";")}
    slow["model"] = toy.model(151936)
    with pytest.raises(TypeError, match='ByT5Tokenizer, .* HICRA_TOKENIZER or, .* "tokenizer"'):
        planning(**slow)
    given = planning({"tokenizer": str(tmp_path)}, **slow)
    monkeypatch.setenv("HICRA_TOKENIZER", str(tmp_path))
    digests = [made._hicra.record()["tokenizer"] for made in (given, planning(**slow))]
    assert digests[0] == digests[1] and digests[0].endswith(":151936")


# Pitfalls, by their numbers in the list that all adapters share


def test_pitfall_01_alignment_a_one_token_phrase_is_credited_itself(planning):
    rows = [279, toy.WAIT, 374, toy.END], [279, 279, 374, toy.END]
    batch = generate(planning(rollout_func=scripted(*rows), reward_funcs=every_other))
    raised = batch["advantages"] != batch["base_advantages"][:, None]
    assert raised[0].tolist() == [False, True, False, False]
    assert not raised[1].any()


def padding_with_wait():
    tokenizer = toy.fresh_tokenizer()
    tokenizer.pad_token = "Ġwait"
    assert tokenizer.pad_token_id == toy.WAIT
    return tokenizer


def test_pitfall_02_padding_is_told_by_the_mask_alone(planning):
    trainer = planning(
        processing_class=padding_with_wait(),
        rollout_func=scripted([279, 279, toy.WAIT, 374, toy.END], [279, toy.WAIT]),
        reward_funcs=every_other,
    )
    batch = generate(trainer)
    assert batch["completion_ids"][1].tolist() == [279] + [toy.WAIT] * 4
    raised = batch["advantages"] != batch["base_advantages"][:, None]
    assert raised[0].tolist() == [False, False, True, False, False]
    assert raised[1].tolist() == [False, True, False, False, False]


def test_pitfall_03_phrases_do_not_bridge_what_tools_say(planning):
    words = [toy.LET, toy.ME, 279, toy.WAIT, toy.LET, toy.ME]
    script = scripted(words, [toy.WAIT, 374], masks=[[1, 0, 1, 0, 1, 1], [1, 1]])
    batch = generate(
        planning(
            processing_class=padding_with_wait(), rollout_func=script, reward_funcs=every_other
        )
    )
    # TRL pads tool_mask with ones, and here every padding spells a phrase.
    assert batch["tool_mask"][1].tolist() == [1] * 6
    assert batch["completion_ids"][1].tolist() == [toy.WAIT, 374] + [toy.WAIT] * 4
    raised = batch["advantages"] != batch["base_advantages"][:, None]
    assert raised[0].tolist() == [False, False, False, False, True, True]
    assert raised[1].tolist() == [True] + [False] * 5


def test_pitfall_03_a_real_tool_call(planning):
    """TRL calls the tool, writes its answer down and marks it (the policy is scripted)."""

    def look_up(word: str) -> str:
        """
        Looks a word up.

        Args:
            word: The word.

        Returns:
            What it means.
        """
        return f"wait, {word} is let me"

    tokenizer = toy.fresh_tokenizer(eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = (
        Path(adapter.trl.__file__).parent / "chat_templates/qwen3.jinja"
    ).read_text()
    call = '<tool_call>\n{"name": "look_up", "arguments": {"word": "sum"}}\n</tool_call><|im_end|>'

    class Scripted(toy.Recorder):
        def _generate_single_turn(self, prompt_ids, *args, **kwargs):
            first = not any("tool_response" in tokenizer.decode(ids) for ids in prompt_ids)
            texts = [call if first else " wait; so let me<|im_end|>", " let me wait<|im_end|>"]
            ids = [tokenizer.encode(texts[i % 2 if first else 0]) for i in range(len(prompt_ids))]
            return ids, None

    trainer = planning(
        kind=with_hicra(Scripted),
        model=toy.model(151936),
        processing_class=tokenizer,
        tools=[look_up],
        reward_funcs=every_other,
        max_completion_length=128,
        generation_kwargs=None,
    )
    batch = generate(trainer, [{"role": "user", "content": "a"}])
    heard = (batch["tool_mask"] == 0) & (batch["completion_mask"] == 1)
    spoken = tokenizer.batch_decode([ids[m] for ids, m in zip(batch["completion_ids"], heard)])
    assert sum("wait, sum is let me" in text for text in spoken) == 4
    assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))
    assert toy.planning_mask(batch).sum() == 4 * 3 + 4 * 3
    assert trainer._metrics["train"]["tools/call_frequency"] == [0.5]


def test_pitfall_06_blame_shrinks_and_never_changes_its_sign(planning):
    def fewer(completion_ids, **_):
        return [-points for points in toy.reward(completion_ids)]

    trainer = planning({"alpha": 0.9}, reward_funcs=fewer, max_steps=2)
    trainer.train()
    seen_blame = False
    for batch in trainer.seen:
        base = batch["base_advantages"][:, None].expand(batch["advantages"].shape)
        assert torch.equal(batch["advantages"].sign(), base.sign())
        blamed = toy.planning_mask(batch) & (base < 0)
        seen_blame |= bool(blamed.any())
        assert (batch["advantages"][blamed].abs() < base[blamed].abs()).all()
    assert seen_blame


@pytest.mark.parametrize("alpha", [1, -0.1, float("nan")])
def test_pitfall_06_alpha_out_of_range_is_refused_before_training(planning, alpha):
    with pytest.raises(Exception, match="alpha"):
        planning({"alpha": alpha})


def test_pitfall_08_denominators_of_the_loss_stay(plain, planning):
    ours, theirs = trained(planning), trained(plain)
    (got,), (batch,) = ours.seen, theirs.seen
    assert torch.equal(got["num_items_in_batch"], batch["num_items_in_batch"])
    spoken = toy.loss_mask(got).bool()
    base = got["base_advantages"][:, None].expand(spoken.shape)
    ratio = got["advantages"][spoken].abs().double().sum() / base[spoken].abs().double().sum()
    logged = ours.state.log_history[0]["hicra/adv_abs_ratio"]
    # Both sums are of the same float32 values; float64 has 29 bits to spare.
    assert logged == pytest.approx(ratio.item(), rel=1e-12)
    assert logged != 1


LOSSES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "vespo", "luspo"]


def token_gradients(trainer):
    """The gradient of TRL's loss by the log-probability of each token."""
    batch = generate(trainer)
    kept = {}
    original = trainer._get_per_token_logps_and_entropies

    def keep(*args, **kwargs):
        logprobs, *others = original(*args, **kwargs)
        logprobs.retain_grad()
        kept["logprobs"] = logprobs
        return (logprobs, *others)

    trainer._get_per_token_logps_and_entropies = keep
    trainer.current_gradient_accumulation_steps = 1
    trainer._compute_loss(trainer.model, batch).backward()
    return batch, kept["logprobs"].grad


@pytest.mark.parametrize("loss", LOSSES)
def test_pitfall_09_every_loss_of_trl_weighs_each_token_by_its_own_advantage(planning, loss):
    trainer = planning(loss_type=loss)
    batch, gradients = token_gradients(trainer)
    spoken, base = toy.loss_mask(batch).bool(), batch["base_advantages"]
    for row in base.nonzero().flatten().tolist():
        per_credit = (gradients[row] / batch["advantages"][row])[spoken[row]]
        # On policy all ratios are 1; what is left is rounding of a few float32 operations.
        assert torch.allclose(per_credit, per_credit[0].expand_as(per_credit), rtol=1e-5, atol=0)
    assert (toy.planning_mask(batch) & (base != 0)[:, None]).any()


@pytest.mark.parametrize("loss", ["grpo", "luspo"])
def test_pitfall_09_ratios_per_sequence_average_credit_and_are_refused(planning, monkeypatch, loss):
    options = {"loss_type": loss, "importance_sampling_level": "sequence"}
    with pytest.raises(ValueError, match="importance_sampling_level must have"):
        planning(**options)
    # Why: with the check off, all tokens of a sequence have one and the same gradient.
    monkeypatch.setattr(adapter, "_check_loss", lambda trainer: None)
    batch, gradients = token_gradients(planning(**options))
    spoken, found = toy.loss_mask(batch).bool(), toy.planning_mask(batch)
    mixed = (found.any(1) & (spoken & ~found).any(1) & (batch["base_advantages"] != 0)).nonzero()
    assert len(mixed) > 0
    for row in mixed.flatten().tolist():
        weights = gradients[row][spoken[row]]
        assert torch.allclose(weights, weights[0].expand_as(weights), rtol=1e-5, atol=0)


def test_pitfall_10_groups_without_variance_stay_at_zero(planning):
    trainer = planning(reward_funcs=lambda completions, **_: [1.0] * len(completions))
    trainer.train()
    (batch,) = trainer.seen
    assert torch.equal(batch["advantages"], torch.zeros_like(batch["advantages"]))
    log = trainer.state.log_history[0]
    assert log["frac_reward_zero_std"] == log["hicra/zero_std_group_frac"] == 1
    assert log["hicra/planning_frac"] > 0
    assert log["hicra/adv_shift"] == 0


def test_pitfall_11_a_phrase_cut_by_truncation_is_none(planning):
    script = scripted([279, toy.LET], [toy.WAIT, 279])
    batch = generate(planning(rollout_func=script, reward_funcs=every_other))
    raised = batch["advantages"] != batch["base_advantages"][:, None]
    assert raised[0].tolist() == [False, False]
    assert raised[1].tolist() == [True, False]


def test_pitfall_11_truncated_completions_that_trl_masks_are_left_alone(planning):
    rows = [[279, toy.WAIT, toy.WAIT], [toy.WAIT, 279, toy.END]]
    trainer = planning(rollout_func=scripted(*rows), mask_truncated_completions=True)
    batch = generate(trainer)
    assert toy.loss_mask(batch)[0].tolist() == [0, 0, 0]
    assert torch.equal(batch["advantages"][0], batch["base_advantages"][0].expand(3))
    raised = batch["advantages"] != batch["base_advantages"][:, None]
    assert raised[1].tolist() == [True, False, False]
    # Of 4 rows with 3 trained tokens each.
    assert trainer._metrics["train"]["hicra/planning_frac"] == [4 / 12]


def test_pitfall_14_once_a_generation_and_not_once_a_step(planning):
    trainer = planning(
        max_steps=4,
        num_iterations=2,
        gradient_accumulation_steps=2,
        steps_per_generation=2,
        per_device_train_batch_size=4,
    )
    calls = []
    transform = trainer._hicra.transform_padded
    trainer._hicra.transform_padded = lambda *a, **k: calls.append(1) or transform(*a, **k)
    trainer.train()
    assert len(trainer.seen) == 8
    assert len(calls) == len(trainer.generated) == 2
    for start in (0, 4):
        first, second = trainer.seen[start : start + 2], trainer.seen[start + 2 : start + 4]
        for one, other in zip(first, second, strict=True):
            assert torch.equal(one["completion_ids"], other["completion_ids"])
            assert torch.equal(one["advantages"], other["advantages"])
            assert torch.equal(one["advantages"], toy.credited(one, ALPHA))


def test_pitfall_15_the_result_is_memory_of_its_own(planning):
    batch = generate(planning())
    advantages, base = batch["advantages"], batch["base_advantages"]
    assert advantages.is_contiguous()
    before = base.clone()
    advantages[0, 0] += 1
    assert torch.equal(base, before)
    assert advantages[0, 1] != advantages[0, 0]


def test_pitfall_16_advantages_are_float32_under_a_bfloat16_policy(planning):
    trainer = planning(model=toy.model().to(torch.bfloat16), max_steps=2, num_iterations=2)
    trainer.train()
    for batch in trainer.seen:
        assert batch["advantages"].dtype == torch.float32
        assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))


def test_pitfall_20_a_second_application_is_an_error(planning):
    trainer = planning(kind=with_hicra(toy.HicraRecorder))
    with pytest.raises(ValueError, match="second application would compound"):
        trainer.train()


class EndSidecar(TrainerCallback):
    """Ends the sidecar after the first step."""

    def __init__(self):
        self.trainer = None

    def on_step_end(self, args, state, control, **_):
        if state.global_step == 1:
            mortal.end_for_good(self.trainer._hicra.sidecar)


def with_mortal_sidecar(planning, **options):
    end = EndSidecar()
    hicra = {"socket": None} | options.pop("hicra", {})
    end.trainer = planning(hicra, callbacks=[end], max_steps=3, **options)
    return end.trainer


def test_pitfall_22_without_its_sidecar_a_run_stops(planning):
    trainer = with_mortal_sidecar(planning)
    with pytest.raises(RuntimeError, match="sidecar at .* does not answer"):
        trainer.train()
    assert len(trainer.seen) == 1


def test_pitfall_22_passing_through_is_counted_and_loud(planning):
    trainer = with_mortal_sidecar(planning, hicra={"on_failure": "pass-through"})
    with pytest.warns(RuntimeWarning, match="passed through unchanged, failure 2"):
        trainer.train()
    with_credit, *without = trainer.seen
    assert torch.equal(with_credit["advantages"], toy.credited(with_credit, ALPHA))
    assert len(without) == 2
    for batch in without:
        assert torch.equal(batch["advantages"], batch["base_advantages"])
    logs = trainer.state.log_history[:3]
    assert [log["hicra/failures"] for log in logs] == [0, 1, 2]
    assert ["hicra/planning_frac" in log for log in logs] == [True, False, False]


@pytest.fixture(scope="session")
def ranks(tmp_path_factory):
    """What two processes that train together wrote down, see trl_ranks.py."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    command += ["--standalone", str(HERE / "trl_ranks.py"), str(folder)]
    subprocess.run(command, check=True, timeout=600)
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)]


def hicra_metrics(log):
    return {name: log[name] for name in log if name.startswith("hicra/") and "latency" not in name}


def padded_union(batches, name):
    columns = max(batch[name].shape[1] for batch in batches)
    pad = torch.nn.functional.pad
    return torch.cat([pad(batch[name], (0, columns - batch[name].shape[1])) for batch in batches])


@pytest.mark.parametrize("run", ["whole groups", "cut groups"])
def test_pitfall_13_metrics_of_two_ranks_are_those_of_their_union(ranks, tmp_path, address, run):
    log, other = (hicra_metrics(rank[run]["log"]) for rank in ranks)
    assert log == other
    batches = [rank[run]["generated"] for rank in ranks]
    ids, masks = (padded_union(batches, name) for name in ("completion_ids", "completion_mask"))
    advantages = torch.cat([batch["advantages"] for batch in batches])
    hook = Hook(toy.qwen3_tokenizer(), alpha=ALPHA, lexicon=toy.lexicon(tmp_path), socket=address)
    said = [row[mask.bool()].tolist() for row, mask in zip(ids, masks, strict=True)]
    fields = {"rewards": torch.tensor(toy.reward(said))}
    if run == "whole groups":
        fields["group_ids"] = torch.arange(8) // 4
    union = hook.transform_padded(ids, masks, advantages, **fields).values()
    assert union["hicra/planning_frac"] > 0
    # The union's sums are exact; two ranks add two sums that were rounded to float64.
    assert log == pytest.approx(hicra_metrics(union), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize(
    ("run", "batches"), [("whole groups", 1), ("cut groups", 1), ("two passes", 4)]
)
def test_pitfall_13_every_rank_credits_its_own_rows(ranks, run, batches):
    for rank in ranks:
        assert len(rank[run]["seen"]) == batches
        for batch in rank[run]["seen"]:
            assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))


def test_pitfall_23_where_one_rank_fails_all_pass_the_batch_through(ranks):
    for rank in ranks:
        first, *others = rank["pass-through"]["seen"]
        assert torch.equal(first["advantages"], toy.credited(first, ALPHA))
        assert len(others) == 2
        for batch in others:
            assert torch.equal(batch["advantages"], batch["base_advantages"])
        assert rank["pass-through"]["failures"] == [0, 1, 2]


def test_pitfall_23_where_one_rank_fails_all_raise(ranks):
    for rank in ranks:
        assert "rank 1: SidecarUnavailable: hicra: the sidecar at" in rank["raise"]
        assert "rank 0" not in rank["raise"]


# What it refuses


@pytest.mark.parametrize("other", [RLOOTrainer, AsyncGRPOTrainer])
def test_refuses_trainers_that_are_not_grpo(other):
    with pytest.raises(TypeError, match="must be GRPOTrainer or a subclass"):
        with_hicra(other)


def test_refuses_a_geometric_mean():
    from trl.experimental.gmpo import GMPOTrainer

    with pytest.raises(TypeError, match="GMPOTrainer as importance ratios must be per token"):
        with_hicra(GMPOTrainer)


def test_refuses_unsloth():
    patched = type("UnslothGRPOTrainer", (GRPOTrainer,), {})
    with pytest.raises(TypeError, match="packs rows to "):
        with_hicra(patched)


def test_refuses_another_signature():
    class Changed(GRPOTrainer):
        def _generate_and_score_completions(self, batch): ...

    with pytest.raises(RuntimeError, match="must take self, inputs: it takes self, batch;"):
        with_hicra(Changed)


def test_warns_of_an_untested_release(monkeypatch):
    monkeypatch.setattr(adapter.trl, "__version__", "9.9.9")
    with pytest.warns(UserWarning, match=r"trl 9\.9\.9 is untested; tested with .*1\.16\.0"):
        with_hicra(GRPOTrainer)


def test_refuses_to_train_on_what_went_past_the_hook(planning):
    class Past(toy.Recorder):
        def _prepare_inputs(self, generation_batch):
            return GRPOTrainer._generate_and_score_completions(self, generation_batch)

    trainer = planning(kind=with_hicra(Past))
    says = r"must come through Past\._generate_and_score_completions, .* that of plain GRPO"
    with pytest.raises(ValueError, match=says):
        trainer.train()
    with pytest.raises(ValueError, match=says):
        trainer.evaluate(trainer.train_dataset)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda batch: [batch], "one batch, a dict as TRL's does: it returned a list"),
        (lambda batch: {"completion_ids": batch["completion_ids"]}, "lacks completion_mask, adv"),
    ],
)
def test_refuses_what_is_no_batch_of_trl(planning, change, says):
    class Other(toy.Recorder):
        def _generate_and_score_completions(self, inputs):
            return change(super()._generate_and_score_completions(inputs))

    with pytest.raises((TypeError, ValueError), match=says):
        planning(kind=with_hicra(Other)).train()


def of_rows(batch, rows):
    return {name: t[rows] if t.ndim else t for name, t in batch.items()}


class Dropping(toy.Recorder):
    """Keeps the second group, as dynamic sampling would."""

    def _generate_and_score_completions(self, inputs):
        return of_rows(super()._generate_and_score_completions(inputs), slice(4, 8))


class Moving(toy.Recorder):
    def _generate_and_score_completions(self, inputs):
        return of_rows(super()._generate_and_score_completions(inputs), torch.arange(7, -1, -1))


class Sampling(toy.Recorder):
    """Scores more than once, and trains on what was not scored last."""

    def _generate_and_score_completions(self, inputs):
        batches = [super(Sampling, self)._generate_and_score_completions(inputs) for _ in "ab"]
        return batches[0]


@pytest.mark.parametrize("kind", [Dropping, Moving, Sampling])
def test_rows_that_were_not_scored_as_they_stand_have_no_rewards(planning, kind):
    trainer = planning(kind=with_hicra(kind), max_steps=2)
    with pytest.warns(RuntimeWarning, match="not those that _calculate_rewards scored") as caught:
        trainer.train()
    assert sum("_calculate_rewards" in str(warning.message) for warning in caught) == 1
    for batch in trainer.seen:
        assert torch.equal(batch["advantages"], toy.credited(batch, ALPHA))
    for log in trainer.state.log_history[:2]:
        by_reward = ("reward", "accuracy", "length_correct", "pass_at_1", "zero_std_group_frac")
        assert log.keys() & {f"hicra/{name}" for name in by_reward} == set()
        assert log["hicra/planning_frac"] > 0


def test_rows_that_were_not_scored_as_they_stand_have_no_groups(planning):
    trainer = planning(BASELINE_CORRECTED, kind=with_hicra(Dropping))
    with pytest.raises(RuntimeError, match="groupIds.* not those that _calculate_rewards scored"):
        trainer.train()


def test_refuses_a_fused_loss(planning):
    class Fused(toy.Recorder):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.args.use_liger_kernel = True

        def compute_liger_loss(self): ...

    with pytest.raises(ValueError, match="use_liger_kernel must be False"):
        planning(kind=with_hicra(Fused))


ENTROPY_BONUS = {
    "alpha": None,
    "transforms": [{"name": "entropy-regularization", "coefficient": 0.01}],
}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lexicon": "maths"}, "maths"),
        ({"alpha": None, "transforms": [{"name": "hicrq"}]}, "hicrq"),
        ({"alpha": None, "transforms": [{"name": "top-entropy-mask"}]}, "entropies"),
        (ENTROPY_BONUS, "entropy_coef of GRPOConfig to 0.01"),
        ({"alpha": 0.1, "transforms": []}, "exclude each other"),
        ({"on_failure": "ignore"}, "on_failure"),
        ({"alhpa": 0.1}, "alhpa"),
    ],
)
def test_refuses_options_before_training(planning, options, says):
    with pytest.raises(Exception, match=says):
        planning(options)


def test_options_in_code_win_over_the_environment(planning, monkeypatch):
    monkeypatch.setenv("HICRA_TRANSFORMS", '[{"name": "hicra", "alpha": 0.9}]')
    monkeypatch.setenv("HICRA_ON_FAILURE", "pass-through")
    hook = planning()._hicra
    assert hook.transforms == [{"name": "hicra", "alpha": ALPHA}]
    assert hook.on_failure == "pass-through"


SURPRISAL = {"alpha": None, "transforms": [{"name": "surprisal-weighting"}]}
BASELINE_CORRECTED = {
    "alpha": None,
    "transforms": [{"name": "hicra", "mode": "baseline-corrected"}],
}


@pytest.mark.parametrize(
    ("hicra", "options", "missing"),
    [
        (SURPRISAL, {"num_iterations": 2}, None),
        (SURPRISAL, {"gradient_accumulation_steps": 4, "steps_per_generation": 2}, "oldLogprobs"),
        (BASELINE_CORRECTED, {}, None),
        (BASELINE_CORRECTED, {"per_device_train_batch_size": 2, "steps_per_generation": 2}, None),
    ],
)
def test_the_hook_is_promised_what_trl_hands_over(planning, hicra, options, missing):
    """What trains is accepted when the trainer is made, and what could not is refused then."""
    if missing:
        with pytest.raises(Exception, match=missing):
            planning(hicra, **options)
    else:
        planning(hicra, **options).train()


def test_hicra_grpo_trainer_is_grpo_trainer():
    assert issubclass(HicraGRPOTrainer, GRPOTrainer)
    assert HicraGRPOTrainer.__name__ == "HicraGRPOTrainer"


# What a newcomer copies

EXAMPLE = HERE.parents[2] / "examples/trl_grpo.py"


def test_the_example_learns_the_phrase():
    done = subprocess.run([sys.executable, EXAMPLE], check=True, capture_output=True, text=True)
    logged = json.loads(done.stdout.splitlines()[-1])
    shares = logged["hicra/planning_frac"]
    assert shares[-1] > 1.5 * shares[0] > 0
    assert logged["reward"][-1] > logged["reward"][0]


def test_the_documentation_shows_the_example_as_it_is():
    page = (HERE.parents[2] / "docs/frameworks/trl.md").read_text()
    assert f"```python\n{EXAMPLE.read_text()}```" in page
