"""Plans, files, truths and answers of campaigns that nobody recorded."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lastseen.lab.campaign.plan import Plan
from lastseen.lab.campaign.withholding import CaseFiles

sys.path[:0] = [str(Path(__file__).parents[2])]

PLAN = Plan(
    number=1,
    kind="faulty",
    scene="fin_rule",
    second=None,
    seed=7,
    withheld_seed=11,
    points="all",
    texts="all",
    names="numbered",
    clocks="one",
)


@pytest.fixture
def plan() -> Plan:
    """A run with all evidence."""
    return PLAN


@pytest.fixture
def plans() -> list[Plan]:
    """A hundred runs that withhold all sorts of things."""
    return [
        replace(PLAN, withheld_seed=seed, points=points, texts=texts, names=names, clocks=clocks)
        for seed, (points, texts, names, clocks) in enumerate(
            [
                (points, texts, names, clocks)
                for points in ("all", "one less", "few")
                for texts in ("all", "nothing before", "a node less", "some kinds", "none")
                for names in ("numbered", "plain", "misnumbered", "compressed")
                for clocks in ("one", "apart")
            ]
        )
    ]


@pytest.fixture
def files() -> CaseFiles:
    """What a scene of the routed network leaves."""
    texts = ("ip_addr", "nft_list_ruleset", "nstat_asz", "when")
    return CaseFiles(
        tuple(
            sorted(
                [
                    "captures/1_remote_w0.pcap",
                    "captures/2_compute_w1.pcap",
                    "captures/3_compute_t0.pcap",
                    "captures/4_vm_t1.pcap",
                    "captures/remote_w0_tcpdump.txt",
                    "captures/compute_w1_tcpdump.txt",
                    "captures/compute_t0_tcpdump.txt",
                    "captures/vm_t1_tcpdump.txt",
                    "compute_syslogemu.log",
                    "strace.txt",
                    "cmd.txt",
                    "output.txt",
                    "time.txt",
                    *(
                        f"{moment}/{node}/{text}.txt"
                        for moment in ("before", "after")
                        for node in ("remote", "compute", "vm")
                        for text in texts
                    ),
                ]
            )
        )
    )
