"""Figures of single devices, from the device equations and the finite elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
SEED = 20250704


def compact(quick: bool) -> Figures:
    """Conductances and conductivities that follow from the published parameters."""
    from compact_models import load_model

    reram = load_model("cmo_hfox")
    p = reram.parameters
    states = {"hrs": 7e24, "symmetry": 1.64e25, "lrs": 3.77e25}
    g = {n: float(reram.conductance(vacancies=c)) for n, c in states.items()}
    geometry = p["L"] / (p["area_factor"] * np.pi * p["r"] ** 2)
    # 20 mV: below it sinh is linear and the heat is gone.
    low = float(reram.conductance(vacancies=states["hrs"], read_voltage=0.02))
    series = p["R_s"] + p["R_line"]
    conductivity = geometry / (1.0 / low - series)
    return {
        "conductance_hrs": g["hrs"] * 1e6,
        "conductance_symmetry": g["symmetry"] * 1e6,
        "conductance_lrs": g["lrs"] * 1e6,
        "thermal_time_constant": p["R_th"] * p["C_th"] * 1e12,
        "conductivity_reset": conductivity / 100.0,
    }


def selector(quick: bool) -> Figures:
    """Figures of the access transistor."""
    from compact_models import load_model

    nmos = load_model("nmos_3v3")

    def current(gate: float, drain: float) -> float:
        return float(nmos.current(gate=gate, drain=drain, source=0.0, bulk=0.0))

    return {
        "selector_resistance_1v2": 0.05 / current(1.2, 0.05),
        "selector_resistance_3v3": 0.05 / current(3.3, 0.05),
        "selector_saturation": current(3.0, 3.3) * 1e3,
    }


def electrothermal(quick: bool) -> Figures:
    """Lumped factors of the finite elements, with literature materials."""
    from compact_models import electrothermal as et
    from compact_models import load_model

    fineness = 0.6 if quick else 1.0
    device = et.make_device(fineness=fineness)
    solved = [f for f, _ in et.sweep(device, [0.2, 0.675, 1.35])]
    low, half, full = solved
    compact_peak = float(load_model("cmo_hfox").temperature(voltage=1.35, vacancies=et.LRS))
    ambient = device.parameters["T_0"]
    steps = (0.3, 0.6, 1.2) if quick else (0.5, 1.0, 2.0)
    meshes = et.mesh_convergence(device, 0.2, steps)
    mesh_error = et.discretisation_error([f.R_th for f in meshes])
    calibrated = et.sweep(et.make_device(fineness=fineness, materials="calibrated"), [0.2, 1.35])
    fitted, hot = (f for f, _ in calibrated)
    rise = (full.temperature_mean - ambient) / (half.temperature_mean - ambient)
    return {
        "r_th_literature": low.R_th / 1e6,
        "r_th_calibrated": fitted.R_th / 1e6,
        "field_length": low.L_field * 1e9,
        "conductance_finite_elements": low.conductance * 1e6,
        "settling_time": low.tau * 1e12,
        "voltage_confined": low.voltage_share,
        "dome_temperature_full": Measured(
            value=full.temperature_mean, note=f"compact model {compact_peak:.0f} K"
        ),
        "dome_temperature_calibrated": hot.temperature_mean,
        "dome_cooling_at_half": rise,
        "mesh_error": mesh_error * 100.0,
    }


def _population(count: int, *, spread: bool = True, cycle: bool = True) -> Any:
    from compact_models import load_model
    from cosim.experiments.population import draw_population

    rng = np.random.default_rng(SEED)
    model = load_model("cmo_hfox")
    return draw_population(model, count, rng, spread=spread, cycle=cycle, rows=12), rng


def open_loop(quick: bool) -> Figures:
    """Open-loop response of the 1T1R, without and with spreads."""
    from cosim.experiments.open_loop import OpenLoop
    from cosim.experiments.pulse_map import selector as access

    up, down = access(1.4), access(3.3)
    one, rng = _population(1, spread=False, cycle=False)
    plain = OpenLoop(read_noise=False, ramps=1).run(one, up, down, rng)
    many, rng = _population(32)
    found = OpenLoop().run(many, up, down, rng)

    def spread(values: np.ndarray) -> str:
        return f"{values.min():.3g} to {values.max():.3g} over {values.size} devices"

    return {
        "open_loop_maximum": float(plain.conductance[400, 0]) * 1e6,
        "open_loop_minimum": float(plain.conductance[800, 0]) * 1e6,
        "n_states_published_parameters": float(plain.n_states[0]),
        "n_states": Measured(value=float(found.n_states.mean()), note=spread(found.n_states)),
        # Range of 32 normal draws: 4.14 standard deviations.
        "n_states_range": float(np.exp(4.14 * np.log(found.n_states).std(ddof=1))),
        "skew": Measured(value=float(found.skew.mean()) * 100, note=spread(found.skew * 100)),
        "nsr": Measured(value=float(found.nsr.mean()) * 100, note=spread(found.nsr * 100)),
    }


def programming(quick: bool) -> Figures:
    """Closed-loop programming of 35 levels on devices with spread."""
    from compact_models import noise
    from cosim.experiments.program_verify import ProgramVerify
    from cosim.experiments.pulse_map import selector as access

    devices, levels = 16, 35
    figures: dict[str, Measured | float] = {}
    for name, acceptance in (("tight", 0.002), ("loose", 0.02)):
        population, rng = _population(devices)
        target = np.repeat(np.linspace(10e-6, 90e-6, levels), devices)
        result = ProgramVerify(acceptance_range=acceptance).run(
            population.repeated(levels), target, access(1.4), access(3.3), rng
        )
        error = np.where(result.reached, result.reading - target, np.nan)
        # Relative spread of the accepted readings, brought to a target of 50 uS.
        sigma = float(np.nanstd(error / target)) * 50e-6
        figures[f"programming_sigma_{name}"] = sigma * 1e9
        figures[f"pulses_{name}"] = Measured(
            value=float(result.pulses[result.reached].mean()),
            note=f"median {np.median(result.pulses):.0f}, over cells that reach their level",
        )
        figures[f"reached_{name}"] = float(result.reached.mean()) * 100.0
        if name == "tight":
            deviate = rng.standard_normal(target.shape)
            later = noise.relaxed(result.conductance, 600.0, deviate)
            spread = np.array(
                [(later - target).reshape(levels, devices)[i].std(ddof=1) for i in range(levels)]
            )
            spacing = target[devices] - target[0]
            figures["overlap_programmed"] = (
                float(noise.adjacent_overlap(spacing, float(np.sqrt(np.mean(spread**2))))) * 100.0
            )
    return figures


def statistics(quick: bool) -> Figures:
    """The published laws, and what follows from them."""
    from compact_models import noise

    targets = noise.level_targets()
    sigma = float(noise.relaxation_sigma(600.0))
    rng = np.random.default_rng(SEED)
    g = noise.programmed(np.full(200_000, 50e-6), rng)
    deviate = rng.standard_normal(g.shape)
    early, day, later = (noise.relaxed(g, t, deviate) for t in (1.0, 86400.0, 3.156e8))
    return {
        "relaxation_sigma_1s": float(early.std()) * 1e6,
        "relaxation_mean_1d": (float(day.mean()) - 50e-6) * 1e6,
        "relaxation_sigma_1d": float(day.std()) * 1e6,
        "overlap_law": float(noise.adjacent_overlap(targets[1] - targets[0], sigma)) * 100.0,
        "relaxation_mean_10y": (float(later.mean()) - 50e-6) * 1e6,
        "relaxation_sigma_10y": float(later.std()) * 1e6,
        "read_sigma_1s": float(noise.read(g * 0 + 50e-6, 1.0, rng).std()) * 1e6,
    }


def disturb(quick: bool) -> Figures:
    """Half-select disturb and fast switching of the 350 nm device."""
    from compact_models import load_model
    from cosim.experiments.disturb import Disturb
    from cosim.experiments.population import draw_population
    from cosim.experiments.pulse_map import Access

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
