"""Every field of a batch holds what the loop has, exactly, or is refused with its index, value and way out."""

import numpy as np
import pytest

import wire_cases
from hicra_hook import Hook, Sidecar
from hicra_hook._fields import FLOATS, WHOLE, whole
from hicra_hook._lists import joined
from hicra_hook.hook import group_ids

BUT, WAIT, COMMA, LET, S, TRY, A, DIFFERENT, APPROACH, DOT, X = range(11)
IDS = ("group_ids", "segment_ids")
UINT64_MAX = 2**64 - 1
HOSTILE = {
    "beyond 32 bits": np.array([1, 2**32 + 1]),
    "far below 0": np.array([1, -(2**40)]),
    "a fraction": np.array([1, 0.5]),
    "NaN": np.array([1, np.nan], "f4"),
    "infinity": np.array([1, np.inf]),
    "uint64 max": np.array([1, UINT64_MAX], "u8"),
    "a huge float": np.array([1, 1e300]),
    "complex": np.array([1, 1j]),
    "None": np.array([1, None]),
    "a list with a fraction": [1, 0.5],
    "a list with uint64 max": [1, UINT64_MAX],
    "a list with more than 64 bits": [1, 2**64],
    "text": ["1", "2"],
}
"""The second value is what no field of integers may take for another, and most may not take at all."""


@pytest.mark.parametrize("field", WHOLE)
@pytest.mark.parametrize("case", HOSTILE)
def test_a_field_of_integers_takes_a_value_exactly_or_refuses_it(field, case):
    values = HOSTILE[case]
    if field in IDS and case in ("beyond 32 bits", "far below 0", "uint64 max"):
        assert whole(field, values).tolist() == [0, 1]
    elif field in IDS and case == "a list with uint64 max":
        assert whole(field, values).tolist() == [0, 1]
    elif field == "token_ids" and case == "far below 0":
        with pytest.raises(ValueError, match=r"token_ids\[1\] is -1099511627776, send ids"):
            whole(field, values)
    else:
        with pytest.raises((TypeError, ValueError), match=rf"^Cannot send {field} as .*{field}\["):
            whole(field, values)


@pytest.mark.parametrize("field", WHOLE)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">i8"])
def test_a_field_of_integers_takes_every_dtype_of_integers(field, dtype):
    found = whole(field, np.array([0, 1, 1], dtype))
    assert found.tolist() == [0, 1, 1]
    assert found.dtype == np.dtype(WHOLE[field].dtype)


@pytest.mark.parametrize("field", WHOLE)
def test_a_field_of_integers_may_be_empty_whatever_its_dtype(field):
    assert whole(field, []).dtype == np.dtype(WHOLE[field].dtype)


@pytest.mark.parametrize("field", ["loss_mask", "planning_mask", "flags"])
@pytest.mark.parametrize("dtype", ["bool", "f2", "f4", "f8"])
def test_masks_and_flags_may_be_bools_and_whole_floats(field, dtype):
    assert whole(field, np.array([0, 1], dtype)).tolist() == [0, 1]


@pytest.mark.parametrize("field", ["offsets", "token_ids", *IDS])
def test_ids_are_no_floats_even_whole_ones(field):
    with pytest.raises(TypeError, match=rf"must be integers: {field}\[0\] is 1.0 of float32"):
        whole(field, np.array([1, 2], "f4"))


@pytest.mark.parametrize("field", FLOATS)
@pytest.mark.parametrize("case", ["complex", "text"])
def test_fields_of_floats_are_real(field, case, hook):
    given = {"advantages": [1.0, 1.0]} | {field: HOSTILE[case]}
    advantages = given.pop("advantages")
    with pytest.raises(TypeError, match=rf"Cannot send {field} as they must be real numbers"):
        hook.transform([0, 1, 2], [BUT, WAIT], [1, 1], advantages, advantages_per="token", **given)


def test_masks_that_are_none_are_refused_with_their_value(hook):
    for mask, value in (([1, 256], "256"), ([1.0, 0.5], "0.5"), ([1.0, np.nan], "nan")):
        with pytest.raises(ValueError, match=rf"only 0 and 1: loss_mask\[1\] is {value}, compare"):
            hook.mask([0, 2], [BUT, WAIT], mask)
        with pytest.raises(ValueError, match=rf"loss_mask\[0, 1\] is {value}"):
            hook.mask_padded([[BUT, WAIT]], [mask])


def test_a_value_of_a_padded_field_is_named_by_row_and_column(hook):
    ids = np.array([[X, X, X], [X, BUT, 2**40]])
    mask = np.array([[0, 0, 0], [0, 1, 1]])
    with pytest.raises(ValueError, match=r"token_ids\[1, 2\] is 1099511627776"):
        hook.mask_padded(ids, mask)
    # In padding stands what the host left there.
    assert hook.mask_padded(ids[:, ::-1], mask[:, ::-1] * [0, 1, 0]).sum() == 0


