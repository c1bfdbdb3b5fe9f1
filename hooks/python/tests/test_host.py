"""What all adapters share: checks of the host, options for other processes, metrics over ranks."""

from __future__ import annotations

import pytest

from conftest import TABLE
from hicra_hook import _host
from hicra_hook.hook import OPTIONS


def test_a_checkout_does_not_count_as_tested():
    version = _host.installed_version("no-such-package")
    with pytest.warns(UserWarning, match="host from source does not say its version; .* 1.0"):
        _host.check_host("host", version, ("1.0",))


@pytest.mark.parametrize("options", [False, 0, ["alpha"], "alpha"])
def test_options_are_a_dict(options):
    with pytest.raises(
        TypeError, match="must be a dict .* current value is .* an alpha of 0 changes"
    ):
        _host.make_hook(options=options)


def test_nulls_of_yaml_are_defaults(monkeypatch):
    nulls = dict.fromkeys([*OPTIONS, "tokenizer"])
    hook = _host.make_hook(TABLE, vocab_size=16, options=nulls)
    assert (hook.record()["lexicon"], hook.on_failure, hook._vocab_size) == ("math", "raise", 16)
    transforms = [{"name": "hicra", "alpha": {"type": "linear", "from": 0, "start": None}}]
    hook = _host.make_hook(TABLE, options={"alpha": None, "transforms": transforms})
    assert hook.transforms == [{"name": "hicra", "alpha": {"type": "linear", "from": 0}}]
    monkeypatch.setenv("HICRA_LEXICON", "paper")
    assert _host.make_hook(TABLE, options={"lexicon": None}).record()["lexicon"] == "paper"
    with pytest.raises(TypeError, match="lexikon is no option"):
        _host.make_hook(TABLE, options={"lexikon": None})


class Slow:
    """A tokenizer that a hook cannot read."""


def test_a_tokenizer_among_the_options_wins_over_the_host_s(tmp_path, monkeypatch):
    monkeypatch.setenv("HICRA_TOKENIZER", str(tmp_path))
    for host_s in (Slow(), None, TABLE):
        hook = _host.make_hook(host_s, options={"tokenizer": TABLE})
        assert hook._tokenizer[1].tobytes() == TABLE[1]


def test_the_environment_has_a_tokenizer_where_the_host_s_is_none_to_read(tmp_path, monkeypatch):
    monkeypatch.delenv("HICRA_TOKENIZER", raising=False)
    with pytest.raises(TypeError, match='it is a Slow, .* HICRA_TOKENIZER or, .* "tokenizer"'):
        _host.make_hook(Slow())
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setenv("HICRA_TOKENIZER", str(tmp_path))
    assert _host.make_hook(Slow())._tokenizer == _host.make_hook()._tokenizer == b"{}"
    assert _host.make_hook(TABLE)._tokenizer != b"{}"


def test_a_secret_is_no_option(monkeypatch):
    monkeypatch.setenv("HICRA_ALPHA", "0.1")
    monkeypatch.setenv("HICRA_TOKENIZER", "/model")
    monkeypatch.setenv("HICRA_TOKEN", "secret")
    found = _host.hook_environment()
    assert (found["HICRA_ALPHA"], found["HICRA_TOKENIZER"]) == ("0.1", "/model")
    assert "secret" not in found.values()


@pytest.mark.parametrize(
    ("config", "rows"),
    [
        ('{"vocab_size": 11}', 11),
        ('{"vocab_size": 9, "text_config": {"vocab_size": 12}}', 12),
        ("{}", None),
    ],
)
def test_rows_of_a_model_s_embedding(tmp_path, config, rows):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(config)
    assert _host.model_vocab_size(str(tmp_path)) == rows
