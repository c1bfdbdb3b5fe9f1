"""Answers that are not of the protocol: whoever gives them is no sidecar, and the policy says what then."""

import json
import socket
import threading

import numpy as np
import pytest

import wire_cases
from conftest import TABLE
from hicra_hook import Hook, Sidecar, SidecarError, SidecarUnavailable
from hicra_hook.sidecar import encode

HTML = b"<html><body>502 Bad Gateway</body></html>"
NESTED = b"[" * 100_000
SAID = {"metrics": '{"hicra/planning_frac": [0, 2]}', "transforms": '[{"name": "hicra"}]'}
RIGHT = {"advantages": np.ones(2, "<f4"), "planning_mask": np.zeros(2, "u1")}


def answer(body, status=200, length=None):
    length = len(body) if length is None else length
    return b"HTTP/1.1 %d X\r\ncontent-length: %s\r\n\r\n" % (status, str(length).encode()) + body


def problem(status, code="bad_request", message="Cannot read properties of undefined"):
    return answer(json.dumps({"error": {"code": code, "message": message}}).encode(), status)


def batch(tensors=RIGHT, metadata=SAID):
    return answer(wire_cases.joined(encode(tensors, metadata)))


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return answer(len(text).to_bytes(8, "little") + text + data)


def tensor(**change):
    return safetensors({"x": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]} | change}, b"\0")


MALFORMED = {
    "500 without JSON": answer(b"Internal Server Error", 500),
    "502 of a proxy": answer(HTML, 502),
    "404 of a proxy": answer(HTML, 404),
    "a redirection": answer(b"", 302),
    "200 of a proxy": answer(HTML),
    "an empty 200": answer(b""),
    "204": answer(b"", 204),
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "another HTTP": b"HTTP/7.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
    "very many headers": b"HTTP/1.1 200 OK\r\n" + b"x: a\r\n" * 200 + b"\r\n",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n" + HTML,
    "a length that is none": answer(HTML, length="many"),
    "a negative length": answer(HTML, length=-1),
    "a length beyond memory": answer(HTML, length=10**15),
    "a length of very many digits": answer(HTML, length="9" * 5_000),
    "a body in chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a body that is cut": answer(HTML, length=1_000),
    "JSON for safetensors": answer(b'{"planning_mask": [0, 0]}'),
    "a header beyond the body": answer(b"\xff" * 8 + b"{}"),
    "a header that is no JSON": safetensors(b"{'a': 1}"),
    "a header that is no UTF-8": safetensors(b"\xff\xfe\xfd"),
    "a header that is no object": safetensors([1]),
    "a header nested without end": safetensors(NESTED),
    "metadata that is no text": safetensors({"__metadata__": {"metrics": 1}}),
    "metadata that is a list": safetensors({"__metadata__": []}),
    "a tensor that is no object": safetensors({"x": 1}),
    "a tensor of an unknown dtype": tensor(dtype="F8"),
    "a tensor of a dtype that is a list": tensor(dtype=[]),
    "a tensor beyond the data": tensor(shape=[9], data_offsets=[0, 9]),
    "a tensor of another size": tensor(shape=[2]),
    "a tensor of negative size": tensor(shape=[-1, -1]),
    "a tensor of a fraction": tensor(shape=[1.0]),
    "a tensor without an end": tensor(data_offsets=[0]),
    "no advantages": batch({"planning_mask": np.zeros(2, "u1")}),
    "advantages of another dtype": batch(RIGHT | {"advantages": np.ones(2, "<f8")}),
    "advantages of another length": batch(RIGHT | {"advantages": np.ones(1, "<f4")}),
    "a mask of two dimensions": batch(RIGHT | {"planning_mask": np.zeros((2, 1), "u1")}),
    "no metadata": batch(metadata={}),
    "no metrics": batch(metadata={"transforms": SAID["transforms"]}),
    "no transforms": batch(metadata={"metrics": SAID["metrics"]}),
    "transforms that are no list of objects": batch(metadata=SAID | {"transforms": '["hicra"]'}),
    "metrics that are no JSON": batch(metadata=SAID | {"metrics": "{"}),
    "metrics that are no pairs": batch(metadata=SAID | {"metrics": '{"hicra/planning_frac": 1}'}),
    "metrics that are no numbers": batch(metadata=SAID | {"metrics": '{"hicra/adv": [null, 1]}'}),
    "warnings that are no list": batch(metadata=SAID | {"warnings": '"text"'}),
    "a coefficient that is none": batch(metadata=SAID | {"entropy_coefficient": "none"}),
    "a refusal that is text": answer(b'{"error": "no"}', 400),
    "a refusal without a code": answer(b'{"error": {"message": "no"}}', 400),
    "a refusal nested without end": answer(NESTED, 400),
    "a crash of our own": problem(500, "internal"),
    "a batch that did not arrive in time": problem(408, "body_timeout"),
    "a batch that broke off": problem(400, "body_aborted"),
}
HEALTH = {"protocol": 1, "version": "0", "metrics": ["hicra/planning_frac"]}
ANSWERS = {
    "/v1/health": answer(json.dumps(HEALTH).encode()),
    "/v1/tokenizer": answer(b'{"tokenizer": "sha256:0"}'),
    "/v1/lexicon": answer(b'{"lexicon": "sha256:1"}'),
    "/v1/transform": batch(),
    "/v1/mask": batch({"planning_mask": np.ones(2, "u1")}),
    "/v1/metrics": answer(b'{"values": {}, "sums": {}}'),
}


