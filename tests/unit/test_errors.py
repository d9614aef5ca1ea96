"""Errors say thing, value, limit and next step, and cross process boundaries."""

from __future__ import annotations

import multiprocessing.reduction as reduction
import pickle

import pytest

from compact_models import errors
from compact_models.errors import CosimError, ParameterError, SimulationTimeout, best_matches

KINDS = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, CosimError)]


def test_text_is_built_from_the_fields():
    error = ParameterError(thing="too hot", value=900.0, limit="below 800 K", next_step="Cool it")
    assert str(error) == "too hot: 900.0 (allowed: below 800 K). Cool it"


def test_simulator_errors_show_directory_and_log():
    error = SimulationTimeout(thing="late", run_directory="/tmp/x", log_tail="a\nb")
    assert "/tmp/x" in str(error)
    assert "    b" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_a_process_boundary(kind):
    error = kind(thing="x", value=3, limit="y", next_step="z")
    copy = pickle.loads(bytes(reduction.ForkingPickler.dumps(error)))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert hash(error) is not None


def test_best_matches_are_near_or_all():
    assert "'t_ox'" in best_matches("t_oxx", ["t_ox", "R_th"])
    assert best_matches("zzz", ["a", "b"]) == "Known are: 'a', 'b'"
