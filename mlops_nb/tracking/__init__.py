"""Topic 7, tracking: what a run is, how it is found again, how two are compared.

runs.py      the records: Run and its parts, RunTable, RunCard, StoreStatus
values.py    parameter values to and from what SQLite can hold
metrics.py   which way a metric is better; which names are a metric's
compare.py   what differs between two runs
sweep.py     which combinations a sweep tries; the best of them
trials.py    a sweep that is going on
service.py   start, log, finish, find: the room's door to the store
"""
