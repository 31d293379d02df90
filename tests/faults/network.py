"""Where the nodes of a cluster are: each in a network namespace of its own, or, without root, on loopback."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from neighbours import installed


class Loopback:
    """All nodes at one address, with ports of their own. `own` is the address of what runs beside them."""

    own = "127.0.0.1"
    description = "all nodes on loopback, since network namespaces need root and iproute2"

    def add(self, name: str) -> str:
        """Make room for a node; its address."""
        return self.own

    def entry(self, name: str) -> list[str]:
        """What stands before a command that is to run in the node's place."""
        return []


class Namespaces:
    """A bridge of this machine, and behind it a namespace for each node, with a link that can be cut."""

    description = "each node in a network namespace of its own"

    def __init__(self, undo: ExitStack) -> None:
        self._undo = undo
        self._bridge = f"flux{os.getpid()}"
        # Of the addresses that are set apart for tests of networks.
        self._addresses = [f"198.18.{os.getpid() % 256}.{last}" for last in range(254, 0, -1)]
        self.own = self._addresses.pop()
        _ip("link", "add", self._bridge, "type", "bridge")
        undo.callback(_ip, "link", "delete", self._bridge)
        _ip("address", "add", f"{self.own}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def add(self, name: str) -> str:
        """Make a namespace for a node; its address."""
        space, address = self._space(name), self._addresses.pop()
        _ip("netns", "add", space)
        self._undo.callback(_ip, "netns", "delete", space)
        _ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
        # Sockets that wait for an answer may keep the namespace for minutes, and the link with it.
        self._undo.callback(_ip, "link", "delete", space)
        _ip("link", "set", space, "up")
        _ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        for link in ("eth0", "lo"):
            _ip("-n", space, "link", "set", link, "up")
        self.mend(name)
        return address

    def entry(self, name: str) -> list[str]:
        """What stands before a command that is to run in the node's place."""
        return ["nsenter", f"--net=/run/netns/{self._space(name)}"]

    def cut(self, name: str) -> None:
        """Let what is sent to the node, and what it sends, get lost, as behind a switch that has failed."""
        _ip("link", "set", self._space(name), "nomaster")

    def mend(self, name: str) -> None:
        """Let the node reach the others, and them reach it."""
        _ip("link", "set", self._space(name), "master", self._bridge)

    def _space(self, name: str) -> str:
        return f"{self._bridge}-{name[:3]}"


Network = Loopback | Namespaces


@contextmanager
def network_of_its_own() -> Iterator[Network]:
    """Namespaces where they can be had, and loopback otherwise."""
    with ExitStack() as undo:
        try:
            found: Network = Namespaces(undo)
        except (OSError, subprocess.CalledProcessError):
            found = Loopback()
        yield found


def _ip(*arguments: str) -> None:
    subprocess.run([installed("ip") or "ip", *arguments], check=True, capture_output=True)
