import numpy as np
import pytest

from compact_models.errors import ConfigError, DataError, ParameterError
from cosim.behavioural import soft_bounds
from cosim.network.algorithms import ALGORITHMS, Analog
from cosim.network.convolution import LeNet
from cosim.network.layers import InputOutput, Linear, softmax_errors
from cosim.network.model import MLP
from cosim.network.recurrent import CharacterLSTM

DEVICE = soft_bounds(states=100.0, nsr=0.3)
FLOAT = Analog(algorithm="fp")


def toy(seed=0, count=60):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 12)).astype(np.float32)
    return x, (x[:, :3].argmax(axis=1)).astype(int)


def numeric_gradient(loss, weights, index, size):
    kept = weights[index]
    weights[index] = kept + size
    above = loss()
    weights[index] = kept - size
    below = loss()
    weights[index] = kept
    return (above - below) / (2 * size)


def check_gradients(loss, learn, matrices, rng, size=1e-2):
    """Floating-point weights must move by minus the gradient, rate after rate."""
    picks = []
    for matrix in matrices:
        w = matrix.tiles[0][0].w
        for _ in range(4):
            index = tuple(int(rng.integers(n)) for n in w.shape)
            picks.append((matrix, index, numeric_gradient(loss, w, index, size)))
    errors = []
    before = [m.tiles[0][0].w[i].copy() for m, i, _ in picks]
    count = learn(1e-3)
    for (matrix, index, slope), start in zip(picks, before, strict=True):
        moved = float(matrix.tiles[0][0].w[index] - start)
        wanted = -1e-3 * count * slope
        errors.append(abs(moved - wanted) / (abs(wanted) + 2e-6))
    # A kink (pooling) may lie between the two points of a difference, not of most.
    assert np.median(errors) < 0.05


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_mlp_gradient_is_the_numeric_one(activation):
    x, labels = toy(count=8)
    net = MLP((12, 7, 3), analog=FLOAT, activation=activation)

    def learn(rate):
        net.learn(x, labels, rate)
        return len(x)

    check_gradients(
        lambda: softmax_errors(net.scores(x), labels)[0], learn, net.layers[::2],
        np.random.default_rng(0),
    )  # fmt: skip


def test_lenet_gradient_is_the_numeric_one():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 12, 12, 1)).astype(np.float32)
    labels = np.array([0, 1, 2])
    net = LeNet(analog=FLOAT, side=12, channels=(3, 4), hidden=6, classes=3, kernel=3)

    def learn(rate):
        net.learn(x, labels, rate)
        return len(x)

    matrices = [net.layers[0].matrix, net.layers[3].matrix, net.layers[7], net.layers[9]]
    check_gradients(lambda: softmax_errors(net.scores(x), labels)[0], learn, matrices, rng, 2e-3)


def test_lstm_gradient_is_the_numeric_one():
    tokens = np.random.default_rng(2).integers(0, 5, (7, 3))
    net = CharacterLSTM(5, hidden=6, depth=2, analog=FLOAT, batch=3)

    def loss():
        for layer in net.recurrent:
            layer.reset(3)
        return net.sequence_loss(tokens)

    def learn(rate):
        for layer in net.recurrent:
            layer.reset(3)
        net.sequence_loss(tokens, rate)
        return 6 * 3

    matrices = [*(layer.gates for layer in net.recurrent), net.output]
    check_gradients(loss, learn, matrices, np.random.default_rng(3))


