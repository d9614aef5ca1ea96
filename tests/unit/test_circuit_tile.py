import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import ConfigError, ParameterError
from cosim.behavioural import soft_bounds
from cosim.network.circuit_rungs import BehaviourRung, CircuitRung, Slot
from cosim.network.circuit_settings import CircuitConfig, task
from cosim.network.circuit_start import fresh
from cosim.network.circuit_tile import CircuitLayer, count_slots, draw_slots
from cosim.network.crossbar import Pulses
from cosim.network.model import Network
from cosim.network.random import new_state
from netlists import Array, Cell, Layout, Parasitics

DEVICE = soft_bounds(states=60.0, skew=0.5, nsr=0.0)


def array(rows=3, cols=2, **more):
    cell = Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))
    wires = Parasitics(r_row=0.35, r_col=0.35)
    return Array(cell, rows=rows, cols=cols, parasitics=wires, **more)


def test_slots_give_every_cell_its_number_of_pulses():
    counts = np.array([[2, -1, 0], [0, 0, 0], [-3, 1, 1]])
    total = sum(s.polarity * s.cells.astype(int) for s in count_slots(counts))
    assert np.array_equal(total, counts)


def test_stochastic_slots_are_the_outer_product_on_average():
    x = np.array([[0.8, -0.5, 0.0]], np.float32)
    d = np.array([[0.4, -0.2]], np.float32)
    rng, total = new_state(3), np.zeros((3, 2))
    for _ in range(2000):
        for slot in draw_slots(x, d, 2.0, Pulses(length=7), rng):
            total += slot.polarity * slot.cells
    assert total / 2000 == pytest.approx(2.0 * x.T @ d, abs=0.06)


@pytest.mark.parametrize("algorithm", ["mixed", "sgd"])
def test_a_layer_on_laws_learns_and_goes_on_from_its_state(algorithm):
    rng = np.random.default_rng(0)
    x = rng.random((300, 6)).astype(np.float32)
    labels = x[:, :2].argmax(axis=1)

    def build():
        rung = BehaviourRung(DEVICE, np.full((7, 3), DEVICE.symmetry_point))
        return Network([CircuitLayer(rung, DEVICE, weight_range=6.0, algorithm=algorithm)])

    net = build()
    start = net.accuracy(x, labels)
    for k in range(0, 300, 10):
        net.learn(x[k : k + 10], labels[k : k + 10], 0.3 if algorithm == "mixed" else 0.05)
    assert net.accuracy(x, labels) > max(0.7, start + 0.1)
    other = build()
    other.restore(net.state())
    for n in (net, other):
        n.learn(x[:10], labels[:10], 0.3)
    assert net.fingerprint() == other.fingerprint()


def test_the_circuit_moves_only_the_cells_that_fire_and_multiplies():
    rung = CircuitRung(fresh(array(), 5e-5))
    start = rung.conductances()
    assert start == pytest.approx(np.full((3, 2), 5e-5), rel=1e-4)
    rows, columns = np.array([True, False, True]), np.array([False, True])
    up = Slot(polarity=1, rows=rows, columns=columns)
    kept = rung.state()
    rung.pulse([up])
    raised = rung.conductances() - start
    assert (raised[up.cells] > 1e-7).all()
    # What the transistors select against moves by less than a thousandth of a step.
    assert np.abs(raised[~up.cells]).max() < 1e-3 * raised[up.cells].min()
    rung.restore(kept)
    assert rung.conductances() == pytest.approx(start, rel=1e-6)
    rung.pulse([Slot(polarity=-1, rows=rows, columns=columns)])
    assert ((rung.conductances() - start)[up.cells] < -1e-7).all()
    # Conductances are those at 0.2 V; at 0.1 V the cells conduct less.
    current = rung.multiply(np.array([[0.2, 0.1, 0.0]]))
    assert current == pytest.approx(np.array([[0.2, 0.1, 0.0]]) @ rung.conductances(), rel=0.06)


def test_the_circuit_reads_both_ways_and_its_references_bend_with_the_cells():
    drawn = 5e-5 + 1e-5 * np.random.default_rng(1).uniform(-1, 1, (4, 3))
    drawn[-1] = drawn[:, -1] = DEVICE.symmetry_point
    # A column of cells like the reference has weights of zero, whatever the voltage.
    drawn[:, 0] = DEVICE.symmetry_point
    rung = CircuitRung(fresh(array(4, 3), drawn))
    assert rung.conductances() == pytest.approx(drawn, rel=1e-4)
    layer = CircuitLayer(rung, DEVICE, weight_range=1.0, first=False)
    x = np.array([[1.0, -0.3, 0.5], [-0.2, 0.1, -0.9]], np.float32)
    weights = (drawn[:-1, :-1] - DEVICE.symmetry_point) / (DEVICE.window / 2)
    assert layer.weights() == pytest.approx(weights, abs=2e-4)
    forward = layer.forward(x)
    assert forward == pytest.approx(x @ weights, abs=0.1 * np.abs(weights).max())
    assert np.abs(forward[:, 0]).max() < 2e-3
    d = np.array([[0.04, -0.02], [0.0, 0.0]], np.float32)
    back = layer.backward(d)
    assert back == pytest.approx(d @ weights.T, abs=0.04 * 0.1 * np.abs(weights).max())
    assert (back[1] == 0.0).all()
    behaviour = BehaviourRung(DEVICE, drawn, parasitics=rung.array.parasitics)
    same = CircuitLayer(behaviour, DEVICE, weight_range=1.0, first=False)
    assert same.forward(x) == pytest.approx(forward, abs=0.1 * np.abs(weights).max())
    assert same.backward(d) == pytest.approx(back, abs=0.04 * 0.1 * np.abs(weights).max())
    with pytest.raises(ParameterError, match="conductances"):
        fresh(array(), 1.0)


def test_wrong_arrays_and_studies_are_refused():
    with pytest.raises(ParameterError, match="circuit tile"):
        CircuitRung(array(layout=Layout.PARALLEL))
    with pytest.raises(ParameterError, match="cell of a circuit tile"):
        CircuitRung(Array(Cell(load_model("cmo_hfox")), rows=2, cols=2))
    with pytest.raises(ConfigError, match="samples"):
        CircuitConfig.read({"sample": 3})
    for classes in ([12, 1], [1], [1, 1, 2]):
        with pytest.raises(ConfigError, match="circuit study, classes"):
            CircuitConfig.read({"classes": classes})
    with pytest.raises(ConfigError, match=r"samples: 600 .*at most the \d+ training digits"):
        task(CircuitConfig.read({"classes": [0, 1], "samples": 600}))
