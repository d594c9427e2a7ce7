"""One query language for runs.

query.py      its text as a tree
service.py    the runs that match
following.py  the same while others write
run_files.py  runs to a CSV, JSON or Parquet file
"""
