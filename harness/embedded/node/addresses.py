"""A private piece of 127.0.0.0/8 for one cluster, so that several clusters live on one machine.

127.X.0.1                      the node: probes come from here
127.X.1.1   .. 127.X.63.254    Services (ClusterIPs)
127.X.64.1  .. 127.X.158.254   pods: what others dial
127.X.160.1 .. 127.X.254.254   where the processes of the same pods listen
127.X.255.254:4190/udp         held while the cluster lives; this is the claim
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import EnvironmentFailed

BLOCKS = range(16, 240)  # 127.0 to 127.15 stay with resolvers and other tools
_CLAIM_PORT = 4190  # §4.8: reserved by the proxy, so no pod ever listens there
_SERVICES = range(1, 64)
_PODS = range(64, 159)
_APP_OFFSET = 96  # third number of app_ip minus that of pod_ip


@dataclass(frozen=True, slots=True)
class PodAddresses:
    """The two loopback addresses of one pod.

    pod_ip  what others dial
    app_ip  where the processes of a meshed pod listen
    """

    pod_ip: str
    app_ip: str


class PodNetwork:
    """The addresses of one cluster; each is given out once and never again while the cluster lives."""

    def __init__(self, block: int, claim: socket.socket) -> None:
        self.block = block
        self.node_ip = f"127.{block}.0.1"
        self._claim = claim
        self._services = _hosts(_SERVICES)
        self._pods = _hosts(_PODS)

    @classmethod
    def claim(cls, blocks: Sequence[int] = BLOCKS) -> PodNetwork:
        """Take a free 127.X.0.0/16; raises EnvironmentFailed if none is free or this is not Linux.

        The search starts at a place that depends on the process, so that a cluster seldom gets the addresses
        of one that ended a moment ago.
        """
        if sys.platform != "linux":
            raise EnvironmentFailed(
                f"the embedded cluster needs Linux: {sys.platform} has no 127.0.0.0/8 to give pods addresses from",
                "use a cluster profile with k3d or kind",
            )
        for step in range(len(blocks)):
            block = blocks[(os.getpid() + step) % len(blocks)]
            claim = _bind(f"127.{block}.255.254")
            if claim is not None:
                return cls(block, claim)
        raise EnvironmentFailed(
            f"all {len(blocks)} address blocks from 127.{min(blocks)}.0.0/16 to 127.{max(blocks)}.0.0/16 are taken",
            f"end clusters that run on this machine; each holds UDP port {_CLAIM_PORT} of its 127.X.255.254",
        )

    def pod_addresses(self) -> PodAddresses:
        """Addresses for a new pod; raises EnvironmentFailed after some 24,000 pods."""
        third, fourth = self._next(self._pods, "pods")
        return PodAddresses(
            pod_ip=f"127.{self.block}.{third}.{fourth}", app_ip=f"127.{self.block}.{third + _APP_OFFSET}.{fourth}"
        )

    def service_address(self) -> str:
        """A ClusterIP; raises EnvironmentFailed after some 16,000 Services."""
        third, fourth = self._next(self._services, "Services")
        return f"127.{self.block}.{third}.{fourth}"

    def close(self) -> None:
        """Give the block back."""
        self._claim.close()

    @staticmethod
    def _next(hosts: Iterator[tuple[int, int]], of: str) -> tuple[int, int]:
        for host in hosts:
            return host
        raise EnvironmentFailed(f"this cluster has no address left for {of}", "start a new cluster")


def _hosts(thirds: range) -> Iterator[tuple[int, int]]:
    return ((third, fourth) for third in thirds for fourth in range(1, 255))


def _bind(address: str) -> socket.socket | None:
    claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claim.bind((address, _CLAIM_PORT))
    except OSError as error:
        claim.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise EnvironmentFailed(
            f"this machine gives no address in 127.0.0.0/8 to pods: {error}",
            "the loopback device must be up with 127.0.0.1/8 (see `ip address show lo`)",
        ) from error
    return claim
