"""Topic 5, monitoring: what changed between a reference and the current data, how much it matters, how sure it is.

numbers.py     two samples of numbers: Kolmogorov-Smirnov, Wasserstein, quantile bins
categories.py  two tables of counts: PSI, Jensen-Shannon, Hellinger, Cramer's V, chi-squared, G
streams.py     values one after another: ADWIN, DDM, EDDM, Page-Hinkley, KSWIN, saved and resumed
decision.py    p-values, intervals, corrections for many columns; the verdict on a column
"""
