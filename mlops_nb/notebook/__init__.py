"""The notebook itself: capture what ran, read what a cell does, write it out as a script.

ipython_syntax.py  magics, shell lines and help taken out of a cell, without IPython
translation.py  a cell's statements as plain Python, magics translated or left out
statement_text.py  the text of statements: where each stands, its comments, edits, indents
captured_cells.py  what `%%mlops run` and `%%mlops sweep` lines ask for
recalled.py   what cells ask back: `_`, `Out[3]`, `In`, whether a name is bound
shared.py     names that classes and decorated functions look up long after their cell ran
dataflow.py   what stands at the top of a script, which steps there are, what flows
naming.py     what Markdown and code suggest to call a step; safe docstrings
cells.py      what a cell reads and writes (syntax tree)
records.py    NotebookCell, Notebook, Export
script.py     a notebook's cells to the text of a pipeline script
script_files.py  exported files, formatted and written whole
targets/      the notebook as files of other engines: Dask, DVC, Kubeflow, Prefect, GitHub Actions
service.py    finds and reads notebooks, writes and verifies scripts
exporter.py   the nbconvert exporter `mlops_pipeline`
inference.py  parameters and metrics that nobody named
data_read.py  the frames and arrays that a cell reads, their fingerprints
seeds.py      what a cell seeds, and with what
outputs.py    a cell's outputs as the notebook shows them
capture.py    the hooks: %%mlops run and %mlops track
completion.py what TAB offers
sweep.py      %%mlops sweep: the cell in a loop over combinations
remote.py     its trials on Dask workers
progress.py   what a long command is doing, under the cell
magics.py     %mlops and %%mlops
"""
