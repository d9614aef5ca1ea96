"""Users' Verilog-A files: what the linter says, and what is read from a good one."""

from __future__ import annotations

import re
import subprocess

import pytest

from compact_models import load_model, model_names
from compact_models.emit.veriloga import module
from compact_models.errors import ModelError, NetlistError, ParameterError
from compact_models.foreign_va import load_veriloga
from compact_models.va_expression import evaluate
from compact_models.va_linter import lint
from cosim.content import content_hash
from cosim.simulators.osdi import compiler, compiler_works
from netlists.cell import Cell
from netlists.foreign import foreign_module

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


# What these do was measured: compiled with openvaf-r, then operating points and transients.
CASES += [
    ("idt", "wrong", "electrical s;\nanalog begin\nV(s) <+ idtmod(V(p, n), 0.5, 1.0); // <\n"
     "I(p, n) <+ V(s);\nend"),
    ("variable w", "wrong", "real w;\nanalog begin\nif ($abstime == 0) w = 0.2;\n"
     "I(p, n) <+ w*V(p, n); // <\nend"),
    ("variable w", "wrong", "real w;\nanalog begin\n@(initial_step) w = V(p, n); // <\n"
     "I(p, n) <+ w;\nend"),
    ("variable q", "wrong", "analog begin : b\nreal q;\nif (V(p, n) > 0.1) q = 1m;\n"
     "else if (V(p, n) < -0.1) q = 2m;\nI(p, n) <+ q; // <\nend"),
    ("transition", "refused", "analog I(p, n) <+ transition(V(p, n) > 0 ? 1 : 0, 0, 1n); // <"),
    ("slew", "refused", "analog I(p, n) <+ slew(V(p, n), 1e5, -1e5); // <"),
    ("last_crossing", "refused", "analog I(p, n) <+ last_crossing(V(p, n), 1); // <"),
    ("laplace_nd", "refused", "analog I(p, n) <+ laplace_nd(V(p, n), {1.0}, {1.0, 1u}); // <"),
    (r"\$fopen", "refused", 'analog begin\n$fopen("x"); // <\nI(p, n) <+ V(p, n);\nend'),
    (r"\$realtime", "refused", "analog I(p, n) <+ $realtime*V(p, n); // <"),
    ("repeat", "refused", "real w;\nanalog begin\nw = 0;\nrepeat (3) w = w + 1; // <\n"
     "I(p, n) <+ w;\nend"),
    ("initial_step or", "refused", "real w;\nanalog begin\n"
     "@(initial_step or final_step) w = 1; // <\nI(p, n) <+ w;\nend"),
    (r"V\(p, n\):", "refused", "analog V(p, n): I(p, n) == 0; // <"),
    ("from", "refused", "parameter real a = 1 from (0, 2); // <\nanalog I(p, n) <+ a*V(p, n);"),
    ("starting value of b", "refused", "real a = 1.0;\nreal b = 2*a; // <\n"
     "analog I(p, n) <+ b*V(p, n);"),
]  # fmt: skip

# Compiled and run too: these do what they say.
GOOD = [
    "electrical s;\nanalog begin\nV(s) <+ 0.2 + idt(V(p, n), 0.0);\nI(p, n) <+ V(s);\nend",
    "real s;\nanalog begin\n@(initial_step) s = 0.2;\nI(p, n) <+ s*V(p, n);\nend",
    "parameter integer m = 1;\nreal w;\nanalog begin\nif (m == 1) w = 1; else if (m == 2) w = 2;\n"
    "I(p, n) <+ w*V(p, n);\nend",
    "real w;\nanalog begin\ncase (1) 0: w = 0; 1: w = 1; default: w = 2; endcase\n"
    "I(p, n) <+ w*V(p, n);\nend",
    "analog begin : b\nreal w;\ninteger i;\nw = 0;\n"
    "for (i = 0; i < 3; i = i + 1) w = w + V(p, n);\nI(p, n) <+ w;\nend",
    "real w, z;\nanalog begin\nif (V(p, n) > 0) begin w = 1; z = 2; end\n"
    "else begin z = 1; w = z; end\nI(p, n) <+ w*z*V(p, n);\nend",
    "`define SET(a, b) a = b;\nreal w;\nanalog begin\n`SET(w, V(p, n))\nif (w > 1) w = 1;\n"
    "I(p, n) <+ w;\nend",
    "parameter integer r = 1;\nanalog begin\nif (r) I(p, n) <+ V(p, n);\nelse V(p, n) <+ 0.0;\nend",
    'analog I(p, n) <+ V(p, n) + (analysis("noise") ? 0.0 : 1e-12);',
    "real s;\nanalog initial begin\ns = 2;\nend\nanalog I(p, n) <+ s*V(p, n);",
]


@pytest.mark.parametrize("body", GOOD)
def test_what_works_passes_and_compiles(body, tmp_path):
    text = HEAD + body + "\nendmodule\n"
    assert lint(text) == ()
    if compiler_works():
        done = _compile(text, tmp_path)
        assert done.returncode == 0, done.stderr.decode()[-500:]


