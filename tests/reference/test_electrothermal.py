"""Field and heat against exact solutions, and what the device's factors must be."""

import numpy as np
import pytest

skfem = pytest.importorskip("skfem")

from compact_models import electrothermal as et  # noqa: E402
from compact_models.electrothermal.problem import Problem  # noqa: E402
from compact_models.electrothermal.solver import solve  # noqa: E402
from compact_models.errors import NotConverged  # noqa: E402

AMBIENT = 300.0


def constant(value):
    def law(points, *fields):
        first = np.full_like(fields[0], value)
        return (first, *(np.zeros_like(first) for _ in fields))

    return law


def box(nr, nz, radius=10.0, height=20.0):
    return skfem.MeshQuad.init_tensor(
        np.linspace(0.0, radius, nr + 1), np.linspace(0.0, height, nz + 1)
    )


def planar(sigma, k, mesh, height=20.0, degree=1):
    return Problem(
        mesh=mesh,
        sigma=sigma,
        k=k,
        live=lambda x: x[1] > height - 1e-9,
        grounded=lambda x: x[1] < 1e-9,
        cold=lambda x: (x[1] > height - 1e-9) | (x[1] < 1e-9),
        ambient=AMBIENT,
        degree=degree,
    )


def test_planar_slab_has_the_exact_current_and_parabola():
    # R = h / (sigma pi a^2); T = T_0 + sigma V^2 / 2k * (z/h)(1 - z/h)
    sigma, k, volt = 2e3, 1.5, 0.4
    solution = solve(planar(constant(sigma), constant(k), box(2, 4), degree=2), volt)
    resistance = 20e-9 / (sigma * np.pi * 10e-9**2)
    assert solution.current == pytest.approx(volt / resistance, rel=1e-10)
    assert solution.power == pytest.approx(volt**2 / resistance, rel=1e-10)
    assert solution.heat_flow == pytest.approx(solution.power, rel=1e-9)
    z = np.array([5.0, 10.0, 13.0])
    _, temperature = solution.probe(np.array([np.full(3, 4.0), z]))
    exact = AMBIENT + sigma * volt**2 / (2 * k) * (z / 20) * (1 - z / 20)
    np.testing.assert_allclose(temperature, exact, rtol=1e-9)


def _cylinder_error(cells, degree):
    # Radial flow between r = a and b: phi = V ln(r/a)/ln(b/a), T - T_0 = sigma/2k phi (V - phi)
    inner, outer, sigma, k, volt = 5.0, 40.0, 1e3, 2.0, 0.5
    mesh = skfem.MeshQuad.init_tensor(
        np.linspace(inner, outer, cells + 1), np.linspace(0.0, 3.0, 3)
    )
    problem = Problem(
        mesh=mesh,
        sigma=constant(sigma),
        k=constant(k),
        live=lambda x: x[0] > outer - 1e-9,
        grounded=lambda x: x[0] < inner + 1e-9,
        cold=lambda x: (x[0] > outer - 1e-9) | (x[0] < inner + 1e-9),
        ambient=AMBIENT,
        degree=degree,
    )
    solution = solve(problem, volt)
    r = problem.basis.doflocs[0]
    phi = volt * np.log(r / inner) / np.log(outer / inner)
    rise = sigma / (2 * k) * phi * (volt - phi)
    conductance = 2 * np.pi * sigma * 3e-9 / np.log(outer / inner)
    return (
        np.abs(solution.temperature - AMBIENT - rise).max() / rise.max(),
        abs(solution.current / volt / conductance - 1.0),
    )


@pytest.mark.parametrize(("degree", "field_order", "flux_order"), [(1, 2, 2), (2, 3, 4)])
def test_cylindrical_flow_converges_with_the_right_order(degree, field_order, flux_order):
    errors = np.array([_cylinder_error(n, degree) for n in (8, 16, 32)])
    orders = np.log2(errors[:-1] / errors[1:])[-1]
    assert orders[0] > field_order - 0.25
    assert orders[1] > flux_order - 0.25
    assert errors[-1, 1] < (2e-3 if degree == 1 else 1e-5)


