"""Pitfalls of token credit that no host owns, by their numbers in docs/frameworks/pitfalls.md.

The tests of the adapters have those that their hosts show.
"""

import json

import numpy as np
import pytest

from conftest import TABLE
from hicra_hook import Hook, SidecarError

BUT, WAIT, COMMA, LET, S, TRY, A, DIFFERENT, APPROACH, DOT, X = range(11)
PHRASE = [LET, S, TRY, A, DIFFERENT, APPROACH]


def transformed(hook, rows, advantages, **fields):
    ids = np.array(rows)
    return hook.transform_padded(ids, np.ones_like(ids), np.asarray(advantages, "f4"), **fields)


def whitened(advantages):
    return (advantages - advantages.mean()) / advantages.std()


def test_pitfall_04_whitening_after_the_transform_is_not_the_same(hook):
    rng = np.random.default_rng(4)
    rows = rng.choice([X, DOT], (16, 40))
    rows[:, 5:11] = PHRASE
    advantages = np.repeat(rng.normal(size=(16, 1)), 40, axis=1).astype("f4")
    right = transformed(hook, rows, whitened(advantages)).advantages
    wrong = whitened(transformed(hook, rows, advantages).advantages)
    # Rounding is of the order of 1e-7; the two orders differ by ten thousand times that, everywhere.
    assert np.abs(right - wrong).max() > 1e-2
    off = transformed(hook, rows, advantages).planning_mask == 0
    np.testing.assert_array_equal(right[off], whitened(advantages)[off])
    assert np.abs(wrong - whitened(advantages))[off].max() > 1e-3


def test_pitfall_08_positive_scaling_commutes(hook):
    rng = np.random.default_rng(8)
    advantages = rng.normal(size=(4, 6)).astype("f4")
    rows = [PHRASE] * 4
    # Powers of two, so that scaling itself is exact.
    for scale in (0.25, 8):
        np.testing.assert_array_equal(
            transformed(hook, rows, scale * advantages).advantages,
            scale * transformed(hook, rows, advantages).advantages,
        )


def test_pitfall_05_the_mean_rises_and_the_metrics_say_by_how_much(hook):
    rows = [PHRASE + [X] * 4, [X] * 10]
    result = transformed(hook, rows, [1, -1])
    total, count = result.metrics["hicra/adv_shift"]
    # 0.2 in float32, six times, over twenty tokens; the sum is exact, the terms are rounded to 2^-24.
    assert count == 20 and total == pytest.approx(6 * 0.2, abs=6 * 2**-24)
    mass, before = result.metrics["hicra/adv_abs_ratio"]
    assert mass / before == pytest.approx((20 + 6 * 0.2) / 20, rel=1e-7)


def test_pitfall_05_a_mode_keeps_the_mass(lexicon):
    hook = Hook(TABLE, transforms=[{"name": "hicra", "mode": "mass-preserving"}], lexicon=lexicon)
    result = transformed(hook, [PHRASE + [X] * 4], [1])
    mass, before = result.metrics["hicra/adv_abs_ratio"]
    assert mass / before == pytest.approx(1, rel=1e-6)
    hook.close()


@pytest.mark.parametrize("alpha", [1.0, 1.5, -0.1])
def test_pitfall_06_a_gain_that_zeroes_or_flips_blame_is_refused(lexicon, alpha):
    hook = Hook(TABLE, alpha=alpha, lexicon=lexicon)
    with pytest.raises(SidecarError, match="alpha"):
        transformed(hook, [PHRASE], [-1])
    hook.close()


def test_pitfall_06_no_advantage_changes_its_sign_or_becomes_zero(lexicon):
    hook = Hook(TABLE, alpha=0.999, lexicon=lexicon)
    advantages = np.array([[-1e-30, -1, 1, 3e-38, -3e-38, 1e30]], "f4")
    result = transformed(hook, [PHRASE], advantages)
    np.testing.assert_array_equal(np.sign(result.advantages), np.sign(advantages))
    hook.close()


@pytest.mark.filterwarnings("ignore:hicra. no planning token")
def test_pitfall_11_a_phrase_that_truncation_cuts_does_not_count(hook):
    for length in range(1, len(PHRASE)):
        result = transformed(hook, [PHRASE[:length]], [1])
        assert result.planning_mask.sum() == 0


