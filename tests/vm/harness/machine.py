# SPDX-License-Identifier: MIT
"""One virtual machine: the daemon, QEMU with the daemon's device attached, the guest in it, and the
control socket by which a running case asks for things (../guest and ../lib.sh are the client)."""

import asyncio
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import channel as agent
from .image import KERNELS, TOP

QEMU = TOP / "build" / "vm" / "qemu-system-x86_64"
BOOT_SECONDS = 180
SLOW_FACTOR = 5  # by how much a kernel that checks itself is slower
EXIT_SECONDS = 20

# What makes a kernel log a failed test.
TROUBLE = re.compile(
    r"WARNING:|BUG:|BUG at|\bOops\b|KASAN|KCSAN|UBSAN|KFENCE|possible circular locking"
    r"|INFO: possible|inconsistent lock state|suspicious RCU|invalid wait context|held lock freed"
    r"|INFO: task .* blocked for more than|detected stalls|soft lockup|hard LOCKUP"
    r"|refcount_t|memory leak|unreferenced object|(?<!VM_FAULT_OOM )[Ll]eaked|Objects remaining in"
    r"|general protection fault|unable to handle|segfault at|Kernel panic|Call Trace:"
    r"|list_(?:add|del) corruption|sleeping function called|scheduling while atomic"
    r"|irq \d+: nobody cared|Bad page|usercopy:|Bad rss-counter|init: cannot load")
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|terminate called")


PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Between fork and exec: whatever happens to the harness, no QEMU or daemon is left behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class MachineError(Exception):
    """The machine cannot do what was asked; the text says why."""


@dataclass
class Settings:
    """What a machine is made of. `line` is 6.1 or 6.12, `release` a folder of build/vm/kernels."""
    line: str
    release: str
    modules: str
    cpus: int = 2
    memory: int = 512
    daemon_options: tuple[str, ...] = ()
    device: tuple[str, ...] = ()  # a program in the place of vmmdevd, and its options
    qemu_options: tuple[str, ...] = ()
    kernel_arguments: tuple[str, ...] = ()
    driver: bool = True
    build: Path = TOP / "build"
    services: tuple[str, ...] = ("VBoxGuestPropSvc", "VBoxSharedFolders", "HgcmTestSvc")
    kernel: str = ""  # what the user calls it, if that is not the line

    def __post_init__(self) -> None:
        self.kernel = self.kernel or self.line

    @property
    def patience(self) -> int:
        """What to multiply time limits with."""
        config = KERNELS / self.release / "config"
        return SLOW_FACTOR if "\nCONFIG_KASAN=y\n" in read_text(config) else 1


