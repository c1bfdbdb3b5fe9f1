"""TRL's trainer under the configurations that people use: a table of short trainings.

Whatever is configured, each batch that the loss gets must have TRL's own advantages off the planning
mask, bit for bit, and `A + alpha * |A|` on it. About 90 seconds of one CPU core, beside imports.
Two ranks and failures are in test_trl.py.
"""

from __future__ import annotations

import pytest
import torch
import trl
from datasets import Dataset
from packaging.version import Version

import trl_toy as toy
from hicra_hook.trl import with_hicra

ALPHA = toy.ALPHA
TRL = Version(trl.__version__)


@pytest.fixture
def planning(tmp_path, address):
    """Makes trainers with HICRA."""
    return toy.planning(tmp_path, address)


def check(trainer, batches, alphas=ALPHA):
    """Every batch of the loss is as the formula has it, by its alpha, and some batch has credit."""
    assert len(trainer.seen) == batches
    alphas = [alphas] * batches if isinstance(alphas, float) else alphas
    acted = False
    for batch, alpha in zip(trainer.seen, alphas, strict=True):
        assert torch.equal(batch["advantages"], toy.credited(batch, alpha))
        spread = batch["base_advantages"][:, None].expand(batch["advantages"].shape)
        off = ~toy.planning_mask(batch)
        assert torch.equal(batch["advantages"][off], spread[off])
        acted |= not torch.equal(batch["advantages"], spread)
    assert acted


def one(completion_ids, **_):
    return [float(len(ids)) for ids in completion_ids]


TWO_REWARDS = {"reward_funcs": [toy.reward, one], "reward_weights": [1.0, -0.5]}
LORA = {"r": 4, "target_modules": ["q_proj", "v_proj"]}

TABLE = {
    **{
        f"loss_type {loss}": ({"loss_type": loss}, 1)
        for loss in ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "vespo", "luspo")
    },
    **{
        f"scale_rewards {scale}": ({"scale_rewards": scale}, 1)
        for scale in ("batch", "none")  # The default is "group".
    },
    "rewards of two functions": (TWO_REWARDS, 1),
    "rewards normalized, then added": (
        TWO_REWARDS | {"multi_objective_aggregation": "normalize_then_sum"},
        1,
    ),
    "an entropy mask": ({"top_entropy_quantile": 0.5}, 1),
    "two-sided clipping": ({"delta": 2.0, "epsilon_high": 0.28}, 1),
    "truncated completions masked": ({"mask_truncated_completions": True}, 1),
    "gradient checkpointing": ({"gradient_checkpointing": True}, 1),
    "accumulation": (
        {
            "gradient_accumulation_steps": 2,
            "per_device_train_batch_size": 4,
            "max_steps": 2,
        },
        4,
    ),
    "two steps of one generation": (
        {"steps_per_generation": 2, "per_device_train_batch_size": 4, "max_steps": 4},
        4,
    ),
    "two passes over a generation": ({"num_iterations": 2, "max_steps": 4}, 4),
    "accumulation, two steps and two passes": (
        {
            "gradient_accumulation_steps": 2,
            "steps_per_generation": 4,
            "num_iterations": 2,
            "per_device_train_batch_size": 4,
            "max_steps": 4,
        },
        8,
    ),
    "groups cut by batches": ({"per_device_train_batch_size": 2, "steps_per_generation": 4}, 1),
}


@pytest.mark.parametrize("name", TABLE)
def test_training(planning, name):
    options, batches = TABLE[name]
    trainer = planning(**options)
    trainer.train()
    check(trainer, batches)


