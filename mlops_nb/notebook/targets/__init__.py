"""Other forms of a notebook as a pipeline: the files that an engine wants, made from the plan the script is made from.

records.py  the names of the targets, a file that one writes, where it will stand
wiring.py   which step gives what to which, who must wait for whom, what no other process would see
plain.py    what they share: the top of a file, steps as plain functions, command-line options, names that are free
yaml.py     values as YAML
airflow.py, ...  one file a target: `written(plan, place)` gives its files

A target's files need the tool and the notebook's own libraries, nothing of this project, unless a cell uses it.
"""
