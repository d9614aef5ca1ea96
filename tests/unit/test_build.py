"""From the [cell] table of a study to devices: files of one's own, cards, and what is refused."""

from __future__ import annotations

import pytest

from compact_models.foreign_model import ForeignModel
from cosim.build import build_array
from cosim.config import load_study
from cosim.errors import ConfigError, CosimError, ParameterError

DEVICE = """`include "disciplines.vams"
module mem(p, n);
  inout p, n;
  electrical p, n, x;
  (* units = "S" *) parameter real g_on = 50u from (0:1];
  parameter real x0 = 0.2 from [0:1];
  analog begin
    I(p, n) <+ V(x)*g_on*V(p, n);
    I(x) <+ ddt(V(x));
    I(x) <+ ($abstime == 0.0) ? V(x) - x0 : -V(p, n);
  end
endmodule
"""
READ = 'experiment = "read"\n[cell]\n'
PULSES = 'experiment = ["read", "pulse_update"]\n[cell]\n'


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mem.va").write_text(DEVICE)
    (tmp_path / "models.lib").write_text(".lib tt\n.model nch nmos level=1 vto=0.6\n.endl\n")

    def load(text):
        path = tmp_path / "study.toml"
        path.write_text(text)
        return build_array(load_study(path))

    return load


def test_a_file_of_ones_own_beside_the_study(study):
    array = study(
        PULSES + 'reram = "mem.va"\nreram_states = {x = "x0"}\nreram_values = {g_on = "60 uS"}\n'
    )
    reram = array.cell.reram
    assert isinstance(reram, ForeignModel)
    assert reram.given == {"g_on": 60e-6}
    assert [s.name for s in reram.states] == ["x"]
    changed = array.with_states({"x": [[0.4]]})
    assert changed.parameter_array("x0") == [[0.4]]
    assert changed.fingerprint != array.fingerprint


def test_a_card_of_a_library_of_ones_own(study):
    array = study(
        READ + 'selector = {library = "models.lib", model = "nch", section = "tt", level = 1, '
        'width = "2 um", length = 3e-7}\nselector_values = {w = "4 um"}\n'
    )
    assert array.cell.selector.parameters == {"w": 4e-6, "l": 3e-7}
    netlist = array.netlist()
    assert netlist.count(".subckt nch_selector d g s b") == 1
    assert "nch_selector l=3e-07 w=4e-06" in netlist


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (READ + 'reram = "none.va"', CosimError, "cannot be read"),
        (READ + 'reram = "mem.va"\nreram_module = "meme"', CosimError, "no module called meme"),
        (READ + 'reram = "mem.va"\nreram_values = {g_onn = 1}', ParameterError, "'g_on'"),
        (READ + 'reram = "mem.va"\nreram_values = {g_on = 2}', ParameterError, "out of range"),
        (READ + 'reram = "mem.va"\nreram_parameters = "cmo_hfox"', ConfigError, "its own param"),
        (PULSES + 'reram = "mem.va"', ConfigError, "pulse_update.*reram_states"),
        (PULSES + 'reram = "mem.va"\nreram_states = {y = "x0"}', CosimError, "no internal node"),
        ('simulator = "native"\n' + READ + 'reram = "mem.va"', ConfigError, "circuit rung only"),
        (READ + 'reram_states = {c = "c_0"}', ConfigError, "knows its states itself"),
        (READ + 'reram = "mem.va\\n.control"', ConfigError, "line break"),
        (READ + 'selector = "nmos_3v4"', ConfigError, r"nmos_3v3.*library ="),
        (READ + 'selector = {library = "models.lib"}', ConfigError, r"selector.*model"),
        (READ + 'selector = {library = "a", model = "n", modell = "n"}', ConfigError, "'model'"),
        (READ + 'selector = {library = "models.lib", model = "nch"}', CosimError, "section: tt"),
        (READ + 'selector = "none"\nselector_values = {w = 1}', ConfigError, "takes no param"),
    ],
)
def test_what_is_refused_says_why(study, text, error, message):
    with pytest.raises(error, match=message):
        study(text + "\n")
