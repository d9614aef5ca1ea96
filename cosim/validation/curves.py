"""Curves behind the rows of the validation table, with the published numbers on them.

Every function takes ``quick`` and returns one matplotlib figure and what it shows.
"""

from __future__ import annotations

import numpy as np

from cosim.published import published
from cosim.validation.array_curves import product_size, product_time, settling
from cosim.validation.curve_frame import GREY, OURS, THEIRS, Drawn, blank
from cosim.validation.product import SEED, TEN_YEARS


def forming(quick: bool) -> Drawn:
    """Distribution of the forming voltage over devices, beside the published normal law."""
    from scipy.special import ndtri

    from cosim.validation.cell import PAPER
    from cosim.validation.circuit import formed_cells

    figure, axis = blank()
    share = np.linspace(0.02, 0.98, 60)
    rows = 4 if quick else 8
    cells = [("cmo_hfox", rows, 4, "nmos_3v3", "130 nm, foundry card's transistor", "o"),
             ("cmo_hfox", rows, 4, PAPER, "130 nm, paper's transistor", "^")]  # fmt: skip
    laws = [("forming_voltage_reram", "forming_sigma", "130 nm", "-")]
    if not quick:
        cells.append(("cmo_hfox_350nm", 5, 5, "nmos_3v3", "350 nm, of the 1T1R", "s"))
        laws.append(("forming_voltage_350nm", "forming_sigma_350nm", "350 nm", "--"))
    for name, n, m, transistor, label, mark in cells:
        dataset = formed_cells(name, n, m, False, transistor)
        variable = "forming_voltage" if name.endswith("350nm") else "reram_forming_voltage"
        ours = np.sort(dataset[variable].values.ravel())
        place = (np.arange(ours.size) + 0.5) / ours.size
        axis.plot(ours, 100 * place, mark, color=OURS, markersize=4, label=f"ours, {label}",
                  fillstyle="none" if transistor == PAPER else "full")  # fmt: skip
    for middle, width, label, line in laws:
        mean, sigma = published(middle).value, published(width).value
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
    from cosim.validation.cell import CELLS, both_transistors, drawn_cells

    figure, axis = blank(9.0, 3.8)
    said = []
    names = ("foundry card's transistor", "paper's transistor", "the same in place of R_s")
    for name, (transistor, values), colour in zip(
        names, CELLS.values(), (OURS, "black", GREY), strict=True
    ):
        many, rng = drawn_cells(8 if quick else 32, values)
        found = OpenLoop().run(many, *both_transistors(transistor), rng)
        pulse = np.arange(found.conductance.shape[0])
        if colour == OURS:
            axis.plot(pulse, found.conductance * 1e6, color=OURS, linewidth=0.3, alpha=0.3)
        axis.plot(pulse, found.conductance.mean(axis=1) * 1e6, color=colour, linewidth=1.2,
                  label=name)  # fmt: skip
        said.append(
            f"{name}: N_states {found.n_states.mean():.0f}, skew {100 * found.skew.mean():.0f} %, "
            f"NSR {100 * found.nsr.mean():.0f} %"
        )
    for end, above in (("maximum", 4.0), ("minimum", -8.0)):
        level = published(f"open_loop_{end}").value * 1e6
        text = f"computed from the published parameters: {level:g}"
        axis.axhline(level, color=THEIRS, linestyle="--", linewidth=1.0)
        axis.text(420, level + above, text, color=THEIRS, fontsize=8)
    axis.set_xlabel("pulse")
    axis.set_ylabel("conductance [uS]")
    axis.set_xlim(0, pulse[-1])
    axis.set_ylim(0, 125)
    axis.legend(frameon=False, fontsize=8, loc="upper right", ncols=3)
    return figure, (
        f"Open-loop response to 2 x (400 up, 400 down) and 500 alternating pulses: {many.size} "
        "devices in blue, means over devices. Published: "
        f"N_states {published('n_states').value:g}, skew {published('skew').value:g} %, "
        f"NSR {published('nsr').value:g} %. " + "; ".join(said) + "."
    )


def levels(quick: bool) -> Drawn:
    """Distributions of 35 levels, programmed and relaxed."""
    from cosim.experiments.levels import plot_levels
    from cosim.experiments.levels_job import LevelProgramming

    job = LevelProgramming(devices=12 if quick else 32, acceptance_ranges=(0.002,))
    dataset = job.program_cells(seed=1)
    return plot_levels(dataset), (
        f"35 levels programmed by the closed loop at 0.2 %, {job.devices} devices a "
        f"level, {float(dataset.pulses.mean()):.0f} pulses on average "
        f"(published {published('pulses_tight').value:g})."
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
    figure, axis = blank()
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


def disturb(quick: bool) -> Drawn:
    """k of the 350 nm device against the number of half pulses."""
    from cosim.experiments.disturb import plot_disturb
    from cosim.experiments.physics_jobs import HalfSelectDisturb

    dataset = HalfSelectDisturb(devices=8 if quick else 25).compute()["disturb"]
    return plot_disturb(dataset), (
        "Half-select disturb of the 350 nm device, mean over devices. Published: below "
        f"{published('disturb_k_maximum').high:g} after 1e5 half pulses, drift at G_max from 1e6."
    )


def dome(quick: bool) -> Drawn:
    """Temperature of the dome against voltage: finite elements and compact model."""
    from compact_models import electrothermal as et
    from compact_models import load_model

    volts = [0.2, 0.45, 0.675, 0.9, 1.125, 1.35]
    figure, axis = blank()
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
