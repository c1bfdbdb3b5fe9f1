"""What all adapters share: checks of the host, options for other processes, metrics over ranks."""

from __future__ import annotations

import pytest

from hicra_hook import _host


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
