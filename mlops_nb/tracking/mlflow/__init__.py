"""Runs to and from an MLflow server.

runs.py     a run in MLflow's terms and back, its limits, what changed on which side
server.py   talks to a server: addresses, retries, timeouts, errors
service.py  push and pull
"""
