"""Panels: a record in, something to look at out. Nothing here queries.

theme.py        Panel (live widget, static HTML and text in one output), numbers, times, colours
run_card.py     the card under a captured cell
runs.py         the runs table with its plot
run.py          one run, whole
comparison.py   two runs, only what differs
status.py       the store
export.py       the exported script and its verification
"""
