"""Printers of the one device definition: numpy, numba, ngspice and Verilog-A."""