def test_limited_tiles_add_up_to_the_whole():
    x, _ = toy()
    whole = Linear(12, 5, analog=FLOAT, io=InputOutput.ideal())
    split = Linear(
        12, 5,
        analog=Analog(algorithm="sgd", device=soft_bounds(states=2e4, skew=0.5, nsr=0.0)),
        io=InputOutput(
            dac_bits=None, adc_bits=None, adc_bound=np.inf, tile_inputs=5, tile_outputs=2
        ),
    )  # fmt: skip
    assert (len(split.rows), len(split.cols)) == (3, 3)
    assert split.weights() == pytest.approx(whole.weights(), abs=1e-6)
    assert split.forward(x) == pytest.approx(whole.forward(x), abs=1e-5)
    d = np.ones((len(x), 5), np.float32)
    assert split.backward(d) == pytest.approx(whole.backward(d), abs=1e-5)
    for line in split.tiles:
        for tile in line:
            tile.program(np.zeros(tile.weights().shape))
    before = split.weights().copy()
    split.update(1e-3)
    moved = split.weights() - before
    wanted = 1e-3 * x.T @ d
    assert np.corrcoef(moved.ravel(), wanted.ravel())[0, 1] > 0.95


def layer(inputs, outputs, weights, **io):
    """A matrix on devices that holds given weights in units of its range."""
    quiet = Analog(algorithm="sgd", device=soft_bounds(states=50.0, skew=0.5, nsr=0.0))
    made = Linear(inputs, outputs, analog=quiet, io=InputOutput(**io), gain=np.sqrt(inputs))
    assert made.weight_range == pytest.approx(1.0)
    for r, line in zip(made.rows, made.tiles, strict=True):
        for c, tile in zip(made.cols, line, strict=True):
            tile.program(np.asarray(weights)[r, c])
    return made


def rounded(values, bits, bound):
    step = 2 * bound / (2**bits - 2)
    return np.clip(np.rint(values / step) * step, -bound, bound)


def test_every_tile_converts_its_own_part_before_the_sum():
    rng = np.random.default_rng(4)
    w = rng.uniform(-1, 1, (12, 5)).astype(np.float32)
    x = rng.standard_normal((9, 12)).astype(np.float32)
    bits = {"dac_bits": 5, "adc_bits": 6, "adc_bound": 3.0}
    split = layer(12, 5, w, tile_inputs=5, tile_outputs=2, **bits)
    assert [r.stop - r.start for r in split.rows] == [4, 4, 4]
    wanted = np.zeros((9, 5))
    for r in split.rows:
        top = np.abs(x[:, r]).max(axis=1, keepdims=True)
        wanted += top * rounded(rounded(x[:, r] / top, 5, 1.0) @ w[r], 6, 3.0)
    found = split.forward(x)
    # A value halfway between two levels may go either way.
    assert np.isclose(found, wanted, atol=1e-4).mean() > 0.97
    whole = layer(12, 5, w, **bits).forward(x)
    assert np.abs(whole - found).max() > 3.0 / 31


@pytest.mark.parametrize("bits", [3, 7])
def test_converters_have_their_bits_and_ranges(bits):
    x = np.linspace(-1, 1, 401, dtype=np.float32)[:, None]
    # A second input of 1 that no weight sees fixes the scale of the DAC.
    both = np.concatenate([x, np.ones_like(x)], axis=1)
    dac = layer(2, 1, [[1.0], [0.0]], dac_bits=bits, adc_bits=None, adc_bound=np.inf).forward(both)
    assert dac == pytest.approx(rounded(x, bits, 1.0), abs=1.001 * 2 / (2**bits - 2))
    assert len(np.unique(dac.round(5))) == 2**bits - 1
    adc = layer(2, 1, [[1.0], [0.0]], dac_bits=None, adc_bits=bits, adc_bound=0.5).forward(both)
    assert len(np.unique(adc.round(5))) == 2**bits - 1
    assert np.abs(adc).max() == pytest.approx(0.5)


def test_noise_management_keeps_small_vectors_above_the_steps_of_the_converter():
    w = np.random.default_rng(5).uniform(-1, 1, (8, 4))
    x = np.random.default_rng(6).standard_normal((20, 8)).astype(np.float32)
    tile = layer(8, 4, w, dac_bits=7, adc_bits=9)
    small = tile.forward(x * np.float32(2.0**-20))
    assert small * 2.0**20 == pytest.approx(tile.forward(x), rel=1e-5)
    assert np.abs(small).max() > 0


