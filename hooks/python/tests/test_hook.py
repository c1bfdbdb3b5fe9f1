"""The hook on batches of every layout, against the formula in numpy; its configuration; its failures."""

import gc
import json
import os
import pickle
import signal
import warnings

import numpy as np
import pytest

import shared_sidecar
import wire_cases
from conftest import TABLE
from formula import credited
from hicra_hook import Hook, SidecarError, SidecarUnavailable
from hicra_hook.hook import EXCLUDE_FROM_METRICS, PADDING_ROW, TRUNCATED, group_ids
from mortal import end_for_good, kill

BUT, WAIT, COMMA, LET, S, TRY, A, DIFFERENT, APPROACH, DOT, X = range(11)


def same_bits(actual, expected):
    np.testing.assert_array_equal(np.asarray(actual).view("i4"), np.asarray(expected).view("i4"))


def test_ragged(hook):
    batch = wire_cases.BATCH
    result = hook.transform(
        batch["offsets"],
        batch["token_ids"],
        batch["loss_mask"],
        wire_cases.ADVANTAGES,
        segment_ids=batch["segment_ids"],
    )
    np.testing.assert_array_equal(result.planning_mask, wire_cases.PLANNING_MASK)
    same_bits(result.advantages, wire_cases.EXPECTED)
    assert result.metrics["hicra/planning_frac"] == (8, 18)
    assert result.values("rollout/")["rollout/hicra/planning_frac"] == 8 / 18
    assert result.failures == 0 and result.latency_ms > 0
    assert result.provenance["tokenizer"].startswith("sha256:")


def test_lists_and_one_advantage_a_sequence(hook):
    result = hook.transform([0, 3, 5], [BUT, WAIT, X, BUT, WAIT], [1] * 5, [1, -1])
    same_bits(result.advantages, np.array([1.2, 1.2, 1, -0.8, -0.8], "f4"))


def test_as_many_tokens_as_sequences_need_a_word(hook):
    batch = ([0, 2, 2], [BUT, WAIT], [1, 1], [5.0, 7.0])
    with pytest.raises(ValueError, match="advantages_per"):
        hook.transform(*batch)
    per_token = hook.transform(*batch, advantages_per="token")
    same_bits(per_token.advantages, credited(np.array([5, 7], "f4"), np.ones(2), 0.2))
    per_sequence = hook.transform(*batch, advantages_per="sequence")
    same_bits(per_sequence.advantages, credited(np.array([5, 5], "f4"), np.ones(2), 0.2))
    with pytest.raises(ValueError, match="one value a sequence, as advantages_per says: it has 3"):
        hook.transform([0, 3], [BUT, WAIT, X], [1] * 3, [1.0] * 3, advantages_per="sequence")
    one_each = hook.transform([0, 1, 2], [X, X], [1, 1], [5.0, 7.0])
    same_bits(one_each.advantages, np.array([5, 7], "f4"))


def test_what_counts_as_correct(lexicon):
    hook = Hook(TABLE, lexicon=lexicon, correct_above=0.5)
    batch = ([0, 2, 4], [BUT, WAIT, BUT, WAIT], [1] * 4, [1.0, -1.0])
    assert hook.transform(*batch, rewards=[0.1, 1.1]).metrics["hicra/accuracy"] == (1, 2)
    hook.close()


def random_padded(rng, rows=200, columns=30, side="right"):
    ids = rng.integers(0, 11, (rows, columns))
    phrases = [[BUT, WAIT], [LET, S, TRY, A, DIFFERENT, APPROACH]]
    for row in range(rows):
        for _ in range(2):
            phrase = phrases[rng.integers(2)]
            start = rng.integers(0, columns - len(phrase))
            ids[row, start : start + len(phrase)] = phrase
    lengths = rng.integers(0, columns + 1, rows)
    inside = np.arange(columns) < lengths[:, None]
    if side == "left":
        inside = inside[:, ::-1]
    # Tool outputs in the middle, which are not trained on.
    return ids, inside & (rng.random((rows, columns)) > 0.05), lengths


