import numpy as np
import pytest

from cosim.network import speed


@pytest.mark.slow
def test_training_and_inference_rows_without_a_peer(monkeypatch):
    monkeypatch.delenv("COSIM_DATA", raising=False)
    speed.pictures.cache_clear()
    rows = list(speed.training_rows(images=40, algorithms=("agad",), batches=(10,), peer=False))
    rows += speed.inference_rows(images=40, batches=(20,), wires=(False,), peer=False)
    speed.pictures.cache_clear()
    assert [r.name for r in rows] == [
        "training, agad, own settings", "training, agad, equal pulses", "inference"
    ]  # fmt: skip
    assert all(r.ours > 0 and r.ratio is None and r.met is None for r in rows)
    assert rows[-1].accuracy > 0.7
    assert len(speed.text(rows).splitlines()) == 4


def test_a_goal_counts_only_at_no_lower_accuracy():
    row = speed.SpeedRow(name="x", batch=1, ours=30.0, peer=10.0, ratio=3.0, goal=2.0)
    assert row.met
    lower = {"accuracy": 0.5, "peer_accuracy": 0.9}
    assert speed.SpeedRow(name="x", batch=1, ours=30.0, ratio=3.0, goal=2.0, **lower).met is False


def test_a_race_gives_rates_and_ratios():
    def slow(k):
        np.sort(np.random.default_rng(0).random(60000))

    def fast(k):
        np.sort(np.random.default_rng(0).random(6000))

    quick, nothing, peer = speed.race([fast, None, slow], 60, 10)
    assert nothing is None
    assert peer.ratio == peer.wall_ratio == pytest.approx(1.0)
    assert quick.rate > peer.rate
    assert quick.ratio > 1.5