def _sphere_error(cells):
    # Half-sphere shell: phi = V (1/a - 1/rho)/(1/a - 1/b), conductance 2 pi sigma / (1/a - 1/b)
    inner, outer, sigma, k, volt = 10.0, 30.0, 1e3, 2.0, 0.3
    mesh = skfem.MeshQuad.init_tensor(
        np.linspace(inner, outer, cells + 1), np.linspace(0.0, np.pi / 2, cells + 1)
    )
    rho, angle = mesh.p
    mesh = skfem.MeshQuad(np.array([rho * np.sin(angle), rho * np.cos(angle)]), mesh.t)
    middle = 0.5 * (inner + outer)
    flat = 0.75 * inner * np.pi / 2 / cells

    def inside(x):
        return (np.hypot(*x) < middle) & (x[0] > 1e-6) & (x[1] > 1e-6)

    def outside(x):
        return (np.hypot(*x) > outer - flat) & (x[0] > 1e-6) & (x[1] > 1e-6)

    problem = Problem(
        mesh=mesh,
        sigma=constant(sigma),
        k=constant(k),
        live=outside,
        grounded=inside,
        cold=lambda x: inside(x) | outside(x),
        ambient=AMBIENT,
        degree=1,
    )
    solution = solve(problem, volt)
    reach = np.hypot(*problem.basis.doflocs)
    phi = volt * (1 / inner - 1 / reach) / (1 / inner - 1 / outer)
    rise = sigma / (2 * k) * phi * (volt - phi)
    exact = 2 * np.pi * sigma * 1e-9 / (1 / inner - 1 / outer)
    return (
        np.sqrt(np.mean((solution.temperature - AMBIENT - rise) ** 2)) / rise.max(),
        abs(solution.current / volt / exact - 1.0),
    )


def test_spherical_flow_converges_with_second_order():
    errors = np.array([_sphere_error(n) for n in (8, 16, 32)])
    orders = np.log2(errors[:-1] / errors[1:])[-1]
    assert (orders > 1.75).all()
    assert (errors[-1] < 3e-3).all()


def test_conduction_that_follows_temperature_reaches_the_exact_peak():
    # k = L sigma T (Wiedemann-Franz) gives T_peak^2 = T_0^2 + V^2 / 4L whatever sigma(T) is.
    lorenz = 2.44e-8

    def sigma(points, field, temperature):
        value = 1e5 / temperature**0.5
        return value, np.zeros_like(value), -0.5 * value / temperature

    def k(points, temperature):
        return lorenz * 1e5 * temperature**0.5, lorenz * 0.5e5 / temperature**0.5

    volt = 0.15
    solution = solve(planar(sigma, k, box(2, 24), degree=2), volt)
    exact = np.sqrt(AMBIENT**2 + volt**2 / (4 * lorenz))
    assert solution.temperature.max() == pytest.approx(exact, rel=1e-5)


def test_conduction_that_follows_the_field_is_exact_in_a_slab():
    def sigma(points, field, temperature):
        x = field / 2e7
        safe = np.maximum(x, 1e-9)
        value = 1e3 * np.sinh(safe) / safe
        slope = 1e3 * (np.cosh(safe) - np.sinh(safe) / safe) / safe / 2e7
        return value, slope, np.zeros_like(value)

    volt = 1.0
    solution = solve(planar(sigma, constant(50.0), box(2, 6)), volt)
    current = 1e3 * 2e7 * np.sinh(volt / 20e-9 / 2e7) * np.pi * 10e-9**2
    assert solution.current == pytest.approx(current, rel=1e-9)


def test_runaway_is_an_error_not_a_number():
    def sigma(points, field, temperature):
        value = 1e3 * np.exp((temperature - AMBIENT) / 20.0)
        return value, np.zeros_like(value), value / 20.0

    with pytest.raises(NotConverged, match="steady"):
        solve(planar(sigma, constant(0.5), box(2, 6)), 2.0)


