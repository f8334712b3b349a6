# One recipe per thing a person does. `uv run just` lists them.

set positional-arguments

[private]
default:
    @just --list --unsorted

# The main job: the tutorial's fault injection on real traffic, judged
test-fault-injection *args:
    signalbox run scenarios/tutorial/fault-injection.yaml "$@"

# The tutorial's timeouts: as printed, as meant, and with a slow backend
test-timeouts *args:
    signalbox run scenarios/tutorial/timeouts.yaml "$@"

# The tutorial's dynamic request routing by header, through the ingress
test-request-routing *args:
    signalbox run scenarios/tutorial/dynamic-request-routing.yaml "$@"

# The tutorial's per-route authorization, state by state
test-authorization *args:
    signalbox run scenarios/tutorial/per-route-authorization.yaml "$@"

# gRPC: health checks, echoes, a split by method, denied and unknown calls
test-grpc *args:
    signalbox run scenarios/grpc "$@"

# The whole tutorial on one cluster; build/tutorial/ says of each of its claims whether it held
tutorial *args:
    signalbox run scenarios/tutorial --report build/tutorial "$@"

# A cluster that stays, with the tutorial's apps and a dashboard, for kubectl and a browser: eval "$(just up)"
up *args:
    @signalbox up --app booksapp-at-leisure --app podinfo-a --app podinfo-b --app podinfo-frontend --dashboard "$@"

# Take kept clusters away
down *args:
    @signalbox down "$@"

# The tutorial line by line: its cluster, without Linkerd where that is not built in (--cluster k3d, kind)
create-cluster *args:
    signalbox up --name tutorial --bare "$@"

# The tutorial's cluster is taken away
delete-cluster:
    signalbox down tutorial

# The trust anchor of the tutorial's Linkerd: certs/ca.crt and ca.key
ca folder="certs":
    signalbox ca {{ folder }}

# The issuer below it: certs/issuer.crt and issuer.key
issuer folder="certs":
    signalbox issuer {{ folder }}

# Install linkerd-crds, linkerd-control-plane, linkerd-viz, backend-a, backend-b or frontend on the tutorial's cluster
apply part *args:
    signalbox apply --name tutorial "$@"

# Install booksapp on the tutorial's cluster
booksapp:
    signalbox apply --name tutorial booksapp

# The tutorial's curl without a header: backend A must answer
expect-backend-a:
    signalbox expect --name tutorial backend-a

# The tutorial's curl with x-request-id: alternative: with the route in force backend B must answer
expect-backend-b:
    signalbox expect --name tutorial backend-b

# Build the images and run them on a real Docker engine; as root it starts one of its own if none answers
docker-check *args:
    python benchmarks/docker_check.py "$@"

# Every test: units first, then those that start clusters
test *args:
    pytest -q -m "not cluster" -n auto "$@"
    pytest -q -m cluster "$@"

# Unit tests only (no Envoy, no cluster)
test-unit *args:
    pytest -q -m "not cluster" -n auto "$@"

# What CI checks besides the tests: style, types, layers, schema
check: && test
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# Fetch kubectl and helm of several releases into build/clients (Linux on amd64), for `clients` and its tests
clients-install:
    python -m harness.tests.apiserver.clients.install

# Every command of the client matrix with each installed kubectl and helm; rewrites docs/clients.md
clients:
    python -m harness.tests.apiserver.clients

# Who will answer, with what and why, before anything runs
explain *args:
    @signalbox explain "$@"

# What cannot be meant, in scenarios and manifests
lint *args:
    @signalbox lint "$@"

# The oracle against the embedded data plane: thousands of generated routes, policies and requests
agree cases="12000" *args:
    #!/usr/bin/env bash
    shift
    SIGNALBOX_AGREE_CASES={{ cases }} pytest -q harness/tests/oracle/test_agreement.py "$@"

# Rewrite the editors' JSON Schema from the models
schema:
    signalbox schema > harness/schema/scenario-v1alpha1.json

# Break one thing at a time, in memory, and see that the scenario notices
prove path="scenarios/tutorial" *args:
    signalbox prove "$@"

# Every written negative twin turns red exactly what it names
twins *args:
    signalbox prove --twins scenarios "$@"

# What is too slow for every push and runs each night: agreement, mutants of the tutorial, all twins
nightly profile="embedded":
    just agree
    just prove scenarios/tutorial --cluster {{ profile }}
    just twins --cluster {{ profile }}

# Decisions of the oracle in a second
benchmark-oracle:
    python benchmarks/oracle.py

# How long everything takes, and how many requests a verdict costs
benchmark *args:
    python benchmarks/time_to_verdict.py "$@"

# How long the whole tutorial takes, phase by phase
benchmark-tutorial *args:
    python benchmarks/time_to_verdict.py scenarios/tutorial "$@"

# Run scenarios many times in a row, the whole tutorial if none is named
soak runs="20" *args:
    #!/usr/bin/env bash
    shift
    python benchmarks/soak.py --runs {{ runs }} "$@"

# What one request costs our sender, beside wrk and hey on the same server
benchmark-traffic *args:
    python benchmarks/traffic.py "$@"

# What looking at a share's evidence costs, and how often its guard against few connections is wrong
benchmark-verdict *args:
    python benchmarks/verdict.py "$@"

# What the embedded API server takes, against aiohttp serving the same bytes
benchmark-api *args:
    python benchmarks/apiserver.py "$@"

