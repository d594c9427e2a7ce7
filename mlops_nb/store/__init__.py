"""The one SQLite file and the blobs beside it. All SQL of the project lives here.

location.py    which folder is the store: found by walking up, made on first use
connection.py  Store: open, check, transaction; the only place that connects
schema.py      numbered migrations, append-only
runs.py        rows of runs, params, metrics, tags, outputs, data, artifacts
cells.py       rows of sessions and executed cells
blobs.py       files addressed by the SHA-256 of their content
"""
