"""Every fit of an estimator as a run, without a log call.

estimators.py  what is kept of a fitted estimator
hooks.py       what is known of a library: AutologHook, ScikitLearn
watching.py    how a call is seen; knows nothing of runs
service.py     the switch, and the runs it makes
"""
