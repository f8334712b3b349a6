"""Stand-ins for container images: small programs that answer as the real ones do.

A stand-in is a function `main(argv) -> int`; argv is the container's command line and the environment is the
container's. It listens where `serving.bind_address` says, on the port the real program uses.
"""
