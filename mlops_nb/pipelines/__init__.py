"""Topic 2, pipelines: plain functions that run as steps and record themselves.

    from mlops_nb.pipelines import pipeline, step

dag.py           the steps of a pipeline, read from its function's syntax tree
parameters.py    a signature as parameters: types, defaults, help, choices, ranges
settings.py      parameters from files and environment variables
records.py       what a pipeline run gave
shown.py         `show` and `metric`: values as a notebook shows them, metrics without a name; what a step showed
pretty.py        a value's text as IPython lays it out
display.py       what notebooks import from IPython.display
progress.py      what is told while it runs
steps.py         `step`: a function that is recorded, kept and run elsewhere
code.py          what a step's result depends on beside its arguments
values.py        what steps give: hashes, and the form each kind is kept in
running.py       calls a step's function and sees what it does
recording.py     a call as a run of the store
user_key.py      the key that tells what this user kept
cache.py         what is kept of steps
execution.py     one run: which steps run, which are taken
engines/         steps in other processes, and on Dask
gating.py        `gate` and `expect`
service.py       `pipeline`: run and plan
command_line.py  `python script.py --help`
"""

from mlops_nb.pipelines import display
from mlops_nb.pipelines.service import Pipeline, pipeline
from mlops_nb.pipelines.shown import captured, metric, show
from mlops_nb.pipelines.steps import Step, step

__all__ = ["Pipeline", "Step", "captured", "display", "metric", "pipeline", "show", "step"]
