"""Electrical rules: what is wrong with a circuit before any simulator sees it.

Rules on the graph: a path to ground for every node, and no two drivers in parallel. Rules on
the voltages: no device beyond its limits, no forward-biased bulk junction. Rules on the
stimuli: what would silently have no effect.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from netlists.limits import Finding, stimulus_findings, voltage_findings

if TYPE_CHECKING:
    import networkx as nx

    from netlists.testbench import Testbench

LARGEST_GRAPH = 128 * 128
"""Cells up to which every node is a node of the graph; above, lines are nodes."""


def enforce(testbench: Testbench) -> tuple[Finding, ...]:
    """Raise the first error, naming how many more there are; return the warnings."""
    findings = check(testbench)
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        first = errors[0]
        if len(errors) > 1:
            more = f" (and {len(errors) - 1} more findings)"
            first = replace(first, thing=first.thing + more)
        raise first.as_error()
    return tuple(f for f in findings if f.severity == "warning")


def check(testbench: Testbench) -> list[Finding]:
    """Every finding of every rule."""
    array = testbench.array
    if array.rows * array.cols <= LARGEST_GRAPH:
        graph = testbench.graph()
    else:
        graph = _line_graph(testbench)
    findings = graph_findings(graph)
    findings += voltage_findings(testbench)
    findings += stimulus_findings(testbench)
    return findings


def graph_findings(graph: nx.MultiGraph) -> list[Finding]:
    """Rules that need the graph only: ground, floating nodes, shorted drivers.

    Parameters
    ----------
    graph : networkx.MultiGraph
        As :func:`netlists.topology.to_graph` makes it.
    """
    import networkx as nx

    findings = []
    conducting = nx.Graph()
    conducting.add_nodes_from(graph.nodes)
    stiff = nx.Graph()
    stiff.add_nodes_from(graph.nodes)
    for a, b, data in graph.edges(data=True):
        if a == b and data["kind"] == "source":
            findings.append(_shorted(data["name"], "itself", a))
        if not data["conducts"]:
            continue
        conducting.add_edge(a, b)
        if data["kind"] == "source" or (data["kind"] == "resistor" and data["value"] == 0.0):
            # A second path without resistance between the same nodes is a loop of sources.
            if a != b and data["kind"] == "source" and nx.has_path(stiff, a, b):
                other = nx.shortest_path(stiff, a, b)
                names = [stiff.edges[edge]["name"] for edge in pairwise(other)]
                findings.append(_shorted(data["name"], ", ".join(names), a))
            stiff.add_edge(a, b, name=data["name"])
    if "0" not in graph or conducting.degree("0") == 0:
        findings.append(
            Finding(
                rule="ground",
                severity="error",
                thing="nothing connects the circuit to ground (node 0)",
                next_step="Give at least one driver a voltage",
            )
        )
        return findings
    grounded = nx.node_connected_component(conducting, "0")
    floating = sorted(set(graph.nodes) - grounded)
    if floating:
        shown = ", ".join(floating[:5]) + (", ..." if len(floating) > 5 else "")
        findings.append(
            Finding(
                rule="floating node",
                severity="error",
                thing=f"{len(floating)} nodes have no path to ground at direct current",
                value=shown,
                limit="0 floating nodes",
                next_step="Drive their line, or leave the part out",
            )
        )
    return findings


def _shorted(name: str, other: str, node: str) -> Finding:
    return Finding(
        rule="shorted drivers",
        severity="error",
        thing=f"source {name} is short-circuited by {other}",
        value=node,
        limit="one source per node",
        next_step="Remove one of them, or put a driver resistance between",
    )


def _line_graph(testbench: Testbench) -> nx.MultiGraph:
    """Graph with one node per line and the cells of the first row and column only.

    Cells conduct, so this is connected exactly as the whole array is.
    """
    from netlists.spice import stimulus_elements
    from netlists.topology import array_elements, to_graph

    array = testbench.array
    ideal = replace(
        array.parasitics, r_row=0.0, r_col=0.0, r_word=0.0, c_row=0.0, c_col=0.0, c_word=0.0
    )
    lines = array.replace(parasitics=ideal, parameters={}, selector_parameters={})
    cells = [(i, j) for i in range(array.rows) for j in range(array.cols if i == 0 else 1)]
    plain = testbench.replace(
        array=lines, initial_states={}, probes=testbench.probes[:1], temperature=None
    )
    elements = array_elements(lines, testbench.floating, cells)
    return to_graph(elements + stimulus_elements(plain))
