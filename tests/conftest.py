"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil

import pytest

from cosim.simulators.ngspice import NgspiceSimulator


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
