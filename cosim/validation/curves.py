"""Curves behind the rows of the validation table, with the published numbers on them.

Every function takes ``quick`` and returns one matplotlib figure and what it shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.validation.product import SEED, TEN_YEARS, TIMES, product_error

Floats = NDArray[np.float64]
Drawn = tuple[Any, str]
OURS, THEIRS, GREY = "#1f5fa8", "#d1611b", "#777777"


def _figure(width: float = 6.0, height: float = 4.2) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    return figure, axis


def forming(quick: bool) -> Drawn:
    """Distribution of the forming voltage over devices, beside the published normal law."""
    from scipy.special import ndtri

    from cosim.validation.cell import PAPER
    from cosim.validation.circuit import _formed

    figure, axis = _figure()
    share = np.linspace(0.02, 0.98, 60)
    rows = 4 if quick else 8
    cells = [("cmo_hfox", rows, 4, "nmos_3v3", "130 nm, foundry card's transistor", "o"),
             ("cmo_hfox", rows, 4, PAPER, "130 nm, paper's transistor", "^")]  # fmt: skip
    laws = [(3.17, 0.075, "130 nm", "-")]
    if not quick:
        cells.append(("cmo_hfox_350nm", 5, 5, "nmos_3v3", "350 nm, of the 1T1R", "s"))
        laws.append((2.84, 0.13, "350 nm", "--"))
    for name, n, m, transistor, label, mark in cells:
        dataset = _formed(name, n, m, False, transistor)
        variable = "forming_voltage" if name.endswith("350nm") else "reram_forming_voltage"
        ours = np.sort(dataset[variable].values.ravel())
        place = (np.arange(ours.size) + 0.5) / ours.size
        axis.plot(ours, 100 * place, mark, color=OURS, markersize=4, label=f"ours, {label}",
                  fillstyle="none" if transistor == PAPER else "full")  # fmt: skip
    for mean, sigma, label, line in laws:
        text = f"published, {label}: {mean:g} V, sigma {sigma * 1e3:.0f} mV"
        axis.plot(mean + sigma * ndtri(share), 100 * share, line, color=THEIRS, label=text)
    axis.set_ylim(0, 132)
    axis.set_yticks(range(0, 101, 20))
    axis.set_xlabel("forming voltage of the ReRAM [V]")
    axis.set_ylabel("devices [%]")
    axis.legend(frameon=False, fontsize=7, loc="upper left")
    return figure, (
        "Forming voltage, selector drop removed. The spread is calibrated; the mean of the 130 nm "
        "device follows the current that the transistor lets through."
    )


def open_loop(quick: bool) -> Drawn:
    """Open-loop traces of devices with spread, and the published sequence."""
    from cosim.experiments.open_loop import OpenLoop
    from cosim.validation.cell import CELLS, _access, _population

    figure, axis = _figure(9.0, 3.8)
    said = []
    names = ("foundry card's transistor", "paper's transistor", "the same in place of R_s")
    for name, (transistor, values), colour in zip(
        names, CELLS.values(), (OURS, "black", GREY), strict=True
    ):
        many, rng = _population(8 if quick else 32, values)
        found = OpenLoop().run(many, *_access(transistor), rng)
        pulse = np.arange(found.conductance.shape[0])
        if colour == OURS:
            axis.plot(pulse, found.conductance * 1e6, color=OURS, linewidth=0.3, alpha=0.3)
        axis.plot(pulse, found.conductance.mean(axis=1) * 1e6, color=colour, linewidth=1.2,
                  label=name)  # fmt: skip
        said.append(
            f"{name}: N_states {found.n_states.mean():.0f}, skew {100 * found.skew.mean():.0f} %, "
            f"NSR {100 * found.nsr.mean():.0f} %"
        )
    for level, text in (
        (92.0, "computed from the published parameters: 92"),
        (18.0, "computed: 18"),
    ):
        axis.axhline(level, color=THEIRS, linestyle="--", linewidth=1.0)
        axis.text(420, level + (4.0 if level > 50 else -8.0), text, color=THEIRS, fontsize=8)
    axis.set_xlabel("pulse")
    axis.set_ylabel("conductance [uS]")
    axis.set_xlim(0, pulse[-1])
    axis.set_ylim(0, 125)
    axis.legend(frameon=False, fontsize=8, loc="upper right", ncols=3)
    return figure, (
        f"Open-loop response to 2 x (400 up, 400 down) and 500 alternating pulses: {many.size} "
        "devices in blue, means over devices. Published: N_states 22, skew 61 %, NSR 90 %. "
        + "; ".join(said)
        + "."
    )


def levels(quick: bool) -> Drawn:
    """Distributions of 35 levels, programmed and relaxed."""
    from cosim.experiments.levels import plot_levels
    from cosim.experiments.levels_job import LevelProgramming

    job = LevelProgramming(devices=12 if quick else 32, acceptance_ranges=(0.002,))
    dataset = job.program_cells(seed=1)
    return plot_levels(dataset), (
        f"35 levels programmed by the closed loop at 0.2 %, {job.devices} devices a "
        f"level, {float(dataset.pulses.mean()):.0f} pulses on average (published 89)."
    )


def relaxation(quick: bool) -> Drawn:
    """Shift and spread of a level through time."""
    from compact_models import noise

    rng = np.random.default_rng(SEED)
    target = np.full(4000 if quick else 40_000, 50e-6)
    deviate = rng.standard_normal(target.shape)
    programmed = noise.programmed(target, rng)
    times = np.geomspace(1.0, TEN_YEARS, 18)
    kept = [noise.relaxed(programmed, float(t), deviate) - target for t in times]
    figure, axis = _figure()
    line = np.geomspace(1.0, TEN_YEARS, 100)
    for values, law, label in (
        ([k.mean() for k in kept], noise.relaxation_mean(line), "mean shift"),
        ([k.std() for k in kept], noise.relaxation_sigma(line), "spread"),
    ):
        mark = "o" if label == "spread" else "s"
        axis.semilogx(times, np.array(values) * 1e6, mark, color=OURS, ms=4, label=f"ours, {label}")
        axis.semilogx(line, law * 1e6, color=THEIRS, label=f"published law, {label}")
    for time, text in ((600.0, "10 min"), (86400.0, "a day"), (TEN_YEARS, "10 years")):
        axis.axvline(time, color=GREY, linewidth=0.8, linestyle=":")
        axis.text(time * 0.8, 2.75, text, color=GREY, fontsize=8, ha="right", va="top", rotation=90)
    axis.set_ylim(-2.05, 2.9)
    axis.set_xlabel("time since programming [s]")
    axis.set_ylabel("conductance against target [uS]")
    axis.legend(frameon=False, fontsize=8, loc="lower left")
    return figure, "Relaxation of a level at 50 uS: input laws, reproduced by the draws."


def product_time(quick: bool) -> Drawn:
    """RMSE of products against time on the behavioural and the array rung."""
    from cosim.validation.product_array import ArrayProduct

    figure, axis = _figure()
    times = np.array(list(TIMES.values()))
    draws = 4 if quick else 16
    curves: dict[str, list[float]] = {
        "authors' formula for wires": [
            product_error(time=t, draws=draws, wire_law="published").mean() for t in times
        ],
        "no wires, reference column": [
            product_error(time=t, draws=draws, wire=0.0, scheme="reference").mean() for t in times
        ],
    }
    for label, scheme in (
        ("array, reference column", "reference"),
        ("array, pairs", "differential"),
    ):
        curves[label] = [
            ArrayProduct(time=t, scheme=scheme, count=20).solve()[0]  # type: ignore[arg-type]
            for t in times
        ]
    for (label, values), mark in zip(curves.items(), "osD^", strict=True):
        axis.semilogx(times, values, mark + "-", ms=4, label=f"ours: {label}")
    axis.semilogx(
        times, [0.0823, 0.1395, 0.1690, 0.2534], "x", color="black", ms=8, mew=2,
        label="authors' public code, run as it stands",
    )  # fmt: skip
    axis.semilogx([1.0, TEN_YEARS], [0.06, 0.2], "*", color=THEIRS, ms=13, label="published")
    axis.set_ylim(0.0, 0.42)
    axis.set_xlabel("time since programming [s]")
    axis.set_ylabel("RMSE of 64 x 64 products")
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return figure, (
        "Products, 6 bits in, 8 bits out, 0.35 ohm a segment. Array: every transistor and wire, "
        "inputs bit by bit, one gain a column."
    )


def product_size(quick: bool) -> Drawn:
    """RMSE of products after a second against the size of the array."""
    from cosim.validation.product_array import ArrayProduct

    figure, axis = _figure()
    sizes = (32, 64, 128) if quick else (32, 64, 128, 256)
    cases: dict[str, list[float]] = {
        "authors' formula": [
            product_error(size=n, draws=2, wire_law="published", scale_bound=False).mean()
            for n in sizes
        ],
        # The array at 256 x 256 has its row in the table, and would take longest of all here.
        "array, reference column": [ArrayProduct(size=n, count=12).solve()[0] for n in sizes[:3]],
        "array, pairs": [
            ArrayProduct(size=n, count=12, scheme="differential").solve()[0] for n in sizes[:3]
        ],
        "no wires": [product_error(size=n, draws=2, wire=0.0).mean() for n in sizes],
    }
    for (label, values), mark in zip(cases.items(), "oD^s", strict=True):
        axis.loglog(sizes[: len(values)], values, mark + "-", ms=4, label=f"ours: {label}")
    theirs = {64: 0.0823, 128: 0.2114, 256: 0.9086}
    shown = [n for n in sizes if n in theirs]
    axis.loglog(shown, [theirs[n] for n in shown], "x", color="black", ms=8, mew=2,
                label="authors' public code")  # fmt: skip
    axis.loglog([64], [0.06], "*", color=THEIRS, ms=13, label="published")
    axis.set_xticks(sizes, [str(n) for n in sizes])
    marks = (0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
    axis.set_yticks(marks, [f"{mark:g}" for mark in marks])
    axis.minorticks_off()
    axis.set_xlabel("rows and columns")
    axis.set_ylabel("RMSE of products, 1 s")
    axis.legend(frameon=False, fontsize=8)
    return figure, "Wires of 0.35 ohm a segment against the size of the array."


def disturb(quick: bool) -> Drawn:
    """k of the 350 nm device against the number of half pulses."""
    from cosim.experiments.disturb import plot_disturb
    from cosim.experiments.physics_jobs import HalfSelectDisturb

    dataset = HalfSelectDisturb(devices=8 if quick else 25).compute()["disturb"]
    return plot_disturb(dataset), (
        "Half-select disturb of the 350 nm device, mean over devices. Published: below 0.005 after "
        "1e5 half pulses, drift at G_max from 1e6."
    )


def settling(quick: bool) -> Drawn:
    """Settling of products and updates against the size of the array."""
    from cosim.validation.timing import Drive, array_settling, circuit_settling, linear_settling

    figure, axis = _figure()
    sizes = (2, 4, 8, 16, 32, 64) if quick else (2, 4, 8, 16, 32, 64, 128)
    # Beyond, a transient of the whole array takes half a minute.
    solved = sizes[: 4 if quick else 5]
    drawn: tuple[tuple[Drive, str, str, str], ...] = (
        ("read", "o", OURS, "product"),
        ("update", "s", "black", "parallel update"),
    )
    for drive, mark, colour, label in drawn:
        linear = [linear_settling(n, drive, steps=200) for n in sizes]
        axis.loglog(
            sizes, np.array(linear) * 1e9, ":", color=colour, label=f"{label}, linear cells"
        )
        times = [
            array_settling(n, drive, max(3.0 * t, 1.5e-10))
            for n, t in zip(solved, linear, strict=False)
        ]
        axis.loglog(solved, np.array(times) * 1e9, mark + "-", color=colour, ms=4, label=label)
    for n in (2, 4) if quick else (2, 4, 8):
        axis.loglog(n, circuit_settling(n, "read") * 1e9, "x", color=THEIRS, ms=8, mew=2,
                    label="product in ngspice" if n == 2 else None)  # fmt: skip
    for level, text in ((100.0, "read of 100 ns"), (2500.0, "pulse of 2.5 us")):
        axis.axhline(level, color=THEIRS, linestyle="--", linewidth=1.0)
        axis.text(2, level * 1.15, text, color=THEIRS, fontsize=8)
    axis.set_xticks(sizes, [str(n) for n in sizes])
    axis.minorticks_off()
    axis.set_ylim(0.01, 8000.0)
    axis.set_xlabel("rows and columns")
    axis.set_ylabel("settling to 1 % [ns]")
    axis.legend(frameon=False, fontsize=8, loc="center right")
    return figure, (
        "Settling after an edge on all lines, with wires, drivers and the charges of the devices: "
        "far below a read and a pulse at every size, which is what constant time means."
    )


def dome(quick: bool) -> Drawn:
    """Temperature of the dome against voltage: finite elements and compact model."""
    from compact_models import electrothermal as et
    from compact_models import load_model

    volts = [0.2, 0.45, 0.675, 0.9, 1.125, 1.35]
    figure, axis = _figure()
    for materials, mark in (("literature", "o"), ("calibrated", "s")):
        device = et.make_device(fineness=0.5 if quick else 1.0, materials=materials)
        solved = [f.temperature_mean for f, _ in et.sweep(device, volts)]
        axis.plot(volts, solved, mark + "-", color=OURS, ms=4,
                  label=f"finite elements, {materials} materials")  # fmt: skip
    line = np.linspace(0.02, 1.35, 60)
    kelvin = load_model("cmo_hfox").temperature(voltage=line, vacancies=et.LRS)
    axis.plot(line, kelvin, color=THEIRS, label="compact model, published parameters")
    axis.axvline(0.675, color=GREY, linewidth=0.8, linestyle=":")
    axis.text(0.69, 330, "half-selected", color=GREY, fontsize=8)
    axis.set_xlabel("voltage across the device [V]")
    axis.set_ylabel("mean temperature of the dome [K]")
    axis.legend(frameon=False, fontsize=8)
    return figure, "Dome temperature at the low-resistance state."


CURVES = {
    "open_loop": open_loop,
    "levels": levels,
    "forming": forming,
    "relaxation": relaxation,
    "product_time": product_time,
    "product_size": product_size,
    "disturb": disturb,
    "settling": settling,
    "dome_temperature": dome,
}
