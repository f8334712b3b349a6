"""What a pod's processes find of the API server: its address in the environment, a token and the authority in files.

The same names as in every cluster, so `load_incluster_config` of any client works once it is told where the files
are: below SIGNALBOX_ROOT, for pods here share the machine's file system.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]
SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """The API server as pods reach it.

    authority  PEM of the certificate authority
    token      namespace and name of a ServiceAccount -> a bearer token
    """

    host: str
    port: int
    authority: bytes
    token: Callable[[str, str], str]

    def environment(self) -> dict[str, str]:
        """The variables that clients in a cluster look for."""
        return {"KUBERNETES_SERVICE_HOST": self.host, "KUBERNETES_SERVICE_PORT": str(self.port)}

    def token_of(self, pod: Obj) -> bytes:
        """A token of the pod's own ServiceAccount."""
        account = pod["spec"].get("serviceAccountName") or "default"
        return self.token(pod["metadata"]["namespace"], account).encode()


def service_account_files(pod: Obj, account: Obj | None, access: ApiAccess | None) -> dict[str, bytes]:
    """What is mounted at SERVICE_ACCOUNT_DIR; nothing if the pod or else its ServiceAccount declines it."""
    wanted = pod["spec"].get("automountServiceAccountToken")
    if wanted is None:
        wanted = (account or {}).get("automountServiceAccountToken")
    if wanted is False:
        return {}
    files = {"namespace": pod["metadata"]["namespace"].encode()}
    return files if access is None else files | {"token": access.token_of(pod), "ca.crt": access.authority}
