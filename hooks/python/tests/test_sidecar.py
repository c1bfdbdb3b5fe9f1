"""The client against a real sidecar: the wire, its life, forks, pickling, retries and failures."""

import gc
import json
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import wire_cases
from hicra_hook import Sidecar, SidecarError, SidecarUnavailable
from hicra_hook.sidecar import decode, encode
from mortal import end_for_good

SERVE = [sys.executable, "-m", "hicra_hook", "serve"]
GOLDEN = json.loads((wire_cases.FOLDER / "cases.json").read_text())


@pytest.fixture(scope="module")
def sidecar():
    sidecar = Sidecar()
    yield sidecar
    sidecar.close()


@pytest.fixture(scope="module")
def named(sidecar):
    return {
        "contract": "1",
        "tokenizer": sidecar.put_token_table(wire_cases.TABLE_OFFSETS, wire_cases.TABLE),
        "lexicon": sidecar.put_lexicon(wire_cases.LEXICON, name="two"),
    }


def transform(sidecar, named):
    metadata = named | {"advantages_per": "token", "base": "raw"}
    return sidecar.transform(wire_cases.BATCH | {"advantages": wire_cases.ADVANTAGES}, metadata)


def requests():
    return wire_cases.requests(GOLDEN["tokenizer"], GOLDEN["lexicon"]).items()


@pytest.mark.parametrize(("name", "request_"), requests(), ids=[name for name, _ in requests()])
def test_requests_are_golden_byte_for_byte(name, request_):
    path, body = request_
    assert body == (wire_cases.FOLDER / f"{name}.request").read_bytes()
    assert path == next(case["path"] for case in GOLDEN["cases"] if case["name"] == name)


def test_the_token_table_is_golden():
    assert wire_cases.table_body() == (wire_cases.FOLDER / "tokenizer.request").read_bytes()


def test_golden_files_open_with_the_safetensors_package():
    safetensors = pytest.importorskip("safetensors.numpy")
    for name in ("mask.request", "transform.request", "mask.response", "transform.response"):
        data = (wire_cases.FOLDER / name).read_bytes()
        ours, _ = decode(data)
        theirs = safetensors.load(data)
        assert ours.keys() == theirs.keys()
        for tensor in ours:
            np.testing.assert_array_equal(ours[tensor], theirs[tensor])


def test_the_golden_answer_is_the_formula():
    tensors, metadata = decode((wire_cases.FOLDER / "transform.response").read_bytes())
    np.testing.assert_array_equal(tensors["planning_mask"], wire_cases.PLANNING_MASK)
    np.testing.assert_array_equal(tensors["advantages"].view("i4"), wire_cases.EXPECTED.view("i4"))
    assert json.loads(metadata["metrics"])["hicra/planning_frac"] == [8, 18]


def test_every_dtype_survives_the_trip_and_starts_at_a_multiple_of_its_size():
    tensors = {
        "flags": np.array([1, 0, 1], "u1"),
        "trained": np.array([True, False]),
        "ids": np.array([[1, -2], [3, 4]], "<i4"),
        "offsets": np.array([2**40], "<i8"),
        "advantages": np.array([0.5], "<f4"),
        "empty": np.array([], "<f4"),
        "strided": np.arange(6, dtype="<f4").reshape(2, 3).T,
    }
    body = wire_cases.joined(encode(tensors, {"a": "ü"}))
    found, metadata = decode(body)
    assert metadata == {"a": "ü"}
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
    start = 8 + int.from_bytes(body[:8], "little")
    assert start % 8 == 0
    header = json.loads(body[8:start])
    for name, array in tensors.items():
        assert header[name]["data_offsets"][0] % array.dtype.itemsize == 0


def test_a_dtype_that_the_wire_has_not_is_refused():
    with pytest.raises(TypeError, match="ids.*int16"):
        encode({"ids": np.array([1], "i2")}, {})


def test_health_tells_versions_and_metric_names(sidecar):
    health = sidecar.health()
    assert health["protocol"] == 1
    assert "hicra/adv_shift" in sidecar.metric_names


def test_refusals_carry_status_code_and_the_way_out(sidecar, named):
    with pytest.raises(SidecarError, match=r"offsets\[2\] is 9") as caught:
        sidecar.mask(wire_cases.BATCH | {"offsets": np.array([0, 10, 9, 13, 19], "<i4")}, named)
    assert (caught.value.status, caught.value.code) == (400, "bad_request")
    with pytest.raises(SidecarError, match="compound"):
        sidecar.transform(
            wire_cases.BATCH | {"advantages": wire_cases.ADVANTAGES},
            named | {"base": "transformed"},
        )