def slow_planning_mask(ids, mask):
    """Phrases of whole tokens, in maximal trained runs, at word boundaries: what the tiny table allows."""
    out = np.zeros(ids.shape, "u1")
    words = {WAIT, LET, TRY, A, DIFFERENT, APPROACH, X}
    for row in range(len(ids)):
        for phrase in ([BUT, WAIT], [LET, S, TRY, A, DIFFERENT, APPROACH]):
            for start in range(ids.shape[1] - len(phrase) + 1):
                end = start + len(phrase)
                if list(ids[row, start:end]) != phrase or not mask[row, start:end].all():
                    continue
                # "But" and "'s" go on the word before them unless something else stands there.
                before = (
                    start > 0 and mask[row, start - 1] and ids[row, start - 1] in words | {BUT, S}
                )
                after = end < ids.shape[1] and mask[row, end] and ids[row, end] in {BUT, S}
                if phrase[0] == BUT and before:
                    continue
                if after:
                    continue
                out[row, start:end] = 1
    return out


@pytest.mark.parametrize("side", ["right", "left"])
def test_padded_on_either_side_with_gaps_equals_a_slow_walk(hook, side):
    rng = np.random.default_rng(3)
    ids, mask, _ = random_padded(rng, side=side)
    advantages = rng.normal(size=ids.shape).astype("f4")
    # Whatever a host leaves in its padding is neither read nor changed.
    ids[~mask] = -100
    advantages[~mask] = np.nan
    result = hook.transform_padded(ids, mask, advantages)
    planning = slow_planning_mask(ids, mask)
    assert planning.sum() > 50
    np.testing.assert_array_equal(result.planning_mask, planning)
    same_bits(result.advantages, credited(advantages, planning, 0.2))
    np.testing.assert_array_equal(hook.mask_padded(ids, mask), planning)


def test_padded_equals_ragged(hook):
    rng = np.random.default_rng(5)
    ids, mask, lengths = random_padded(rng)
    advantages = rng.normal(size=len(ids)).astype("f4")
    padded = hook.transform_padded(ids, mask, advantages)
    inside = np.arange(ids.shape[1]) < lengths[:, None]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ragged = hook.transform(offsets, ids[inside], mask[inside], advantages)
    same_bits(padded.advantages[mask], ragged.advantages[mask[inside]])
    np.testing.assert_array_equal(padded.planning_mask[inside], ragged.planning_mask)


def test_rows_without_a_trained_token_and_batches_without_rows(hook):
    ids = np.array([[BUT, WAIT], [BUT, WAIT]])
    result = hook.transform_padded(ids, np.array([[0, 0], [1, 1]]), np.array([3.0, 1.0]))
    same_bits(result.advantages, np.array([[3, 3], [1.2, 1.2]], "f4"))
    none = hook.transform_padded(np.zeros((0, 4), int), np.zeros((0, 4)), np.zeros(0))
    assert none.advantages.shape == (0, 4)
    assert none.metrics["hicra/planning_frac"] == (0, 0)


@pytest.mark.parametrize("shape", [(3, 0), (0, 0), (0, 4)])
def test_rows_and_columns_may_be_none(hook, shape):
    ids, mask = np.zeros(shape, int), np.ones(shape)
    for advantages in (np.ones(shape), np.ones(shape[0])):
        result = hook.transform_padded(ids, mask, advantages, segment_ids=ids)
        assert result.advantages.shape == result.planning_mask.shape == shape
        assert result.advantages.dtype == np.float32
        assert result.metrics["hicra/planning_frac"] == (0, 0)
    assert hook.mask_padded(ids, mask).shape == shape
    assert hook.mask([0] * (shape[0] + 1), [], []).shape == (0,)


def test_the_result_is_allocated_afresh_from_a_stride_zero_view(hook):
    advantages = np.broadcast_to(np.float32(1), (1, 3))
    result = hook.transform_padded(np.array([[BUT, WAIT, X]]), np.ones((1, 3)), advantages)
    assert result.advantages.flags.writeable and result.advantages.flags.c_contiguous
    same_bits(result.advantages, np.array([[1.2, 1.2, 1]], "f4"))


