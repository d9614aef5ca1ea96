"""Parameter files: loaded, replaced, sampled, compared; mistakes named."""

from __future__ import annotations

import numpy as np
import pytest

from compact_models import ParameterSet, Provenance, load_model, model_names
from compact_models.errors import ModelError, ParameterError
from compact_models.parameters import available

HEAD = '[device]\nname = "mine"\nmodel = "cmo_hfox"\n'


def entry(name, value="1.0", unit="m", source="a paper", provenance="published", more=""):
    return (
        f'[parameters.{name}]\nvalue = {value}\nunit = "{unit}"\nsource = "{source}"\n'
        f'provenance = "{provenance}"\n{more}\n'
    )


def write(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text)
    return path


@pytest.mark.parametrize("name", available())
def test_every_shipped_number_has_unit_source_and_provenance(name):
    chosen = ParameterSet.load(name)
    for parameter in chosen.parameters.values():
        assert parameter.source
        assert parameter.unit
        assert parameter.provenance in Provenance
        for spread in (parameter.dtod, parameter.ctoc):
            assert spread is None or spread.source, f"{parameter.name}: spread without a source"


def test_published_values_are_the_published_ones():
    published = load_model("cmo_hfox").parameters
    assert published["R_th"] == 1.4e6
    assert published["R_s"] + published["R_line"] == pytest.approx(223.2217)
    assert published.parameter("E_f").provenance is Provenance.CALIBRATED
    assert "3.38" in published.parameter("E_f").calibrated_to


def test_unknown_name_gets_the_best_matches():
    with pytest.raises(ParameterError, match=r"R_th") as raised:
        load_model("cmo_hfox").with_parameters(R_tH=1.0)
    assert "Best matches" in str(raised.value)
    with pytest.raises(ModelError, match="nmos_3v3"):
        load_model("nmos_3v")
    with pytest.raises(ParameterError, match="cmo_hfox"):
        ParameterSet.load("cmo_hfx")


def test_a_set_says_what_it_holds():
    chosen = ParameterSet.load("cmo_hfox")
    assert "R_line" in chosen
    assert "r_line" not in chosen


def test_replace_marks_the_value_as_the_users():
    own = load_model("cmo_hfox").parameters
    changed = own.replace(R_th=2e6)
    assert changed["R_th"] == 2e6
    assert changed.parameter("R_th").provenance is Provenance.ASSUMED
    assert "Galetta2025" in changed.parameter("R_th").source
    assert own.diff(changed) == {"R_th": (1.4e6, 2e6)}
    assert own.fingerprint != changed.fingerprint
    assert own.replace(R_th=1.4e6).fingerprint == own.fingerprint


def test_out_of_range_names_value_and_limit():
    with pytest.raises(ParameterError, match=r"R_th.*-1.*allowed"):
        load_model("cmo_hfox").with_parameters(R_th=-1.0)
    with pytest.raises(ParameterError, match="nan"):
        load_model("cmo_hfox").with_parameters(R_th=float("nan"))


def test_samples_have_the_spread_and_depend_on_the_seed_alone():
    own = load_model("cmo_hfox").parameters
    drawn = own.sample(np.random.default_rng(3), (4000,))
    assert set(drawn) == {n for n, q in own.parameters.items() if q.dtod}
    thickness = drawn["t_ox"]
    assert thickness.mean() == pytest.approx(own["t_ox"], rel=2e-3)
    assert thickness.std() / own["t_ox"] == pytest.approx(
        own.parameter("t_ox").dtod.sigma, rel=0.05
    )
    again = own.sample(np.random.default_rng(3), (4000,))
    np.testing.assert_array_equal(thickness, again["t_ox"])


def test_a_users_file_takes_the_rest_from_the_shipped_one(tmp_path):
    path = write(tmp_path, entry("t_ox", "5.0", "nm", "my TEM"))
    model = load_model("cmo_hfox", path)
    assert model.parameters["t_ox"] == pytest.approx(5e-9)
    assert model.parameters.parameter("t_ox").unit == "m"
    assert model.parameters["R_th"] == 1.4e6


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (entry("t_oxx"), "Best matches are: 't_ox'"),
        (entry("t_ox", unit="V"), "another dimension"),
        (entry("t_ox", unit="furlongs per"), "cannot be read"),
        (entry("t_ox", source=""), "no source"),
        (entry("t_ox", provenance="guessed"), "unknown provenance"),
        (entry("t_ox", provenance="calibrated"), "fitted to"),
        (entry("t_ox", more="valeu = 3"), "unknown key"),
        ("[parameters.t_ox]\nvalue = 1.0\nunit = 'm'\nprovenance = 'published'\n", "no source"),
        ("", "lacks its sections"),
        ("[parameters.t_ox\n", "not valid TOML"),
        (entry("t_ox", unit="m**"), "cannot be read"),
        (entry("T_0", unit="degC"), "another zero"),
        (entry("t_ox").replace('"a paper"', "5"), "source is no text"),
        (entry("t_ox").replace('"m"', "['m']"), "unit is no text"),
        (entry("t_ox", more="dtod = {sigma = -1.0}"), "sigma of a spread"),
        (
            entry("t_ox", more="dtod = {sigma = 1.0, distribution = 'cauchy'}"),
            "normal or lognormal",
        ),
        ("parameters = [1]\n", "lacks its sections"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path, text, match):
    with pytest.raises(ParameterError, match=match):
        load_model("cmo_hfox", write(tmp_path, text))


def test_limits_and_spreads_change_their_unit_with_the_value(tmp_path):
    more = "minimum = 4.0\nmaximum = 6.0\ndtod = {sigma = 0.1, relative = false, source = 'x'}"
    path = write(tmp_path, entry("t_ox", "5.0", "nm", more=more))
    own = load_model("cmo_hfox", path).parameters.parameter("t_ox")
    assert (own.minimum, own.maximum) == pytest.approx((4e-9, 6e-9))
    assert own.dtod.sigma == pytest.approx(1e-10)
    relative = write(
        tmp_path, entry("t_ox", "5.0", "nm", more="ctoc = {sigma = 0.1, source = 'x'}")
    )
    assert load_model("cmo_hfox", relative).parameters.parameter("t_ox").ctoc.sigma == 0.1


def test_a_set_of_another_model_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="another model"):
        load_model("nmos_3v3", "cmo_hfox")
    path = tmp_path / "other.toml"
    path.write_text('[device]\nname = "x"\nmodel = "resistor"\n' + entry("R_th", unit="K/W"))
    with pytest.raises(ParameterError, match="another model"):
        load_model("cmo_hfox", path)


def test_models_load_by_name():
    for name in model_names():
        model = load_model(name)
        assert model.name == name
        assert len(repr(model)) < 200


def test_a_model_with_all_memory_frozen_prints_with_any_open_parameters():
    from compact_models.emit.ngspice import subcircuit

    frozen = load_model("cmo_hfox").freeze("c", "phi")
    assert "223.22" in subcircuit(frozen, instance_parameters=("r",))
    assert "phi_0" in subcircuit(frozen)
