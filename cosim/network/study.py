"""Training studies: one network, several arms, algorithms and seeds, one table of results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosim.dataset import package_version
from cosim.network.algorithms import PAPERS
from cosim.network.reading import infer_study
from cosim.network.runs import StudyData, write_table
from cosim.network.settings import Algorithm, TrainConfig, arms_of


def train_study(config: Mapping[str, Any], output: Path, progress: bool = True) -> dict[str, Any]:
    """Train every algorithm with every seed in every arm; write results and checkpoints.

    A study that was stopped goes on where it stood: finished epochs are read from the
    checkpoints of the same configuration. The tables are written after every run.

    Parameters
    ----------
    config : mapping
        Fields of `TrainConfig`, and optionally ``arms`` (see `arms_of`). With a table
        ``inference`` one network is trained, programmed and read over time instead (see
        `cosim.network.reading.infer_study`).
    output : Path
        Folder for ``results.json``, ``results.csv``, ``curves.csv`` and checkpoints.
    progress : bool
        One line per epoch on stderr.

    Returns
    -------
    dict
        ``rows`` (one per arm, algorithm and seed), ``summary``, ``measure`` ("accuracy" or
        "perplexity"), ``config``, ``fingerprint``, ``columns`` (of a short table), ``files``,
        ``version``, ``citations``.
    """
    if "inference" in config:
        return infer_study(config, output, progress)
    arms = arms_of(config)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    first = next(iter(arms.values()))
    measure = "perplexity" if first.network == "lstm" else "accuracy"
    prints = [arm.fingerprint for arm in arms.values()]
    result: dict[str, Any] = {
        "measure": measure,
        "rows": [],
        "summary": {},
        "config": {name: arm.model_dump(mode="json") for name, arm in arms.items()},
        "fingerprint": prints[0] if len(prints) == 1 else _digest(prints),
        "columns": ["arm", "algorithm", "seed", "epochs", measure, "loss", "seconds"],
        "files": [str(output / name) for name in ("results.csv", "curves.csv", "results.json")],
        "version": package_version(),
        "citations": _citations(list(arms.values())),
    }
    for name, study in arms.items():
        data = StudyData(study)
        for seed in study.seeds:
            for algorithm in study.algorithms:
                row = _run(data, name, algorithm, seed, output, progress)
                result["rows"].append(row)
                result["summary"] = _summary(result["rows"], measure)
                _write(result, output)
    return result


def _run(
    data: StudyData, arm: str, algorithm: Algorithm, seed: int, output: Path, progress: bool
) -> dict[str, Any]:
    """Row of one network."""
    study = data.study
    measure = "perplexity" if study.network == "lstm" else "accuracy"
    title = f"{arm}, {algorithm}" if arm else algorithm
    net, _ = data.run(algorithm, seed, output, title=title, progress=progress)
    history = net.history
    return {
        "arm": arm,
        "algorithm": algorithm,
        "seed": seed,
        "split": study.split,
        "train_samples": data.samples,
        "measured_samples": data.measured,
        "epochs": len(history.loss),
        "rate": study.rates.get(algorithm, study.rate),
        measure: round(history.accuracy[-1], 6),
        "loss": round(history.loss[-1], 6),
        "seconds": round(sum(history.seconds), 1),
        "fingerprint": study.fingerprint,
        "state": net.fingerprint()[:16],
        "curve": list(history.accuracy),
        "losses": list(history.loss),
    }


def _citations(arms: list[TrainConfig]) -> list[str]:
    """Papers of the algorithms, and where the devices come from."""
    used = dict.fromkeys(a for arm in arms for a in arm.algorithms if a in PAPERS)
    devices = dict.fromkeys(arm.device.build().source for arm in arms if used)
    return [*(PAPERS[a] for a in used), *(f"device: {source}" for source in devices)]


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _summary(rows: list[dict[str, Any]], measure: str) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over the seeds (n - 1), by arm and algorithm."""
    found: dict[str, list[float]] = {}
    for r in rows:
        key = f"{r['arm']}: {r['algorithm']}" if r["arm"] else str(r["algorithm"])
        found.setdefault(key, []).append(r[measure])
    return {
        key: {
            "mean": float(np.mean(values)),
            "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
            "seeds": len(values),
        }
        for key, values in found.items()
    }


def _write(result: dict[str, Any], output: Path) -> None:
    """Tables and the whole result, each renamed into place."""
    rows, measure = result["rows"], result["measure"]
    curves = [
        {
            "arm": r["arm"], "algorithm": r["algorithm"], "seed": r["seed"], "epoch": n + 1,
            "loss": round(loss, 6), measure: round(value, 6),
        }
        for r in rows
        for n, (loss, value) in enumerate(zip(r["losses"], r["curve"], strict=True))
    ]  # fmt: skip
    long = ("curve", "losses")
    write_table(output / "results.csv", [k for k in rows[0] if k not in long], rows)
    write_table(output / "curves.csv", list(curves[0]), curves)
    partial = output / "results.part"
    partial.write_text(json.dumps(result, indent=1) + "\n")
    partial.replace(output / "results.json")
