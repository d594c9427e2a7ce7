"""`make bench`: our tool and its peers on the same work in the same run, CPU seconds and their ratio.

__main__.py     runs the work of all in turn and prints the table
ours.py         the work with mlops_nb
fits.py         the fits that autolog is measured on
peer_mlflow.py  the same work with MLflow's SQLite store, in an environment of its own (peer_mlflow.txt)
peer_trackio.py the same work with trackio, likewise
notebook_run.py one notebook run whole: as a script, and its cells alone; peer_papermill.py with papermill

A new benchmark is a function in `ours.py` under `@work("name", target=...)`, and one of the same name in a peer.
Nothing here is asserted: machines are noisy, so figures are printed and read by people.
"""