def test_fields_of_the_contract_reach_the_metrics(hook):
    result = hook.transform_padded(
        np.array([[BUT, WAIT, X], [X, X, X], [X, X, X]]),
        np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1]]),
        np.array([1.0, -1, 0]),
        rewards=[1, 0, 0],
        group_ids=group_ids(["p", "p", "pad"]),
        old_logprobs=-np.ones((3, 3)),
        entropies=np.full((3, 3), 0.5),
        flags=[0, TRUNCATED, PADDING_ROW | EXCLUDE_FROM_METRICS],
    )
    assert result.metrics["hicra/accuracy"] == (1, 2)
    assert result.metrics["hicra/planning_frac"] == (2, 5)
    assert result.metrics["hicra/surprisal_plan"] == (2, 2)
    assert result.metrics["hicra/entropy_exec_old"] == (1.5, 3)
    assert result.metrics["hicra/truncated_frac"] == (1, 2)


def test_every_batch_has_every_metric_in_the_same_order(hook):
    one = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0], rewards=[1])
    other = hook.transform([0, 1], [BUT], [0], [1.0])
    assert list(one.metrics) == list(other.metrics) == hook.sidecar.metric_names


def test_transforms_and_schedules(lexicon):
    alpha = {"type": "linear", "from": 0, "to": 0.5, "steps": 10}
    hook = Hook(TABLE, transforms=[{"name": "hicra", "alpha": alpha}], lexicon=lexicon)
    result = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0], step=5)
    same_bits(result.advantages, np.array([1.25, 1.25], "f4"))
    regularized = Hook(
        TABLE, transforms=[{"name": "entropy-regularization", "coefficient": 0.01}], lexicon=lexicon
    )
    result = regularized.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    assert result.entropy_coefficient == 0.01
    hook.close()
    regularized.close()


LINEAR = {"type": "linear", "from": 0, "to": 0.5, "steps": 100}
GATED = {"type": "gated", "signal": "accuracy", "threshold": 0.5, "when": "above", "open": LINEAR}


@pytest.mark.parametrize("on_failure", ["raise", "pass-through"])
def test_what_a_schedule_reads_must_be_given(lexicon, on_failure):
    batch = ([[BUT, WAIT]], [[1, 1]], [1.0])
    options = {"lexicon": lexicon, "on_failure": on_failure, "socket": shared_sidecar.address()}
    linear = Hook(TABLE, transforms=[{"name": "hicra", "alpha": LINEAR}], **options)
    with pytest.raises(
        SidecarError, match=r"\"hicra\" as its alpha needs the training step.*step="
    ):
        linear.transform_padded(*batch)
    result = linear.transform_padded(*batch, step=100)
    same_bits(result.advantages, np.array([[1.5, 1.5]], "f4"))
    gated = Hook(TABLE, transforms=[{"name": "hicra", "alpha": GATED}], **options)
    with pytest.raises(SidecarError, match=r'needs signal "accuracy".*signals='):
        gated.transform_padded(*batch, step=100)
    # Also while the gate is closed.
    with pytest.raises(SidecarError, match="its alpha needs the training step"):
        gated.transform_padded(*batch, signals={"accuracy": 0})
    shuffled = Hook(TABLE, transforms=[{"name": "shuffle-mask"}, {"name": "hicra"}], **options)
    with pytest.raises(SidecarError, match="its seed needs the training step"):
        shuffled.transform_padded(*batch)
    fixed = [{"name": "shuffle-mask", "step": "fixed"}, {"name": "hicra"}]
    Hook(TABLE, transforms=fixed, **options).transform_padded(*batch)
    assert linear.failures == gated.failures == shuffled.failures == 0


def test_a_check_works_with_schedules_before_there_is_a_step(lexicon):
    options = {"lexicon": lexicon, "socket": shared_sidecar.address()}
    Hook(TABLE, transforms=[{"name": "hicra", "alpha": LINEAR}], **options).check()
    gated = Hook(TABLE, transforms=[{"name": "hicra", "alpha": GATED}], **options)
    gated.check(signals=["accuracy"])
    with pytest.raises(SidecarError, match='needs signal "accuracy"'):
        gated.check()


def test_batches_without_planning_tokens_are_told_once_and_counted(lexicon):
    hook = Hook(TABLE, lexicon=lexicon)
    barren = [0, 2], [X, X], [1, 1], [1.0]
    with pytest.warns(RuntimeWarning, match="no planning token") as caught:
        counts = [hook.transform(*barren, step=step).empty_batches for step in range(3)]
    assert (len(caught), counts) == (1, [1, 2, 3])
    # A batch without a trained token has nothing to find.
    hook.check()
    assert hook.transform([0, 1], [WAIT], [0], [1.0]).empty_batches == 3
    found = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    assert found.values()["hicra/empty_batches"] == 3
    hook.close()


