"""Guard against server-side request forgery: calls reach public addresses, and private networks that are allowed.

The address that is connected to is the one that was checked, so that a name can't mean another address a moment later
(OWASP, Server-Side Request Forgery Prevention Cheat Sheet). Redirects connect the same way.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore2
import httpx2

from .unavailable import CallRefusedError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PUBLIC_IPV6 = IPv6Network("2000::/3")  # all that is assigned to public hosts so far
_NOT_PUBLIC = (  # what `is_global` of some Python versions lets pass
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv6Network("3fff::/20"),  # documentation
)
# Networks whose addresses carry an IPv4 address, and by how many bits it stands from the right.
_CARRIERS = (
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (IPv6Network("::/96"), 0),  # compatible
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
)


class ForbiddenAddressError(CallRefusedError, httpx2.RequestError):
    """A call would leave the addresses that this service may reach."""


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Open connections to public addresses and to `allowed` networks; refuse all others, and Unix sockets."""

    def __init__(self, allowed: Iterable[Network]) -> None:
        self._allowed = tuple(allowed)
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of a host that is permitted and answers."""
        end = None if timeout is None else time.monotonic() + timeout
        addresses = await self._resolve(host, port, timeout)
        for count, address in enumerate(addresses, 1):
            left = None if end is None else max(0.001, (end - time.monotonic()) / (len(addresses) - count + 1))
            try:
                return await self._backend.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if count == len(addresses):
                    raise
        raise AssertionError("unreachable")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # the interface of httpcore2
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse."""
        del path, timeout, socket_options
        raise ForbiddenAddressError("Calls to Unix sockets are not allowed.")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _resolve(self, host: str, port: int, limit: float | None) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"The name {host} was not resolved in time.") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"The name {host} can't be resolved.") from error
        addresses = [str(address[0]) for *_, address in found]
        permitted = [address for address in addresses if is_permitted(ip_address(address), self._allowed)]
        if not permitted:
            raise ForbiddenAddressError(
                f"{host} is not on the public internet, nor in a network of the setting OUTGOING_PRIVATE_NETWORKS."
            )
        return permitted


def is_permitted(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Return whether calls may go to an address: it is public, or in one of the `allowed` networks.

    An IPv6 address that carries an IPv4 address is judged by that.
    """
    carried = _carried(address)
    if any(address in network or carried in network for network in allowed):
        return True
    if any(carried in network for network in _NOT_PUBLIC) or carried.is_multicast or not carried.is_global:
        return False
    return isinstance(carried, IPv4Address) or carried in _PUBLIC_IPV6


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return networks from texts like 10.1.0.0/16. Raises ValueError for anything else."""
    return tuple(ip_network(text) for text in texts)


def _carried(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        for network, shift in _CARRIERS:
            if address in network:
                return IPv4Address((int(address) >> shift) & 0xFFFF_FFFF)
    return address
