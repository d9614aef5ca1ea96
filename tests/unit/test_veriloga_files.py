"""Users' Verilog-A files: what the linter says, and what is read from a good one."""

from __future__ import annotations

import re
import subprocess

import pytest

from compact_models import load_model, model_names
from compact_models.emit.veriloga import module
from compact_models.errors import ModelError, ParameterError
from compact_models.foreign_va import load_veriloga
from compact_models.va_linter import lint
from cosim.simulators.osdi import compiler, compiler_works

HEAD = '`include "disciplines.vams"\nmodule d(p, n);\n  inout p, n;\n  electrical p, n;\n'
LINE = HEAD.count("\n") + 1

# Construct, what it does, the file's lines after the header; the complaint is about the marked one.
CASES = [
    ("idt", "wrong", "analog I(p, n) <+ idt(V(p, n), 1.0); // <"),
    ("analysis", "wrong", 'real x;\nanalog begin\nx = 1;\nif (analysis("static")) x = 0; // <\n'
     "I(p, n) <+ x*V(p, n);\nend"),
    ("variable w", "wrong", "real w;\nanalog begin\n@(initial_step) w = 0.5;\n"
     "w = w + 1e-3*V(p, n); // <\nI(p, n) <+ w*V(p, n);\nend"),
    ("variable w", "wrong", "real w;\nanalog begin\n@(initial_step) begin w = 0.5; end\n"
     "I(p, n) <+ w*V(p, n); // <\nw = tanh(V(p, n));\nend"),
    ("absdelay", "wrong", "analog I(p, n) <+ absdelay(V(p, n), 1n); // <"),
    (r"V\(p, n\)", "wrong", "analog V(p, n) <+ 2.0*I(p, n); // <"),
    (r"V\(p, n\)", "wrong", "branch (p, n) b;\nanalog V(b) <+ 2.0*I(b); // <"),
    ("cross", "refused", "real x;\nanalog begin\nx = 1;\n@(cross(V(p, n), 1)) x = 2; // <\n"
     "I(p, n) <+ x*V(p, n);\nend"),
    (r"\$random", "refused", "analog I(p, n) <+ $random*V(p, n); // <"),
    (r"\$rdist_normal", "refused",
     "integer s;\nanalog begin\ns = 1;\nI(p, n) <+ $rdist_normal(s, 0, 1)*V(p, n); // <\nend"),
    (r"\$table_model", "refused", 'analog I(p, n) <+ $table_model(V(p, n), "t.tbl"); // <'),
    (r"real x", "refused",
     "real x[0:1]; // <\nanalog begin\nx[0] = 1;\nI(p, n) <+ x[0]*V(p, n);\nend"),
]  # fmt: skip


@pytest.mark.parametrize(("construct", "effect", "body"), CASES)
def test_linter_names_line_and_cure(construct, effect, body):
    text = HEAD + body + "\nendmodule\n"
    marked = next(k for k, line in enumerate(text.splitlines(), 1) if "// <" in line)
    found = [c for c in lint(text) if re.search(construct, c.construct)]
    assert [(c.line, c.effect) for c in found] == [(marked, effect)]
    assert found[0].reason
    assert found[0].cure
    assert f"line {marked}" in str(found[0])


@pytest.mark.parametrize(("construct", "effect", "body"), CASES)
def test_the_compiler_agrees_with_the_linter(construct, effect, body, tmp_path):
    if not compiler_works():
        pytest.skip("openvaf-r is not installed")
    source = tmp_path / "d.va"
    source.write_text(HEAD + body + "\nendmodule\n")
    command = [compiler(), "--target_cpu", "generic", "-o", str(tmp_path / "d.osdi"), str(source)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) == (effect == "wrong"), (construct, done.stderr.decode()[-500:])


def test_comments_strings_and_good_code_pass():
    body = (
        "// idt(x, 0) in a comment\n/* @(cross(V(p),1)) \n $random */\n"
        'parameter string s = "$table_model";\nreal x, w;\nelectrical q;\n'
        "analog begin\nx = V(p, q);\nif (x > 0) w = x; else w = -x;\n"
        "I(p, q) <+ w*x;\nV(q, n) <+ 2.0*I(q, n);\nI(p, n) <+ ddt(1p*V(p, n));\nend"
    )
    assert lint(HEAD + body + "\nendmodule\n") == ()


@pytest.mark.parametrize("name", model_names())
def test_our_own_modules_pass_and_are_read_back(name, tmp_path):
    model = load_model(name)
    path = tmp_path / f"{name}.va"
    path.write_text(module(model))
    read = load_veriloga(path)
    assert read.name == model.name
    assert read.terminals == model.terminals
    inner = {name.lower() for name in (*model.internal_nodes, *(s.name for s in model.states))}
    assert set(read.internal_nodes) == inner
    assert dict(read.parameters) == dict(model.parameters)
    for key, parameter in model.parameters.parameters.items():
        assert read.parameters.parameter(key).unit == parameter.unit
        line = int(read.declared[key].place.rpartition(" ")[2])
        assert path.read_text().splitlines()[line - 1].count(f" {key} = ") == 1


def test_parameters_ranges_and_errors(tmp_path):
    path = tmp_path / "mine.va"
    path.write_text(
        HEAD + '(* desc = "on resistance", units = "ohm" *) parameter real r_on = 1.5k from (0:1M],'
        " r_off = 1e6;\nparameter integer n = 2 from [1:4];\nparameter real d = 2*r_on;\n"
        "analog I(p, n) <+ V(p, n)/r_on;\nendmodule\n"
    )
    model = load_veriloga(path)
    assert (model.name, model.terminals) == ("d", ("p", "n"))
    on = model.parameters.parameter("r_on")
    assert (on.value, on.maximum, on.unit) == (1500.0, 1e6, "ohm")
    assert on.source == f"mine.va, line {LINE} = 1.5k"
    assert 0.0 < on.minimum < 1e-300
    assert dict(model.parameters) == {"r_on": 1500.0, "r_off": 1e6, "n": 2.0, "d": 3000.0}
    model.check({"r_on": 10.0, "n": 3.0})
    with pytest.raises(ParameterError, match="integer"):
        model.check({"n": 2.5})
    with pytest.raises(ParameterError, match="r_on"):
        model.check({"r_onn": 1.0})
    with pytest.raises(ParameterError, match="out of range"):
        model.check({"r_on": 2e6})
    with pytest.raises(ModelError, match="no module called"):
        load_veriloga(path, module="e")
    with pytest.raises(ModelError, match="cannot be read"):
        load_veriloga(tmp_path / "none.va")


def test_a_bad_file_is_refused_with_the_line(tmp_path):
    path = tmp_path / "bad.va"
    path.write_text(HEAD + "analog I(p, n) <+ idt(V(p, n), 1.0);\nendmodule\n")
    with pytest.raises(ModelError, match=rf"bad\.va, line {LINE}: idt .*wrong.*\$abstime"):
        load_veriloga(path)
    assert len(load_veriloga(path, accept=True).complaints) == 1
