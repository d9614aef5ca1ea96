import numpy as np
import pytest

from compact_models.errors import ParameterError
from cosim.behavioural import Converter, TileOptions, soft_bounds
from cosim.network.digits import DigitsClassifier
from netlists import Parasitics


@pytest.fixture(scope="module")
def classifier():
    return DigitsClassifier.train(seed=0)


def test_floating_point_reads_the_digits(classifier):
    assert classifier.accuracy > 0.94


def test_ideal_tile_gives_the_same_answers(classifier):
    options = TileOptions(noisy=False, dac=Converter(), adc=Converter(bound=np.inf))
    tile = classifier.tile(soft_bounds(), options=options)
    assert tile.programmed.shape == (64, 20)
    assert classifier.score(tile.multiply(classifier.test_inputs)) == classifier.accuracy


def test_real_tile_with_wires_loses_little(classifier):
    options = TileOptions(
        adc=Converter(bits=8, bound=classifier.output_range()),
        parasitics=Parasitics(r_row=0.35, r_col=0.35),
    )
    tile = classifier.tile(soft_bounds(), options=options, seed=1)
    assert classifier.score(tile.multiply(classifier.test_inputs, time=3600.0)) > 0.94


def test_a_failed_read_counts_as_wrong(classifier):
    scores = classifier.test_inputs[:4] @ classifier.weights
    scores[0] = np.nan
    assert classifier.score(scores) <= 0.75
    with pytest.raises(ParameterError, match="column currents"):
        classifier.scores_from_currents(np.ones((2, 5)))
