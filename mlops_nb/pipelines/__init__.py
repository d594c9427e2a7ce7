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
service.py       `step`, `pipeline`: run and record
command_line.py  `python script.py --help`
"""

from mlops_nb.pipelines import display
from mlops_nb.pipelines.service import Pipeline, pipeline
from mlops_nb.pipelines.shown import captured, metric, show
from mlops_nb.pipelines.steps import Step, step

__all__ = ["Pipeline", "Step", "captured", "display", "metric", "pipeline", "show", "step"]
