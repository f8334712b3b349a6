"""Scenarios as plain Python tests.

mesh     what a test gets: the cluster, what it does to it, and what it claims
asking   senders, and requests that are sent once or until a claim is decided
script   the scenario that all of this amounts to
"""
