# SPDX-License-Identifier: MIT
"""Measures file systems over the same folder of the host: our vboxsf, the kernel's own vboxsf on our
service, virtio-9p and virtiofs, one after the other for each row, in the same guest.

The folder is on the host's tmpfs (/dev/shm), so that the ways to it are measured and not a disk. For
each measurement the file system is mounted anew and the guest's caches are dropped. Calls and
register accesses are counted by the device and exact; times are to be read as ratios."""

import argparse
import asyncio
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import fs_rows
from fs_rows import ROWS, Row
from harness import channel as agent
from harness.image import KERNELS, TOP, build_image
from harness.machine import Machine, MachineError, Settings, die_with_parent

LOGS = TOP / "build" / "bench"
VIRTIOFSD = TOP / "build" / "vm" / "virtiofsd"
PROGRAMS = ["tests/fs-bench", "/usr/bin/git", "/usr/bin/make", "/usr/bin/tcc"]
SECONDS = 900
SLOW_SECONDS = 1.5
CHURN = 100_000
HELD = 4000
INTERRUPTS = ("interrupts-level", "interrupts-message")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    mount: tuple[str, ...]
    modules: str = "ours"


PEERS = {peer.name: peer for peer in (
    Peer("stock", "stock vboxsf", ("-t", "vboxsf", "bench"), "stock"),
    Peer("9p", "virtio-9p", ("-t", "9p", "-o", "trans=virtio,version=9p2000.L,msize=512000",
                             "bench9p")),
    Peer("virtiofs", "virtiofs", ("-t", "virtiofs", "benchfs")),
    # No file system that others share, but what writing costs at least: only for rows that write.
    Peer("tmpfs", "the guest's tmpfs", ("-t", "tmpfs", "bench")),
    Peer("ours", "ours", ("-t", "vboxsf", "bench")),
)}


