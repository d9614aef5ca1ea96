"""Figures of single cells: open-loop pulses, closed-loop programming, half-select disturb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.validation.device import SEED
from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
# Fitted to what is printed of the published array's own transistor.
PAPER = "nmos_3v3_falcone2025"


def drawn_cells(
    count: int, values: Mapping[str, float] | None = None, *, spread: bool = True
) -> Any:
    """Devices and the random numbers that drew them, the same ones every time."""
    from compact_models import load_model
    from cosim.experiments.population import draw_population

    rng = np.random.default_rng(SEED)
    model = load_model("cmo_hfox").with_parameters(**(values or {}))
    return draw_population(model, count, rng, spread=spread, cycle=spread, rows=12), rng


def both_transistors(parameters: str) -> tuple[Any, Any]:
    """The transistor at the gate voltages of SET and RESET pulses."""
    from cosim.experiments.access import selector

    return selector(1.4, parameters), selector(3.3, parameters)


# Suffix of the rows: transistor, and parameters of the device that are not the published ones.
# Shared: as if the published series resistance were that of the transistor it was measured with.
CELLS: dict[str, tuple[str, dict[str, float]]] = {
    "": ("nmos_3v3", {}),
    "_paper": (PAPER, {}),
    "_shared": (PAPER, {"R_s": 0.0}),
}


def open_loop(quick: bool) -> Figures:
    """Open-loop response of the 1T1R, without and with spreads."""
    from cosim.experiments.open_loop import OpenLoop

    def spread(values: np.ndarray) -> str:
        return f"{values.min():.3g} to {values.max():.3g} over {values.size} devices"

    figures: dict[str, Measured | float] = {}
    for suffix, (transistor, values) in CELLS.items():
        up, down = both_transistors(transistor)
        one, rng = drawn_cells(1, values, spread=False)
        plain = OpenLoop(read_noise=False, ramps=1).run(one, up, down, rng)
        many, rng = drawn_cells(32, values)
        found = OpenLoop().run(many, up, down, rng)
        figures |= {
            f"open_loop_maximum{suffix}": float(plain.conductance[400, 0]) * 1e6,
            f"open_loop_minimum{suffix}": float(plain.conductance[800, 0]) * 1e6,
            f"symmetry_point{suffix}": float(plain.g_sp[0]) * 1e6,
            f"n_states{suffix}": Measured(
                value=float(found.n_states.mean()),
                note=f"{spread(found.n_states)}, {float(plain.n_states[0]):.0f} without spreads",
            ),
            # Range of 32 normal draws: 4.14 standard deviations.
            f"n_states_range{suffix}": float(np.exp(4.14 * np.log(found.n_states).std(ddof=1))),
            f"skew{suffix}": Measured(
                value=float(found.skew.mean()) * 100, note=spread(found.skew * 100)
            ),
            f"nsr{suffix}": Measured(
                value=float(found.nsr.mean()) * 100, note=spread(found.nsr * 100)
            ),
        }
    return figures


def programming(quick: bool) -> Figures:
    """Closed-loop programming of 35 levels on devices with spread."""
    figures: dict[str, Measured | float] = {}
    for suffix in CELLS:
        figures |= _programmed(suffix)
    return figures


def _programmed(suffix: str, devices: int = 16, levels: int = 35) -> Figures:
    """Both acceptance ranges with one kind of cell."""
    from compact_models import noise
    from cosim.experiments.program_verify import ProgramVerify

    transistor, values = CELLS[suffix]
    figures: dict[str, Measured | float] = {}
    level = np.linspace(10e-6, 90e-6, levels)
    target = np.repeat(level, devices)
    for name, acceptance in (("tight", 0.002), ("loose", 0.02)):
        population, rng = drawn_cells(devices, values)
        result = ProgramVerify(acceptance_range=acceptance).run(
            population.repeated(levels), target, *both_transistors(transistor), rng
        )
        error = np.where(result.reached, result.reading - target, np.nan)
        # Relative spread of the accepted readings, brought to a target of 50 uS.
        sigma = float(np.nanstd(error / target)) * 50e-6
        each = np.nanstd(error.reshape(levels, devices), axis=1)
        figures[f"programming_sigma_{name}{suffix}"] = sigma * 1e9
        figures[f"programming_slope_{name}{suffix}"] = 1e3 * float(np.polyfit(level, each, 1)[0])
        figures[f"pulses_{name}{suffix}"] = Measured(
            value=float(result.pulses[result.reached].mean()),
            note=f"median {np.median(result.pulses):.0f}, over cells that reach their level",
        )
        figures[f"reached_{name}{suffix}"] = float(result.reached.mean()) * 100.0
        if name == "tight":
            # The overlap hangs on the spread steeply: many relaxations of every cell.
            deviate = rng.standard_normal((64, target.size))
            off = (noise.relaxed(result.conductance, 600.0, deviate) - target).reshape(
                64, levels, devices
            )
            spread = float(np.sqrt(np.mean(off.std(axis=(0, 2)) ** 2)))
            figures[f"overlap_programmed{suffix}"] = 100.0 * float(
                noise.adjacent_overlap(level[1] - level[0], spread)
            )
    return figures


def disturb(quick: bool) -> Figures:
    """Half-select disturb and fast switching of the 350 nm device."""
    from compact_models import load_model
    from cosim.experiments.access import Access
    from cosim.experiments.disturb import Disturb
    from cosim.experiments.population import draw_population

    rng = np.random.default_rng(SEED)
    population = draw_population(load_model("cmo_hfox", "cmo_hfox_350nm"), 25, rng, rows=12)
    found = Disturb(counts=(1, 100_000, 1_000_000)).run(population, Access(resistance=700.0), rng)
    worse = found.k_total.max(axis=1)
    k, sigma = worse.mean(axis=-1), worse.std(axis=-1, ddof=1)
    read = found.k_read(rng)[:, :, 1].std(axis=-1, ddof=1)
    ratio = np.abs(found.fast).mean(axis=1) / found.step.mean()
    return {
        "disturb_k_maximum": Measured(value=float(k[0, 1]), note=f"sigma {sigma[0, 1]:.2g}"),
        "disturb_k_minimum": Measured(value=float(k[1, 1]), note=f"sigma {sigma[1, 1]:.2g}"),
        "disturb_k_sigma": Measured(
            value=float(np.sqrt(np.mean(read**2))), note="one reading of 10 us before and after"
        ),
        "disturb_onset": float(k[0, 2]),
        "fast_set": float(ratio[0]) * 100.0,
        "fast_reset": float(ratio[1]) * 100.0,
        "n_states_350nm": float(found.n_states.mean()),
    }
