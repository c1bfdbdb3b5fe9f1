"""Writes the Parquet files of this folder (made with pyarrow 26.0.1, Python 3; run it in the folder).

groups.parquet   one row a prompt, a list of samples; three row groups; snappy
flat.parquet     one row a solution, integer rewards; uncompressed
lists.parquet    parallel lists of texts and labels; dictionary-encoded, snappy
gzip.parquet     as flat, and so brotli, lz4 and zstd.parquet, each in that compression
latin1.parquet   a text that is not UTF-8
ids.parquet      ids beyond 2^53: as decimals, as float64, and inside JSON; snappy
"""
import pyarrow as pa
import pyarrow.parquet as pq

groups = pa.table({
    "group_id": ["a", "b", "c"],
    "unused": ["x" * 50] * 3,
    "samples": [
        [{"response": "Wait, \u00e9.", "correct": True}, {"response": "So 5.", "correct": False}],
        [],
        [{"response": "Hmm.", "correct": None}],
    ],
})
pq.write_table(groups, "groups.parquet", row_group_size=1, compression="snappy")

flat = pa.table({
    "prompt_id": pa.array([1, 1, 2], pa.int64()),
    "completion": ["one", "two", "three"],
    "reward": pa.array([1, 0, 1], pa.int64()),
})
pq.write_table(flat, "flat.parquet", row_group_size=2, compression="none")
for codec in ["gzip", "brotli", "lz4", "zstd"]:
    pq.write_table(flat, f"{codec}.parquet", compression=codec)

lists = pa.table({
    "problem": ["p", "q"],
    "generations": [["one", "two"], ["three"]],
    "verified": [[True, False], [True]],
})
pq.write_table(lists, "lists.parquet", compression="snappy")

latin1 = pa.table({
    "prompt_id": ["p"],
    "completion": pa.array([b"caf\xe9"], pa.binary()).view(pa.string()),
})
pq.write_table(latin1, "latin1.parquet", compression="none", write_statistics=False)

ids = [2**60 + i for i in range(3)]
numbers = pa.table({
    "decimal": pa.array(ids, pa.decimal128(38, 0)),
    "double": pa.array([float(id) for id in ids], pa.float64()),
    "meta": pa.array(['{"id": %d}' % id for id in ids], pa.json_()),
    "completion": ["one", "two", "three"],
})
pq.write_table(numbers, "ids.parquet", compression="snappy")
