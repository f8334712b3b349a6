"""The mesh in a browser, live: a program that runs as a pod and reads the proxies' counters through the API server."""
