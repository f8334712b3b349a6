"""What Hypothesis draws: routes, policies and requests over a fixed cast, as manifests a person can read."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from harness.resources.identities import service_account_identity
from harness.tests.oracle.cast import AWAY, HOME, PORT, SECOND, cast_deployment, cast_service
from harness.tests.oracle.cluster import Obj

SENDERS = ("webapp", "guest", "stranger")
"""webapp lives with the applications, guest in another namespace; stranger is in no mesh."""

_TIMES = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"])
_PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/", "//", "/a//b", "/ping"]
_REGEXES = ["/a.*", "/a|/ab", ".*b", "/a(/b)?", "/[ab]/?", "/", "/a$", "(?i)/A"]


@dataclass(frozen=True)
class Asked:
    """One request: of a sender, to a Service, at `host:port`.

    app_status  what an application says that it reaches
    """

    sender: str
    host: str
    port: int
    target: str
    method: str
    headers: tuple[tuple[str, str], ...]
    app_status: int = 200

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.target}"


def _seldom(times: int) -> st.SearchStrategy[bool]:
    """True once in so many times, and False where Hypothesis looks for something simpler."""
    return st.sampled_from([False] * (times - 1) + [True])


def _values(*choices: tuple[str, str, str]) -> st.SearchStrategy[list[Obj]]:
    """Lists of header or query matches with different names."""
    drawn = st.lists(st.sampled_from(choices), max_size=2, unique_by=lambda item: item[0].lower())
    return drawn.map(lambda items: [{"name": name, "type": kind, "value": value} for name, kind, value in items])


_PATH_MATCHES = st.one_of(
    st.tuples(st.sampled_from(["PathPrefix", "Exact"]), st.sampled_from(["/", "/a", "/a/", "/a/b", "/ab", "/ping"])),
    st.tuples(st.just("PathPrefix"), st.sampled_from(["/", "/a"])),
    st.tuples(st.just("RegularExpression"), st.sampled_from(_REGEXES)),
).map(lambda pair: {"type": pair[0], "value": pair[1]})
_HEADER_MATCHES = _values(("X-One", "Exact", "1"), ("x-two", "Exact", "2"), ("x-two", "RegularExpression", "[2-3]|23"))
_QUERY_MATCHES = _values(("q", "Exact", "a b"), ("r", "Exact", "1"), ("q", "RegularExpression", "[a-c]+"))


@st.composite
def _matches(draw: st.DrawFn) -> Obj:
    found: Obj = {"path": draw(_PATH_MATCHES)}
    if draw(_seldom(3)):
        found["method"] = draw(st.sampled_from(["GET", "HEAD", "PUT"]))
    if draw(_seldom(4)):
        found["headers"] = draw(_HEADER_MATCHES)
    if draw(_seldom(5)):
        found["queryParams"] = draw(_QUERY_MATCHES)
    return found


_HEADER_LISTS = st.lists(
    st.sampled_from(["x-by", "X-By", "x-too"]), min_size=1, max_size=2, unique_by=lambda name: name.lower()
)
_WRITTEN = st.tuples(_HEADER_LISTS, st.sampled_from(["rule", "more", "100%"])).map(
    lambda drawn: [{"name": name, "value": drawn[1]} for name in drawn[0]]
)
_CHANGES = st.fixed_dictionaries(
    {}, optional={"add": _WRITTEN, "set": _WRITTEN, "remove": _HEADER_LISTS.map(lambda names: names[:1])}
).filter(bool)
_REQUEST_HEADERS = _CHANGES.map(lambda found: {"type": "RequestHeaderModifier", "requestHeaderModifier": found})
_RESPONSE_HEADERS = _CHANGES.map(lambda found: {"type": "ResponseHeaderModifier", "responseHeaderModifier": found})
_REDIRECTS: st.SearchStrategy[Obj] = st.sampled_from(
    [
        {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/moved"}, "statusCode": 301},
        {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}},
        {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/n/"}},
        {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/a"}},
        {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
        {"hostname": "books.booksapp"},
        {"hostname": "books.booksapp", "port": PORT},
        {"port": PORT, "path": {"type": "ReplaceFullPath", "replaceFullPath": "/a/b"}},
        {"hostname": "new.example"},
        {"hostname": "new.example", "port": 80},
        {"scheme": "https"},
        {"scheme": "https", "hostname": "new.example"},
        {"scheme": "https", "port": 443},
        {"port": 8080, "statusCode": 301},
    ]
).map(lambda found: {"type": "RequestRedirect", "requestRedirect": found})
_LACKED: Obj = {"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}
_BACKEND_FILTERS = st.one_of(_REQUEST_HEADERS, _RESPONSE_HEADERS, _REDIRECTS, st.just(_LACKED))

_TIMES_OUT = st.sampled_from(["100ms", "10s", "0s"])
_TIMEOUTS = st.fixed_dictionaries({}, optional={"request": _TIMES_OUT, "backendRequest": _TIMES_OUT})
_LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "timeout.linkerd.io/request": st.sampled_from(["100ms", "10s", "soon"]),
        "timeout.linkerd.io/response": st.sampled_from(["100ms", "10s"]),
        "retry.linkerd.io/http": st.sampled_from(["5xx", "503", "500-502,504", "gateway-error", "5xx, 404"]),
        "retry.linkerd.io/limit": st.sampled_from(["0", "1", "2"]),
        "retry.linkerd.io/timeout": st.sampled_from(["100ms", "10s", "0s"]),
    },
)
"""Timeouts and retries, some in words that cannot be read (§2.7)."""


@st.composite
def _backends(draw: st.DrawFn) -> Obj:
    found: Obj = {
        "name": draw(st.sampled_from(["books", "books", "other", "legacy", "gone", "nowhere"])),
        "port": draw(st.sampled_from([PORT, PORT, PORT, SECOND, 9])),
    }
    if draw(st.booleans()):
        found["weight"] = draw(st.sampled_from([0, 1, 2, 9]))
    if draw(_seldom(6)):
        found["kind"] = draw(st.sampled_from(["Service", "Secret"]))
    if draw(_seldom(5)):
        found["filters"] = [draw(_BACKEND_FILTERS)]
    return found


_BACKENDS = st.lists(_backends(), max_size=3, unique_by=lambda ref: (ref["name"], ref["port"]))


@st.composite
def _rules(draw: st.DrawFn, *, filters: st.SearchStrategy[Obj]) -> Obj:
    rule: Obj = {}
    if not draw(_seldom(4)):
        rule["matches"] = draw(st.lists(_matches(), min_size=1, max_size=2))
    if draw(_seldom(4)):
        rule["filters"] = [draw(filters)]
    if draw(_seldom(4)) and (timeouts := draw(_TIMEOUTS)):
        rule["timeouts"] = timeouts
    if not any(item["type"] == "RequestRedirect" for item in rule.get("filters", [])):
        refs = draw(_BACKENDS)
        if refs:
            rule["backendRefs"] = refs
    return rule


@st.composite
def _outbound_routes(draw: st.DrawFn, name: str) -> Obj:
    group = draw(st.sampled_from(["policy.linkerd.io/v1beta3", "gateway.networking.k8s.io/v1"]))
    filters = st.one_of(_REQUEST_HEADERS, _REDIRECTS)
    if not group.startswith("policy"):
        filters = st.one_of(filters, _RESPONSE_HEADERS, st.just(_LACKED))
    parent: Obj = {"kind": "Service", "name": draw(st.sampled_from(["books", "books", "other", "nowhere"]))}
    namespace = draw(st.sampled_from([HOME, HOME, HOME, AWAY]))
    if namespace == AWAY:
        parent["namespace"] = HOME
    group_of_parent = draw(st.sampled_from(["core"] * 6 + ["", "gateway.networking.k8s.io", None]))
    if group_of_parent is not None:
        parent["group"] = group_of_parent
    if draw(_seldom(4)):
        parent["port"] = draw(st.sampled_from([PORT, SECOND, 99]))
    spec: Obj = {"parentRefs": [parent], "rules": draw(st.lists(_rules(filters=filters), min_size=1, max_size=3))}
    if draw(_seldom(5)):
        spec["hostnames"] = [
            draw(st.sampled_from(["books.booksapp.svc.cluster.local", "*.svc.cluster.local", "other"]))
        ]
    made = _object(group, "HTTPRoute", name, spec, namespace, draw(_TIMES))
    if draw(_seldom(4)):
        made["metadata"]["annotations"] = draw(_LIMITS)
    return made


def _object(version: str, kind: str, name: str, spec: Obj, namespace: str = HOME, created: str = "") -> Obj:
    stored = {"creationTimestamp": created} if created else {}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **stored},
        "spec": spec,
    }


def _policy(kind: str, name: str, spec: Obj, created: str = "", version: str = "v1alpha1") -> Obj:
    return _object(f"policy.linkerd.io/{version}", kind, name, spec, HOME, created)


_GROUP = "policy.linkerd.io"
_IDENTITIES = [service_account_identity(HOME, "webapp"), service_account_identity(AWAY, "guest"), "*"]
_IDENTITIES += ["*.tools.serviceaccount.identity.linkerd.cluster.local", "*.identity.linkerd.cluster.local"]
_NETWORKS = ["127.0.0.0/8", "10.0.0.0/8", "0.0.0.0/0"]
_REQUIRED = [
    {"group": _GROUP, "kind": "MeshTLSAuthentication", "name": "m"},
    {"group": _GROUP, "kind": "NetworkAuthentication", "name": "n"},
    {"kind": "ServiceAccount", "name": "webapp"},
    {"kind": "ServiceAccount", "name": "guest", "namespace": AWAY},
]
_TARGETS = [
    {"group": _GROUP, "kind": "Server", "name": "s"},
    {"group": _GROUP, "kind": "HTTPRoute", "name": "IN-one"},
    {"group": _GROUP, "kind": "HTTPRoute", "name": "in-two"},
    {"kind": "Namespace", "name": HOME},
]


@st.composite
def _servers(draw: st.DrawFn, name: str) -> Obj:
    selector = draw(
        st.sampled_from(
            [
                {"matchLabels": {"app": "books"}},
                {},
                {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["other"]}]},
            ]
        )
    )
    spec: Obj = {"podSelector": selector, "port": draw(st.sampled_from(["service", "service", PORT, PORT, "nothing"]))}
    if draw(_seldom(4)):
        spec["proxyProtocol"] = draw(st.sampled_from(["HTTP/1", "unknown", "opaque"]))
    if draw(_seldom(2)):
        spec["accessPolicy"] = draw(
            st.sampled_from(["deny", "deny", "all-authenticated", "audit", "cluster-unauthenticated"])
        )
    return _policy("Server", name, spec, draw(_TIMES), "v1beta3")


@st.composite
def _inbound_routes(draw: st.DrawFn, name: str) -> Obj:
    parent: Obj = {"group": _GROUP, "kind": "Server", "name": draw(st.sampled_from(["s", "s", "t"]))}
    if draw(_seldom(8)):
        parent["port"] = PORT
    spec = {"parentRefs": [parent], "rules": draw(st.lists(_inbound_rules(), min_size=1, max_size=2))}
    return _object("policy.linkerd.io/v1beta3", "HTTPRoute", name, spec, HOME, draw(_TIMES))


@st.composite
def _inbound_rules(draw: st.DrawFn) -> Obj:
    rule: Obj = {} if draw(_seldom(5)) else {"matches": draw(st.lists(_matches(), min_size=1, max_size=2))}
    if draw(_seldom(6)):
        rule["filters"] = [draw(st.one_of(_REQUEST_HEADERS, _REDIRECTS))]
    return rule


@st.composite
def _policies(draw: st.DrawFn) -> list[Obj]:
    found = [draw(_servers(name)) for name in draw(st.sampled_from([["s"], ["s"], ["s", "t"]]))]
    found += [
        draw(_inbound_routes(name))
        for name in draw(st.sampled_from([[], ["in-one"], ["in-one"], ["in-one", "in-two"]]))
    ]
    if not draw(_seldom(5)):
        identities = draw(st.lists(st.sampled_from(_IDENTITIES), min_size=1, max_size=2, unique=True))
        found.append(_policy("MeshTLSAuthentication", "m", {"identities": identities}))
    if not draw(_seldom(5)):
        cidr = draw(st.sampled_from(_NETWORKS))
        except_ = ["127.255.0.0/16"] if cidr == "127.0.0.0/8" and draw(st.booleans()) else []
        found.append(_policy("NetworkAuthentication", "n", {"networks": [{"cidr": cidr, "except": except_}]}))
    for name in draw(st.sampled_from([[], ["p"], ["p"], ["p", "q"], ["p", "q"]])):
        required = draw(st.lists(st.sampled_from(_REQUIRED), max_size=2, unique_by=lambda ref: ref["name"] == "n"))
        target = draw(st.sampled_from(_TARGETS))
        spec = {"targetRef": target, "requiredAuthenticationRefs": required}
        found.append(_policy("AuthorizationPolicy", name, spec))
    return found + draw(_rate_limits())


_RATES = st.sampled_from([1, 2, 100_000])


@st.composite
def _rate_limits(draw: st.DrawFn) -> list[Obj]:
    """Mostly none; seldom two for one Server, of which the older holds (§3.27)."""
    found = []
    for name in draw(st.sampled_from([[], [], [], ["l"], ["l"], ["l", "k"]])):
        spec: Obj = {"targetRef": {"group": _GROUP, "kind": "Server", "name": "s"}}
        for kind in draw(st.sampled_from([["total"], ["identity"], ["total", "identity"], []])):
            spec[kind] = {"requestsPerSecond": draw(_RATES)}
        if draw(_seldom(3)):
            clients = [{"kind": "ServiceAccount", "name": "webapp"}]
            clients += [{"kind": "ServiceAccount", "name": "guest", "namespace": AWAY}] if draw(st.booleans()) else []
            spec["overrides"] = [{"requestsPerSecond": draw(_RATES), "clientRefs": clients}]
        found.append(_policy("HTTPLocalRateLimitPolicy", name, spec, draw(_TIMES)))
    return found


_WORDS_OF_PODS = st.fixed_dictionaries(
    {},
    optional={
        "config.linkerd.io/default-inbound-policy": st.sampled_from(
            ["deny", "all-authenticated", "cluster-authenticated", "cluster-unauthenticated", "audit", "nonsense"]
        ),
        "config.linkerd.io/proxy-require-identity-inbound-ports": st.sampled_from([str(PORT), "9"]),
        "config.linkerd.io/opaque-ports": st.sampled_from([f"1-{PORT}", "9"]),
    },
)
_BREAKING = "balancer.linkerd.io/failure-accrual"
_BREAKERS = st.sampled_from(["1", "2", "7", "few"]).map(
    lambda most: {
        _BREAKING: "consecutive",
        f"{_BREAKING}-consecutive-max-failures": most,
        f"{_BREAKING}-consecutive-min-penalty": "200ms",
    }
)
_WORDS_OF_SERVICES = st.tuples(
    _LIMITS,
    st.sampled_from([{}, {}, {"config.linkerd.io/opaque-ports": str(PORT)}]),
    st.one_of(st.just({}), st.just({}), _BREAKERS),
).map(lambda drawn: {**drawn[0], **drawn[1], **drawn[2]})


@st.composite
def _annotated(draw: st.DrawFn) -> list[Obj]:
    """The books of the cast with words of its own on pods (§3.2) or Service (1G, §2.7)."""
    found = []
    if draw(_seldom(3)) and (words := draw(_WORDS_OF_PODS)):
        found.append(cast_deployment("books", words))
    if draw(_seldom(3)):
        protocol = draw(st.sampled_from(["", "", "http", "kubernetes.io/h2c", "grpc", "linkerd.io/opaque"]))
        found.append(cast_service("books", draw(_WORDS_OF_SERVICES), protocol))
    return found


@st.composite
def manifests(draw: st.DrawFn) -> list[Obj]:
    """Routes on Services, policies on pods, or both; seldom also annotations of the cast."""
    what = draw(st.sampled_from(["routes", "policies", "both"]))
    found: list[Obj] = []
    if what != "policies":
        found += [draw(_outbound_routes(f"out-{number}")) for number in range(draw(st.sampled_from([1, 2, 2, 3])))]
    if what != "routes":
        found += draw(_policies())
    return found + draw(_annotated())


_HEADER_SETS: list[tuple[tuple[str, str], ...]] = [
    (),
    (("x-one", "1"),),
    (("X-Two", "2"),),
    (("x-one", "1"), ("x-two", "23")),
    (("x-one", "0"), ("X-One", "1")),
    (("x-two", "2"), ("x-two", "4"), ("x-one", "1")),
    (("x-one", "1,0"), ("x-two", "4,2")),
    (("x-by", "client"), ("x-by", "again")),
]
_HOSTS = [
    "books.booksapp",
    "books.booksapp.svc.cluster.local",
    "other.booksapp.svc",
    "legacy.booksapp",
    "gone.booksapp",
]
_TARGETS_OF_REQUESTS = st.tuples(
    st.sampled_from([*_PATHS, "/b", "/a/c", "/A", "/a%2Fb", "/slow", "/slow", "/moved", "/n/"]),
    st.sampled_from(["", "?q=a+b", "?q=a%20b&r", "?r=&q=abc", "?q=x&q=ab", "?r=1"]),
).map("".join)

REQUESTS: st.SearchStrategy[Asked] = st.builds(
    Asked,
    sender=st.sampled_from(["webapp", "webapp", "guest", *SENDERS]),
    host=st.sampled_from([_HOSTS[0]] * 5 + _HOSTS),
    port=st.sampled_from([PORT] * 5 + [SECOND]),
    target=_TARGETS_OF_REQUESTS,
    method=st.sampled_from(["GET", "GET", "HEAD", "HEAD", "PUT"]),
    headers=st.sampled_from(_HEADER_SETS),
    app_status=st.sampled_from([200, 200, 500, 503]),
)