@pytest.mark.parametrize(
    "options",
    [
        LORA,
        LORA | {"target_modules": ["q_proj", "embed_tokens"]},
        LORA | {"trainable_token_indices": [toy.WAIT, toy.LET]},
        LORA | {"modules_to_save": ["embed_tokens"]},
    ],
    ids=["plain", "embed_tokens", "trainable_token_indices", "modules_to_save"],
)
def test_lora_and_the_divergence_from_its_base(planning, options):
    from peft import LoraConfig

    # TRL's loss reads the bias of a head that is tied to wrapped embeddings, where there is none.
    untied = toy.model(tied=False)
    trainer = planning(peft_config=LoraConfig(**options), model=untied, beta=0.1, max_steps=2)
    trainer.train()
    check(trainer, 2)
    # By the model's vocabulary, and not by what a wrapped embedding says of itself.
    assert trainer._hicra.record()["tokenizer"] == planning()._hicra.record()["tokenizer"]


def test_an_embedding_that_has_no_rows_of_its_own(planning):
    """Under ZeRO-3 an embedding is made as a shard: its parameter is empty where nobody gathers it."""

    class Sharded(toy.Recorder):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.model.get_input_embeddings().num_embeddings = 0
            self.model.get_input_embeddings().weight.data = torch.empty(0)

    made = planning(kind=with_hicra(Sharded))
    assert made._hicra.record()["tokenizer"] == planning()._hicra.record()["tokenizer"]


@pytest.mark.skipif(TRL < Version("1.9"), reason="this TRL takes no iterable data")
def test_iterable_data(planning):
    stream = Dataset.from_dict({"prompt": ["The sum is", "a"] * 8}).to_iterable_dataset()
    trainer = planning(train_dataset=stream, max_steps=2)
    trainer.train()
    check(trainer, 2)
    assert trainer.state.log_history[0]["hicra/pass_at_1"] > 0


def test_evaluation_between_steps(planning):
    held_out = Dataset.from_dict({"prompt": ["a", "The sum is"]})
    trainer = planning(eval_dataset=held_out, eval_strategy="steps", eval_steps=1, max_steps=2)
    trainer.train()
    # Each step's batch, and after it the batch that is evaluated.
    check(trainer, 4)
    names = [set(log) for log in trainer.state.log_history]
    assert sum("hicra/planning_frac" in log for log in names) == 2
    assert sum("eval_hicra/planning_frac" in log for log in names) == 2


def linear(steps):
    schedule = {"type": "linear", "from": 0, "to": 0.5, "steps": steps}
    return {"alpha": None, "transforms": [{"name": "hicra", "alpha": schedule}]}


def test_a_schedule_follows_the_step_of_each_generation(planning):
    trainer = planning(linear(8), num_iterations=2, max_steps=4)
    trainer.train()
    check(trainer, 4, alphas=[0, 0, 0.125, 0.125])


def test_a_schedule_goes_on_after_a_resume(planning):
    options = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2}
    planning(linear(8), **options).train()
    resumed = planning(linear(8), **options)
    resumed.train(resume_from_checkpoint=f"{resumed.args.output_dir}/checkpoint-2")
    check(resumed, 2, alphas=[0.125, 0.1875])


def test_a_resume_within_a_generation_generates_anew(planning):
    options = {"max_steps": 4, "num_iterations": 4, "save_strategy": "steps", "save_steps": 1}
    planning(linear(8), **options).train()
    resumed = planning(linear(8), **options)
    resumed.train(resume_from_checkpoint=f"{resumed.args.output_dir}/checkpoint-2")
    # Without the resume, all four steps would have had the alpha of step 0.
    check(resumed, 2, alphas=[0.125, 0.125])


def vision_language_model():
    """A LLaVA of a few thousand weights, and a processor that needs no torchvision."""
    from transformers import (
        CLIPVisionConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = toy.fresh_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["~"]})
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}
        ),
        tokenizer=tokenizer,
        patch_size=4,
        vision_feature_select_strategy="default",
        image_token="~",
        num_additional_image_tokens=1,
        chat_template="{% for part in messages[0].content %}"
        "{{ '~' if part.type == 'image' else part.text }}{% endfor %}",
    )
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=8,
        patch_size=4,
        projection_dim=16,
    )
    text = toy.model().config
    image = tokenizer.convert_tokens_to_ids("~")
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision,
            text_config=text,
            image_token_index=image,
            tie_word_embeddings=True,
        )
    )
    model.generation_config.eos_token_id = toy.END
    return {"model": model, "processing_class": processor}


