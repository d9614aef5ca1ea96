"""Parameter files that are written are read back; charges are found again; what stands for what."""

from __future__ import annotations

import numpy as np
import pytest

from compact_models import ParameterSet, load_model
from compact_models.errors import CalibrationError
from compact_models.fit_charges import CHARGES, fit_charges
from compact_models.parameter_file import save_parameters
from compact_models.parameters import available
from cosim.cli import run


@pytest.mark.parametrize("name", available())
def test_a_written_file_reads_back(name, tmp_path):
    own = ParameterSet.load(name)
    path = tmp_path / "copy.toml"
    save_parameters(own, path, "two\nlines")
    copy = ParameterSet.load(path)
    assert copy.parameters == own.parameters
    assert (copy.name, copy.model, copy.citation) == (own.name, own.model, own.citation)


@pytest.mark.parametrize("card", ["gf180mcu_nfet_03v3", "sg13_hv_nmos"])
def test_a_card_has_a_stand_in_that_says_what_it_is_worth(card):
    model = load_model("nmos_3v3", f"nmos_3v3_{card}")
    fitted = [q for q in model.parameters.parameters.values() if q.calibrated_to]
    assert {str(q.provenance) for q in fitted} == {"calibrated"}
    assert all("mean error" in q.calibrated_to for q in fitted)
    assert len(fitted) == 18
    card_itself = {"gf180mcu_nfet_03v3": 806, "sg13_hv_nmos": 798}[card]
    assert float(model.on_resistance(gate=1.2)) == pytest.approx(card_itself, rel=0.025)


def test_charges_are_found_again():
    own = load_model("nmos_3v3").parameters
    gate = np.linspace(-0.4, 3.3, 38)
    slope = (gate - own["charge_threshold"]) / np.hypot(
        gate - own["charge_threshold"], own["charge_width"]
    )
    drain = own["overlap_capacitance"] + own["channel_capacitance"] / 4 * (1 + slope)
    bulk = own["bulk_capacitance"] / 2 * (1 - slope)
    found = fit_charges(
        gate=gate,
        drain_share=own["width"] * drain,
        bulk_share=own["width"] * bulk,
        start=own.replace(charge_threshold=0.8, overlap_capacitance=3e-10),
        calibrated_to="itself",
    )
    for name in CHARGES:
        assert found.parameters[name] == pytest.approx(own[name], rel=1e-3)
    assert found.gate_error < 1e-3
    with pytest.raises(CalibrationError, match="finite"):
        fit_charges(
            gate=gate, drain_share=-drain, bulk_share=bulk, start=own, calibrated_to="itself"
        )


def test_the_verb_tells_cards_from_results(capsys, tmp_path):
    assert run(["calibrate", "transistor", "gf180mcu_nfet_03v4"]) == 2
    assert "gf180mcu_nfet_03v3" in capsys.readouterr().err
    assert run(["calibrate", str(tmp_path / "none.nc")]) == 2
    assert "no such result file" in capsys.readouterr().err
    (tmp_path / "m.lib").write_text(".model n nmos\n")
    assert run(["calibrate", "transistor", str(tmp_path / "m.lib")]) == 2
    assert "--model" in capsys.readouterr().err
    assert run(["calibrate", "transistor", str(tmp_path / "m.lib"), "--model", "n"]) in (1, 2)
    assert "--width" in capsys.readouterr().err
