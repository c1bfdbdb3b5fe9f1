"""verl 0.9.1 with HICRA, on a CPU.

Two fixtures run `python -m verl.trainer.main_ppo` to its end, v1 and legacy: Ray, TransferQueue,
replay buffer, agent-loop and reward workers, FSDP actor with its loss and optimizer, verl's log.
Scripted responses stand in for the inference server, and the platform is the CPU; verl_cpu.py
holds all that differs. The other tests call verl's own functions in this process: estimators,
TransferQueue, policy losses.

On planning tokens the sidecar's float32 must equal A + alpha|A| computed in float64 and rounded
once; nothing else may change by a bit. So advantages are compared without a tolerance.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import ray
import torch
import transfer_queue as tq
import verl
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transfer_queue import KVBatchMeta
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from verl import DataProto
from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY, get_policy_loss_fn
from verl.trainer.ppo.padding_utils import upsample_batch_to_divisible_size
from verl.trainer.ppo.ray_trainer import compute_advantage
from verl.trainer.ppo.v1 import PPOTrainerSync
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync
from verl.trainer.ppo.v1.utils import MetricsAggregator
from verl.utils import tensordict_utils
from verl.utils.metric import reduce_metrics
from verl.utils.tensordict_utils import list_of_dict_to_tensordict
from verl.workers.config import ActorConfig

import formula
import mortal
from hicra_hook import Hook, SidecarError, SidecarUnavailable, _verl
from hicra_hook.verl_legacy import HicraRayPPOTrainer
from hicra_hook.verl_v1 import HicraColocateAsync, HicraSeparateAsync, HicraSync

HERE = Path(__file__).parent
ALPHA = 0.5
GRAMS = ["wait", "let me think", "let me verify"]
EOS = 256
ROOM = 64
"""Tokens that a response may have."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A tokenizer of 256 bytes and an end, a Qwen2 of 2 layers, a lexicon and 8 prompts."""
    folder = tmp_path_factory.mktemp("verl")
    # A byte's id is the byte. Byte-level BPE writes what is printable as it is, the rest from 256.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    vocabulary = {chr(byte): byte for byte in printable}
    vocabulary |= {chr(256 + n): byte for n, byte in enumerate(others)} | {"<eos>": EOS}
    byte_level = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=byte_level,
        eos_token="<eos>",
        pad_token="<eos>",
        chat_template="{% for m in messages %}{{ m['content'] }}{% endfor %}",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    # As in models people train, the embedding has rows for which there is no token.
    model = Qwen2Config(vocab_size=EOS + 8, eos_token_id=EOS, bos_token_id=EOS, **sizes, **heads)
    Qwen2ForCausalLM(model).save_pretrained(folder)
    (folder / "lexicon.txt").write_text("\n".join(GRAMS))
    rows = [
        {
            "data_source": "toy",
            "prompt": [{"role": "user", "content": f"What is {i} + 1? "}],
            "reward_model": {"style": "rule", "ground_truth": str(i + 1)},
            "extra_info": {"index": i},
        }
        for i in range(8)
    ]
    pandas.DataFrame(rows).to_parquet(folder / "prompts.parquet")
    return folder


@pytest.fixture(scope="session")
def tokenizer(folder):
    return PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.fixture(scope="module")
def hook(folder):
    hook = Hook(folder, alpha=ALPHA, lexicon=str(folder / "lexicon.txt"), vocab_size=EOS + 8)
    yield hook
    hook.close()


def overrides(folder, **more):
    prompts = folder / "prompts.parquet"
    options = {
        "data.train_files": prompts,
        "data.val_files": prompts,
        "data.train_batch_size": 2,
        "data.max_response_length": ROOM,
        "data.dataloader_num_workers": 0,
        "actor_rollout_ref.model.path": folder,
        "actor_rollout_ref.model.use_remove_padding": False,
        "+actor_rollout_ref.model.override_config.attn_implementation": "eager",
        "actor_rollout_ref.actor.strategy": "fsdp2",
        "actor_rollout_ref.actor.ppo_mini_batch_size": 2,
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": 2,
        "actor_rollout_ref.actor.fsdp_config.dtype": "float32",
        "actor_rollout_ref.actor.fsdp_config.use_torch_compile": False,
        "actor_rollout_ref.rollout.name": "scripted",
        "actor_rollout_ref.rollout.n": 4,
        "actor_rollout_ref.rollout.nnodes": 1,
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": 2,
        "actor_rollout_ref.rollout.tensor_model_parallel_size": 1,
        "actor_rollout_ref.rollout.agent.num_workers": 1,
        "actor_rollout_ref.rollout.agent.default_agent_loop": "scripted",
        "algorithm.adv_estimator": "grpo",
        "reward.num_workers": 1,
        "reward.custom_reward_function.path": HERE / "verl_cpu.py",
        "trainer.device": "cpu",
        "trainer.n_gpus_per_node": 1,
        "trainer.logger": "[file]",
        "trainer.total_training_steps": 2,
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.save_freq": -1,
        "trainer.resume_mode": "disable",
        "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1,
        # What Ray is told, not what the machine has: verl reserves a core for each of its actors.
        "ray_kwargs.ray_init.num_cpus": 16,
        "+ray_kwargs.ray_init.num_gpus": 1,
        "+ray_kwargs.ray_init.include_dashboard": False,
        "+ray_kwargs.ray_init.object_store_memory": 200_000_000,
        "+hicra.alpha": ALPHA,
        "+hicra.lexicon": folder / "lexicon.txt",
    } | more
    return [f"{name}={value}" for name, value in options.items()]


