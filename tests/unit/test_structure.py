"""How the modules hang together: no circles, and nothing private taken from another package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("compact_models", "netlists", "cosim")


@pytest.fixture(scope="module")
def imports() -> dict[str, list[tuple[str, str]]]:
    """What every module of the project imports: module and name."""
    found = {}
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = list(_imports(path))
    return found


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of all that is imported when the code runs, in functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inside)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for inside in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_no_module_imports_itself_by_way_of_others(
    imports: dict[str, list[tuple[str, str]]],
) -> None:
    graph = nx.DiGraph()
    for name, taken in imports.items():
        for module, thing in taken:
            target = f"{module}.{thing}" if f"{module}.{thing}" in imports else module
            if target in imports and target != name:
                graph.add_edge(name, target)
    assert graph.number_of_edges() > 500
    assert [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1] == []


def test_no_module_takes_what_is_private_to_another_package(
    imports: dict[str, list[tuple[str, str]]],
) -> None:
    private = {
        f"{name} takes {module}.{thing}"
        for name, taken in imports.items()
        for module, thing in taken
        if module.partition(".")[0] in PACKAGES
        and thing.startswith("_")
        and not thing.startswith("__")
        and module.rpartition(".")[0] != name.rpartition(".")[0]
    }
    assert private == set()
