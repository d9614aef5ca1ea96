"""The printed Verilog-A is a file to read: what a device engineer looks for is there."""

from __future__ import annotations

import re

import pytest

from compact_models import load_model
from compact_models.emit.veriloga import module
from compact_models.emit.veriloga_printer import CONSTANTS, FUNCTIONS, VerilogAPrinter
from compact_models.functions import logistic, softplus
from compact_models.model import p, v
from compact_models.va_linter import lint
from cosim import cli

# What the standard's analog subset has; anything else would tie the file to one compiler.
WORDS = {
    *("module", "endmodule", "inout", "electrical", "branch", "parameter", "real", "from", "inf"),
    *("analog", "begin", "end", "function", "endfunction", "input", "include", "define"),
    *("ddt", "exp", "ln", "sqrt", "pow", "min", "max", "sinh", "cosh", "tanh", "abs", "V", "I"),
    *("desc", "units", "type", "M_PI", "abstime", "x", "e"),
}


def _code(text):
    """Without comments and strings."""
    return re.sub(r'"[^"\n]*"', '""', re.sub(r"//[^\n]*", "", text))


def test_every_parameter_is_described_with_unit_range_and_source(case):
    text = module(case.model)
    for name, parameter in case.model.parameters.parameters.items():
        found = re.search(
            rf"((?:    //[^\n]*\n)+)    \(\* desc = \"([^\"]*)\",\s+units = \"([^\"]*)\"[^*]*\*\)\n"
            rf"    parameter real {name} = (\S+) from ([\[(])(\S+):(\S+)([\])]);\n",
            text,
        )
        assert found is not None, name
        assert str(parameter.provenance) in found[1]
        assert found[3] == parameter.unit
        assert float(found[4]) == parameter.value
        assert float(found[6].replace("-inf", "-Infinity")) <= parameter.value <= float(found[7])
        assert len(found[2]) > 3 or name.startswith("depletion"), name


def test_every_equation_has_a_comment_with_its_unit(case):
    lines = module(case.model).splitlines()
    printer = VerilogAPrinter(case.model)
    for item in case.model.definitions:
        start = f"        {printer.rename(item.name)} = "
        at = [k for k, line in enumerate(lines) if line.startswith(start)]
        if at:
            assert lines[at[0] - 1] == f"        // {item.description} [{item.unit}]"
    assert max(map(len, lines)) <= 140


def test_standard_words_only_and_nothing_refers_to_ground(case):
    model = case.model
    text = module(model)
    known = {*model.parameters, *CONSTANTS, *FUNCTIONS, "constants", "disciplines", "vams"}
    known |= {model.name, *(n.lower() for n in (*model.nodes, *(s.name for s in model.states)))}
    known |= {VerilogAPrinter(model).rename(d.name) for d in model.definitions}
    known |= {f"br_{b.name}" for b in model.branches} | {f"br_{s.name}" for s in model.states}
    words = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", _code(text)))
    assert words <= WORDS | known, words - WORDS - known
    # Potentials of circuit nodes come as differences; those of states stand alone.
    alone = set(re.findall(r"V\((\w+)\)", _code(text)))
    assert alone <= {s.name.lower() for s in model.states}
    assert lint(text) == ()


def test_the_printer_names_constants_and_functions():
    model = load_model("cmo_hfox")
    printer = VerilogAPrinter(model)
    charge, boltzmann = (float(x) for x in CONSTANTS.values())
    assert printer(2 * charge * p("C_th")) == "(2.0*`Q_E)*C_th"
    assert printer(p("C_th") / boltzmann) == "(1.0/`K_B)*C_th"
    assert printer(charge / (2 * boltzmann) * p("T_0")) == "(`Q_E/(2.0*`K_B))*T_0"
    assert printer(3.14 * p("T_0")) == "3.14*T_0"
    assert set(printer.constants) == {"Q_E", "K_B"}
    assert printer(v("top") - v("bottom")) == "V(top, bottom)"
    assert printer(v("m") - v("top") / 2 - v("bottom") / 2) in (
        "0.5*V(m, top) + 0.5*V(m, bottom)",
        "0.5*V(m, bottom) + 0.5*V(m, top)",
    )
    assert printer(softplus(p("T_0")) + logistic(p("T_0"))) == "logistic(T_0) + softplus(T_0)"
    assert set(printer.functions) == {"softplus", "logistic"}


@pytest.mark.parametrize(("form", "start"), [("veriloga", "// CMO/HfOx"), ("subcircuit", "* cmo")])
def test_the_command_that_hands_it_out(form, start, tmp_path, capsys):
    assert cli.run(["export", form, "cmo_hfox"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(start)
    assert cli.run(["export", form, "cmo_hfox", "-o", str(tmp_path / "out")]) == 0
    (file,) = (tmp_path / "out").iterdir()
    assert file.read_text().rstrip() == printed.rstrip()
    assert cli.run(["export", form, "cmo_hfoxx"]) == 2
    assert "cmo_hfox" in capsys.readouterr().err
