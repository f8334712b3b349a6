"""Addresses of pods and Services: private to a cluster, and never given out twice."""

from __future__ import annotations

import ipaddress
import socket
import sys

import pytest

from harness.embedded.node import addresses
from harness.embedded.node.addresses import PodNetwork
from harness.errors import EnvironmentFailed


def test_two_networks_at_once_do_not_overlap() -> None:
    first, second = PodNetwork.claim(), PodNetwork.claim()
    try:
        networks = [ipaddress.ip_network(f"{network.node_ip}/16", strict=False) for network in (first, second)]
        assert not networks[0].overlaps(networks[1])
        for network, block in zip((first, second), networks, strict=True):
            pod = network.pod_addresses()
            for address in (network.node_ip, network.service_address(), pod.pod_ip, pod.app_ip):
                assert ipaddress.ip_address(address) in block
    finally:
        first.close()
        second.close()


def test_a_closed_network_gives_its_block_back() -> None:
    unused = min(addresses.BLOCKS) - 1  # no cluster of this machine comes upon it, whatever else runs
    network = PodNetwork.claim(blocks=[unused])
    network.close()
    PodNetwork.claim(blocks=[unused]).close()


def test_no_address_is_given_out_twice_and_all_can_be_bound() -> None:
    network = PodNetwork.claim()
    try:
        pods = [network.pod_addresses() for _ in range(600)]
        given = [network.node_ip, *(network.service_address() for _ in range(600))]
        given += [address for pod in pods for address in (pod.pod_ip, pod.app_ip)]
        assert len(set(given)) == len(given) == 1801
        for address in (given[-1], given[-2], given[600]):
            with socket.socket() as listener:
                listener.bind((address, 0))
    finally:
        network.close()


def test_a_full_machine_is_an_environment_failure() -> None:
    taken = PodNetwork.claim()
    try:
        with pytest.raises(EnvironmentFailed, match="are taken\n  remedy: end clusters"):
            PodNetwork.claim(blocks=[taken.block])
    finally:
        taken.close()


def test_a_full_cluster_is_an_environment_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_PODS", range(64, 65))
    network = PodNetwork.claim()
    try:
        for _ in range(254):
            network.pod_addresses()
        with pytest.raises(EnvironmentFailed, match="no address left for pods"):
            network.pod_addresses()
    finally:
        network.close()


def test_another_system_than_linux_is_an_environment_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EnvironmentFailed, match="needs Linux"):
        PodNetwork.claim()
