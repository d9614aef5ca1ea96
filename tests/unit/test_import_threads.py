"""Netlists are written from many threads at once, the first of which loads PySpice."""

import subprocess
import sys

PROGRAM = """
import importlib.abc, sys, threading, time
import cosim as cs

late = "PySpice.Spice.HighLevelElement"   # loaded after Netlist, before the methods are added
reached = threading.Event()

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == late:
            reached.set()
            time.sleep(0.5)
        return None

sys.meta_path.insert(0, Slow())
array = cs.Array(cs.Cell(reram=cs.load_model("resistor")), rows=2, cols=2)
first = threading.Thread(target=array.circuit)
first.start()
assert reached.wait(60), "PySpice no longer loads " + late
array.circuit()
first.join()
"""


def test_a_second_thread_waits_for_the_whole_package() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
