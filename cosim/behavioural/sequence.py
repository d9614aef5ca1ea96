"""What a behavioural device does in a sequence of pulses, with a flag where it is a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.pulse_train import each, walk
from cosim.behavioural.write_path import WritePath

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating[Any]]


def predict(
    device: BehaviouralDevice,
    start: FloatArray | float,
    amplitudes: Any,
    widths: Any = None,
    *,
    temperature: float | None = None,
    rng: np.random.Generator | None = None,
    wires: WritePath | None = None,
) -> xarray.Dataset:
    """Conductances after every pulse of a sequence, as a labelled result.

    Parameters
    ----------
    device : BehaviouralDevice
    start : array_like, shape (devices,) or ()
        Conductances before the first pulse [S].
    amplitudes, widths : array_like, shape (pulses,)
        [V, s]; positive amplitudes set. Without widths, the calibrated one.
    temperature : float, optional
        At which the sequence is run [K].
    rng : Generator, optional
        Without it, there is no noise.
    wires : WritePath, optional
        Resistances in front of every device; `amplitudes` are then those at the drivers. The
        conductances stay those of the devices: `WritePath.read_behind` is what reads see.

    Returns
    -------
    xarray.Dataset
        ``conductance`` (pulse, device) [S]; ``outside_calibration`` (pulse, device), true
        where the step before was not covered by measured pulses, or one before it drove the
        device beyond all measured conductances; ``amplitude``, ``width``.
        Attribute ``outside_calibration`` is the share of such steps.
    """
    from cosim.dataset import build_dataset, package_version

    volts = np.asarray(amplitudes, float)
    polarity = np.sign(volts).astype(int)
    first = np.atleast_1d(np.asarray(start, float))
    found, flags = walk(device, first, polarity, volts, widths, rng, wires=wires)
    if temperature is not None:
        flags |= not device.validity.check("temperature", temperature, "laws do not change with it")
    sides = {1: device.up.width, -1: device.down.width}
    spans = [sides[int(p)] if w is None else w
             for p, w in zip(polarity, each(widths, volts.size), strict=True)]  # fmt: skip
    cells = ("pulse", "device")
    return build_dataset(
        {
            "conductance": (cells, found, "S", "after the pulse"),
            "outside_calibration": (cells, flags, "1", "the step was not covered by data"),
            "amplitude": (("pulse",), volts, "V", "positive sets"),
            "width": (("pulse",), np.array(spans, float), "s", "flat top"),
        },
        attributes={
            "experiment": "predicted pulses",
            "version": package_version(),
            "simulator": "behavioural",
            "source": device.source,
            "outside_calibration": float(flags.mean()) if flags.size else 0.0,
        },
    )