def test_settling_time_of_a_slab_is_exact():
    # Uniform source, rise s(1-s): integral of the deficit over the rise, averaged over z: h^2/10 D.
    sigma, k, capacity = 1e3, 2.0, 3e6
    solution = solve(planar(constant(sigma), constant(k), box(2, 16), degree=2), 0.2)
    time = et.settling_time(solution, lambda points: np.full_like(points[0], capacity))
    _, weights, _, temperature = solution.at_points()
    rise = temperature - AMBIENT
    local = np.asarray(solution.problem.basis.interpolate(time))
    mean = (weights * rise * local).sum() / (weights * rise).sum()
    assert mean == pytest.approx((20e-9) ** 2 * capacity / (10 * k), rel=1e-3)


def test_a_contact_in_a_wide_film_has_the_spreading_resistance():
    # Maxwell: a disc of radius a on a half space has R = 1 / (4 sigma a).
    wide = {"outer_radius": 300e-9, "cmo_thickness": 300e-9, "sigma_filament": 1e9,
            "sigma_electrode": 1e9, "sigma_hfox": 1e-9}  # fmt: skip
    device = et.make_device(fineness=0.4, **wide)
    found, _ = et.sweep(device, [0.002])[0]
    one = np.array([et.LRS])
    sigma = float(device.law(np.zeros(1), np.full(1, 293.0), one)[0][0])
    assert 1.0 / found.conductance == pytest.approx(1.0 / (4 * sigma * 11e-9), rel=0.04)


def test_factors_agree_with_the_published_compact_model():
    found, _ = et.sweep(et.make_device(fineness=0.6), [0.2])[0]
    # Galetta2025: 1.4e6 K/W and 12 nm; materials are literature values, nothing is fitted.
    assert found.R_th == pytest.approx(1.4e6, rel=0.5)
    assert found.L_field == pytest.approx(12e-9, rel=0.25)
    assert found.energy_error < 1e-8
    fitted, _ = et.sweep(et.make_device(fineness=0.6, materials="calibrated"), [0.2])[0]
    assert fitted.R_th == pytest.approx(1.4e6, rel=0.01)


@pytest.mark.slow
def test_factors_are_converged_in_the_mesh():
    found = et.mesh_convergence(et.make_device(fineness=0.6))
    for name in ("R_th", "L_field", "conductance", "tau"):
        values = [getattr(f, name) for f in found]
        assert et.discretisation_error(values) < 0.005, name


def test_half_voltage_leaves_the_dome_cool():
    hot = [f.temperature_mean for f, _ in et.sweep(et.make_device(fineness=0.5), [0.675, 1.35])]
    assert hot[1] - 293.0 > 3.0 * (hot[0] - 293.0)


def test_a_small_study_is_drawn_again_from_its_data(tmp_path):
    from types import SimpleNamespace

    from cosim.experiments.electrothermal_job import Electrothermal

    # The amplitude itself is not solved: nothing can be said about half of it.
    job = Electrothermal(
        fineness=0.4, states=(3.77e25,), fractions=(0.5, 1.5), convergence=False, sensitivity=False
    )
    made = job.run(folder=tmp_path, study=SimpleNamespace(seed=0), progress=False)
    dataset = made.datasets["electrothermal"]
    assert dataset.R_th.attrs["units"] == "K/W"
    assert dataset.map_temperature.shape == (1, 121, 121)
    assert float(dataset.map_temperature.max()) > float(dataset.temperature_mean.max())
    section = job.redraw(folder=tmp_path).sections[0]
    assert {p.name for p in section.plots} == {"maps_0", "dome_temperature"}
    assert not [f for f in section.figures if f.key.startswith("drift")]
    assert "Parts of the device at 2.025 V, 3.77e+25 vacancies/m^3" in section.tables
    drawn = {f.key: f.value for f in section.figures}
    assert drawn == {f.key: f.value for f in made.sections[0].figures}
