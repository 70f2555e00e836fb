"""Evaluation: how well memory finds, and how well a model answers from it, on data sets that are read in place.

Runs what the kernel runs, on a data folder of its own: no copy of the retrieval, no prompt but the kernel's. Questions
with their answers are kept in the user's data folder alone. It does not know how anything is shown; `memos eval` does
that.
"""
