"""Steps that run elsewhere: in processes of this machine, or on the workers of a Dask cluster.

orders.py     what a worker is told, and what it answers
processes.py  the processes of this machine
cluster.py    a Dask cluster
apart.py      a run whose steps run elsewhere, side by side
"""