def test_the_record_tells_what_is_in_force(lexicon):
    hook = Hook(TABLE, lexicon=lexicon, correct_above=0.5)
    configured = {"transforms": [{"name": "hicra"}], "correct_above": 0.5, "on_failure": "raise"}
    assert hook.record() == {"lexicon": "two.txt", **configured}
    provenance = hook.check().provenance
    defaults = {"alpha": 0.2, "mode": "paper", "allowSignChange": False}
    assert hook.record() == {
        "lexicon": "two.txt",
        **configured,
        **provenance,
        "transforms": [{"name": "hicra", **defaults}],
    }
    assert json.loads(json.dumps(hook.record())) == hook.record()
    hook.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": 0.2, "transforms": []}, ValueError, "exclude each other"),
        ({"on_failure": "ignore"}, ValueError, "on_failure"),
        ({"lexicon": "./nowhere.json"}, FileNotFoundError, "nowhere"),
        ({"transforms": {"name": "hicra"}}, ValueError, "transforms must be a list"),
        ({"lexicon": None}, TypeError, "lexicon must be a name .* current value is None"),
    ],
)
def test_bad_options_are_told_at_once(options, error, message):
    with pytest.raises(error, match=message):
        Hook(TABLE, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.0}, "alpha"),
        ({"transforms": [{"name": "hickra"}]}, "hickra"),
        ({"lexicon": "maths"}, "math, paper"),
    ],
)
def test_what_the_sidecar_knows_to_be_wrong_is_told_with_the_first_batch(options, message):
    hook = Hook(TABLE, **options)
    with pytest.raises(SidecarError, match=message):
        hook.check()
    with pytest.raises(SidecarError, match=message):
        hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    hook.close()


def test_a_check_knows_what_the_loop_will_send(lexicon):
    hook = Hook(
        TABLE, transforms=[{"name": "top-entropy-mask"}, {"name": "hicra"}], lexicon=lexicon
    )
    with pytest.raises(SidecarError, match="entropies"):
        hook.check()
    assert hook.check(fields=["entropies", "rewards"]).metrics["hicra/planning_frac"] == (0, 0)
    hook.close()


@pytest.mark.parametrize("on_failure", ["raise", "pass-through"])
def test_a_logprob_that_only_a_metric_reads_may_be_missing(lexicon, on_failure):
    options = {"lexicon": lexicon, "on_failure": on_failure, "socket": shared_sidecar.address()}
    hook = Hook(TABLE, alpha=0.2, **options)
    batch = ([0, 3], [BUT, WAIT, X], [1, 1, 1], [1.0, 1.0, 1.0])
    whole = hook.transform(*batch, old_logprobs=[-1, -2, -3], entropies=[1, 2, 3])
    missing = ([None, -2, -3], np.array([None, -2, -3], object), np.array([np.nan, -2, -3]))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for old_logprobs in missing:
            result = hook.transform(*batch, old_logprobs=old_logprobs, entropies=[1, 2, np.inf])
            same_bits(result.advantages, whole.advantages)
            assert result.metrics["hicra/surprisal_plan"] == (2, 1)
            assert result.metrics["hicra/surprisal_missing_frac"] == (1, 3)
            assert result.metrics["hicra/entropy_missing_frac"] == (1, 3)
            assert list(result.metrics) == list(whole.metrics)
        padded = hook.transform_padded(
            [[BUT, WAIT, X]], [[1, 1, 0]], [1.0], old_logprobs=[[None, -2, None]]
        )
        assert padded.metrics["hicra/surprisal_missing_frac"] == (1, 2)
    told = [str(warning.message) for warning in said]
    assert len(told) == 2 and "logprob" in told[0] and "entropy" in told[1]
    assert whole.metrics["hicra/surprisal_missing_frac"] == (0, 3)
    reading = Hook(TABLE, transforms=[{"name": "sepa"}], **options)
    with pytest.raises(SidecarError, match=r"\"sepa\" as .*: oldLogprobs\[0\] is NaN"):
        reading.transform(*batch, old_logprobs=[None, -2, -3])
    assert hook.failures == reading.failures == 0


