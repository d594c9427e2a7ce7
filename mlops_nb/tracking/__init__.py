"""Topic 7, tracking: what a run is, how it is found again, how runs are compared, why they differ.

runs.py      the records: Run and its parts, RunTable, RunCard, StoreStatus
values.py    parameter values to and from what SQLite can hold
metrics.py   which way a metric is better; which names are a metric's
code.py      what led to a run, and which of two runs' cells differ in what they mean
compare.py   what differs between two or more runs
causes.py    which recorded changes could explain the difference
sweep.py     which combinations a sweep tries; the best of them
trials.py    a sweep that is going on
artifacts.py  what artifacts may be called, and the confusion matrix
formats.py    values to and from the files that artifacts are
previews.py   what can be seen of an artifact at a glance
estimators.py  what is kept of a fitted estimator
hooks.py      what autolog knows of a library
watching.py   how it sees a call
place.py      in which cell that call stands
housekeeping_records.py  the records of housekeeping
mlflow_runs.py  a run in MLflow's words and back, and what changed since

service.py       start, log, finish, find: the room's door to the store
autolog.py       every fit of an estimator as a run
keeping.py       files, folders and values into it; loading.py out of it again, checked
run_files.py     runs to a CSV, JSON or Parquet file
housekeeping.py  delete and restore, gc, space
backups.py       a store in one file, and the way back
mlflow_server.py  MLflow at an address: asked, told, its faults named; carrying.py pushes to it and pulls from it
"""
