"""Experiments: what is done to an array, and what is measured."""