def test_bad_batches_are_told(hook):
    with pytest.raises(ValueError, match=r"one value a token \(2\) or a sequence \(1\): it has 3"):
        hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0, 2, 3])
    with pytest.raises(ValueError, match=r"one value a token \(3\) or a sequence \(2\): it has 5"):
        hook.transform([0, 2, 3], [BUT, WAIT, X], [1, 1, 1], [1.0] * 5)
    with pytest.raises(ValueError, match=r"loss_mask must be \[rows, columns\]"):
        hook.transform_padded([BUT, WAIT], [1, 1], [1.0])
    with pytest.raises(ValueError, match=r"token_ids must have the shape of loss_mask"):
        hook.transform_padded([[BUT]], [[1, 1]], [1.0])
    with pytest.raises(TypeError, match="must be integers"):
        hook.transform([0, 1], [0.5], [1], [1.0])
    with pytest.raises(TypeError, match="reward as it is no field"):
        hook.transform([0, 1], [BUT], [1], [1.0], reward=[1])
    with pytest.raises(SidecarError, match=r"advantages\[1\] is NaN"):
        hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0, np.nan])
    with pytest.raises(SidecarError, match=r"tokenIds\[1\] is 11"):
        hook.transform([0, 2], [BUT, 11], [1, 1], [1.0])


def test_a_tokenizer_json_as_file_folder_and_unknown_object(tmp_path, lexicon):
    vocab = {"But": BUT, "Ġwait": WAIT}
    model = {"type": "BPE", "vocab": vocab, "merges": []}
    content = {"model": model, "decoder": {"type": "ByteLevel"}, "added_tokens": []}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    for source in (tmp_path, tmp_path / "tokenizer.json", str(tmp_path)):
        hook = Hook(source, lexicon=lexicon, vocab_size=8)
        # An id that only the padded embedding has: it spells nothing.
        assert hook.mask([0, 3], [BUT, WAIT, 7], [1, 1, 1]).tolist() == [1, 1, 0]
        hook.close()
    with pytest.raises(TypeError, match='it is a object, .* by HICRA_TOKENIZER or, .* "tokenizer"'):
        Hook(object())
    with pytest.raises(FileNotFoundError, match="of a model on a hub pass the tokenizer"):
        Hook("Qwen/Qwen3-0.6B")


def test_ids_that_only_a_padded_embedding_has(lexicon):
    hook = Hook(TABLE, lexicon=lexicon)
    with pytest.raises(SidecarError, match=r"tokenIds\[2\] is 15.*HICRA_VOCAB_SIZE") as error:
        hook.mask([0, 3], [BUT, WAIT, 15], [1, 1, 1])
    assert (error.value.status, error.value.code) == (400, "token_outside_vocabulary")
    padded = Hook(TABLE, lexicon=lexicon, vocab_size=16)
    padded.sidecar = hook.sidecar
    assert padded.mask([0, 3], [BUT, WAIT, 15], [1, 1, 1]).tolist() == [1, 1, 0]
    hook.close()


def test_from_env(monkeypatch, lexicon, tmp_path):
    monkeypatch.setenv("HICRA_ALPHA", "0.5")
    monkeypatch.setenv("HICRA_LEXICON", lexicon)
    monkeypatch.setenv("HICRA_ON_FAILURE", "pass-through")
    hook = Hook.from_env(TABLE, host="host 1.0")
    assert hook.on_failure == "pass-through"
    result = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    same_bits(result.advantages, np.array([1.5, 1.5], "f4"))
    monkeypatch.setenv("HICRA_LEXIKON", "paper")
    with pytest.warns(UserWarning, match="HICRA_LEXIKON is set and says nothing"):
        Hook.from_env(TABLE)
    monkeypatch.delenv("HICRA_LEXIKON")
    monkeypatch.setenv("HICRA_CORRECT_ABOVE", "half")
    with pytest.raises(
        ValueError, match="HICRA_CORRECT_ABOVE must be float: current value is 'half'"
    ):
        Hook.from_env(TABLE)
    monkeypatch.setenv("HICRA_CORRECT_ABOVE", "0.5")
    # What is given in code wins, and alpha and transforms are one thing.
    monkeypatch.setenv("HICRA_VOCAB_SIZE", "16")
    coded = Hook.from_env(TABLE, transforms=[{"name": "hicra", "alpha": 0.25}], on_failure="raise")
    assert (coded.on_failure, coded.transforms[0]["alpha"]) == ("raise", 0.25)
    assert coded.mask([0, 3], [BUT, WAIT, 15], [1, 1, 1]).tolist() == [1, 1, 0]
    coded.close()
    monkeypatch.delenv("HICRA_TOKENIZER", raising=False)
    with pytest.raises(ValueError, match="HICRA_TOKENIZER"):
        Hook.from_env()
    hook.close()


