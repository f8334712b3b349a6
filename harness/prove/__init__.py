"""Proof that a scenario can fail: one thing is made wrong at a time, and an expectation must break.

What is made wrong is a copy in memory of a manifest or of the scenario; files stay as they are. A mutant that no
expectation notices is a hole in the scenario, and the finding says which.
"""