def test_pitfall_12_padding_rows_stay_out_of_the_metrics(hook):
    rows = [PHRASE, PHRASE]
    result = transformed(hook, rows, [1, 1], flags=[0, 2], rewards=[1, 0])
    assert result.metrics["hicra/planning_frac"] == (6, 6)
    assert result.metrics["hicra/accuracy"] == (1, 1)
    # They are transformed all the same: what a host does with them is its own.
    assert result.planning_mask.tolist() == [[1] * 6] * 2


def test_pitfall_13_sums_and_counts_of_ranks_add_up_to_those_of_all(hook):
    rng = np.random.default_rng(13)
    rows = rng.choice([X, DOT, COMMA], (8, 12))
    rows[:, 3:9] = PHRASE
    advantages = rng.normal(size=8)
    rewards = rng.integers(0, 2, 8)
    whole = transformed(hook, rows, advantages, rewards=rewards)
    parts = [
        transformed(hook, rows[part], advantages[part], rewards=rewards[part])
        for part in (slice(0, 3), slice(3, 8))
    ]
    for name, (total, count) in whole.metrics.items():
        sums, counts = zip(*(part.metrics[name] for part in parts), strict=True)
        assert sum(counts) == pytest.approx(count, rel=1e-12), name
        # Each rank's sum is rounded once to float64.
        assert sum(sums) == pytest.approx(total, rel=1e-12, abs=1e-12), name


def test_pitfall_18_whatever_tokens_spell_a_phrase_it_is_found_in_them(tmp_path):
    # "wait" as one token, as two and as its letters: sampled ids are never decoded and encoded again.
    pieces = [b"wait", b"wa", b"it", b"w", b"a", b"i", b"t", b" "]
    offsets = np.cumsum([0, *map(len, pieces)])
    (tmp_path / "grams.txt").write_text("wait\n")
    hook = Hook((offsets, b"".join(pieces)), lexicon=str(tmp_path / "grams.txt"))
    for spelling in ([0], [1, 2], [3, 4, 5, 6], [1, 5, 6]):
        ids = [7, *spelling, 7]
        assert hook.mask([0, len(ids)], ids, [1] * len(ids)).tolist() == [
            0,
            *[1] * len(spelling),
            0,
        ]
    hook.close()


def test_pitfall_20_values_out_of_a_store_say_what_they_are(hook):
    # A replay buffer stores lists, which carry no mark: the wire has a field for it.
    result = transformed(hook, [PHRASE], [1])
    stored = result.advantages.tolist()
    with pytest.raises(SidecarError, match="compound") as caught:
        hook._named(
            hook.sidecar.transform,
            {
                "offsets": np.array([0, 6], "<i4"),
                "token_ids": np.array(PHRASE, "<i4"),
                "loss_mask": np.ones(6, "u1"),
                "advantages": np.array(stored[0], "<f4"),
            },
            {"advantages_per": "token", "base": "transformed"},
        )
    assert caught.value.status == 409


def test_pitfall_21_a_token_that_branches_share_gets_one_value(hook):
    # A shared prefix as a sequence of its own, and its branches: whoever packs so sends each token once.
    prefix, branches = [DOT, BUT, WAIT], [[X, X], [DOT, X]]
    packed = hook.transform([0, 3, 5, 7], prefix + sum(branches, []), [1] * 7, [1, 1, 1])
    assert packed.advantages.shape == (7,)
    assert packed.planning_mask.tolist() == [0, 1, 1, 0, 0, 0, 0]
    # A phrase does not go over the seam of prefix and branch, as no other token would agree with it.
    seam = hook.transform([0, 2, 3], [DOT, BUT, WAIT], [1] * 3, [1, 1])
    assert seam.planning_mask.tolist() == [0, 0, 0]


def test_pitfall_23_equal_batches_get_equal_bytes_wherever_they_are_sent(hook, lexicon):
    rng = np.random.default_rng(23)
    rows = rng.choice(11, (6, 30))
    advantages = rng.normal(size=6)
    other = Hook(TABLE, alpha=0.2, lexicon=lexicon)
    here, there = (transformed(each, rows, advantages) for each in (hook, other))
    assert here.advantages.tobytes() == there.advantages.tobytes()
    assert json.dumps(here.metrics) == json.dumps(there.metrics)
    other.close()