def compose_config(folder, **more):
    configs = str(Path(verl.__file__).parent / "trainer/config")
    with initialize_config_dir(config_dir=configs, version_base=None):
        return compose("ppo_trainer", overrides(folder, **more))


def text_of(ids) -> bytes:
    """A byte for every token; the end token is none that UTF-8 has."""
    return np.minimum(ids, 255).astype("u1").tobytes()


def expected_mask(text: bytes, trained: np.ndarray) -> np.ndarray:
    """The planning mask by the rules, slowly: one byte is one token here."""
    mask = np.zeros(len(text), "u1")
    for run in re.finditer(b"\x01+", bytes(trained.astype("u1").tolist())):
        said = text[run.start() : run.end()].lower()
        for gram in GRAMS:
            for found in re.finditer(rb"(?<!\w)" + gram.encode() + rb"(?!\w)", said):
                mask[run.start() + found.start() : run.start() + found.end()] = 1
    return mask


def assert_same_bits(actual, expected):
    actual, expected = np.asarray(actual, "f4"), np.asarray(expected, "f4")
    np.testing.assert_array_equal(actual.view("u4"), expected.view("u4"))


# ---------------------------------------------------------------- whole runs


def run_verl(folder, modules, where, **more):
    """Runs main_ppo to its end: (output, [rows the loss saw], [metrics by step])."""
    (where / "seen").mkdir()
    environment = {
        **os.environ,
        "VERL_USE_EXTERNAL_MODULES": modules,
        "VERL_USE_EXTERNAL_PLUGINS": "hicra",
        "VERL_CPU_SEEN": str(where / "seen"),
        "VERL_FILE_LOGGER_PATH": str(where / "metrics.jsonl"),
        "PYTHONPATH": str(HERE),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "verl.trainer.main_ppo", *overrides(folder, **more)],
        env=environment,
        cwd=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    rows = []
    for file in sorted((where / "seen").iterdir()):
        seen = torch.load(file)
        rows += zip(*(seen[name].numpy() for name in ("responses", "response_mask", "advantages")))
    lines = (where / "metrics.jsonl").read_text().splitlines()
    return done.stdout, rows, [json.loads(line)["data"] for line in lines]


@pytest.fixture(scope="module")
def v1_run(folder, tmp_path_factory):
    where = tmp_path_factory.mktemp("v1")
    more = {"trainer.v1.trainer_mode": "hicra_sync", "trainer.total_training_steps": 1}
    return run_verl(folder, "verl_cpu", where, **more)


@pytest.fixture(scope="module")
def legacy_run(folder, tmp_path_factory):
    where = tmp_path_factory.mktemp("legacy")
    # Ray's workers are not told of the module, as on a node that was started without it.
    told = "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES"
    more = {"trainer.use_v1": False, told: "verl_cpu"}
    return run_verl(folder, "verl_cpu,hicra_hook.verl_legacy", where, **more)


def check_rows(rows):
    """Rows as the loss of the FSDP actor saw them; returns planning tokens and rows with some."""
    tokens, rows_with_planning = 0, 0
    for ids, trained, advantages in rows:
        mask = expected_mask(text_of(ids), trained)
        base = advantages[(mask == 0) & (trained == 1)]
        # GRPO gives a row one advantage, so execution tokens show what it was.
        assert len(set(base.tolist())) <= 1
        if len(base) > 0:
            expected = formula.credited(base[0], mask, ALPHA)
            assert_same_bits(advantages[trained == 1], expected[trained == 1])
        assert (advantages[trained == 0] == 0).all()
        tokens += mask.sum()
        rows_with_planning += mask.any()
    return tokens, rows_with_planning


def test_v1_run(v1_run):
    output, rows, [logged] = v1_run
    assert "hicra: bound to verl 0.9.1 PPOTrainer._compute_advantage" in output
    planning, with_planning = check_rows(rows)
    trained = [mask.sum() for _, mask, _ in rows if mask.any()]
    assert planning > 0
    # What is logged is what the loss saw, and rows that verl made up are not in it.
    assert logged["hicra/planning_frac"] == pytest.approx(planning / sum(trained), rel=1e-12)
    assert logged["hicra/planning_seq_frac"] == pytest.approx(
        with_planning / len(trained), rel=1e-12
    )
    assert logged["hicra/length"] == pytest.approx(np.mean(trained), rel=1e-12)
    assert logged["hicra/failures"] == 0
    assert logged["actor/grad_norm"] > 0


