# SPDX-License-Identifier: MIT
"""Measures HGCM calls: our driver and the stock driver of the same kernel, in the same guest, on the
same device, one after the other.

Register accesses and interrupts per call are counted by the device and exact. Times depend on the
machine and its load, so they are shown as ratios to the stock driver in the same run. The device is
measured twice: as it is by default, and with --hold-us 0, where it answers like VirtualBox's does
(a call is never done before its register write has returned).
"""

import argparse
import json
import subprocess
import sys

from harness.image import KERNELS, TOP, build_image
from harness.machine import Machine, MachineError, Settings

LOGS = TOP / "build" / "bench"
DRIVERS = ("stock", "ours")
DEVICES = {"default": (), "hold off": ("--hold-us", "0")}
# Of each measurement the best of so many runs: noise only ever adds time.
REPEATS = 3

# Name, arguments of hgcm-bench, key of its answer, unit, whether more is better.
MEASUREMENTS = (
    ("no-op call", ("noop", "3000"), "median_us", "us", False),
    ("call that takes the service 2 ms", ("delayed", "2", "150"), "median_us", "us", False),
    ("8 threads, no-op calls", ("threads", "8", "400"), "calls_per_s", "calls/s", True),
    ("64 threads, no-op calls", ("threads", "64", "50"), "calls_per_s", "calls/s", True),
    ("1 MiB to the host", ("in", "1048576", "40"), "mb_per_s", "MB/s", True),
    ("1 MiB from the host", ("out", "1048576", "40"), "mb_per_s", "MB/s", True),
    ("64 bytes from the host", ("out", "64", "2000"), "median_us", "us", False),
)
# Label and the device counters it adds up.
COUNTS = (
    ("port writes", ("port-writes", "request-bar-writes")),
    ("other trapped accesses", ("port-reads", "memory-reads", "memory-writes", "request-bar-reads")),
    ("interrupts", ("interrupts-level", "interrupts-message")),
    ("through the ring", ("ring-submissions",)),
    ("host copies", ("hgcm-copies",)),
)


def device_counters(machine: Machine) -> dict[str, int]:
    output = subprocess.run([TOP / "build/bin/vmctl", "--control", machine.vmctl_socket, "stats",
                             "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output)["device"]


async def guest(machine: Machine, *command: str) -> str:
    done = await machine.channel.run(*command, seconds=300)
    if done.code != 0:
        raise MachineError(f"{' '.join(command)}: exit code {done.code}\n"
                           f"{(done.output + done.errors).decode(errors='replace')}")
    return done.output.decode()


async def load_driver(machine: Machine, driver: str, release: str) -> None:
    path = "/tests" if driver == "stock" else f"/lib/modules/{release}/updates"
    await guest(machine, "sh", "-c", "rmmod vboxguest 2>/dev/null; "
                f"insmod {path}/vboxguest.ko && "
                "while [ ! -c /dev/vboxguest ]; do sleep 0.1; done")


async def measure(machine: Machine, arguments: tuple[str, ...], key: str, more: bool) -> dict:
    best = None
    for _ in range(REPEATS):
        before = device_counters(machine)
        answer = json.loads(await guest(machine, "/tests/hgcm-bench", *arguments))
        after = device_counters(machine)
        counts = {label: sum(after[c] - before[c] for c in counters) / answer["calls"]
                  for label, counters in COUNTS}
        if best is None or (answer[key] > best["value"]) == more:
            best = {"value": answer[key], "counts": counts}
    return best


async def run(options: argparse.Namespace) -> dict:
    release = subprocess.run([TOP / "tests/vm/fetch-kernel", "--print", options.kernel], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    LOGS.mkdir(parents=True, exist_ok=True)
    image = LOGS / "image.cpio"
    stock = KERNELS / release / "lib/modules" / release / "kernel/drivers/virt/vboxguest/vboxguest.ko"
    build_image(image, release, True, TOP / "build", ["tests/hgcm-bench"], [stock])
    results: dict = {}
    for device, daemon_options in DEVICES.items():
        settings = Settings(line=options.kernel, release=release, modules="ours", cpus=2,
                            driver=False, daemon_options=daemon_options)
        machine = Machine(settings, image, LOGS / device.replace(" ", "-"))
        try:
            await machine.start()
            for driver in DRIVERS:
                await load_driver(machine, driver, release)
                for name, arguments, key, unit, more in MEASUREMENTS:
                    print(f"{device}, {driver}: {name} ...", file=sys.stderr, flush=True)
                    found = await measure(machine, arguments, key, more)
                    results.setdefault(device, {}).setdefault(name, {})[driver] = found
        finally:
            await machine.stop()
    return {"kernel": release, "results": results}


def print_tables(report: dict) -> None:
    units = {name: (unit, more) for name, _, _, unit, more in MEASUREMENTS}
    print(f"\nCalls, guest kernel {report['kernel']} with 2 processors under TCG")
    for device, rows in report["results"].items():
        print(f"\nTimes, device {device} (ours / stock: time ratio, below 1 is faster; "
              "rates as ours / stock too, above 1 is faster)\n")
        print("| | stock | ours | ours / stock |\n|---|---|---|---|")
        for name, found in rows.items():
            stock, ours = found["stock"]["value"], found["ours"]["value"]
            print(f"| {name}, {units[name][0]} | {stock:.0f} | {ours:.0f} | {ours / stock:.2f} |")
        print(f"\nPer call, device {device} (stock / ours)\n")
        print("| | " + " | ".join(label for label, _ in COUNTS) + " |")
        print("|---" * (len(COUNTS) + 1) + "|")
        for name, found in rows.items():
            cells = [f"{found['stock']['counts'][label]:.2f} / {found['ours']['counts'][label]:.2f}"
                     for label, _ in COUNTS]
            print(f"| {name} | " + " | ".join(cells) + " |")
