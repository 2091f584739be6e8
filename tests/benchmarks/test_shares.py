"""A test of the program that tells where a step's time goes: its parts are the whole."""

import json

import pytest

pytest.importorskip("llvmlite", reason='steps are recorded with the extra "fast"')


def test_the_parts_of_a_round_add_up(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(__file__).rpartition("/")[0])
    import shares

    monkeypatch.setattr(shares, "set_num_threads", lambda count: None)
    monkeypatch.setattr(shares, "PRODUCT", 64)
    out = tmp_path / "shares.json"
    shares.main(["--rounds", "3", "--only", "MLP GAN, batch 64", "--out", str(out)])
    found = json.loads(out.read_text(encoding="utf-8"))
    (row,) = found["rows"]
    assert {"matrix products", "Adam", "batch norm", "the rest"} <= set(row["kinds"])
    assert all(seconds >= 0 for seconds in row["kinds"].values())
    # G: forward and both gradients, but none for its noise. D: forward, and the gradient of what
    # it is given, while G learns; then both batches with the gradients of weights, and of all
    # inputs but the first layer's.
    g, d = [100, 128, 256, 512, 1024, 784], [784, 512, 256, 1]
    g, d = ([a * b for a, b in zip(sizes, sizes[1:], strict=False)] for sizes in (g, d))
    wanted = 3 * sum(g) - g[0] + 2 * sum(d) + 2 * (3 * sum(d) - d[0])
    assert row["multiplications"] == 64 * wanted
    assert row["limit"] == row["multiplications"] / found["multiplications a second"]