def processor_seconds(pid: int) -> tuple[float, float]:
    """Of a process, also of threads that have ended, and of its threads that are a guest's processors."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    total = (int(fields[11]) + int(fields[12])) / TICKS
    guest = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text(encoding="ascii").startswith("CPU "):
                nanoseconds = (task / "schedstat").read_text(encoding="ascii").split()[0]
                guest += int(nanoseconds) / 1e9
        except FileNotFoundError:
            pass  # it has ended meanwhile
    return total, guest


def children_of(pid: int) -> list[int]:
    """Also those that another thread than the first one has made."""
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children")
            for child in file.read_text(encoding="ascii").split()]


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Measurement:
    """fs-bench in the guest, from "ready" to its end."""

    def __init__(self, machine: Machine, arguments: list[str]) -> None:
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._text = b""
        self._errors = b""
        self.command = machine.channel.start(["/tests/fs-bench", *arguments], 0, self._take)
        self._arguments = arguments

    def _take(self, kind: int, data: bytes) -> None:
        if kind == agent.ERROR:
            self._errors += data
            return
        self._text += data
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode())

    async def line(self) -> str:
        got = asyncio.ensure_future(self._lines.get())
        await asyncio.wait({got, self.command.exit_code}, timeout=SECONDS,
                           return_when=asyncio.FIRST_COMPLETED)
        if not got.done() and self._lines.empty():
            got.cancel()
            raise MachineError(f"fs-bench {' '.join(self._arguments)}: "
                               f"{self._errors.decode(errors='replace') or 'no answer'}")
        return await got

    async def go(self) -> None:
        await self.command.write(b"\n")

    async def end(self) -> None:
        self.command.end_input()
        await asyncio.wait_for(asyncio.shield(self.command.exit_code), SECONDS)


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.peers = [PEERS[name] for name in PEERS if name in options.peers]
        self.rows = [row for row in ROWS if options.rows.search(row.key)
                     and (row.quick or not options.quick)]
        self.repeats = options.repeats or (1 if options.quick else 3)
        self.release = subprocess.run(
            [TOP / "tests/vm/fetch-kernel", "--print", options.kernel], check=True,
            stdout=subprocess.PIPE, text=True).stdout.strip()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(
            prefix="openhgcm-bench-", dir=memory if memory.is_dir() else None))
        self.share = self.folder / "share"
        self.machine: Machine
        self.virtiofsd: asyncio.subprocess.Process | None = None
        self._modules = ""
        self._mounted: Peer | None = None
        self.results: dict = {}
        self.memory: dict = {}

    # --- the machine -------------------------------------------------------------------------------

    async def start(self) -> None:
        self.share.mkdir()
        LOGS.mkdir(parents=True, exist_ok=True)
        small, project = self.folder / "files.tar", self.folder / "project.tar"
        fs_rows.small_files_archive(small)
        fs_rows.project_archive(project)
        fs_rows.fill_share(self.share, [peer.name for peer in self.peers if peer.name != "tmpfs"],
                           small, self.rows)
        image = self.folder / "image.cpio"
        drivers = KERNELS / self.release / "lib/modules" / self.release / "kernel"
        build_image(image, self.release, True, TOP / "build", PROGRAMS,
                    [drivers / "drivers/virt/vboxguest/vboxguest.ko", drivers / "fs/vboxsf/vboxsf.ko",
                     small, project])
        socket = self.folder / "virtiofsd.socket"
        await self._start_virtiofsd(socket)
        settings = Settings(
            line=self.options.kernel, release=self.release, modules="ours", memory=1536,
            cpus=self.options.cpus, driver=False, services=("VBoxSharedFolders",),
            daemon_options=("--share", f"bench={self.share},symlinks=any",
                            "--sandbox", self.options.sandbox),
            qemu_options=(
                "-name", "bench,debug-threads=on",
                "-fsdev", f"local,id=bench9p,path={self.share},security_model=none",
                "-device", "virtio-9p-pci,fsdev=bench9p,mount_tag=bench9p",
                "-chardev", f"socket,id=benchfs,path={socket}",
                "-device", "vhost-user-fs-pci,chardev=benchfs,tag=benchfs"))
        self.machine = Machine(settings, image, LOGS / f"fs-{self.options.kernel}")
        await self.machine.start()
        await self.guest("sh", "-c", "mkdir -p /bench; modprobe 9pnet_virtio; modprobe 9p; "
                         "modprobe virtiofs; true")

    async def _start_virtiofsd(self, socket: Path) -> None:
        with open(LOGS / "virtiofsd.log", "wb") as log:
            self.virtiofsd = await asyncio.create_subprocess_exec(
                str(VIRTIOFSD), "--socket-path", str(socket), "--shared-dir", str(self.share),
                "--cache", "auto", "--sandbox", "none", stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=die_with_parent)
        for _ in range(250):
            if socket.exists():
                return
            await asyncio.sleep(0.02)
        raise MachineError(f"virtiofsd did not start: see {LOGS / 'virtiofsd.log'}")

    async def stop(self) -> None:
        if hasattr(self, "machine"):
            await self.machine.stop()
        if self.virtiofsd and self.virtiofsd.returncode is None:
            self.virtiofsd.kill()
            await self.virtiofsd.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def guest(self, *command: str) -> str:
        done = await self.machine.channel.run(*command, seconds=SECONDS)
        if done.code != 0:
            raise MachineError(f"{' '.join(command)}: exit code {done.code}\n"
                               f"{(done.output + done.errors).decode(errors='replace')}")
        return done.output.decode()

    async def unmount(self) -> None:
        if self._mounted:
            await self.guest("umount", "/bench")
        self._mounted = None

    async def mount(self, peer: Peer) -> None:
        """Mounts it anew, with nothing cached in the guest."""
        await self.unmount()
        if self._modules != peer.modules:
            path = "/tests" if peer.modules == "stock" else f"/lib/modules/{self.release}/updates"
            await self.guest("sh", "-c", "rmmod vboxsf vboxguest 2> /dev/null; "
                             f"insmod {path}/vboxguest.ko && insmod {path}/vboxsf.ko")
            self._modules = peer.modules
        await self.guest("sh", "-c", "sync; echo 3 > /proc/sys/vm/drop_caches; "
                         f"mount {' '.join(peer.mount)} /bench")
        self._mounted = peer

    # --- measuring ---------------------------------------------------------------------------------

    def counters(self) -> dict[str, int]:
        output = subprocess.run(
            [TOP / "build/bin/vmctl", "--control", self.machine.vmctl_socket, "stats", "--json"],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(output)["device"]

    async def unwaited(self, peer: Peer) -> int:
        """Calls that nobody waited for; only our driver counts them."""
        if peer.name != "ours":
            return 0
        text = await self.guest("sh", "-c", "cat /sys/kernel/debug/vboxguest/counters")
        counters = dict(line.split() for line in text.splitlines())
        return int(counters["calls_async"])

    def processor(self) -> tuple[float, float]:
        """Seconds of all processes of the host that have a part in it; those of the guest itself."""
        total, guest = processor_seconds(self.machine.qemu.pid)
        for process in (self.machine.daemon, self.virtiofsd):
            for pid in (process.pid, *children_of(process.pid)):
                total += processor_seconds(pid)[0]
        return total, guest

    async def measure(self, row: Row, peer: Peer) -> dict[str, float]:
        own = self.share / f"own-{peer.name}"
        places = {"dir": "/bench", "own": f"/bench/own-{peer.name}", "peer": peer.name}
        command = [word.format(**places) for word in row.command]
        if row.prepare:
            row.prepare(self.share, own)
        if row.key == "git":
            # Its index holds what this file system says of the files.
            await self.mount(peer)
            await self.guest(*(word.format(**places) for word in row.warm))
        await self.mount(peer)
        if peer.name == "tmpfs":
            await self.guest("mkdir", f"/bench/own-{peer.name}")
        if row.warm and row.key != "git":
            await self.guest("sh", "-c", " ".join(
                word.format(**places) for word in row.warm) + " > /dev/null")
        measurement = Measurement(self.machine, command)
        assert await measurement.line() == "ready"
        unwaited = -await self.unwaited(peer)
        before, processor = self.counters(), self.processor()
        lease = self._take_lease() if row.slow else -1
        try:
            await measurement.go()
            seconds = json.loads(await measurement.line())["seconds"]
        finally:
            if lease >= 0:
                os.close(lease)
        after_processor = self.processor()
        await asyncio.sleep(0.02)
        after = self.counters()
        unwaited += await self.unwaited(peer)
        await measurement.end()
        total, guest = (b - a for a, b in zip(processor, after_processor))
        return {"seconds": seconds, "calls": after["hgcm-calls"] - before["hgcm-calls"],
                "unwaited": unwaited,
                "writes": sum(after[c] - before[c] for c in ("port-writes", "request-bar-writes")),
                "interrupts": sum(after[c] - before[c] for c in INTERRUPTS),
                "processor": total, "host": total - guest}

    def _take_lease(self) -> int:
        """Makes opening a file wait until the lease on it is given up."""
        fd = os.open(self.share / "readers" / "slow", os.O_RDWR)
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        asyncio.get_running_loop().call_later(
            SLOW_SECONDS, lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK))
        return fd

    async def run(self) -> None:
        for row in self.rows:
            found: dict[str, list[dict[str, float]]] = {}
            for repeat in range(self.repeats):
                for peer in self.peers:
                    if peer.name == "tmpfs" and not row.floor:
                        continue
                    # What is slow once, to keep the whole within reason.
                    if repeat and peer.name != "ours" and \
                            found[peer.name][0]["seconds"] > self.options.patience:
                        continue
                    measured = await self.measure(row, peer)
                    print(f"{row.key}, {peer.name}: {row.value(measured['seconds']):.1f} "
                          f"{row.unit}, {measured['calls']:.0f} calls ({measured['writes']:.0f} register "
                          f"writes, {measured['interrupts']:.0f} interrupts), processor seconds: guest "
                          f"{measured['processor'] - measured['host']:.3f}, host "
                          f"{measured['host']:.3f}", file=sys.stderr, flush=True)
                    found.setdefault(peer.name, []).append(measured)
            self.results[row.key] = {
                name: {key: median(one[key] for one in several) for key in several[0]}
                for name, several in found.items()}

    async def measure_memory(self, name: str, pid: int) -> None:
        """Of a daemon, in KiB: after some opens and closes, after many more, with many open."""
        await self.mount(PEERS[name])
        sizes = {}
        for step, arguments in (
                ("after 1,000", ["churn", "/bench/held/f0", "1000"]),
                ("after 100,000", ["churn", "/bench/held/f0", str(CHURN)]),
                ("4,000 open", ["hold", "/bench/held", str(HELD)])):
            measurement = Measurement(self.machine, arguments)
            await measurement.line()
            await measurement.go()
            await measurement.line()
            sizes[step] = resident_kib(pid)
            await measurement.end()
        await self.unmount()
        sizes["at the end"] = resident_kib(pid)
        self.memory[name] = sizes


async def run(options: argparse.Namespace) -> dict:
    bench = Bench(options)
    try:
        await bench.start()
        await bench.run()
        if options.memory or not (options.quick or options.rows.pattern):
            for name, process in (("ours", bench.machine.daemon), ("virtiofs", bench.virtiofsd)):
                if name in options.peers:
                    await bench.measure_memory(name, process.pid)
    finally:
        await bench.stop()
    return {"kernel": bench.release, "repeats": bench.repeats, "cpus": options.cpus,
            "results": bench.results, "memory": bench.memory}
