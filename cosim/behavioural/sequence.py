"""What a behavioural device does in a sequence of pulses, with a flag where it is a guess."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.validity import UNCOVERED, OutsideCalibration, warn_outside

if TYPE_CHECKING:
    import xarray

    from cosim.behavioural.device import BehaviouralDevice

FloatArray = NDArray[np.floating[Any]]


def walk(
    device: BehaviouralDevice,
    start: FloatArray | float,
    polarity: Any,
    amplitude: Any = None,
    width: Any = None,
    rng: np.random.Generator | None = None,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Conductances [S] after every pulse, and which pulses were outside the calibration.

    Parameters as `BehaviouralDevice.train`. One `OutsideCalibration` warning is given for
    every quantity that leaves its range, with the value farthest outside.

    Returns
    -------
    conductance, outside : ndarray, shape (pulses, *start.shape)
    """
    signs = np.asarray(polarity)
    if signs.ndim != 1 or not np.isin(signs, (-1, 1)).all():
        raise ParameterError(
            thing="polarities of a train", value=signs.shape, limit="one axis of +1 and -1"
        )
    volts = _each(amplitude, signs.size)
    widths = _each(width, signs.size)
    u = device.normalise(start)
    out = np.empty((signs.size, *u.shape))
    flags = np.zeros(out.shape, bool)
    known = device.validity
    lowest, highest, alone = np.inf, -np.inf, False
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", OutsideCalibration)
        responses: dict[Any, tuple[PulseResponse, bool]] = {}
        for n, pulse in enumerate(zip(signs.tolist(), volts, widths, strict=True)):
            if pulse not in responses:
                before = len(given)
                responses[pulse] = device.response(*pulse), len(given) > before
            response, strange = responses[pulse]
            g = device.conductance(u)
            beyond = known.outside("conductance", g)
            flags[n] = strange | beyond
            if beyond.any():
                lowest, highest = min(lowest, float(g.min())), max(highest, float(g.max()))
            strangers = device.uncovered(u, response)
            alone |= bool((strangers & ~flags[n]).any())
            flags[n] |= strangers
            u = np.clip(response.apply(u, rng), *device.bounds)
            out[n] = u
    for text in dict.fromkeys(str(w.message) for w in given):
        warnings.warn(text, OutsideCalibration, stacklevel=3)
    if alone:
        warnings.warn(UNCOVERED, OutsideCalibration, stacklevel=3)
    if known.conductance is not None and lowest < np.inf:
        far = lowest if lowest < known.conductance[0] else highest
        warn_outside(
            "conductance", far, known.conductance, "S", "steps are those at the range's end"
        )
    return device.conductance(out), flags


def predict(
    device: BehaviouralDevice,
    start: FloatArray | float,
    amplitudes: Any,
    widths: Any = None,
    *,
    temperature: float | None = None,
    rng: np.random.Generator | None = None,
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

    Returns
    -------
    xarray.Dataset
        ``conductance`` (pulse, device) [S]; ``outside_calibration`` (pulse, device), true
        where the step before was not covered by measured pulses; ``amplitude``, ``width``.
        Attribute ``outside_calibration`` is the share of such steps.
    """
    from cosim.dataset import build_dataset, package_version

    volts = np.asarray(amplitudes, float)
    polarity = np.sign(volts).astype(int)
    first = np.atleast_1d(np.asarray(start, float))
    found, flags = walk(device, first, polarity, volts, widths, rng)
    if temperature is not None:
        flags |= not device.validity.check("temperature", temperature, "laws do not change with it")
    sides = {1: device.up.width, -1: device.down.width}
    spans = [sides[int(p)] if w is None else w
             for p, w in zip(polarity, _each(widths, volts.size), strict=True)]  # fmt: skip
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


def _each(values: Any, count: int) -> list[float | None]:
    if values is None:
        return [None] * count
    return [float(v) for v in np.broadcast_to(np.asarray(values, float), (count,))]