def test_bound_management_reads_what_is_too_large_again_at_half_the_signal():
    w = np.full((16, 3), 0.9)
    w[:, 1] = 0.05
    x = np.ones((2, 16), np.float32)
    x[1, 1:] = 0.0
    bits = {"dac_bits": 7, "adc_bits": 9, "adc_bound": 4.0}
    clipped, twice, often = (
        layer(16, 3, w, bound_management=n, **bits).forward(x) for n in (0, 1, 4)
    )
    exact = x @ w
    assert clipped[0, 0] == pytest.approx(4.0)
    assert twice[0, 0] == pytest.approx(8.0)
    # 14.4 needs a quarter of the signal; the steps of the ADC are then four times as large.
    assert often[0] == pytest.approx(exact[0], abs=4 * 4.0 / 510 + 16 * 0.9 * 4 / 126)
    assert np.abs(clipped - exact)[0].max() > 10
    # What fits is read once, with fine steps.
    assert (often[1] == clipped[1]).all()
    with pytest.raises(ParameterError, match="bound management"):
        InputOutput(bound_management=-1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_resumes_bit_for_bit_and_depends_on_the_seed_alone(tmp_path, algorithm):
    data = toy()

    def build(seed=1):
        return MLP((12, 6, 3), analog=Analog(algorithm=algorithm, device=DEVICE), seed=seed)

    straight = build()
    straight.train(data, data, epochs=3, rate=0.02)
    first = build()
    first.train(data, data, epochs=1, rate=0.02, checkpoint=tmp_path / "net.npz")
    second = build()
    second.load(tmp_path / "net.npz")
    second.train(data, data, epochs=3, rate=0.02)
    assert second.fingerprint() == straight.fingerprint()
    assert second.history.loss == straight.history.loss
    other = build(seed=2)
    other.train(data, data, epochs=1, rate=0.02)
    assert other.fingerprint() != first.fingerprint()


@pytest.mark.parametrize("algorithm", ["fp", "mixed", "agad"])
def test_a_small_problem_is_learned(algorithm):
    data = toy(count=300)
    net = MLP((12, 10, 3), analog=Analog(algorithm=algorithm, device=DEVICE), activation="tanh")
    net.train(data, data, epochs=15, rate=0.05)
    assert net.history.accuracy[-1] > 0.7


def test_checkpoint_of_another_network_is_refused(tmp_path):
    MLP((12, 6, 3), analog=FLOAT).save(tmp_path / "a.npz")
    with pytest.raises(DataError, match="another network"):
        MLP((12, 7, 3), analog=FLOAT).load(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"PK damaged")
    with pytest.raises(DataError, match="checkpoint"):
        MLP((12, 6, 3), analog=FLOAT).load(tmp_path / "b.npz")


def test_unknown_algorithm_gets_suggestions():
    with pytest.raises(ConfigError, match="agad"):
        Analog(algorithm="agd", device=DEVICE)
    with pytest.raises(ConfigError, match="device"):
        Analog(algorithm="sgd")
    with pytest.raises(ParameterError, match="sizes"):
        MLP((3,), analog=FLOAT)


def test_parts_of_a_text_make_up_the_pass_over_all_of_it():
    text = np.random.default_rng(3).integers(0, 5, 4 * 241)

    def build():
        return CharacterLSTM(5, hidden=4, depth=1, analog=FLOAT, batch=4)

    whole, parts = build(), build()
    whole.train_text(text, text, epochs=1, rate=0.01, steps=20)
    parts.train_text(text, text, epochs=3, rate=0.01, steps=20, characters=320)
    assert parts.fingerprint() == whole.fingerprint()
    assert len(parts.history.accuracy) == 3
    assert parts.history.accuracy[-1] == whole.history.accuracy[-1]
