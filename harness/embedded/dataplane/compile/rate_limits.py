"""Local rate limits: buckets of the proxy, one set for each port of each pod (§3.27 to §3.30).

Two filters stand one behind the other: the limit for all, then the one by client, so that a request takes a token of
the first even if the second refuses it. A changed route table starts with full buckets again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from harness.embedded.dataplane.compile.http import CLIENT_KEY, WITHIN_TOTAL, header_mutation, written
from harness.embedded.dataplane.compile.names import Config, typed
from harness.resources.inbound import RateLimit, RateLimitOverride

_TOTAL: Final = "signalbox.total_rate_limit"
_BY_CLIENT: Final = "signalbox.client_rate_limit"
_ALWAYS: Final = {"default_value": {"numerator": 100}}
_CLIENTS: Final = 10_000  # buckets of single identities that are remembered; the default of 20 would forget
_UNLIMITED: Final = 2**31


def limit_filters() -> list[Config]:
    """The filters of a connection manager; what they limit is said by each virtual host."""
    passed = header_mutation([written(WITHIN_TOTAL, "yes")])
    return [_filter(_TOTAL), passed, _filter(_BY_CLIENT)]


def host_limits(limit: RateLimit | None) -> Config:
    """The `typed_per_filter_config` of a virtual host: its routes share the buckets (§3.28)."""
    if limit is None:
        return {}
    limits = {}
    if limit.total is not None:
        limits[_TOTAL] = _limit("total", _bucket(limit.total))
    if limit.identity is not None or limit.overrides:
        limits[_BY_CLIENT] = _by_client(limit)
    return limits


def no_limits(limit: RateLimit | None) -> Config:
    """The `typed_per_filter_config` of a route that answers by itself: it costs no token (§3.15)."""
    return {name: typed("config.route.v3.FilterConfig", disabled=True) for name in host_limits(limit)}


def _filter(name: str) -> Config:
    return {"name": name, "typed_config": _limiter(stat_prefix="off")}


def _limit(name: str, bucket: Config, **more: object) -> Config:
    return _limiter(stat_prefix=name, token_bucket=bucket, filter_enabled=_ALWAYS, filter_enforced=_ALWAYS, **more)


def _limiter(**fields: object) -> Config:
    # gRPC clients get RESOURCE_EXHAUSTED (§3.29)
    return typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit", rate_limited_as_resource_exhausted=True, **fields
    )


def _by_client(limit: RateLimit) -> Config:
    """Everybody with an override takes from its bucket, all others from their own (§3.28)."""
    overrides = list(enumerate(limit.overrides))
    descriptors = [_descriptor([("override", str(place))], item.requests_per_second) for place, item in overrides]
    actions = [_is_among("override", str(place), [item], expect_match=True) for place, item in overrides]
    limits = [{"actions": [action]} for action in actions]
    if limit.identity is not None:
        client = {"request_headers": {"header_name": CLIENT_KEY, "descriptor_key": "client"}}
        others = [_is_among("override", "none", limit.overrides, expect_match=False)] if overrides else []
        limits.append({"actions": [*others, client]})
        key = [("override", "none")] if overrides else []
        descriptors.append(_descriptor([*key, ("client", "")], limit.identity))
    return _limit(
        "identity",
        _bucket(_UNLIMITED),
        rate_limits=limits,
        descriptors=descriptors,
        max_dynamic_descriptors=_CLIENTS,
        always_consume_default_token_bucket=False,
    )


def _descriptor(entries: list[tuple[str, str]], requests_per_second: int) -> Config:
    """A bucket; an entry without a value stands for a bucket for each value that comes."""
    named = [{"key": key, **({"value": value} if value else {})} for key, value in entries]
    return {"entries": named, "token_bucket": _bucket(requests_per_second)}


def _is_among(key: str, value: str, overrides: Sequence[RateLimitOverride], *, expect_match: bool) -> Config:
    """Adds this part of a key if the client is, or is not, one of those with these overrides."""
    identities = [re.escape(identity) for override in overrides for identity in override.identities]
    header = {"name": CLIENT_KEY, "string_match": {"safe_regex": {"regex": f"id/({'|'.join(identities)})"}}}
    match = {"descriptor_key": key, "descriptor_value": value, "expect_match": expect_match, "headers": [header]}
    return {"header_value_match": match}


def _bucket(requests_per_second: int) -> Config:
    """Burst and refill alike: one second's worth (§3.28)."""
    return {"max_tokens": requests_per_second, "tokens_per_fill": requests_per_second, "fill_interval": "1s"}
