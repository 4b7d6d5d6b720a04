"""A run that changes all it may, over and over, until it is killed: what the tests of restoring kill."""

import subprocess
import sys
from pathlib import Path

from lastseen.hosts.holding import Wanted, held
from lastseen.hosts.host import HERE
from lastseen.hosts.journal import Session
from lastseen.hosts.probing import HostFacts, probe
from lastseen.hosts.programs import end, start

WANTED = (("net.netfilter.nf_conntrack_log_invalid", "255"), ("net.ipv4.tcp_timestamps", "0"))


def change(facts: HostFacts, folder: Path, netns: str) -> None:
    """One whole run: settings held, a capture running, everything back."""
    session = Session.begin(folder)
    with held(session, facts, [Wanted(key=key, value=value, netns=netns) for key, value in WANTED]):
        capture = ("tcpdump", "-i", "lo", "-w", "-", "-U")
        started = start(session, facts, capture, netns=netns, errors=subprocess.DEVNULL)
        end(started)


if __name__ == "__main__":
    here = probe(HERE)
    print("ready", flush=True)
    while True:  # on a busy machine, too, most of the time something is changed
        change(here, Path(sys.argv[1]), sys.argv[2])
