"""Combinations of parameters, each tried as a run of its own.

combinations.py  which there are; the best of them
trials.py        a sweep that is going on
"""
