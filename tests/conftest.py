"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil

import pytest

from cosim.errors import SimulatorNotFound
from cosim.simulators.ngspice import NgspiceSimulator
from cosim.simulators.osdi import compiler_works, loads_compiled_models


@pytest.fixture(scope="session")
def ngspice() -> NgspiceSimulator:
    """ngspice, which must be there in CI; elsewhere its tests are skipped without it."""
    program = os.environ.get("COSIM_NGSPICE") or "ngspice"
    if shutil.which(program) is None:
        message = f"ngspice required: {program!r} is not on the path"
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(message)
        pytest.skip(message)
    return NgspiceSimulator(deadline=120.0)


@pytest.fixture(scope="session")
def compiled_ngspice() -> NgspiceSimulator:
    """An ngspice with ``osdi`` (COSIM_NGSPICE_OSDI must name one in CI), on compiled devices."""
    named = os.environ.get("COSIM_NGSPICE_OSDI")
    simulator = NgspiceSimulator(executable=named, devices="osdi", deadline=120.0)
    try:
        there = loads_compiled_models(simulator.program) and compiler_works()
    except SimulatorNotFound:
        there = False
    if not there:
        message = "an ngspice with the osdi command, and openvaf-r, are needed"
        if named is not None:
            pytest.fail(message)
        pytest.skip(message)
    return simulator