def test_legacy_run(legacy_run):
    output, rows, logged = legacy_run
    assert "hicra: bound to verl 0.9.1 RayPPOTrainer._update_actor" in output
    assert len(logged) == 2 and len(rows) == 16
    for metrics, step in zip(logged, (rows[:8], rows[8:])):
        planning, with_planning = check_rows(step)
        trained = sum(mask.sum() for _, mask, _ in step)
        assert planning > 0
        assert metrics["hicra/planning_frac"] == pytest.approx(planning / trained, rel=1e-12)
        assert metrics["hicra/planning_seq_frac"] == with_planning / 8
        assert metrics["hicra/failures"] == 0
        assert metrics["actor/grad_norm"] > 0


def test_pitfall_03_a_phrase_does_not_cross_a_tool_output(v1_run):
    """A tool says "let me " before "verify", and interrupts "Let me think"."""
    _, rows, _ = v1_run
    texts = [
        (text_of(ids), trained, advantages) for ids, trained, advantages in rows if trained.any()
    ]
    broken = [(m, a) for text, m, a in texts if text.startswith(b"Let me toolthink. No")]
    assert len(broken) > 0
    for trained, advantages in broken:
        assert len(set(advantages[trained == 1].tolist())) == 1
    crossed = [
        (m, a, t.index(b"let me verify")) for t, m, a in texts if b"tool: let me verify" in t
    ]
    assert len(crossed) > 0
    for trained, advantages, at in crossed:
        # "let me " is the tool's; "verify" is the policy's, and gets what its neighbors get.
        assert trained[at : at + 13].tolist() == [0] * 7 + [1] * 6
        assert len(set(advantages[at + 7 : at + 19].tolist())) == 1


def test_pitfall_12_padding_rows_of_a_run(v1_run):
    """Sessions of two outputs make 10 or so rows, which verl fills up to a multiple of 8."""
    _, rows, [logged] = v1_run
    padding = [adv for _, trained, adv in rows if not trained.any()]
    assert len(padding) > 0 and len(rows) % 8 == 0
    assert all((adv == 0).all() for adv in padding)
    with_padding = np.mean([trained.sum() for _, trained, _ in rows])
    assert logged["hicra/length"] > with_padding


def test_pitfall_17_entropy_is_of_the_old_policy(v1_run, legacy_run):
    """v1 stores the old policy's entropy, and it is logged as such; the legacy trainer drops it."""
    assert "hicra/entropy_plan_old" in v1_run[2][0]
    assert not any("hicra/entropy_plan_old" in metrics for metrics in legacy_run[2])
    assert all("hicra/surprisal_plan" in metrics for metrics in legacy_run[2])


# ---------------------------------------------------------------- estimators and TransferQueue

TEXTS = [
    ("Let me think. Wait! ", 1),
    ("wait", 1),
    ("No phrase at all.", 1),
    ("So wait", 1),
    ("It is 4.", 1),
    ("let me verify: wait", 1),
    ("wait, awaiting", 1),
    ("5", 1),
]
REWARDS = [1, 0, 0, 1, 0, 0, 1, 0]
UIDS = ["a", "a", "a", "a", "b", "b", "b", "b"]
ESTIMATORS = ["grpo", "rloo", "reinforce_plus_plus", "reinforce_plus_plus_baseline", "gae"]


