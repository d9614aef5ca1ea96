"""The record of what is proven names tests that exist; ``conftest.py`` checks that they pass."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from compact_models import model_names
from compact_models.errors import DataError
from cosim.simulators.support import load_support, write_support

ROOT = Path(__file__).parents[2]


def _tests(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_proof_is_a_test_of_this_suite():
    rows = load_support()
    assert rows
    assert len(set(rows)) == len(rows)
    for row in rows:
        file, _, name = row.proof.partition("::")
        assert file.startswith("tests/conformance/test_")
        assert name in _tests(ROOT / file), row


def test_every_model_is_proven_in_every_kind_of_simulator():
    rows = load_support()
    for model in model_names():
        where = {(row.simulator, row.devices) for row in rows if row.model == model}
        assert {("numba", ""), ("verilogae", ""), ("ngspice", "subcircuit")} <= where, model


def test_the_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "support.toml"
    write_support(load_support(), path)
    assert load_support(path) == tuple(sorted(load_support()))
    path.write_text(path.read_text().replace("analysis", "analyses", 1))
    with pytest.raises(DataError, match=r"record of what is proven"):
        load_support(path)
