"""Devices and arrays in the formats of other programs."""