def test_an_option_that_is_none_is_told_with_those_that_are():
    with pytest.raises(TypeError, match="alhpa is no option: known are alpha, transforms, lexicon"):
        Hook.from_env(TABLE, alhpa=0.1)


def test_it_says_once_what_it_is_bound_to(capfd, lexicon):
    hook = Hook(TABLE, lexicon=lexicon, host="trl 1.16.0")
    hook.announce("GRPOTrainer._generate")
    hook.announce("GRPOTrainer._generate")
    said = capfd.readouterr().err.strip().split("\n")
    assert len(said) == 1
    assert "trl 1.16.0 GRPOTrainer._generate" in said[0] and "two" in said[0]


def test_a_with_block_ends_a_hook(lexicon):
    with Hook(TABLE, lexicon=lexicon) as hook:
        hook.mask([0, 1], [BUT], [1])
        popen = hook.sidecar._own._popen
    assert popen.returncode is not None


def test_a_hook_that_is_dropped_ends_its_sidecar(lexicon):
    hook = Hook(TABLE, lexicon=lexicon)
    hook.check()
    popen = hook.sidecar._own._popen
    hook.me = hook
    del hook
    gc.collect()
    assert popen.returncode is not None


def test_a_hook_whose_sidecar_is_killed_right_before_a_batch_goes_on(lexicon):
    with Hook(TABLE, lexicon=lexicon) as hook:
        hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
        os.kill(hook.sidecar.pid, signal.SIGKILL)
        with pytest.warns(RuntimeWarning, match="another is started"):
            result = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
        same_bits(result.advantages, np.array([1.2, 1.2], "f4"))


def test_a_lexicon_may_have_any_file_name(tmp_path):
    path = tmp_path / "grämmer\n\x1b[31m.txt"
    path.write_bytes(wire_cases.LEXICON)
    with Hook(TABLE, lexicon=str(path)) as hook:
        assert hook.mask([0, 2], [BUT, WAIT], [1, 1]).tolist() == [1, 1]


def test_a_pickled_hook_works_and_hands_its_tokenizer_over_again(hook):
    hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    copy = pickle.loads(pickle.dumps(hook))
    assert copy.mask([0, 2], [BUT, WAIT], [1, 1]).tolist() == [1, 1]
    copy.close()


def test_a_sidecar_that_forgot_the_tokenizer_is_handed_it_again(lexicon):
    hook = Hook(TABLE, lexicon=lexicon)
    hook.mask([0, 1], [BUT], [1])
    for n in range(9):
        offsets = np.array([0, 1 + n])
        hook.sidecar.put_token_table(offsets, np.full(1 + n, 65, "u1"))
        hook.sidecar.put_lexicon(b"gram %d" % n, name="other")
        for_eviction = Hook((offsets, b"A" * (1 + n)), lexicon=lexicon)
        for_eviction.sidecar = hook.sidecar
        for_eviction.mask([0, 1], [0], [1])
    assert hook.mask([0, 2], [BUT, WAIT], [1, 1]).tolist() == [1, 1]
    hook.close()


def test_pitfall_22_a_dead_sidecar_raises_by_default(lexicon):
    hook = Hook(TABLE, lexicon=lexicon)
    hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    end_for_good(hook.sidecar)
    with pytest.raises(SidecarUnavailable, match="does not answer"):
        hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    hook.close()


