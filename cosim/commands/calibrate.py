"""``calibrate``: a behavioural device from data, and how far it holds on data it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cosim.commands.output import RIGHT, UNTRUSTED, json_option, print_json, refuse_inputs
from cosim.commands.transistor import transistor
from cosim.quantities import show_quantity
from cosim.text import table

# What a result folder may hold besides its pulses.
_FURTHER = ("read.nc", "disturb.nc", "array_disturb.nc", "program_verify.nc", "array_program.nc",
            "retention.nc")  # fmt: skip


class _Calibrate(click.Group):
    """What is no other sort of calibration is the path of pulse data."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        named = bool(args) and self.get_command(ctx, args[0]) is not None
        return super().resolve_command(ctx, args if named else ["pulses", *args])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before the path belong to the pulses too."""
        known = ("-h", "--help")
        if args and args[0].startswith("-") and args[0] not in known:
            args = ["pulses", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Calibrate)
def calibrate() -> None:
    """Fit a device to data.

    `calibrate RESULT` is short for `calibrate pulses RESULT`: a behavioural device from pulse
    data, which are a .nc file, a result folder, or a measured CSV.
    """


@calibrate.command("pulses")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="File for the device; default: device.json beside RESULTS.")  # fmt: skip
@click.option("--disturb", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="disturb.nc, from which the half-select ratio is taken.")  # fmt: skip
@click.option("--half-pulses", type=click.FloatRange(min=1), default=1.0, show_default=True,
              help="Half pulses in a row for which the ratio shall hold.")  # fmt: skip
@click.option("--temperature", metavar="QUANTITY",
              help="Of the data, as in '25 degC', where they do not say it.")  # fmt: skip
@click.option("--selector", metavar="NAME",
              help="Transistor of the cells, as nmos_3v3, for wires while writing.")  # fmt: skip
@json_option
def pulses(
    results: tuple[Path, ...],
    output: Path | None,
    disturb: Path | None,
    half_pulses: float,
    temperature: str | None,
    selector: str | None,
    as_json: bool,
) -> int:
    """Fit a behavioural device to pulse data.

    RESULTS are .nc files, result folders and measured CSVs. Several give laws over amplitude and
    width. Reads of a row or of an array, disturb, programming and retention data among them give
    the laws that they tell of.
    """
    from compact_models import load_model
    from cosim.calibration import calibrate as fit
    from cosim.quantities import read_quantity

    files = _files(results) + ([disturb] if disturb is not None else [])
    output = output or files[0].with_name("device.json")
    refuse_inputs(output, *files)
    kelvin = None if temperature is None else read_quantity(temperature, "K", name="temperature")
    found = fit(
        *map(_load, files),
        half_pulses=half_pulses,
        temperature=kelvin,
        selector=None if selector is None else load_model(selector),
    )
    device, report = found.device, found.report
    output.parent.mkdir(parents=True, exist_ok=True)
    device.save(output)
    if as_json:
        print_json({"ok": True, "device": output, "report": report.to_dict()})
        return RIGHT
    click.echo(f"{report.devices} devices, {report.pulses} pulses")
    click.echo(table(("figure", "mean of the devices"), _figures(found)))
    click.echo("\nsteps by pulse, % of the window:")
    click.echo(_steps(report.by_pulse))
    click.echo("\nsteps by pulse and conductance, % of the window:")
    click.echo(_steps(report.residuals, conductance=True))
    if report.parts:
        parts = [(n.replace("_", " "), f"{v:.2%}") for n, v in report.parts.items()]
        click.echo("\n" + table(("law", "residual"), parts))
    units = {"conductance": "S", "width": "s", "temperature": "K"}
    ranges = [(n.replace("_", " "), *(show_quantity(v, units.get(n, "V")) for v in pair))
              for n, pair in report.valid.items()]  # fmt: skip
    click.echo("\n" + table(("valid from ... to", "lowest", "highest"), ranges))
    for warning in report.warnings:
        click.echo(f"note: {warning}")
    click.echo(f"device: {output}")
    return RIGHT


def _files(results: tuple[Path, ...]) -> list[Path]:
    files = []
    for result in results:
        if not result.is_dir():
            files.append(result)
            continue
        files.append(result / "pulse_update.nc")
        files += [result / name for name in _FURTHER if (result / name).is_file()]
    return files


def _load(path: Path) -> Any:
    from cosim.behavioural.pulse_data import PulseData
    from cosim.dataset import load

    return PulseData.from_csv(path) if path.suffix.lower() == ".csv" else load(path)


def _figures(found: Any) -> list[tuple[str, str]]:
    report = found.report
    units = {"conductance_min": "S", "conductance_max": "S", "symmetry_point": "S"}
    rows = [(n.replace("_", " "), show_quantity(v, units.get(n, "")))
            for n, v in report.figures.items()]  # fmt: skip
    rows += [
        ("largest error of a predicted train", f"{report.trajectory_error:.2%} of the window"),
        ("root mean square error of a step", f"{report.step_residual:.2%} of the window"),
        ("half-select ratio k", f"{found.device.half_select:.3g}"),
    ]
    for side, form in report.forms.items():
        how = (
            "of the law over amplitudes" if form["form"] == "rates" else "chosen by left-out steps"
        )
        rows.append((f"step curve {side}", f"{form['form']}, {how}"))
    if found.parasitics is not None:
        wires = found.parasitics
        rows.append(
            (
                "resistance of a segment, row and column",
                f"{show_quantity(wires.r_row, 'ohm')}, {show_quantity(wires.r_col, 'ohm')}",
            )
        )
    return rows


def _steps(rows: list[dict[str, float]], *, conductance: bool = False) -> str:
    shown = []
    for r in rows:
        pulse = (show_quantity(r["amplitude"], "V"), show_quantity(r["width"], "s"))
        place = (show_quantity(r["conductance"], "S"),) if conductance else ()
        numbers = (f"{100 * r[n]:.3f}" for n in ("measured", "predicted", "rms", "worst"))
        shown.append((*pulse, *place, str(int(r["count"])), *numbers))
    about = ("about",) if conductance else ()
    head = ("amplitude", "width", *about, "steps", "measured", "predicted", "rms error", "worst")
    return table(head, shown)


@calibrate.command("unseen")
@click.option("--size", type=int, default=16, show_default=True,
              help="Rows and columns of the array that is compared.")  # fmt: skip
@click.option("--pulses", "count", type=int, default=80, show_default=True,
              help="Of every sequence.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@json_option
def unseen(size: int, count: int, seed: int, as_json: bool) -> int:
    """Judge a calibrated device on unseen pulse sequences.

    Calibrates on pulses of random amplitude and four widths of the array rung; exit status 1
    where conductances or products then differ from it by more than 2 %.
    """
    from dataclasses import asdict

    from cosim.unseen import LIMIT, compare_unseen

    found = compare_unseen(size=size, pulses=count, seed=seed, progress=not as_json)
    if as_json:
        rows = [asdict(row) | {"within": row.within} for row in found.rows]
        wired = [asdict(row) for row in found.wired]
        noise = {"noisy_mean": found.noisy_mean, "noisy_spread": found.noisy_spread}
        fit = found.fit.report.to_dict()
        print_json({"ok": found.within, "rows": rows, "wired": wired, "calibration": fit, **noise})
        return RIGHT if found.within else UNTRUSTED
    report = found.fit.report
    click.echo(f"calibrated on {report.pulses} pulses of {report.devices} cells; steps by pulse, "
               "% of the window:")  # fmt: skip
    click.echo(_steps(report.by_pulse))
    shown = [
        (r.name, show_quantity(r.width, "s"), f"{r.amplitudes[0]:.2f} to {r.amplitudes[1]:.2f} V",
         *(f"{100 * v:.2f}" for v in (r.moved, r.worst, r.rms, r.product_worst, r.product_rms,
                                      r.outside)), "yes" if r.within else "no")
        for r in found.rows
    ]  # fmt: skip
    head = ("unseen sequence", "width", "amplitudes", "moved", "worst", "rms",
            "product worst", "rms", "outside", f"within {LIMIT:.0%}")  # fmt: skip
    click.echo(f"\n{size} x {size} cells, {count} pulses each; conductance in % of the window, "
               "products through wires in % of the largest current (rms: of the rms), share of "
               "steps that no data covered in %:")  # fmt: skip
    click.echo(table(head, shown))
    click.echo("\nwritten and read through their wires, cell by cell; the same errors of the "
               "device with its wires, and with the drop ignored:")  # fmt: skip
    click.echo(_wired([*(r.wired for r in found.rows), *found.wired]))
    click.echo(f"with cycle-to-cycle spread: means of 256 cells within {found.noisy_mean:.2%}, "
               f"their spreads within {found.noisy_spread:.2%} of the window")  # fmt: skip
    return RIGHT if found.within else UNTRUSTED


def _wired(rows: Any) -> str:
    shown = [
        (r.name, f"{r.size} x {r.size}", show_quantity(r.resistance, "ohm"),
         show_quantity(r.drop, "V"), *(f"{100 * v:.2f}" for v in (r.worst, r.rms, r.ignored,
                                                                  r.outside)))
        for r in rows
    ]  # fmt: skip
    head = ("unseen sequence", "cells", "segment", "largest drop", "worst", "rms",
            "worst, drop ignored", "outside")  # fmt: skip
    return table(head, shown)


calibrate.add_command(transistor)
