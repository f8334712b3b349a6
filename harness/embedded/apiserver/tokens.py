"""Bearer tokens of ServiceAccounts: what a process in a pod shows the API server, and whom that makes it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

import jwt

from harness.embedded.apiserver.api import Api

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
LIFETIME_SECONDS: Final = 365 * 24 * 3600
"""As long as the cluster's certificates; also what a real API server grants tokens that are read from a file once."""
_ALGORITHM: Final = "HS256"  # whoever makes a token checks it, so one secret is enough
_SCHEME: Final = "bearer "


class ServiceAccountTokens:
    """Tokens of one cluster; its secret never leaves the process."""

    def __init__(self, api: Api, *, now: Callable[[], float] = time.time) -> None:
        self._api = api
        self._now = now
        self._secret = secrets.token_bytes(32)

    def issue(
        self, namespace: str, name: str, *, seconds: int = LIFETIME_SECONDS, audiences: Sequence[str] = (ISSUER,)
    ) -> str:
        """A token for a ServiceAccount, as a JSON web token with the claims that clients read.

        audiences  whom it is meant for; this API server takes only those for ISSUER
        """
        begin = int(self._now())
        claims = {
            "iss": ISSUER,
            "aud": list(audiences),
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "iat": begin,
            "exp": begin + seconds,
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": self._uid(namespace, name)},
            },
        }
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def user(self, authorization: str) -> str:
        """The user that an Authorization header proves, `system:serviceaccount:NAMESPACE:NAME`; "" if it proves none.

        A token ends with its ServiceAccount: one of the same name that is made later has another uid.
        """
        if not authorization.lower().startswith(_SCHEME):
            return ""
        try:
            claims = jwt.decode(
                authorization[len(_SCHEME) :].strip(), self._secret, algorithms=[_ALGORITHM], audience=ISSUER
            )
        except jwt.InvalidTokenError:
            return ""
        place = claims["kubernetes.io"]
        account = place["serviceaccount"]
        is_there = account["uid"] and self._uid(place["namespace"], account["name"]) == account["uid"]
        return str(claims["sub"]) if is_there else ""

    def _uid(self, namespace: str, name: str) -> str:
        found = self._api.store.get("serviceaccounts", namespace, name)
        return str(found["metadata"]["uid"]) if found else ""
