"""What a scenario will see, told by the oracle before anything runs.

timeline      goes through the steps on paper: which objects are there at each
asks          the requests of each expectation
predictions   what the oracle says of them
contradiction whether an expectation can come true
effort        how many requests a verdict needs, and how long they take
"""
