"""`make bench`: our tool and its peer on the same work in the same run, CPU seconds and their ratio.

__main__.py     runs the work of both in turn and prints the table
ours.py         the work with mlops_nb
peer_mlflow.py  the same work with MLflow's SQLite store, in an environment of its own
peers.txt       what that environment holds

A new benchmark is a function in `ours.py` under `@work("name", target=...)`, and one of the same name in a peer.
Nothing here is asserted: machines are noisy, so figures are printed and read by people.
"""
