"""Runs and model versions to and from an MLflow server.

words.py          MLflow's words: a run there, names and values that it allows, what was agreed, what came of it
runs.py           a run in MLflow's terms and back
agreement.py      what changed on which side since
models.py         a model version, the same
server.py         talks to a server: addresses, retries, timeouts, errors
model_server.py   talks to its registry
sides.py          all that is carried of a run, what the server has of it, files on their way
pushing.py        runs to a server; model_pushing.py model versions
pulling.py        runs of a server; model_pulling.py model versions
service.py        push and pull
"""
