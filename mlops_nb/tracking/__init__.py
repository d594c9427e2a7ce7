"""Topic 7, tracking: what a run is, how it is found again, how runs are compared, why they differ.

runs.py        the records: Run and its parts, RunTable, RunCard, StoreStatus
values.py      parameter values to and from what SQLite can hold
metrics.py     which way a metric is better; which names are a metric's
series.py      a metric logged many times, as what a picture of it needs
executions.py  the record of an executed cell
place.py       in which cell the code stands that is running
compare.py     what differs between two or more runs
code.py        which of two runs' cells differ in what they mean
causes.py      which recorded changes could explain the difference
lineage.py     what led to a run
logging.py     log, log_params, set_tag, note: what a notebook calls
service.py     start, log, finish, find: the room's door to the store

search/        one query language for runs
sweeps/        combinations of parameters, each a run
autolog/       every fit as a run, without a log call
artifacts/     files, tables, figures, models of a run
secrets/       what must not reach the disk
housekeeping/  delete and restore, gc, backup, space
mlflow/        to and from an MLflow server
"""