@dataclass
class Machine:
    settings: Settings
    image: Path
    directory: Path
    interactive: bool = False
    boot_seconds: float = 0.0
    daemon: asyncio.subprocess.Process | None = None
    qemu: asyncio.subprocess.Process | None = None
    channel: agent.Channel = field(default_factory=agent.Channel)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        # Socket paths are short of room (108 bytes), so they do not live in the build tree.
        self.sockets = Path(tempfile.mkdtemp(prefix="hgcm-vm-"))
        self.console = self.directory / "console.log"
        self.daemon_log = self.directory / "vmmdevd.log"
        self.vmctl_socket = self.sockets / "control"
        self.control_socket = self.sockets / "machine"
        self._device_socket = self.sockets / "vfio"
        self._server: asyncio.AbstractServer | None = None
        self._monitor: Monitor | None = None
        self._expect_reset = False
        self._marks = 0
        self.daemon_was_killed = False

    # --- parts -----------------------------------------------------------------------------------

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.control_socket))
        await self.start_daemon()
        await self.start_qemu()

    async def start_daemon(self) -> None:
        build = self.settings.build
        command = [str(build / "bin/vmmdevd"), "--control", str(self.vmctl_socket)]
        sockets = [self._device_socket, self.vmctl_socket]
        if self.settings.device:
            command = [str(TOP / self.settings.device[0]), *self.settings.device[1:]]
            sockets = sockets[:1]
        command += ["--socket", str(self._device_socket)]
        for service in self.settings.services:
            for folder in ("services", "tests/services"):
                path = build / folder / f"{service}.so"
                if path.exists():
                    command += ["--service", f"{service}={path}"]
                    break
            else:
                raise MachineError(f"the service {service} is not built")
        command += self._with_sockets(self.settings.daemon_options)
        for path in (self._device_socket, self.vmctl_socket):
            path.unlink(missing_ok=True)
        self._note("vmmdevd", command)
        with open(self.daemon_log, "ab") as log:
            self.daemon = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=die_with_parent)
        self.daemon_was_killed = False
        for _ in range(500):
            if all(path.exists() for path in sockets):
                return
            if self.daemon.returncode is not None:
                break
            await asyncio.sleep(0.02)
        raise MachineError(f"vmmdevd did not start:\n{tail(self.daemon_log)}")

    async def stop_daemon(self, number: int = signal.SIGTERM) -> int:
        if not self.daemon:
            raise MachineError("vmmdevd is not running")
        daemon, self.daemon = self.daemon, None
        if daemon.returncode is None:
            daemon.send_signal(number)
            daemon.send_signal(signal.SIGCONT)  # it may be frozen
            self.daemon_was_killed = number == signal.SIGKILL
            try:
                await asyncio.wait_for(daemon.wait(), EXIT_SECONDS)
            except asyncio.TimeoutError:
                self._dump_host_stacks(daemon.pid)
                daemon.kill()
                await daemon.wait()
                raise MachineError("vmmdevd did not end when told to; killed") from None
        return daemon.returncode or 0

    def qemu_command(self) -> list[str]:
        settings = self.settings
        kernel = KERNELS / settings.release
        # A kernel that checks itself needs as much again for that.
        memory = settings.memory * (2 if settings.patience > 1 else 1)
        arguments = ["console=ttyS0", "loglevel=5", "panic=-1", "mitigations=off",
                     "no_timer_check", "initcall_blacklist=jent_mod_init", "cryptomgr.notests",
                     "rcupdate.rcu_cpu_stall_timeout=120", "panic_print=0x41", "printk.devkmsg=on"]
        if settings.driver:
            arguments.append("vm.driver=vboxguest")
        arguments += settings.kernel_arguments  # last, so that it can take that back
        device = {"driver": "vfio-user-pci", "id": "vmmdev",
                  "socket": {"type": "unix", "path": str(self._device_socket)}}
        # No KVM, ever: it may exist and still not work. SMEP and SMAP make the guest's kernel trap
        # on stray accesses to user memory; the rest of the processor is plain, which boots faster.
        return [str(QEMU), "-accel", "tcg,thread=multi", "-M", "pc,usb=off,vmport=off",
                "-cpu", "Nehalem,+smep,+smap", "-smp", str(settings.cpus),
                "-m", f"{memory}M", "-object",
                f"memory-backend-memfd,id=ram,size={memory}M,share=on",
                "-machine", "memory-backend=ram", "-nodefaults", "-no-user-config",
                "-display", "none", "-bios", "qboot.rom", "-kernel", str(kernel / "vmlinux"),
                "-initrd", str(self.image), "-append", " ".join(arguments),
                "-device", "virtio-serial-pci,romfile=", "-device",
                "virtserialport,chardev=agent,name=agent", "-device", json.dumps(device),
                *self._with_sockets(settings.qemu_options)]

    def _with_sockets(self, options: tuple[str, ...]) -> list[str]:
        return [option.replace("$VM_SOCKETS", str(self.sockets)) for option in options]

    async def start_qemu(self) -> None:
        """Boots the guest and waits for its agent."""
        started = time.monotonic()
        if self.interactive:
            console = "stdio,id=console,signal=off"
        else:
            console = f"file,id=console,path={self.console},append=on"
        ours, theirs = zip(socket.socketpair(), socket.socketpair())
        command = self.qemu_command() + [
            "-chardev", console, "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,fd={theirs[0].fileno()}",
            "-chardev", f"socket,id=monitor,fd={theirs[1].fileno()}",
            "-qmp", "chardev:monitor"]
        self._note("qemu", command)
        self.channel = agent.Channel()
        with open(self.directory / "qemu.log", "ab") as log:
            self.qemu = await asyncio.create_subprocess_exec(
                *command, stdin=None if self.interactive else subprocess.DEVNULL,
                stdout=None if self.interactive else log, stderr=log,
                pass_fds=[s.fileno() for s in theirs], start_new_session=not self.interactive,
                preexec_fn=die_with_parent)
        for end in theirs:
            end.close()
        await self.channel.attach(ours[0])
        self._monitor = Monitor(self._on_reset)
        await self._monitor.attach(ours[1])
        asyncio.create_task(self._watch_qemu(self.qemu, self.channel))
        await self._wait_guest("boot")
        self.boot_seconds = time.monotonic() - started

    async def _watch_qemu(self, qemu: asyncio.subprocess.Process, channel: agent.Channel) -> None:
        await qemu.wait()
        channel.lost()

    async def _wait_guest(self, what: str) -> None:
        deadline = time.monotonic() + BOOT_SECONDS * self.settings.patience
        while time.monotonic() < deadline:
            if await self.channel.wait_up(0.5):
                return
            if not self.qemu or self.qemu.returncode is not None:
                raise MachineError(f"QEMU ended during {what}:\n{tail(self.directory / 'qemu.log')}")
        raise MachineError(f"the guest did not come up ({what}){self.stopped_processes()}:\n"
                           f"{tail(self.console)}")

    def _on_reset(self) -> None:
        self.channel.lost()
        if not self._expect_reset and self.qemu and self.qemu.returncode is None:
            self.qemu.kill()  # a panic; what follows would only hide it
        self._expect_reset = False

    async def reboot(self) -> None:
        """Resets the machine, as its reset button would, and waits until it is up again."""
        if not self._monitor:
            raise MachineError("QEMU is not running")
        self._expect_reset = True
        self.channel.lost()
        await self._monitor.execute("system_reset")
        await self._wait_guest("reboot")

    async def stop_qemu(self, kill: bool = False) -> None:
        if not self.qemu:
            raise MachineError("QEMU is not running")
        qemu, self.qemu = self.qemu, None
        if qemu.returncode is None:
            try:
                if kill or not self._monitor:
                    raise MachineError("not to be asked")
                await self._monitor.execute("quit")
            except MachineError:
                if qemu.returncode is None:
                    qemu.kill()
            try:
                await asyncio.wait_for(qemu.wait(), EXIT_SECONDS)
            except asyncio.TimeoutError:
                qemu.kill()
                await qemu.wait()
        self.channel.close()
        if self._monitor:
            self._monitor.close()
            self._monitor = None

    async def stop(self) -> list[str]:
        """Ends everything; returns what was wrong with how it ended."""
        problems = []
        try:
            if self.qemu:
                await self.stop_qemu()
            killed = self.daemon_was_killed
            if self.daemon:
                code = await self.stop_daemon()
                if code != 0:
                    problems.append(f"vmmdevd ended with {code}:\n{tail(self.daemon_log)}")
            elif not killed:
                problems.append("vmmdevd was not running at the end")
        except MachineError as error:
            problems.append(str(error))
        for line in read_text(self.daemon_log).splitlines():
            if SANITIZER.search(line):
                problems.append(f"vmmdevd: {line}")
                break
        if self._server:
            self._server.close()
        shutil.rmtree(self.sockets, ignore_errors=True)
        return problems

    def stopped_processes(self) -> str:
        """Says so if somebody has stopped (SIGSTOP) QEMU or the daemon: what hangs then is no bug."""
        names = []
        for name, process in (("QEMU", self.qemu), ("vmmdevd", self.daemon)):
            status = read_text(Path(f"/proc/{process.pid}/status")) if process else ""
            if re.search(r"^State:\tT", status, re.MULTILINE):
                names.append(name)
        return f" ({' and '.join(names)} stopped by a signal from outside)" if names else ""

    def alive(self) -> bool:
        return bool(self.channel.up and self.qemu and self.qemu.returncode is None
                    and self.daemon and self.daemon.returncode is None)

    # --- the guest's log and stacks --------------------------------------------------------------

    async def mark(self, text: str) -> int:
        """Writes a line to the guest's log, waits until it has come out of the console, and
        returns the console log's size: what a case printed is what lies between two marks."""
        self._marks += 1
        line = f"vm-mark {self._marks}: {text}"
        if self.channel.up:
            await self.channel.run("sh", "-c", f"echo '{line}' > /dev/kmsg", seconds=10)
            for _ in range(200):
                if line in read_text(self.console):
                    break
                await asyncio.sleep(0.01)
        return self.console.stat().st_size if self.console.exists() else 0

    def log_since(self, offset: int) -> str:
        with open(self.console, "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace").replace("\r", "")

    async def leaks(self) -> list[str]:
        """Memory that the guest's kernel has lost, if it is one that looks for that (kmemleak)."""
        if not self.channel.up:
            return []
        # What was freed a moment ago may be taken for a leak: only what two scans find counts.
        done = await self.channel.run(
            "sh", "-c", "cd /sys/kernel/debug && [ ! -e kmemleak ] || "
            "{ echo scan > kmemleak; sleep 6; echo scan > kmemleak; cat kmemleak; }", seconds=300)
        return [line for line in done.output.decode(errors="replace").splitlines() if line]

    async def coverage(self) -> bytes:
        """What was counted in modules built with gcov, as a tar archive; also of those that have
        been unloaded. Files of debugfs claim to be empty, so they are copied first."""
        if not self.channel.up:
            return b""
        done = await self.channel.run(
            "sh", "-c", "cd /sys/kernel/debug/gcov 2>/dev/null || exit 0; mkdir /tmp/gcov; "
            "find . -name '*.gcda' | while read -r f; do mkdir -p /tmp/gcov/${f%/*}; "
            "cat $f > /tmp/gcov/$f; done; cd /tmp/gcov && tar c .", seconds=300)
        return done.output if done.code == 0 else b""

    async def dump_stacks(self) -> None:
        """All tasks' stacks to the guest's log: by the agent, or by an NMI when that hangs."""
        if self.channel.up:
            for key in ("w", "t", "l"):
                done = await self.channel.run("sh", "-c", f"echo {key} > /proc/sysrq-trigger",
                                              seconds=15)
                if done.code != 0:
                    break
            else:
                await self.mark("stacks dumped")
                return
        if self._monitor and self.qemu and self.qemu.returncode is None:
            try:
                await self._monitor.execute("inject-nmi")
                await asyncio.sleep(5)
            except MachineError:
                pass
        if self.daemon and self.daemon.returncode is None:
            self._dump_host_stacks(self.daemon.pid)

    def _dump_host_stacks(self, pid: int) -> None:
        if not shutil.which("gdb"):
            return
        with open(self.directory / "vmmdevd.stacks", "ab") as out:
            try:
                subprocess.run(["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt"],
                               stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60,
                               check=False)
            except subprocess.TimeoutExpired:
                out.write(b"gdb took too long\n")

    def _note(self, name: str, command: list[str]) -> None:
        with open(self.directory / "commands", "a", encoding="utf-8") as out:
            out.write(f"# {name}\n{shlex.join(command)}\n")

    # --- the control socket ----------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline() or "{}")
            if request.get("do") == "run":
                await self._serve_command(request, reader, writer)
            else:
                try:
                    answer = {"return": await self._perform(request)}
                except (MachineError, KeyError, ValueError) as error:
                    answer = {"error": str(error)}
                writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, json.JSONDecodeError):
            pass
        finally:
            writer.close()

    async def _perform(self, request: dict) -> object:
        do = request.get("do")
        if do == "reboot":
            await self.reboot()
        elif do == "expect-reboot":
            self._expect_reset = True
        elif do == "wait-reboot":
            while self._expect_reset:
                await asyncio.sleep(0.02)
            await self._wait_guest("reboot")
        elif do == "wait-kexec":
            self.channel.lost()
            await self._wait_guest("kexec")
        elif do == "start-qemu":
            await self.start_qemu()
        elif do == "stop-qemu":
            await self.stop_qemu()
        elif do == "kill-qemu":
            await self.stop_qemu(kill=True)
        elif do == "start-daemon":
            await self.start_daemon()
        elif do == "stop-daemon":
            return await self.stop_daemon()
        elif do == "kill-daemon":
            return await self.stop_daemon(signal.SIGKILL)
        elif do == "freeze-daemon":
            if not self.daemon:
                raise MachineError("vmmdevd is not running")
            self.daemon.send_signal(signal.SIGSTOP)
        elif do == "mark":
            return await self.mark(str(request.get("text", "")))
        elif do == "qmp":
            if not self._monitor:
                raise MachineError("QEMU is not running")
            return await self._monitor.execute(request["execute"], request.get("arguments"))
        else:
            raise MachineError(f"unknown request {do!r}")
        return None

    async def _serve_command(self, request: dict, reader: asyncio.StreamReader,
                             writer: asyncio.StreamWriter) -> None:
        """The client's connection carries the agent's frames: input there, output back. When the
        client goes away, so does its command."""
        def to_client(kind: int, data: bytes) -> None:
            writer.write(agent.HEADER.pack(len(data), 0, kind) + data)

        command = self.channel.start(request["arguments"], request.get("user", 0), to_client)
        feeder = asyncio.create_task(self._feed(command, reader))
        code = await command.exit_code
        to_client(agent.EXIT, code.to_bytes(4, "little"))
        # Closing with input unread would make the client lose the answer: let it close first.
        writer.write_eof()
        await feeder

    @staticmethod
    async def _feed(command: agent.Command, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                size, _, kind = agent.HEADER.unpack(await reader.readexactly(agent.HEADER.size))
                payload = await reader.readexactly(size)
                if kind == agent.INPUT:
                    await command.write(payload)
                elif kind == agent.INPUT_END:
                    command.end_input()
                elif kind == agent.SIGNAL:
                    command.signal(int.from_bytes(payload, "little"))
        except (asyncio.IncompleteReadError, ConnectionError):
            command.signal(signal.SIGKILL)


class Monitor:
    """QEMU's QMP socket: commands one at a time, and the one event of interest."""

    def __init__(self, on_reset) -> None:
        self._on_reset = on_reset
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task | None = None
        self._answers: asyncio.Queue[dict] = asyncio.Queue()
        self._lock = asyncio.Lock()

    async def attach(self, stream: socket.socket) -> None:
        reader, self._writer = await asyncio.open_connection(sock=stream)
        self._task = asyncio.create_task(self._read(reader))
        await self.execute("qmp_capabilities")

    async def execute(self, name: str, arguments: dict | None = None) -> object:
        async with self._lock:
            request = {"execute": name, **({"arguments": arguments} if arguments else {})}
            self._writer.write(json.dumps(request).encode() + b"\n")
            try:
                answer = await asyncio.wait_for(self._answers.get(), 30)
            except asyncio.TimeoutError:
                raise MachineError(f"QEMU did not answer {name}") from None
        if "error" in answer:
            raise MachineError(f"{name}: {answer['error'].get('desc')}")
        return answer.get("return")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if message.get("event") == "RESET":
                    self._on_reset()
                elif "return" in message or "error" in message:
                    self._answers.put_nowait(message)
        except (ConnectionError, ValueError):
            pass
        self._answers.put_nowait({"error": {"desc": "QEMU has gone"}})

    def close(self) -> None:
        if self._task:
            self._task.cancel()
        if self._writer:
            self._writer.close()


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def tail(path: Path, lines: int = 15) -> str:
    return "\n".join(read_text(path).splitlines()[-lines:])


def trouble_in(log: str) -> list[str]:
    """The lines of a kernel log that make a test fail."""
    return [line.strip() for line in log.splitlines() if TROUBLE.search(line)]
