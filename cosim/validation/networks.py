"""Figures of networks: the committed tables of the long trainings, and the spiking chip."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cosim.errors import DataError
from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
EXAMPLES = Path(__file__).parents[2] / "examples"


def _accuracy(name: str, algorithm: str, arm: str = "") -> Measured | None:
    """Mean over the seeds of a committed table [%]; nothing where the examples are not there."""
    table = EXAMPLES / f"{name}_results.csv"
    if not table.is_file():
        return None
    with table.open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["arm"] == arm and row["algorithm"] == algorithm and row["split"] == "test"
        ]
    values = 100.0 * np.array([float(row["accuracy"]) for row in rows])
    if not values.size:
        raise DataError(
            thing="a committed table of trainings lacks its rows",
            value=table.name,
            limit=f"arm {arm!r}, algorithm {algorithm!r}, split 'test'",
        )
    return Measured(
        value=float(values.mean()),
        note=f"recorded: {table.name}, {values.size} seeds, {values.min():.2f} to "
        f"{values.max():.2f}; cosim train examples/{name}.toml",
    )


def trainings(quick: bool) -> Figures:
    """Test accuracies that `cosim train` left in the committed tables."""
    found = {
        "mnist_agad": _accuracy("train_mnist", "agad"),
        "mnist_sgd_no_disturb": _accuracy("train_disturb", "sgd", "k = 0"),
        "mnist_sgd_disturb": _accuracy("train_disturb", "sgd", "k = 0.005"),
        "mnist_agad_disturb": _accuracy("train_disturb", "agad", "k = 0.005"),
    }
    return {name: value for name, value in found.items() if value is not None}


def spirit(quick: bool) -> Figures:
    """The spiking chip on all test images; nothing where the images are not there."""
    from cosim.experiments.spirit import Spirit
    from cosim.network.datasets import mnist

    try:
        mnist()
    except DataError:
        return {}
    data = Spirit(circuit_images=0, further=False).compute()
    whole = 100.0 * data["losses"].whole.values
    return {
        "spirit_ideal": 100.0 * data["inference"].attrs["accuracy"],
        "spirit_chip": Measured(
            value=float(whole.mean()), note=f"{whole.min():.1f} to {whole.max():.1f} over chips"
        ),
        "spirit_spikes": float(data["inference"].attrs["mean_events"]),
        "spirit_energy": float(data["energy"].per_event.sum()) * 1e12,
    }
