"""What a run keeps besides numbers: files, tables, figures, models.

Every content is stored once, by its SHA-256, and checked whenever it is read.

names.py      what artifacts may be called, and the confusion matrix
formats.py    values to and from the files that artifacts are
previews.py   what can be seen of one at a glance
keeping.py    files, folders and values into the store
loading.py    out of it again
"""
