"""Energy of spiking inference: per synaptic event, per image, and against formal coding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.network.spiking.hardware import Chip, bit_line_charge
from cosim.network.spiking.layer import Classified

if TYPE_CHECKING:
    import xarray as xr

PARTS = ("synapse", "injector", "clamp", "word_line", "neuron")


def event_energy(chip: Chip) -> dict[str, NDArray[np.float64]]:
    """Energy of one event at every synapse, by part [J]; shape (neurons, inputs) each.

    ``synapse``: bit-line current times supply. ``injector``: its copies, the negative one
    drawn twice (into the mirror and out of the membrane, of which the supply sees one).
    ``clamp``: two amplifiers awake for one window. ``word_line``: charging the gates.
    """
    p = chip.parameters
    charge = bit_line_charge(chip.conductance, p)
    shape = charge.shape[:2]
    return {
        "synapse": p["supply"] * charge.sum(-1),
        "injector": p["supply"] * p["copy_ratio"] * (charge * chip.gain[:, None, :]).sum(-1),
        "clamp": np.full(shape, p["supply"] * 2 * p["clamp_bias"] * p["clamp_window"]),
        "word_line": np.full(shape, p["word_line_capacitance"] * p["word_line_voltage"] ** 2),
    }


def image_energy(chip: Chip, images: ArrayLike, result: Classified) -> xr.Dataset:
    """Energy of every image on the whole layer.

    Events hit pixels in proportion to their brightness, which is what rate coding does on
    average; the comparators draw their bias until the decision.

    Returns
    -------
    xarray.Dataset
        energy(part, image) [J], events(image), per_event(part): mean energy of one synaptic
        event [J] over all images.
    """
    import xarray as xr

    p = chip.parameters
    x = np.asarray(images, dtype=float).reshape(len(result.events), -1)
    share = x / np.maximum(x.sum(1, keepdims=True), 1e-12)
    neurons = len(chip.weights)
    energy = np.zeros((len(PARTS), len(x)))
    for name, table in event_energy(chip).items():
        energy[PARTS.index(name)] = result.events * (share @ table.sum(0))
    bias = p["supply"] * 2 * p["comparator_bias"] * neurons
    energy[PARTS.index("neuron")] = (
        bias * result.duration + p["spike_energy"] * result.output_spikes
    )
    total = float(result.events.sum()) * neurons
    return xr.Dataset(
        {
            "energy": (("part", "image"), energy, {"units": "J"}),
            "events": ("image", result.events, {"units": "dimensionless"}),
            "per_event": ("part", energy.sum(1) / total, {"units": "J"}),
        },
        coords={"part": list(PARTS)},
        attrs={"study": "energy", "neurons": neurons},
    )


def against_formal(
    images: ArrayLike, events: ArrayLike, bits: ArrayLike = (1, 2, 3, 4, 5, 6, 7, 8)
) -> xr.Dataset:
    """Synaptic operations of formal coding over those of spiking, on the same cells.

    Formal: every input is presented once, bit by bit, one read pulse a bit and synapse, as in
    bit-serial in-memory computing. ``dense`` reads zero bits too; ``sparse`` leaves them out.
    Published: "up to 5x" less energy a synapse and neuron than similar chips, of which neither
    the chips nor their word length are named here, so the ratio is given for every word length.

    Returns
    -------
    xarray.Dataset
        dense(bits), sparse(bits): read pulses an input line of formal coding, summed over the
        lines, over the input spikes of spiking.
    """
    import xarray as xr

    x = np.asarray(images, dtype=float)
    x = x.reshape(len(x), -1)
    spikes = float(np.mean(np.asarray(events)))
    words = np.atleast_1d(np.asarray(bits, dtype=np.int64))
    dense = x.shape[1] * words / spikes
    sparse = np.empty(len(words))
    for k, n in enumerate(words):
        value = np.round(x * (2**n - 1)).astype(np.int64)
        ones = sum(((value >> b) & 1).sum(1) for b in range(int(n)))
        sparse[k] = float(np.mean(ones)) / spikes
    one = {"units": "dimensionless"}
    return xr.Dataset(
        {"dense": ("bits", dense, one), "sparse": ("bits", sparse, one)},
        coords={"bits": ("bits", words, one)},
        attrs={"study": "formal coding", "spikes": spikes},
    )
