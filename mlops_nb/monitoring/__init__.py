"""Topic 5, monitoring: what changed between a reference and the current data, how much it matters, how sure it is.

numbers.py     two samples of numbers: Kolmogorov-Smirnov, Wasserstein, quantile bins
categories.py  two tables of counts: PSI, Jensen-Shannon, Hellinger, Cramer's V, chi-squared, G
columns.py     a column's kind, what is missing of it, its numbers or counts
comparison.py  every column of both, judged together
quality.py     what is wrong with data: column_checks.py, row_checks.py, units.py; findings.py its records
decision.py    p-values, intervals, corrections for many columns; the verdict on a column
records.py     what a comparison says
streams.py     values that come one by one: ADWIN, DDM, EDDM, Page-Hinkley, KSWIN
sources.py     data from frames, files, SQL
schemas.py     schemas of pandera in files
service.py     drift(reference, current), quality(reference, current)
intervals.py   how sure a metric is: Wilson, DeLong, bootstrap, and the difference of two
performance.py metrics where labels are known, beside a reference's
calibration.py whether scores are probabilities
estimation.py  metrics where labels are not known: CBPE, direct loss estimation; boosting.py its trees
concept.py     prediction drift, label drift, concept drift
model_rows.py  a model's rows from frames; model_records.py what is said of it
performance_service.py  performance(reference, current, target=..., prediction=...)
"""
