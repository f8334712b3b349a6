"""Scenarios as plain Python tests.

mesh     what a test gets: the cluster, and what it does to it
claims   what it claims, and what comes of that
asking   senders, and requests that are sent once or until a claim is decided
script   the scenario that all of this amounts to
"""
