"""``cosim.NAME`` stays what it is, whatever else has been imported."""

import pkgutil

import cosim


def test_no_public_name_is_also_a_module() -> None:
    # Importing `cosim.NAME` as a module would replace the object of that name in the package.
    modules = {module.name for module in pkgutil.iter_modules(cosim.__path__)}
    assert set(cosim.__all__) & modules == {"network"}


def test_every_public_name_is_there() -> None:
    for name in cosim.__all__:
        assert getattr(cosim, name) is not None
    assert callable(cosim.calibrate)