def test_pitfall_22_pass_through_is_loud_and_counted(lexicon):
    hook = Hook(TABLE, lexicon=lexicon, on_failure="pass-through")
    before = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    end_for_good(hook.sidecar)
    for failures in (1, 2):
        with pytest.warns(RuntimeWarning, match=f"passed through unchanged, failure {failures}"):
            result = hook.transform_padded([[BUT, WAIT]], [[1, 1]], [1.0])
        same_bits(result.advantages, np.ones((1, 2), "f4"))
        assert result.planning_mask.sum() == 0
        assert list(result.metrics) == list(before.metrics)
        assert result.values() == {
            "hicra/failures": failures,
            "hicra/empty_batches": 0,
            "hicra/latency_ms": result.latency_ms,
        }
    hook.close()


def test_pitfall_22_pass_through_from_the_first_batch_on(lexicon, tmp_path):
    hook = Hook(TABLE, lexicon=lexicon, on_failure="pass-through", socket=str(tmp_path / "a.sock"))
    with pytest.warns(RuntimeWarning, match="failure 1"):
        result = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    same_bits(result.advantages, np.ones(2, "f4"))
    with pytest.warns(RuntimeWarning, match="failure 2"):
        assert hook.mask([0, 2], [BUT, WAIT], [1, 1]).tolist() == [0, 0]


def test_a_sidecar_that_died_between_batches_is_started_again(lexicon):
    hook = Hook(TABLE, lexicon=lexicon)
    hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    kill(hook.sidecar)
    with pytest.warns(RuntimeWarning, match="ended with code -9, another is started"):
        result = hook.transform([0, 2], [BUT, WAIT], [1, 1], [1.0])
    same_bits(result.advantages, np.array([1.2, 1.2], "f4"))
    assert result.failures == 0
    hook.close()


def test_pitfall_22_pass_through_does_not_hide_a_bad_batch(lexicon):
    hook = Hook(TABLE, lexicon=lexicon, on_failure="pass-through")
    with pytest.raises(SidecarError, match="NaN"):
        hook.transform([0, 2], [BUT, WAIT], [1, 1], [np.nan, 1])
    assert hook.failures == 0
    hook.close()


def test_pitfall_19_one_character_over_two_tokens_and_a_phrase_over_word_pieces(tmp_path):
    # "é, wa|it": the bytes of é are two tokens, and the phrase is cut inside a word.
    pieces = ["é".encode()[:1], "é".encode()[1:], b",", b" wa", b"it", b".W", b"ait"]
    table = b"".join(pieces)
    offsets = np.cumsum([0, *map(len, pieces)])
    path = tmp_path / "grams.txt"
    path.write_text("é, wait\nwait\n")
    hook = Hook((offsets, table), lexicon=str(path))
    assert hook.mask([0, 7], range(7), [1] * 7).tolist() == [1, 1, 1, 1, 1, 1, 1]
    hook.close()


class TestTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    def test_tensors_come_back_as_tensors(self, torch, hook):
        ids = torch.tensor([[BUT, WAIT, X]])
        advantages = torch.tensor([2.0], requires_grad=True)
        result = hook.transform_padded(ids, torch.ones(1, 3, dtype=torch.bool), advantages)
        assert result.advantages.dtype == torch.float32 and not result.advantages.requires_grad
        assert result.advantages.is_contiguous()
        same_bits(result.advantages.numpy(), np.array([[2.4, 2.4, 2]], "f4"))
        assert result.planning_mask.dtype == torch.uint8
        assert hook.mask_padded(ids, torch.ones(1, 3)).tolist() == [[1, 1, 0]]

    def test_pitfall_16_bfloat16_advantages_come_back_as_float32(self, torch, hook):
        advantages = torch.tensor([1.0], dtype=torch.bfloat16)
        result = hook.transform_padded(torch.tensor([[BUT, WAIT]]), torch.ones(1, 2), advantages)
        same_bits(result.advantages.numpy(), np.array([[1.2, 1.2]], "f4"))

    def test_pitfall_14_a_tensor_that_a_hook_returned_is_refused(self, torch, hook):
        args = (torch.tensor([[BUT, WAIT]]), torch.ones(1, 2))
        result = hook.transform_padded(*args, torch.tensor([1.0]))
        with pytest.raises(ValueError, match="compound"):
            hook.transform_padded(*args, result.advantages)