def images():
    from PIL import Image

    return Dataset.from_dict(
        {
            "prompt": [[{"role": "user", "content": "The sum is"}]] * 8,
            "image": [Image.new("RGB", (8, 8), (30 * i, 0, 0)) for i in range(8)],
        }
    )


def test_a_vision_language_model(planning):
    shared = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    trainer = planning(**vision_language_model(), train_dataset=images(), max_steps=2, **shared)
    trainer.train()
    check(trainer, 4)
    assert all(batch["pixel_values"].shape == (4, 3, 8, 8) for batch in trainer.seen)


def every_other(completion_ids, **_):
    return [float(i % 2) for i in range(len(completion_ids))]


CALL = '<tool_call>\n{"name": "look_up", "arguments": {"word": "sum"}}\n</tool_call><|im_end|>'


class Dictionary:
    """An environment whose tool says planning phrases, which are none of the policy's."""

    def reset(self, **_):
        return None

    def look_up(self, word: str) -> str:
        """
        Looks a word up.

        Args:
            word: The word.

        Returns:
            What it means.
        """
        return f"wait, {word} is let me"


class Scripted(toy.Recorder):
    """One of two completions calls the tool before it answers."""

    def _generate_single_turn(self, prompt_ids, *args, **kwargs):
        tokenizer = self.processing_class
        first = not any("tool_response" in tokenizer.decode(ids) for ids in prompt_ids)
        texts = [CALL if first else " wait; so let me<|im_end|>", " let me wait<|im_end|>"]
        ids = [tokenizer.encode(texts[i % 2 if first else 0]) for i in range(len(prompt_ids))]
        return ids, None


@pytest.mark.skipif(TRL < Version("1.1"), reason="this TRL has no templates for tools")
def test_environments(planning):
    from pathlib import Path

    tokenizer = toy.fresh_tokenizer(eos_token="<|im_end|>", pad_token="<|endoftext|>")
    template = Path(trl.__file__).parent / "chat_templates/qwen3.jinja"
    tokenizer.chat_template = template.read_text()
    trainer = planning(
        kind=with_hicra(Scripted),
        model=toy.model(151936),
        processing_class=tokenizer,
        prompts=[[{"role": "user", "content": "a"}]] * 2,
        # Few rows, as tokens that call tools need the whole vocabulary, whose logits are large.
        per_device_train_batch_size=2,
        num_generations=2,
        reward_funcs=every_other,
        max_completion_length=128,
        generation_kwargs=None,
        environment_factory=Dictionary,
    )
    trainer.train()
    check(trainer, 1)
    (batch,) = trainer.seen
    assert toy.planning_mask(batch).sum() == 3 + 3


def test_the_loss_of_an_evaluation_depends_on_alpha(planning):
    held_out = Dataset.from_dict({"prompt": ["a", "The sum is"]})
    losses = {}
    for alpha in (0, 0.2, 0.8):
        trainer = planning({"alpha": alpha}, eval_dataset=held_out)
        losses[alpha] = trainer.evaluate()["eval_loss"]
    # The same model on the same completions.
    assert losses[0] > losses[0.2] > losses[0.8]


def test_the_mean_weight_of_vespo_is_taken_over_tokens(tmp_path, planning):
    """With alpha 0 nothing else changes: TRL takes the mean over sequences where they have one advantage."""
    options = {"loss_type": "vespo", "num_iterations": 2, "max_steps": 2, "learning_rate": 0.1}
    logs = []
    for make in (lambda **o: toy.trainer(tmp_path, **o), lambda **o: planning({"alpha": 0}, **o)):
        trainer = make(**options)
        trainer.train()
        logs.append(trainer.state.log_history[1])
    assert logs[0]["loss"] == logs[1]["loss"]
    assert logs[0]["vespo/phi_seq_mean"] != logs[1]["vespo/phi_seq_mean"]
