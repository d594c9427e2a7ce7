"""Topic 7's second half: models.

model_formats.py  a fitted model to and from a file, without pickle unless asked
signature.py      what a fitted model takes and what it gives
"""