@pytest.mark.parametrize("ids", [[1 << 32, 2 << 32], [1 - 2**63, 2 - 2**63], [-2, -3]])
def test_groups_are_told_apart_by_all_64_bits(hook, ids):
    batch = ([0, 1, 2, 3, 4], [X] * 4, [1] * 4, [1.0] * 4)
    rewards = [1, 1, 0, 0]
    found = hook.transform(*batch, rewards=rewards, group_ids=np.repeat(ids, 2))
    assert found.metrics["hicra/zero_std_group_frac"] == (2, 2)


def test_a_group_that_is_not_known_stays_so():
    ids = np.array([2**40, -1, 2**40, -(2**40)])
    assert whole("group_ids", ids).tolist() == [0, -1, 0, 1]
    assert whole("segment_ids", ids).tolist() == [0, 1, 0, 2]


def test_a_change_in_the_upper_bits_of_a_segment_breaks_a_phrase(hook):
    batch = ([0, 2], [BUT, WAIT], [1, 1])
    segments = np.array([0, 1]) << 32
    assert hook.mask(*batch, segment_ids=segments).tolist() == [0, 0]
    padded = hook.transform_padded([[BUT, WAIT]], [[1, 1]], [[1.0, 1.0]], segment_ids=[segments])
    assert padded.planning_mask.tolist() == [[0, 0]]
    with pytest.raises(TypeError, match=r"segment_ids\[1\] is 0.1 of float64"):
        hook.mask(*batch, segment_ids=np.array([0, 0.1]))


def test_ranks_join_their_groups_by_the_original_ids(hook):
    sidecar = hook.sidecar
    named = {"contract": "1"}
    one = {
        "offsets": np.array([0, 1, 2], "<i4"),
        "planning_mask": np.zeros(2, "u1"),
        "loss_mask": np.ones(2, "u1"),
        "rewards": np.array([1, 0], "<f4"),
    }
    open_groups = []
    for ids in (np.array([2**40, -(2**40)]), np.array([UINT64_MAX, 7], "u8"), np.array([7, 3])):
        found = sidecar.metrics(one | {"group_ids": ids}, named | {"group_scope": "step 3"})
        open_groups.append(set(found["sums"]["openGroups"]))
    assert open_groups == [
        {f"step 3/{2**40}", f"step 3/-{2**40}"},
        {f"step 3/{UINT64_MAX}", "step 3/7"},
        {"step 3/7", "step 3/3"},
    ]


def test_offsets_are_exact(hook):
    for offsets in ([0, 1.7, 3.9], [0, 2**32 + 3], [0.0, 3.0]):
        with pytest.raises((TypeError, ValueError), match=r"offsets\[\d\] is"):
            hook.mask(offsets, [BUT, WAIT, X], [1, 1, 1])


def test_a_token_table_is_exact():
    sidecar = Sidecar()
    with pytest.raises(ValueError, match=r"bytes\[1\] is 256"):
        sidecar.put_token_table(wire_cases.TABLE_OFFSETS, np.array([65, 256]))
    with pytest.raises(TypeError, match=r"offsets\[1\] is 1.5 of float64"):
        Hook((np.array([0, 1.5]), b"ab"))
    with pytest.raises(ValueError, match=r"offsets\[1\] is 4294967298"):
        Hook(([0, 2**32 + 2], b"ab"))
    assert sidecar.pid is None


def test_whatever_names_groups_numbers_them():
    assert group_ids(["p", "q", "p"]).tolist() == [0, 1, 0]
    assert group_ids(np.array([2**40, 7, 2**40])).tolist() == [0, 1, 0]


def test_rows_of_ids_stay_ids_beside_an_empty_one():
    assert whole("token_ids", joined([[5, 6], [], [7]])).tolist() == [5, 6, 7]
    assert whole("token_ids", joined([[], []])).tolist() == []


class TestTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    @pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "bfloat16", "float16", "float32"])
    def test_masks_of_every_dtype(self, torch, hook, dtype):
        mask = torch.tensor([[1, 1, 0]]).to(getattr(torch, dtype))
        ids = torch.tensor([[BUT, WAIT, X]])
        assert hook.mask_padded(ids, mask).tolist() == [[1, 1, 0]]
        with pytest.raises(ValueError, match=r"loss_mask\[0, 0\] is 2"):
            hook.mask_padded(ids, torch.tensor([[2, 1, 0]]).to(torch.uint8))

    def test_groups_of_a_tensor(self, torch):
        assert group_ids(torch.tensor([2**40, 7, 2**40])).tolist() == [0, 1, 0]
        assert whole("group_ids", torch.tensor([2**40, 7, 2**40])).tolist() == [0, 1, 0]

    def test_complex_advantages_are_refused(self, torch, hook):
        with pytest.raises(TypeError, match="advantages as they must be real numbers"):
            hook.transform_padded(
                torch.tensor([[X]]), torch.ones(1, 1), torch.ones(1, dtype=torch.complex64)
            )


def test_the_numbers_of_a_request_are_its_own(hook):
    """Order of first appearance, so that equal batches are equal requests whatever their ids are."""
    big = np.array([9, 5, 9, 7]) << 40
    assert whole("group_ids", big).tolist() == [0, 1, 0, 2]
    assert whole("group_ids", big[::-1]).tolist() == [0, 1, 2, 1]
    assert whole("group_ids", np.array([9, 5])).tolist() == [9, 5]