def _compile(text, folder):
    source = folder / "d.va"
    source.write_text(text)
    command = [compiler(), "--target_cpu", "generic", "-o", str(folder / "d.osdi"), str(source)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


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
    done = _compile(HEAD + body + "\nendmodule\n", tmp_path)
    assert (done.returncode == 0) == (effect == "wrong"), (construct, done.stderr.decode()[-500:])


def test_broken_text_is_read_to_its_end():
    for case in ("case (x) y = 1; endcase", "case (x) default y = 1; endcase", "case (x)"):
        lint(HEAD + f"real x, y;\nanalog begin\n{case}\nend\nendmodule\n")
    split = 'parameter string s = "a \\\nb";\nanalog I(p, n) <+ idt(V(p, n), 1.0);\n'
    (found,) = lint(HEAD + split + "endmodule\n")
    assert found.line == (HEAD + split).count("\n")


def test_a_default_that_is_no_real_number_has_no_value():
    assert evaluate("(-1.0)**0.5", {}, {}) is None
    assert evaluate("2.0**0.5", {}, {}) == pytest.approx(2**0.5)


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


def test_includes_macros_and_named_constants_are_read(tmp_path):
    (tmp_path / "part.inc").write_text(
        "`define PAR(nam, def, uni, des) (*units=uni, desc=des*) \\\nparameter real nam=def "
        "from [0:inf);\n"
        "`define SIZE 2u\n"
    )
    path = tmp_path / "mine.va"
    path.write_text(
        '`include "part.inc"\n' + HEAD + "electrical q, T;\nlocalparam real two = 2.0;\n"
        '`PAR(width, `SIZE, "m", "channel width")\nparameter real twice = two*width;\n'
        "parameter real area = width*pow(twice, 2)/(1 + exp(0));\n"
        "analog begin\nI(p, q) <+ V(p, q)*width;\nI(q, n) <+ V(q, n);\nI(T) <+ V(T);\nend\n"
        "endmodule\n"
    )
    model = load_veriloga(path)
    assert model.internal_nodes == ("q", "T")
    width = model.parameters.parameter("width")
    assert (width.value, width.unit, width.minimum) == (2e-6, "m", 0.0)
    assert width.description == "channel width"
    assert width.source.startswith("mine.va, line 8")
    assert model.parameters["twice"] == 4e-6
    assert model.parameters["area"] == pytest.approx(2e-6 * 16e-12 / 2)
    assert "PAR" in model.text
    assert "part.inc" not in model.text


def test_the_linter_names_the_line_of_an_included_file(tmp_path):
    (tmp_path / "body.inc").write_text("// one\nanalog I(p, n) <+ absdelay(V(p, n), 1n);\n")
    path = tmp_path / "mine.va"
    path.write_text(HEAD + '`include "body.inc"\nendmodule\n')
    with pytest.raises(ModelError, match=r"body\.inc, line 2: absdelay"):
        load_veriloga(path)
    (tmp_path / "circle.va").write_text('`include "circle.va"\n')
    with pytest.raises(ModelError, match="circles"):
        load_veriloga(tmp_path / "circle.va")


def test_states_and_monitors_are_named_by_the_user(tmp_path):
    path = tmp_path / "mine.va"
    path.write_text(
        HEAD.replace("(p, n)", "(p, n, show)").replace("p, n;", "p, n, show;")
        + "electrical X;\nparameter real x0 = 0.5 from [0:1];\nanalog begin\n"
        "I(X) <+ ddt(V(X));\nI(X) <+ ($abstime == 0.0) ? V(X) - x0 : -V(p, n);\n"
        "I(p, n) <+ V(X)*V(p, n);\nV(show) <+ V(X);\nend\nendmodule\n"
    )
    model = load_veriloga(path, states={"X": "x0"}, monitors=("show",))
    assert model.terminals == ("p", "n")
    assert [(s.name, s.initial, s.upper) for s in model.states] == [("X", "x0", 1.0)]
    name, text, nodes = foreign_module(model)
    assert name == "own_d"
    assert nodes == {"x": "x", "show": "show"}
    assert "V(X)" not in text
    assert "module own_d(p, n, show);" in text
    with pytest.raises(ModelError, match="no internal node"):
        load_veriloga(path, states={"Y": "x0"}, monitors=("show",))
    with pytest.raises(ParameterError, match="no parameter"):
        load_veriloga(path, states={"X": "x1"}, monitors=("show",))
    with pytest.raises(ModelError, match="no port"):
        load_veriloga(path, monitors=("shown",))
    with pytest.raises(NetlistError, match=r"two terminals.*reram_monitors"):
        Cell(load_veriloga(path))
    changed = model.with_parameters(x0=0.25)
    assert changed.fingerprint != model.fingerprint
    assert content_hash(changed) != content_hash(model)
    with pytest.raises(ModelError, match="COSIM_NGSPICE_OSDI"):
        _ = model.definitions
