"""A parameter swept in a user's Verilog-A file: the same as in our model's own export."""

from functools import partial

import numpy as np
import pytest

import cosim as cs
from compact_models.emit.veriloga import module
from compact_models.foreign_va import load_veriloga

STATES = {"c": "c_0", "phi": "phi_0"}
DENSITY = np.array([[0.8, 3.0]])  # of vacancies, one cell near HRS and one near LRS [1e25 / m^3]
VOLTAGE = 0.2


def read_of(device):
    """A read of two bare cells."""
    array = cs.Array(cs.Cell(device), rows=1, cols=2, parameters={"c_0": DENSITY})
    return cs.Read(array, read_voltage=VOLTAGE)


def changed_read(device, name, value):
    """The same where parameter `name` is `value`."""
    return read_of(device.with_parameters(**{name: value}))


def exported(folder, name, value):
    """Our model with that parameter, printed to a file of its own and read back."""
    path = folder / f"{name}_{value!r}.va"
    path.write_text(module(cs.load_model("cmo_hfox").with_parameters(**{name: value})))
    return load_veriloga(path, states=STATES)


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("name", "factors"),
    [("L", (0.8, 1.0, 1.3)), ("E_e0", (0.95, 1.0, 1.05)), ("R_s", (0.0, 1.0, 10.0))],
)
def test_a_swept_parameter_gives_what_our_export_gives(compiled_ngspice, tmp_path, name, factors):
    ours = cs.load_model("cmo_hfox")
    path = tmp_path / "printed.va"
    path.write_text(module(ours))
    values = [factor * ours.parameters[name] for factor in factors]
    swept = cs.Study(
        build=partial(changed_read, load_veriloga(path, states=STATES), name),
        axes={"value": values},
        simulator=compiled_ngspice,
        variables=("conductance",),
    )
    cache = tmp_path / "cache"
    found = swept.run(progress=False, cache=cache)
    assert set(found.status.values.ravel()) == {"ok"}
    assert len(list(cache.glob("*.nc"))) == len(values)  # no point is answered by another's

    conductance = found.conductance.values[:, 0]
    for value, one in zip(values, conductance, strict=True):
        read = read_of(exported(tmp_path, name, value))
        again = read.run(simulator=compiled_ngspice, progress=False)
        np.testing.assert_allclose(one, again.conductance, rtol=1e-9)
        exact = ours.with_parameters(**{name: value}).conductance(
            vacancies=1e25 * DENSITY, read_voltage=VOLTAGE
        )
        np.testing.assert_allclose(one, exact, rtol=1e-6)
    assert np.ptp(conductance, axis=0).min() > 0.01 * conductance.min()
