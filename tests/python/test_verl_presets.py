"""Our presets against the advantage estimators that the released verl package registers."""

import numpy as np
import pytest
import torch
from bridge import assert_close, call, ragged_batches
from verl.trainer.config import AlgoConfig
from verl.trainer.ppo.core_algos import get_adv_estimator_fn
from verl.utils.torch_functional import masked_whiten

ESTIMATORS = [
    ("verl", "grpo", {}),
    ("verl", "grpo_vectorized", {}),
    ("verl-dr-grpo", "grpo", {"norm_adv_by_std_in_grpo": False}),
    ("verl-rloo", "rloo", {}),
    ("rloo", "rloo_vectorized", {}),
    ("reinforce++", "reinforce_plus_plus", {}),
    ("reinforce++-baseline", "reinforce_plus_plus_baseline", {}),
]


def padded(rewards, rng):
    """Right-padded responses; a third of the inner tokens are tool outputs that are not trained."""
    lengths = rng.integers(1, 9, len(rewards))
    mask = (np.arange(8) < lengths[:, None]) & (rng.random((len(rewards), 8)) > 0.33)
    last = lengths - 1
    mask[np.arange(len(rewards)), last] = True
    token_rewards = np.zeros(mask.shape, dtype=np.float32)
    token_rewards[np.arange(len(rewards)), last] = rewards
    return mask, token_rewards


@pytest.mark.parametrize(("preset", "estimator", "options"), ESTIMATORS)
@pytest.mark.parametrize(("name", "rewards", "groups"), list(ragged_batches()))
def test_preset_equals_verl(preset, estimator, options, name, rewards, groups):
    mask, token_rewards = padded(rewards, np.random.default_rng(1))
    uids = np.array([f"prompt-{g}" for g in groups], dtype=object)
    theirs, _ = get_adv_estimator_fn(estimator)(
        token_level_rewards=torch.from_numpy(token_rewards),
        response_mask=torch.from_numpy(mask.astype(np.float32)),
        config=AlgoConfig(adv_estimator=estimator, gamma=1.0),
        **({} if estimator == "reinforce_plus_plus" else {"index": uids}),
        **options,
    )
    ours = call(
        "baselineAdvantages",
        preset=preset,
        rewards=rewards,
        groupIds=groups,
        offsets=np.arange(len(rewards) + 1) * mask.shape[1],
        lossMask=mask.astype(int).reshape(-1),
    ).reshape(mask.shape)
    assert_close(ours * mask, theirs.numpy())


def test_whiten_equals_verl():
    rng = np.random.default_rng(4)
    values = rng.normal(2, 3, (7, 11)).astype(np.float32)
    mask = rng.integers(0, 2, values.shape)
    theirs = masked_whiten(torch.from_numpy(values), torch.from_numpy(mask)).numpy()
    ours = call("whiten", advantages=values.reshape(-1), lossMask=mask.reshape(-1))
    assert_close(ours.reshape(values.shape), theirs * mask)
