"""Natural constants, exact by definition (2019 SI)."""

BOLTZMANN = 1.380649e-23
"""[J/K]"""

ELEMENTARY_CHARGE = 1.602176634e-19
"""[C]"""