def test_metrics_are_json(sidecar, named):
    found = sidecar.metrics(wire_cases.BATCH, named)
    assert found["values"]["hicra/planning_frac"] == 8 / 18
    assert found["sums"]["grams"] == {"0": 1, "1": 1}


def test_one_connection_serves_many_requests(sidecar, named):
    transform(sidecar, named)
    before = sidecar._connection.sock.fileno()
    for _ in range(3):
        transform(sidecar, named)
    assert sidecar._connection.sock.fileno() == before


def test_many_threads_share_a_sidecar(sidecar, named):
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: transform(sidecar, named)[0], range(40)))
    for tensors in results:
        np.testing.assert_array_equal(tensors["advantages"], wire_cases.EXPECTED)


def _in_child(sidecar, named, queue):
    tensors, _ = transform(sidecar, named)
    queue.put((tensors["advantages"], sidecar.pid is None))


def test_a_fork_uses_the_same_sidecar_over_a_connection_of_its_own(sidecar, named):
    transform(sidecar, named)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=_in_child, args=(sidecar, named, queue)) for _ in range(3)]
    # A lock that a thread of the parent holds must not hang the children.
    with sidecar._lock:
        for child in children:
            child.start()
        found = [queue.get(timeout=60) for _ in children]
    for child in children:
        child.join()
        assert child.exitcode == 0
    for advantages, owns_no_process in found:
        np.testing.assert_array_equal(advantages, wire_cases.EXPECTED)
        assert owns_no_process
    # Their end has not stopped it.
    transform(sidecar, named)


def test_a_pickled_sidecar_starts_its_own_in_another_process(sidecar):
    script = "import pickle, sys; s = pickle.load(sys.stdin.buffer); print(s.health()['requests'])"
    done = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(sidecar), capture_output=True, check=True
    )
    assert int(done.stdout) == 1


def test_a_pickled_sidecar_with_an_address_connects_to_it(tmp_path):
    own = Sidecar()
    own.health()
    copy = pickle.loads(pickle.dumps(Sidecar(own._address)))
    before = own.health()["requests"]
    assert copy.health()["requests"] == before + 1
    own.close()


