"""Figures of the device alone: its equations, finite elements, forming law and noise laws."""

from __future__ import annotations

from collections.abc import Mapping

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

    low, high = 0.05 / current(1.2, 0.05), current(3.0, 3.3) * 1e3
    return {
        "selector_resistance_1v2": low,
        "selector_resistance_3v3": 0.05 / current(3.3, 0.05),
        "selector_saturation": high,
        "card_resistance_1v2": low,
        "card_saturation": high,
    }


def pristine(quick: bool) -> Figures:
    """The device before forming: its resistance, and how long it takes to form."""
    from scipy.integrate import solve_ivp

    from compact_models import load_model
    from compact_models.steady import solve_steady

    # 8 kohm stand for a transistor, so that the current of the breakdown stays finite.
    model = load_model("cmo_hfox").with_parameters(R_line=8e3).freeze("c")

    def rate(phi: float, voltage: float) -> float:
        bias, held = {"top": voltage, "bottom": 0.0}, {"phi": min(max(phi, 0.0), 1.0)}
        return float(solve_steady(model, voltages=bias, held=held, ramp=2).rate("phi"))

    def slope(_: float, values: np.ndarray) -> list[float]:
        return [rate(float(values[0]), 3.1)]

    def half(_: float, values: np.ndarray) -> float:
        return float(values[0]) - 0.5

    half.terminal = True  # type: ignore[attr-defined]
    span = (0.0, 2.0 / rate(0.0, 3.1))
    found = solve_ivp(slope, span, [0.0], method="LSODA", events=half, rtol=1e-4, atol=1e-6)
    fastest = 1e6 / rate(0.0, 4.0)
    off = solve_steady(
        load_model("cmo_hfox"),
        voltages={"top": 0.2, "bottom": 0.0},
        held={"c": 1.64, "phi": 0.0},
    )
    return {
        "pristine_resistance": 0.2 / float(off.current("top")) / 1e6,
        "forming_time": Measured(
            value=float(found.t[-1]) * 1e6, note=f"not below {fastest:.0f} us at 4 V"
        ),
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
