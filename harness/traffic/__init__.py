"""Requests at a set rate from inside the mesh, and what became of each.

    plan        what to send, how fast, how often
    schedule    when each request is due (open loop)
    exchange    one request over HTTP/1.1 and its answer
    multiplexed the same over HTTP/2, and calls of gRPC
    dispatch    a plan carried out: requests out on schedule, outcomes back in issue order
    outcome     what became of one request
    stream      the lines a sender answers with
    sender      the program that runs in the pod: HTTP in, plan out
    client      the harness's end of that program
    tally       counts of outcomes for messages

Nothing is imported here: the sender is forked into small pods and takes only what it needs.
"""