def test_it_ends_with_the_process_that_started_it_even_if_that_is_killed():
    script = (
        "import os, signal\nfrom hicra_hook import Sidecar\ns = Sidecar(); s.health()\n"
        "print(s.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    _wait_until_gone(int(done.stdout))


def _wait_until_gone(pid):
    # The process is a child of nobody here, so it cannot be waited for: its descriptor says when it ends.
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    import select

    ready, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    assert ready, "the sidecar outlived the process that started it"


def test_it_ends_with_its_host_though_a_child_of_the_host_lives_on():
    script = (
        "import os, signal, time\nfrom hicra_hook import Sidecar\ns = Sidecar(); s.health()\n"
        "child = os.fork()\nif child == 0:\n    os.close(1)\n    time.sleep(600)\n"
        "print(s.pid, child, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid, child = map(int, done.stdout.split())
    try:
        _wait_until_gone(pid)
    finally:
        os.kill(child, signal.SIGKILL)


def test_an_interrupt_of_the_group_is_for_the_host(sidecar):
    script = (
        "import os, signal\nfrom hicra_hook import Sidecar\ns = Sidecar(); s.health()\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\nos.killpg(os.getpgid(0), signal.SIGINT)\n"
        "print(s.health()['status'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, start_new_session=True
    )
    assert done.stdout.strip() == "ok", done.stderr


def test_it_starts_where_very_many_files_are_open():
    script = (
        "import resource\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))\n"
        "files = [open('/dev/null') for _ in range(1100)]\n"
        "from hicra_hook import Sidecar\ns = Sidecar(); print(s.health()['status'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "ok", done.stderr


def test_a_closed_sidecar_leaves_no_folder_and_may_be_used_again():
    sidecar = Sidecar()
    sidecar.health()
    folder = Path(sidecar._address).parent
    sidecar.close()
    assert not folder.exists()
    assert sidecar.health()["requests"] == 1
    sidecar.close()


def test_it_leaves_no_process_and_no_folder_behind():
    script = (
        "from hicra_hook import Sidecar\ns = Sidecar(); s.health()\n"
        "print(s.pid, s._address, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    pid, address = done.stdout.split()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert not Path(address).parent.exists()


def test_after_the_sidecar_died_a_request_says_so(named):
    sidecar = Sidecar()
    sidecar.health()
    end_for_good(sidecar)
    with pytest.raises(SidecarUnavailable, match=r"does not answer"):
        transform(sidecar, named)


def killed_first(sidecar, monkeypatch, *, times):
    """As if the sidecar were killed right before requests are sent."""
    exchange = sidecar._exchange
    killed = set()

    def killed_then_asked(*arguments):
        if sidecar.pid not in killed and len(killed) < times:
            killed.add(sidecar.pid)
            # Not waited for: whether it is gone already is what nobody can know.
            os.kill(sidecar.pid, signal.SIGKILL)
        return exchange(*arguments)

    monkeypatch.setattr(sidecar, "_exchange", killed_then_asked)


def test_a_sidecar_that_is_killed_right_before_a_request_is_started_again(monkeypatch):
    with Sidecar() as sidecar:
        first = sidecar.health() and sidecar.pid
        killed_first(sidecar, monkeypatch, times=1)
        with pytest.warns(RuntimeWarning, match="ended with code -9, another is started"):
            assert sidecar.health()["requests"] == 1
        assert sidecar.pid != first


def test_a_sidecar_that_ends_at_every_request_says_how(monkeypatch):
    with Sidecar() as sidecar:
        sidecar.health()
        killed_first(sidecar, monkeypatch, times=2)
        with pytest.warns(RuntimeWarning, match="another is started"):
            with pytest.raises(
                SidecarUnavailable, match="does not answer, its process ended with code -9"
            ):
                sidecar.health()


def test_a_bundle_that_cannot_start_says_why_at_once_and_how_it_was_started(
    monkeypatch, tmp_path, capfd
):
    broken = tmp_path / "sidecar.js"
    broken.write_text("throw new Error('broken')")
    monkeypatch.setattr("hicra_hook._process.BUNDLE", broken)
    with pytest.raises(
        SidecarUnavailable,
        match="cannot start the sidecar as it ended with code 1 and said .*broken.*: .*deno run",
    ):
        Sidecar().health()
    # It stands where it always stood, too.
    assert "Error: broken" in capfd.readouterr().err


def test_what_a_sidecar_says_reaches_standard_error(capfd):
    with Sidecar() as sidecar:
        with pytest.raises(SidecarError):
            sidecar.put_lexicon(b"", name="empty")
        said, own = [], sidecar._own
    own._repeating.join(30)
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["route"] for line in said] == ["POST /v1/lexicon"]


def test_a_deno_that_cannot_run_is_no_sidecar(monkeypatch, tmp_path):
    monkeypatch.setattr("hicra_hook._process.find_deno", lambda: str(tmp_path))
    before = os.listdir(tempfile.gettempdir())
    with pytest.raises(SidecarUnavailable, match="cannot start the sidecar: .*Permission denied"):
        Sidecar().health()
    assert set(os.listdir(tempfile.gettempdir())) <= set(before)


LONG = "a" * 80


@pytest.mark.parametrize("name", [LONG, "a,b", "relative", "gone", "bell\a"])
@pytest.mark.parametrize("runtime", [None, "run", "a,run", LONG])
def test_it_starts_whatever_the_folder_for_temporary_files_is(
    monkeypatch, tmp_path_factory, name, runtime
):
    parent = tmp_path_factory.mktemp("p")
    folder = parent / name
    if name != "gone":
        folder.mkdir()
    monkeypatch.chdir(parent)
    monkeypatch.setattr(tempfile, "tempdir", name if name == "relative" else str(folder))
    if runtime is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    else:
        (parent / runtime).mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(parent / runtime))
    expected = folder if name == "relative" else parent / "run" if runtime == "run" else "/tmp"
    with Sidecar() as sidecar:
        assert sidecar.health()["status"] == "ok"
        assert Path(sidecar._address).parent.parent == Path(expected)
    # What was tried and refused leaves nothing behind.
    assert [each for each in parent.rglob("*") if each.name.startswith("hicra-")] == []


def test_a_machine_without_a_place_for_a_socket_says_what_was_tried(monkeypatch, tmp_path):
    monkeypatch.setattr("hicra_hook._process._parents", lambda: iter([str(tmp_path / LONG)]))
    with pytest.raises(SidecarUnavailable, match="set TMPDIR to a short path.*tried '.*aaa'"):
        Sidecar().health()


@pytest.mark.parametrize(
    "name", ["grämmer.txt", "语.txt", "a\r\nx-evil: 1.txt", "50%.txt", " a\udcff"]
)
def test_a_lexicon_may_have_any_name(sidecar, name):
    tensors = wire_cases.BATCH
    named = {
        "tokenizer": sidecar.put_token_table(wire_cases.TABLE_OFFSETS, wire_cases.TABLE),
        "lexicon": sidecar.put_lexicon(name.encode(errors="replace"), name=name),
    }
    _, said = sidecar.mask(tensors, named)
    assert said["lexicon"] == name.replace("\udcff", "?")


@pytest.mark.parametrize("address", ["https://127.0.0.1:1", "http://127.0.0.1:99999", "unix:///a"])
def test_an_address_that_is_none_is_told_at_once(address):
    with pytest.raises(ValueError, match="its address must be the path of a socket or http"):
        Sidecar(address)


@pytest.mark.parametrize("token", ["secret\n", "gehäim"])
def test_a_token_that_no_header_holds_is_told_and_not_repeated(token):
    with pytest.raises(ValueError, match="its token must be printable ASCII") as caught:
        Sidecar("http://127.0.0.1:1", token=token)
    assert token.strip() not in str(caught.value)


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(SidecarError(413, "body_too_large", "hicra: too large")))
    assert (error.status, error.code, str(error)) == (413, "body_too_large", "hicra: too large")


def children():
    """Process ids of this process's children that have not ended."""
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for path in listed for pid in path.read_text().split()}


