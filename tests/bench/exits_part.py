# SPDX-License-Identifier: MIT
"""Counts what HGCM calls cost in exits and interrupts, for each set of features that a device can
offer: a guest for each, in which the kernel's own `vboxguest` and then ours make the same calls, one
after the other from one thread. Both choose by what the device offers; nothing is told to them.

The device counts. What opening the driver and connecting cost is in a run of one call, too, and is
taken off. Of each measurement the run with the fewest accesses counts: a busy host only ever adds
some. No times here; those are the part `hgcm`.
"""

import argparse
import subprocess
import sys

from harness.image import KERNELS, TOP, build_image
from harness.machine import Machine, MachineError, Settings
from hgcm_part import DRIVERS, device_counters, guest, load_driver

LOGS = TOP / "build" / "bench"
REPEATS = 3
LINE = ("--no-msi", "--no-event-word")

# What the device offers, and the daemon's options for that.
DEVICES = {
    "INTx, nothing else": (*LINE, "--no-fast-acknowledge"),
    "INTx, fast acknowledge": LINE,
    "INTx, fast acknowledge, hold off": (*LINE, "--hold-us", "0"),
    "INTx, fast acknowledge, BAR3": (*LINE, "--mmio-requests"),
    "INTx, event word": ("--no-msi", "--poll-us", "0"),
    "MSI, fast acknowledge": ("--no-event-word",),
    "MSI, event word": ("--poll-us", "0"),
    "MSI, event word, ring": (),
    "MSI, event word, ring, BAR3": ("--mmio-requests",),
}
# Name, arguments of hgcm-bench before the number of calls, and that.
CALLS = (
    ("quick call", ("noop",), 1000),
    ("call that takes the service 2 ms", ("delayed", "2"), 100),
    ("4 KiB to the host", ("in", "4096"), 500),
    ("4 KiB from the host", ("out", "4096"), 500),
)
# Label and the device counters it adds up.
COUNTS = (
    ("port writes", ("port-writes",)),
    ("MMIO writes", ("request-bar-writes", "memory-writes")),
    ("trapped reads", ("port-reads", "memory-reads", "request-bar-reads")),
    ("interrupts", ("interrupts-level", "interrupts-message")),
    ("through the ring", ("ring-submissions",)),
)
TRAPPED = COUNTS[0][1] + COUNTS[1][1] + COUNTS[2][1]


async def spent(machine: Machine, arguments: tuple[str, ...], calls: int) -> dict[str, int]:
    before = device_counters(machine)
    await guest(machine, "/tests/hgcm-bench", *arguments, str(calls))
    after = device_counters(machine)
    return {name: after[name] - before[name] for name in after}


async def measure(machine: Machine, arguments: tuple[str, ...], calls: int) -> dict[str, float]:
    best: dict[str, int] = {}
    for _ in range(REPEATS):
        one = await spent(machine, arguments, 1)
        many = await spent(machine, arguments, calls + 1)
        found = {name: many[name] - one[name] for name in many}
        if found["hgcm-calls"] != calls:
            raise MachineError(f"{found['hgcm-calls']} calls reached the device instead of {calls}")
        if not best or sum(found[n] for n in TRAPPED) < sum(best[n] for n in TRAPPED):
            best = found
    return {label: sum(best[c] for c in counters) / calls for label, counters in COUNTS}


async def run(options: argparse.Namespace) -> dict:
    release = subprocess.run([TOP / "tests/vm/fetch-kernel", "--print", options.kernel], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    LOGS.mkdir(parents=True, exist_ok=True)
    image = LOGS / "image.cpio"
    stock = KERNELS / release / "lib/modules" / release / "kernel/drivers/virt/vboxguest/vboxguest.ko"
    build_image(image, release, True, TOP / "build", ["tests/hgcm-bench"], [stock])
    results: dict = {}
    for number, (device, daemon_options) in enumerate(DEVICES.items()):
        settings = Settings(line=options.kernel, release=release, modules="ours", cpus=2,
                            driver=False, daemon_options=daemon_options)
        machine = Machine(settings, image, LOGS / f"exits-{number}")
        try:
            await machine.start()
            for driver in DRIVERS:
                await load_driver(machine, driver, release)
                print(f"{device}, {driver} ...", file=sys.stderr, flush=True)
                for name, arguments, calls in CALLS:
                    found = await measure(machine, arguments, calls)
                    results.setdefault(name, {}).setdefault(device, {})[driver] = found
        finally:
            await machine.stop()
    return {"kernel": release, "results": results}


def shown(count: float) -> str:
    """Two runs may differ by one access the other way round: no minus for that."""
    return f"{round(count, 2) + 0.0:.2f}"


def print_tables(report: dict) -> None:
    print(f"\nExits and interrupts per call (stock / ours), guest kernel {report['kernel']}")
    for name, devices in report["results"].items():
        print(f"\n{name[0].upper()}{name[1:]}\n")
        print("| the device offers | " + " | ".join(label for label, _ in COUNTS) + " |")
        print("|---" * (len(COUNTS) + 1) + "|")
        for device, found in devices.items():
            cells = [f"{shown(found['stock'][label])} / {shown(found['ours'][label])}"
                     for label, _ in COUNTS]
            print(f"| {device} | " + " | ".join(cells) + " |")