@pytest.fixture
def served(tmp_path):
    """A server that gives to every path the bytes that it is told to, and closes the connection."""
    answers = dict(ANSWERS)
    path = tmp_path / "a.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as request:
                route = request.readline().split()
                length = 0
                while (line := request.readline().strip()) != b"":
                    name, _, value = line.lower().partition(b":")
                    length = int(value) if name == b"content-length" else length
                request.read(length)
                if route:
                    client.sendall(answers[route[1].decode()])

    thread = threading.Thread(target=serve)
    thread.start()
    yield str(path), answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def transform(hook):
    return hook.transform([0, 2], [0, 1], [1, 1], [3.0])


def test_right_answers_pass(served):
    path, _ = served
    hook = Hook(TABLE, socket=path)
    result = transform(hook)
    assert result.advantages.tolist() == [1, 1] and result.failures == 0
    assert hook.mask([0, 2], [0, 1], [1, 1]).tolist() == [1, 1]
    assert hook.sidecar.metrics(wire_cases.BATCH, {}) == {"values": {}, "sums": {}}


@pytest.mark.parametrize("case", MALFORMED)
def test_an_answer_that_is_none_is_a_failure_of_the_sidecar(served, case):
    path, answers = served
    answers["/v1/transform"] = MALFORMED[case]
    hook = Hook(TABLE, socket=path)
    with pytest.raises(SidecarUnavailable, match="^hicra: ") as caught:
        transform(hook)
    assert len(str(caught.value)) < 1_000
    hook.on_failure = "pass-through"
    with pytest.warns(RuntimeWarning, match="batch passed through unchanged, failure 1"):
        result = transform(hook)
    assert result.advantages.tolist() == [3, 3] and hook.failures == 1


@pytest.mark.parametrize("case", ["200 of a proxy", "no length", "a tensor of another size"])
def test_so_it_is_for_masks(served, case):
    path, answers = served
    answers["/v1/mask"] = MALFORMED[case]
    hook = Hook(TABLE, socket=path, on_failure="pass-through")
    with pytest.warns(RuntimeWarning, match="empty mask, failure 1"):
        assert hook.mask([0, 2], [0, 1], [1, 1]).tolist() == [0, 0]


@pytest.mark.parametrize("path", ["/v1/health", "/v1/tokenizer", "/v1/lexicon"])
@pytest.mark.parametrize(
    "case",
    {
        "empty": answer(b""),
        "a proxy's": answer(HTML),
        "a list": answer(b"[]"),
        "an empty object": answer(b"{}"),
        "numbers": answer(b'{"protocol": "1", "tokenizer": 1, "lexicon": 2}'),
        "no names": answer(b'{"protocol": 1, "version": "0", "metrics": 3}'),
        "no limits": answer(json.dumps(HEALTH | {"limits": {}}).encode()),
        "a crash": problem(500, "internal"),
    }.items(),
    ids=lambda case: case[0],
)
def test_so_it_is_before_the_first_batch(served, path, case, tmp_path):
    socket_, answers = served
    answers[path] = case[1]
    lexicon = tmp_path / "a.txt"
    lexicon.write_text("but wait\n")
    hook = Hook(TABLE, socket=socket_, lexicon=str(lexicon), on_failure="pass-through")
    with pytest.warns(RuntimeWarning, match="failure 1"):
        assert transform(hook).advantages.tolist() == [3, 3]


def test_a_refusal_is_an_error_under_both_policies(served):
    path, answers = served
    answers["/v1/transform"] = problem(400, "bad_request", "Cannot use batch.advantages")
    hook = Hook(TABLE, socket=path, on_failure="pass-through")
    with pytest.raises(SidecarError, match="Cannot use batch.advantages"):
        transform(hook)
    assert hook.failures == 0


def test_metrics_are_values_and_sums(served):
    path, answers = served
    answers["/v1/metrics"] = answer(b'{"values": {}}')
    with pytest.raises(SidecarUnavailable, match="sums must be dict"):
        Sidecar(path).metrics(wire_cases.BATCH, {})


def test_an_answer_is_no_longer_than_its_request_allows(served):
    path, answers = served
    answers["/v1/mask"] = answer(b"", length=2**40)
    with pytest.raises(SidecarUnavailable, match="at most .* bytes: it announces 1099511627776"):
        Hook(TABLE, socket=path).mask([0, 2], [0, 1], [1, 1])