class Trainer:
    """As trainers do, it holds a circle of references."""

    def __init__(self):
        self.sidecar = Sidecar()
        self.sidecar.health()
        self.callback = lambda: self


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see children")
def test_a_sweep_of_trainers_that_are_dropped_leaves_no_process_and_no_folder():
    before = children()
    folders, most = [], 0
    for _ in range(6):
        trainer = Trainer()
        folders.append(Path(trainer.sidecar._address).parent)
        most = max(most, len(children() - before))
        del trainer
        gc.collect()
    assert most == 1
    assert children() <= before
    assert not any(folder.exists() for folder in folders)


def test_one_that_is_dropped_without_a_circle_ends_at_once():
    sidecar = Sidecar()
    sidecar.health()
    popen = sidecar._own._popen
    del sidecar
    assert popen.returncode is not None


def test_a_with_block_ends_it():
    with Sidecar() as sidecar:
        sidecar.health()
        popen = sidecar._own._popen
    assert popen.returncode is not None
    assert sidecar.pid is None


def test_a_fork_does_not_end_what_its_parent_dropped_or_holds(sidecar):
    script = (
        "import gc, os, sys\nfrom hicra_hook import Sidecar\n"
        "held = Sidecar(); held.health()\n"
        "class Circle: pass\n"
        "gc.disable()\ncircle = Circle(); circle.me = circle; circle.sidecar = Sidecar()\n"
        "circle.sidecar.health(); other = circle.sidecar._own._popen; del circle\n"
        "child = os.fork()\n"
        # The child collects what nobody holds, and ends as an interpreter does.
        "if child == 0:\n    gc.collect(); sys.exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert held._own.code() is None and other.poll() is None\n"
        "assert held.health()['requests'] == 2\n"
        "gc.collect(); assert other.returncode is not None"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_copy_has_a_process_of_its_own_and_ends_alone(sidecar):
    sidecar.health()
    copy = pickle.loads(pickle.dumps(sidecar))
    copy.health()
    popen = copy._own._popen
    assert popen.pid != sidecar.pid
    del copy
    gc.collect()
    assert popen.returncode is not None
    assert sidecar._own.code() is None


def test_an_interrupt_during_a_request_leaves_the_next_one_whole(sidecar, named, monkeypatch):
    import http.client

    def interrupted(self, *_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(http.client.HTTPResponse, "readinto", interrupted)
        with pytest.raises(KeyboardInterrupt):
            transform(sidecar, named)
    tensors, _ = transform(sidecar, named)
    np.testing.assert_array_equal(tensors["advantages"], wire_cases.EXPECTED)


def test_nobody_at_an_address_is_an_error_at_once(tmp_path):
    with pytest.raises(SidecarUnavailable, match="FileNotFoundError"):
        Sidecar(str(tmp_path / "a.sock")).health()


class Server:
    """A server of our own for what a sidecar does not do: it closes connections, and speaks another protocol."""

    def __init__(self, path, answers):
        self.seen = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._answers = answers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        for answer in self._answers:
            client, _ = self._socket.accept()
            for reply in answer:
                head = b""
                while b"\r\n\r\n" not in head:
                    received = client.recv(4096)
                    if received == b"":
                        break
                    head += received
                else:
                    self.seen += 1
                if reply is not None:
                    status, body = reply if isinstance(reply, tuple) else (200, reply)
                    text = b"HTTP/1.1 %d said\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
                    client.sendall(text + body)
            client.close()


HEALTH = json.dumps({"protocol": 1, "version": "0", "metrics": []}).encode()


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again(tmp_path):
    path = tmp_path / "a.sock"
    server = Server(path, [[HEALTH], [HEALTH]])
    sidecar = Sidecar(str(path), timeout=30)
    assert sidecar.health()["protocol"] == 1
    assert sidecar.health()["protocol"] == 1
    assert server.seen == 2


def test_a_fresh_connection_that_fails_is_not_tried_again(tmp_path):
    path = tmp_path / "a.sock"
    server = Server(path, [[None], [HEALTH]])
    with pytest.raises(SidecarUnavailable, match="RemoteDisconnected"):
        Sidecar(str(path), timeout=30).health()
    assert server.seen == 1


def test_a_sidecar_that_is_busy_is_asked_again_until_the_time_is_up(tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    busy = (503, json.dumps({"error": {"code": "busy", "message": "no room"}}).encode())
    path = tmp_path / "a.sock"
    server = Server(path, [[busy, HEALTH, busy]])
    sidecar = Sidecar(str(path), timeout=30)
    assert sidecar.health()["protocol"] == 1
    assert (server.seen, pauses) == (2, [1])
    sidecar.timeout = 0
    with pytest.raises(SidecarUnavailable, match="no room"):
        sidecar.health()
    assert pauses == [1]


def test_what_is_refused_before_all_of_it_was_sent_says_why(tmp_path):
    path = tmp_path / "a.sock"
    why = json.dumps({"error": {"code": "body_too_large", "message": "too large"}}).encode()
    Server(path, [[HEALTH, (413, why)]])
    with pytest.raises(SidecarError, match="too large"):
        Sidecar(str(path), timeout=30).put_tokenizer(bytes(2**24))


def test_a_request_that_takes_too_long_is_an_error_and_not_tried_again(tmp_path):
    path = tmp_path / "a.sock"
    # The server never answers the second request of a connection. Sent again, over another connection, it would.
    Server(path, [[HEALTH, None, None], [HEALTH]])
    sidecar = Sidecar(str(path), timeout=0.5)
    assert sidecar.metric_names == []
    with pytest.raises(SidecarUnavailable, match="TimeoutError"):
        sidecar.health()


def test_another_protocol_is_refused(tmp_path):
    path = tmp_path / "a.sock"
    Server(path, [[json.dumps({"protocol": 2, "version": "9", "metrics": []}).encode()]])
    with pytest.raises(SidecarUnavailable, match="protocol must be 1.*current protocol is 2"):
        Sidecar(str(path), timeout=30).mask({}, {})


def test_tcp_needs_the_token_that_the_sidecar_was_started_with():
    with subprocess.Popen(
        [*SERVE, "--port", "0", "--log", "none", "--with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        said = json.loads(process.stdout.readline())
        assert Sidecar(said["url"], token=said["token"]).health()["status"] == "ok"
        with pytest.raises(SidecarError, match="token") as caught:
            Sidecar(said["url"], token="wrong").health()
        assert caught.value.status == 401
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    path = folder / "a.sock"
    with subprocess.Popen(
        [*SERVE, "--socket", str(path), "--max-body", "2000", "--log", "none", "--with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        process.stdout.readline()
        sidecar = Sidecar(str(path))
        with pytest.raises(SidecarError, match="at most 2000 bytes.*--max-body") as caught:
            sidecar.mask({"token_ids": np.zeros(10_000, "<i4")}, {})
        assert caught.value.status == 413
        assert sidecar.health()["requests"] == 2
        process.stdin.close()