def batch_of(tokenizer, texts=TEXTS, rewards=REWARDS, uids=UIDS, room=32):
    """A padded batch as the legacy trainer has it before compute_advantage."""
    encoded = [tokenizer.encode(text) for text, _ in texts]
    # Padded with the end token, which a response may hold as well.
    responses = torch.full((len(texts), room), EOS)
    mask = torch.zeros(len(texts), room, dtype=torch.int64)
    scores = torch.zeros(len(texts), room)
    for row, (ids, reward) in enumerate(zip(encoded, rewards)):
        responses[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = texts[row][1]
        scores[row, len(ids) - 1] = float(reward)
    prompts = torch.full((len(texts), 4), ord("p"))
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(scores.shape, generator=generator)
    attention = torch.cat([torch.ones_like(prompts), (responses != EOS).long()], 1)
    return DataProto.from_single_dict(
        {
            "prompts": prompts,
            "responses": responses,
            "input_ids": torch.cat([prompts, responses], 1),
            "attention_mask": attention,
            "position_ids": attention.cumsum(1) - 1,
            "response_mask": mask,
            "token_level_scores": scores,
            "token_level_rewards": scores,
            "old_log_probs": -noise * mask,
            "values": noise,
            "uid": np.array(uids, dtype=object),
        }
    )


def batch_masks(batch):
    """The planning mask of a padded batch, by the slow rules."""
    pairs = zip(batch.batch["responses"].numpy(), batch.batch["response_mask"].numpy())
    return np.stack([expected_mask(text_of(ids), trained) for ids, trained in pairs])


class Workers:
    """Stands at the border of the actor's worker group, and keeps what is sent over it."""

    def update_actor(self, data):
        self.sent = data
        return {"metrics": {"mfu": [0.0], "loss": [1.0]}}


def legacy_trainer(config, hook):
    """The legacy trainer without its Ray workers."""
    trainer = object.__new__(HicraRayPPOTrainer)
    trainer.config, trainer.hook, trainer.global_steps = config, hook, 3
    trainer.actor_rollout_wg = Workers()
    return trainer


def update(batch, config, hook, monkeypatch):
    """The advantages sent to the actor's workers and the metrics, by the real `_update_actor`."""
    monkeypatch.setattr(tensordict_utils, "get", lambda output, key: output[key])
    trainer = legacy_trainer(config, hook)
    output = trainer._update_actor(batch)
    return trainer.actor_rollout_wg.sent["advantages"], output.meta_info["metrics"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pitfall_04_after_whitening_legacy(folder, tokenizer, hook, monkeypatch, estimator):
    config = compose_config(folder, **{"algorithm.adv_estimator": estimator})
    options = {"adv_estimator": estimator, "config": config.algorithm}
    base = compute_advantage(batch_of(tokenizer), **options).batch["advantages"]
    batch = compute_advantage(batch_of(tokenizer), **options)
    sent, metrics = update(batch, config, hook, monkeypatch)
    assert sent.dtype == torch.float32 and sent.is_contiguous()
    mask = batch_masks(batch)
    assert mask.sum() > 40
    assert_same_bits(sent, formula.credited(base, mask, ALPHA))
    logged = reduce_metrics(metrics)
    assert logged["hicra/planning_frac"] == mask.sum() / batch.batch["response_mask"].sum().item()
    assert logged["actor/loss"] == 1


@pytest.fixture(scope="module")
def transfer_queue(folder):
    ray.init(num_cpus=4, include_dashboard=False, object_store_memory=200_000_000)
    tq.init(compose_config(folder).transfer_queue)
    yield
    tq.close()
    ray.shutdown()


def stored(batch, keys):
    """Rows as agent loops put them into TransferQueue; keys and tags as the replay buffer does."""
    tensors, lengths = batch.batch, (batch.batch["responses"] != EOS).sum(1).tolist()
    rows = []
    for row, length in enumerate(lengths):
        fields = {
            name: tensors[name][row, :length]
            for name in ("responses", "response_mask", "old_log_probs", "values")
        }
        fields["rm_scores"] = tensors["token_level_scores"][row, :length]
        rows.append(fields | {"uid": batch.non_tensor_batch["uid"][row]})
    tags = [{"response_len": length} for length in lengths]
    fields = list_of_dict_to_tensordict(rows)
    tq.kv_batch_put(keys=keys, partition_id="train", fields=fields, tags=tags)
    return KVBatchMeta(partition_id="train", keys=keys, tags=tags)


def v1_trainer(cls, config, hook=None):
    """A v1 trainer whose workers are not started."""
    trainer = cls(config)
    trainer.global_steps, trainer.hook = 3, hook
    return trainer


def advantages_of(meta):
    fields = tq.kv_batch_get(
        keys=meta.keys, partition_id="train", select_fields=["advantages", "returns"]
    )
    return fields["advantages"], fields["returns"]


KEYS = [f"{uid}_{row}_0" for row, uid in enumerate(UIDS)]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pitfall_04_after_whitening_v1(folder, tokenizer, hook, transfer_queue, estimator):
    """The real `_compute_advantage` on the real TransferQueue, with HICRA and without; and again."""
    config = compose_config(folder, **{"algorithm.adv_estimator": estimator})
    batch = batch_of(tokenizer)
    meta = stored(batch, KEYS)
    v1_trainer(PPOTrainerSync, config)._compute_advantage(meta, {})
    base, base_returns = advantages_of(meta)
    trainer = v1_trainer(HicraSync, config, hook)
    lengths = base.offsets().diff().tolist()
    flat = np.concatenate([row[:n] for row, n in zip(batch_masks(batch), lengths)])
    for _ in range(2):
        metrics = {}
        trainer._compute_advantage(meta, metrics)
        after, returns = advantages_of(meta)
        assert after.is_nested and after.layout == torch.jagged
        assert torch.equal(after.offsets(), base.offsets())
        assert_same_bits(after.values(), formula.credited(base.values(), flat, ALPHA))
        assert torch.equal(returns.values(), base_returns.values())
        assert metrics["hicra/planning_frac"] == flat.sum() / len(flat)


def test_v1_rows_of_equal_length(folder, tokenizer, hook, transfer_queue):
    """Where a batch could be dense, it is still jagged."""
    texts = [("wait", 1), ("Wait", 1), ("abcd", 1), ("1234", 1)]
    batch = batch_of(tokenizer, texts, [1, 0, 0, 0], ["e"] * 4)
    meta = stored(batch, [f"e_{row}_0" for row in range(4)])
    v1_trainer(HicraSync, compose_config(folder), hook)._compute_advantage(meta, {})
    after, _ = advantages_of(meta)
    assert after.offsets().diff().tolist() == [4, 4, 4, 4]
    rows = after.to_padded_tensor(0)
    assert rows[0, 0] == np.float32(rows[0, 0] / 1.5 * 1.5) > 0 > rows[2, 0]
    # Blame of the wrong answer that planned is half of the blame of those that did not.
    assert_same_bits(rows[1], formula.credited(rows[2], np.ones(4), ALPHA))


def test_pitfall_01_alignment_with_a_phrase_of_one_token(
    folder, tokenizer, transfer_queue, monkeypatch
):
    lexicon = folder / "x.txt"
    lexicon.write_text("x\n")
    hook = Hook(folder, alpha=ALPHA, lexicon=str(lexicon), vocab_size=EOS + 8)
    texts = [("ab x cd", 1), ("abcdefg", 1)]
    config = compose_config(folder)
    batch = batch_of(tokenizer, texts, [1, 0], ["x", "x"])
    meta = stored(batch, ["x_0_0", "x_1_0"])
    v1_trainer(HicraSync, config, hook)._compute_advantage(meta, {})
    row = advantages_of(meta)[0].to_padded_tensor(0)[0]
    assert (row == row.max()).nonzero().tolist() == [[3]]

    batch = compute_advantage(batch, "grpo", config=config.algorithm)
    sent, _ = update(batch, config, hook, monkeypatch)
    assert (sent[0] == sent[0].max()).nonzero().tolist() == [[3]]
    hook.close()


def test_pitfall_02_padding_is_told_by_the_mask_alone(folder, tokenizer, hook, monkeypatch):
    """The pad token is the end token here, and stands inside a response trained to its end."""
    config = compose_config(folder)
    batch = batch_of(tokenizer)
    batch.batch["responses"][1, 5] = EOS
    batch.batch["response_mask"][1, :10] = 1
    batch.batch["responses"][1, 6:10] = torch.tensor(list(b"wait"))
    batch = compute_advantage(batch, "grpo", config=config.algorithm)
    base = batch.batch["advantages"].clone()
    sent, _ = update(batch, config, hook, monkeypatch)
    mask = batch_masks(batch)
    assert mask[1, 6:10].all() and not mask[1, 4:6].any()
    assert_same_bits(sent, formula.credited(base, mask, ALPHA))


def test_pitfall_05_the_mean_shift_is_logged(folder, tokenizer, hook, monkeypatch):
    config = compose_config(folder)
    batch = compute_advantage(batch_of(tokenizer), "grpo", config=config.algorithm)
    base, trained = batch.batch["advantages"].clone(), batch.batch["response_mask"] == 1
    sent, metrics = update(batch, config, hook, monkeypatch)
    shift = (sent.double() - base.double())[trained].mean().item()
    assert shift > 0
    # The sidecar adds up in float64, in another order.
    assert metrics["hicra/adv_shift"] == pytest.approx(shift, rel=1e-12)


def test_pitfall_10_groups_without_variance_stay_zero(folder, tokenizer, hook, monkeypatch):
    config = compose_config(folder)
    batch = batch_of(tokenizer, rewards=[1, 1, 1, 1, 0, 1, 0, 0])
    batch = compute_advantage(batch, "grpo", config=config.algorithm)
    assert batch_masks(batch)[:4].any()
    sent, metrics = update(batch, config, hook, monkeypatch)
    assert (sent[:4] == 0).all() and (sent[4:] != 0).any()
    assert metrics["hicra/zero_std_group_frac"] == 0.5


def test_pitfall_16_a_small_alpha_is_not_rounded_away(folder, tokenizer, monkeypatch):
    """In bfloat16 1.002 is 1."""
    hook = Hook(folder, alpha=0.002, lexicon=str(folder / "lexicon.txt"), vocab_size=EOS + 8)
    config = compose_config(folder)
    batch = compute_advantage(batch_of(tokenizer), "grpo", config=config.algorithm)
    base = batch.batch["advantages"].clone()
    sent, _ = update(batch, config, hook, monkeypatch)
    mask = batch_masks(batch)
    assert sent.dtype == torch.float32
    assert (sent.numpy()[mask == 1] > base.numpy()[mask == 1]).all()
    assert_same_bits(sent, formula.credited(base, mask, 0.002))
    hook.close()


def test_pitfall_21_outputs_of_one_session(folder, tokenizer, hook, transfer_queue):
    """Two outputs of a session get the session's advantage, and the same phrase the same credit."""
    texts = [("wait", 1), ("wait, no", 1), ("abcd", 1)]
    batch = batch_of(tokenizer, texts, [1, 1, 0], ["m", "m", "m"])
    meta = stored(batch, ["m_0_0", "m_0_1", "m_1_0"])
    v1_trainer(HicraSync, compose_config(folder), hook)._compute_advantage(meta, {})
    first, second, _ = advantages_of(meta)[0].unbind()
    assert torch.equal(first, second[:4])
    assert_same_bits(first, formula.credited(second[4:5].expand(4), np.ones(4), ALPHA))


def test_pitfall_12_padding_rows_are_in_no_metric(folder, tokenizer, hook, transfer_queue):
    """verl's own padding, which copies a row's fields but for its tokens and scores."""
    texts = [("wait", 1), ("abcd", 1)]
    batch = batch_of(tokenizer, texts, [1, 0], ["n", "n"])
    trainer = v1_trainer(HicraSync, compose_config(folder), hook)
    without, padded = {}, {}
    meta = stored(batch, ["n_0_0", "n_1_0"])
    trainer._compute_advantage(meta, without)
    meta = upsample_batch_to_divisible_size(meta, 4, EOS)
    assert len(meta) == 4
    # In a run the actor computes these for all rows, after the padding.
    fields = list_of_dict_to_tensordict([{"old_log_probs": torch.zeros(1)}] * 2)
    tq.kv_batch_put(keys=meta.keys[2:], partition_id="train", fields=fields)
    trainer._compute_advantage(meta, padded)
    logged = [{k: v for k, v in m.items() if k != "hicra/latency_ms"} for m in (without, padded)]
    assert logged[0] == logged[1] and logged[0]["hicra/reward"] == 0.5


def test_a_batch_is_not_transformed_twice(folder, tokenizer, hook, monkeypatch):
    config = compose_config(folder)
    batch = compute_advantage(batch_of(tokenizer), "grpo", config=config.algorithm)
    update(batch, config, hook, monkeypatch)
    with pytest.raises(ValueError, match="a second application would compound"):
        update(batch, config, hook, monkeypatch)


def test_truncated_responses_are_flagged(folder, tokenizer, hook, transfer_queue, monkeypatch):
    config = compose_config(folder, **{"data.max_response_length": 8})
    texts = [("wait, no", 1), ("wait", 1), ("abcd", 1), ("abc", 1)]
    batch = batch_of(tokenizer, texts, [1, 0, 0, 0], ["t"] * 4, room=8)
    meta = stored(batch, [f"t_{row}_0" for row in range(4)])
    metrics = {}
    v1_trainer(HicraSync, config, hook)._compute_advantage(meta, metrics)
    assert metrics["hicra/truncated_frac"] == 0.25
    batch = compute_advantage(batch, "grpo", config=config.algorithm)
    assert update(batch, config, hook, monkeypatch)[1]["hicra/truncated_frac"] == 0.25


# ---------------------------------------------------------------- policy losses


def actor_config(loss_mode, loss_agg_mode="token-mean"):
    config = ActorConfig(
        strategy="fsdp2", rollout_n=4, ppo_micro_batch_size_per_gpu=2, loss_agg_mode=loss_agg_mode
    )
    object.__setattr__(config.policy_loss, "loss_mode", loss_mode)
    object.__setattr__(config.policy_loss, "dro_beta", 0.1)
    object.__setattr__(config.policy_loss, "rollout_correction", {"loss_type": "ppo_clip"})
    return config


def gradient(loss_mode, advantages, mask, loss_agg_mode="token-mean"):
    """d loss / d log_prob a token, where the policy is still the old one."""
    torch.manual_seed(0)
    old = -torch.rand(mask.shape, generator=torch.Generator().manual_seed(1))
    new = old.clone().requires_grad_()
    loss, _ = get_policy_loss_fn(loss_mode)(
        old_log_prob=old,
        # kl_cov writes into what it computed from a leaf.
        log_prob=new * 1.0,
        advantages=torch.from_numpy(advantages),
        response_mask=mask.bool(),
        loss_agg_mode=loss_agg_mode,
        config=actor_config(loss_mode, loss_agg_mode),
    )
    loss.backward()
    return new.grad.numpy()


@pytest.fixture(scope="module")
def credited(folder, tokenizer, hook):
    batch = compute_advantage(batch_of(tokenizer), "grpo", config=compose_config(folder).algorithm)
    base = batch.batch["advantages"].numpy()
    mask = batch.batch["response_mask"]
    after = hook.transform_padded(batch.batch["responses"], mask, batch.batch["advantages"])
    return base, after.advantages.numpy(), after.planning_mask.numpy() == 1, mask


def test_every_policy_loss_is_known():
    assert {*_verl.TOKEN_LOSSES, "geo_mean"} == {*POLICY_LOSS_REGISTRY}


# clip_cov and kl_cov choose tokens by their covariance with the mean advantage, which HICRA moves.
@pytest.mark.parametrize("loss_mode", [*{*_verl.TOKEN_LOSSES} - {"clip_cov", "kl_cov"}])
def test_gradient_changes_on_planning_tokens_alone(credited, loss_mode):
    base, after, planning, mask = credited
    before, now = gradient(loss_mode, base, mask), gradient(loss_mode, after, mask)
    assert_same_bits(now[~planning], before[~planning])
    ratio = now[planning] / before[planning]
    # A gradient is a product of a few float32: allow a few roundings.
    np.testing.assert_allclose(ratio, np.where(base[planning] > 0, 1.5, 0.5), rtol=1e-6)


@pytest.mark.parametrize("loss_mode", ["clip_cov", "kl_cov"])
def test_gradient_changes_on_planning_tokens(credited, loss_mode):
    base, after, planning, mask = credited
    before, now = gradient(loss_mode, base, mask), gradient(loss_mode, after, mask)
    changed = now[planning] != before[planning]
    assert changed.mean() > 0.9


@pytest.mark.parametrize(
    "loss_agg_mode", ["token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "token-sum"]
)
def test_pitfall_08_loss_aggregation_keeps_its_denominators(credited, loss_agg_mode):
    base, after, planning, mask = credited
    before = gradient("vanilla", base, mask, loss_agg_mode)
    now = gradient("vanilla", after, mask, loss_agg_mode)
    assert_same_bits(now[~planning], before[~planning])
    assert (now[planning] != before[planning]).all()


def test_pitfall_09_geo_mean_would_erase_it(folder, credited):
    """verl's geometric mean gives all tokens of a sequence one weight, so such a run is refused."""
    _, after, planning, mask = credited
    row = gradient("geo_mean", after, mask)[0][mask[0] == 1]
    spread = np.ptp(gradient("vanilla", after, mask)[0][mask[0] == 1])
    assert planning[0].any() and np.ptp(row) < 1e-6 * np.abs(row).max() < spread
    config = compose_config(folder, **{"actor_rollout_ref.actor.policy_loss.loss_mode": "geo_mean"})
    with pytest.raises(ValueError, match="current value is geo_mean"):
        HicraSync(config)


def test_pitfall_09_gspo_of_verl_keeps_it(credited):
    _, after, planning, mask = credited
    row = gradient("gspo", after, mask, "seq-mean-token-mean")[0]
    assert len(set(row[planning[0]].tolist())) == 1
    trained = (mask[0] == 1).numpy()
    assert row[planning[0]][0] != row[trained & ~planning[0]][0]


def test_pitfall_07_nothing_clips_advantages_after_the_hook(credited):
    """Only ratios are clipped: ten times the advantages is ten times the gradient."""
    _, after, _, mask = credited
    once, tenfold = gradient("vanilla", after, mask), gradient("vanilla", 10 * after, mask)
    np.testing.assert_allclose(tenfold, 10 * once, rtol=1e-6)


def test_a_policy_loss_of_another_is_pointed_out(folder):
    config = compose_config(folder, **{"actor_rollout_ref.actor.policy_loss.loss_mode": "mine"})
    with pytest.warns(UserWarning, match="policy loss mine is none of verl's own"):
        _verl.refuse(config)


def test_distillation_without_task_rewards_is_refused(folder):
    options = {
        "distillation.enabled": True,
        "distillation.distillation_loss.use_task_rewards": False,
    }
    with pytest.raises(ValueError, match="use_task_rewards must be True"):
        _verl.refuse(compose_config(folder, **options))


# ---------------------------------------------------------------- configuration, plugin, failures


def create_hook(config, tokenizer, fields=_verl.FIELDS):
    return _verl.create_hook(config, tokenizer, "X.y", fields=fields)


@pytest.mark.parametrize(
    ("trainer", "mode", "buffer"),
    [
        (HicraSync, "sync", ReplayBuffer),
        (HicraColocateAsync, "colocate_async", ReplayBufferAsync),
        (HicraSeparateAsync, "separate_async", ReplayBufferAsync),
    ],
)
def test_a_mode_is_the_host_mode_of_its_name(folder, trainer, mode, buffer):
    """Under a name of its own, verl would take a sync run for an async one."""
    checkpoint = "actor_rollout_ref.rollout.checkpoint_engine.backend"
    step = "trainer.v1.separate_async.parameter_sync_step"
    options = {"trainer.v1.trainer_mode": f"hicra_{mode}", checkpoint: "nccl", step: 1}
    built = trainer(compose_config(folder, **options))
    assert built.trainer_mode == mode
    assert type(built.replay_buffer) is buffer


def test_hydra_options_reach_the_hook(folder, tokenizer, capfd):
    failing = {"+hicra.on_failure": "pass-through", "+hicra.alpha": 0.3}
    hook = create_hook(compose_config(folder, **failing), tokenizer)
    assert hook.on_failure == "pass-through"
    assert (
        'bound to verl 0.9.1 X.y; transforms [{"name": "hicra", "alpha": 0.3, "mode": "paper", '
        in capfd.readouterr().err
    )
    hook.close()
    with pytest.raises(TypeError, match="aplha is no option: known are alpha"):
        create_hook(compose_config(folder, **{"+hicra.aplha": 1}), tokenizer)
    with pytest.raises(SidecarError, match="alpha must be less than 1"):
        create_hook(compose_config(folder, **{"+hicra.alpha": 1.5}), tokenizer)


def test_the_environment_says_what_hydra_does_not(folder, tokenizer, monkeypatch):
    monkeypatch.setenv("HICRA_ALPHA", "0.9")
    monkeypatch.setenv("HICRA_ON_FAILURE", "pass-through")
    hook = create_hook(compose_config(folder), tokenizer)
    assert hook.transforms == [{"name": "hicra", "alpha": ALPHA}]
    assert hook.on_failure == "pass-through"
    hook.close()


def test_an_entropy_bonus_is_left_to_verl(folder, tokenizer):
    config = compose_config(folder)
    bonus = [{"name": "entropy-regularization", "coefficient": 0.01}]
    OmegaConf.update(config, "hicra", {"alpha": None, "transforms": bonus}, merge=False)
    with pytest.raises(ValueError, match="actor.entropy_coeff to 0.01"):
        create_hook(config, tokenizer)


def test_a_transform_that_needs_entropies_is_refused_where_verl_has_none(folder, tokenizer):
    config = compose_config(folder)
    OmegaConf.update(
        config, "hicra", {"alpha": None, "transforms": [{"name": "gtpo"}]}, merge=False
    )
    create_hook(config, tokenizer, fields=[*_verl.FIELDS, "entropies"]).close()
    with pytest.raises(SidecarError, match="needs batch.entropies"):
        create_hook(config, tokenizer)


def python(code, **environment):
    """Runs code in a process of its own: (exit status, output)."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


MODES = "from verl.trainer.ppo.v1 import get_trainer_cls; print(get_trainer_cls('hicra_sync'))"


def test_import_verl_loads_the_plugin():
    status, output = python(f"import verl, sys; assert 'hicra_hook.verl' in sys.modules; {MODES}")
    assert status == 0, output
    assert "hicra_hook.verl_v1.HicraSync" in output


def test_verl_can_be_told_to_load_no_plugin():
    status, output = python(f"import verl; {MODES}", VERL_USE_EXTERNAL_PLUGINS="none")
    assert status != 0 and "Unknown trainer 'hicra_sync'" in output


def test_a_plugin_that_fails_is_loud():
    """verl drops what it raises, so it says so itself; a run then ends at the unknown mode."""
    gone = "import sys; sys.modules['transfer_queue'] = None; import verl"
    status, output = python(gone)
    assert status == 0
    assert "hicra: cannot register verl's trainer modes hicra_sync" in output
    assert "import of transfer_queue halted" in output


def test_metric_names_are_averaged(hook):
    """verl picks the reduction by what stands in a name: max, min, sum, total, lr, timing."""
    aggregator = MetricsAggregator()
    names = [*hook.sidecar.metric_names, "hicra/failures", "hicra/latency_ms"]
    assert len(names) > 20
    for name in names:
        assert aggregator._get_aggregation_type(name) == "weighted_avg"
        assert reduce_metrics({name: [1.0, 2.0]}) == {name: 1.5}


def test_pitfall_22_a_sidecar_that_died(folder, tokenizer, monkeypatch):
    config = compose_config(folder)
    base = compute_advantage(batch_of(tokenizer), "grpo", config=config.algorithm).batch[
        "advantages"
    ]
    for on_failure in ("raise", "pass-through"):
        hook = create_hook(compose_config(folder, **{"+hicra.on_failure": on_failure}), tokenizer)
        mortal.end_for_good(hook.sidecar)
        batch = compute_advantage(batch_of(tokenizer), "grpo", config=config.algorithm)
        if on_failure == "raise":
            with pytest.raises(SidecarUnavailable):
                update(batch, config, hook, monkeypatch)
        else:
            with pytest.warns(RuntimeWarning, match="passed through unchanged, failure 1"):
                sent, metrics = update(batch, config, hook, monkeypatch)
            assert_same_bits(sent, base)
            assert metrics["hicra/failures"] == 1
        hook.close()


def test_a_hook_goes_into_a_ray_actor(hook, transfer_queue):
    """Made and used in the driver, then sent: the copy starts a sidecar of its own."""

    @ray.remote
    class Actor:
        def transform(self, hook, *arguments):
            return hook.transform(*arguments).advantages, hook.sidecar.pid

    ids = np.frombuffer(b"so wait", "u1").astype("i4")
    arguments = ([0, 7], ids, np.ones(7, "u1"), np.array([2.0], "f4"))
    here = hook.transform(*arguments).advantages
    there, pid = ray.get(Actor.remote().transform.remote(hook, *arguments))
    assert here.tolist() == [2, 2, 2, 3, 3, 3, 3]
    assert_same_bits(there, here)
    assert pid != hook.sidecar.pid
