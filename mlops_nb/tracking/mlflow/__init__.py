"""Runs and model versions to and from an MLflow server.

runs.py           a run in MLflow's terms and back, its limits, what changed on which side
models.py         a model version, the same
server.py         talks to a server: addresses, retries, timeouts, errors
model_server.py   talks to its registry
sides.py          all that is carried of a run, and what the server has of it
pushing.py        runs to a server; model_pushing.py model versions
pulling.py        runs of a server; model_pulling.py model versions
service.py        push and pull
"""
