# SPDX-License-Identifier: MIT
"""A test case: an executable in ../cases whose comments say what it needs, and its run."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .image import TOP
from .machine import Machine, trouble_in

CASES = TOP / "tests" / "vm" / "cases"
EXIT_SKIP = 77
KEYS = {"summary", "kernels", "modules", "boot", "timeout", "needs", "cpus", "memory", "daemon",
        "device", "qemu", "append", "allow_stock"}


class CaseError(Exception):
    """A case that says something about itself which is not understood."""


class Result(NamedTuple):
    verdict: str
    name: str
    detail: str
    seconds: float = 0.0


@dataclass
class Case:
    """`# vm: key value` lines of the file; see README.md for the keys."""
    name: str
    path: Path
    summary: str = ""
    kernels: str = "all"
    modules: str = "both"
    own_boot: bool = False
    timeout: float = 60.0
    needs: list[str] = field(default_factory=list)
    allow_stock: list[str] = field(default_factory=list)
    cpus: int | None = None
    memory: int | None = None
    daemon: tuple[str, ...] = ()
    qemu: tuple[str, ...] = ()
    append: tuple[str, ...] = ()
    device: tuple[str, ...] = ()

    def runs_on(self, line: str, modules: str) -> bool:
        return self.kernels in ("all", line) and self.modules in ("both", modules)


def read_case(path: Path) -> Case:
    case = Case(path.name, path)
    for key, value in re.findall(r"^# vm: *(\w+) +(.*?) *$", path.read_text(), re.MULTILINE):
        if key not in KEYS:
            raise CaseError(f"{path}: unknown key '{key}'")
        if key in ("summary", "kernels", "modules"):
            setattr(case, key, value)
        elif key == "boot":
            case.own_boot = value == "own"
        elif key == "timeout":
            case.timeout = float(value)
        elif key in ("cpus", "memory"):
            setattr(case, key, int(value))
        elif key in ("daemon", "device", "qemu", "append"):
            setattr(case, key, getattr(case, key) +
                    tuple(shlex.split(value.replace("$VM_TOP", str(TOP)))))
        elif key == "allow_stock":
            case.allow_stock.append(value)
        else:
            case.needs += value.split()
    if case.modules not in ("both", "ours", "stock") or case.kernels not in ("all", "6.1", "6.12"):
        raise CaseError(f"{path}: modules are both, ours or stock; kernels all, 6.1 or 6.12")
    case.needs += case.device[:1]
    if case.cpus or case.memory or case.daemon or case.device or case.qemu or case.append:
        case.own_boot = True
    return case


def all_cases() -> list[Case]:
    return [read_case(p) for p in sorted(CASES.iterdir()) if p.is_file() and os.access(p, os.X_OK)]


def write_repro(directory: Path, case: Case, machine: Machine) -> None:
    settings = machine.settings
    command = ["tests/vm/run", "--kernel", settings.kernel, "--modules", settings.modules,
               "--keep", "--verbose", case.name]
    script = directory / "repro.sh"
    script.write_text("#!/bin/sh\n# Runs this case again, by itself.\n"
                      f"cd {shlex.quote(str(TOP))} && exec {shlex.join(command)}\n")
    script.chmod(0o755)


async def run_case(case: Case, machine: Machine, prefix: str, verbose: bool) -> list[Result]:
    """Runs the case on a machine that is up. The kernel's log is part of the verdict."""
    directory = machine.directory.parent / "cases" / case.name
    directory.mkdir(parents=True, exist_ok=True)
    sub_results = directory / "results"
    sub_results.unlink(missing_ok=True)
    write_repro(directory, case, machine)
    name = f"{prefix}/{case.name}"
    start_of_log = await machine.mark(f"begin {case.name}")
    started = time.monotonic()
    code = await _execute(case, machine, directory, start_of_log, verbose)
    seconds = time.monotonic() - started
    await machine.mark(f"end {case.name}")

    log = machine.log_since(start_of_log)
    (directory / "kernel.log").write_text(log)
    output = directory / "output.log"
    results = []
    if sub_results.exists():
        for line in sub_results.read_text(errors="replace").splitlines():
            verdict, _, rest = line.partition(" ")
            sub_name, _, detail = rest.partition(" ")
            results.append(Result(verdict, f"{name}/{sub_name}", detail))
    problems = []
    if code == -1:
        problems.append(f"timed out after {seconds:.0f} s{machine.stopped_processes()}")
    elif code not in (0, EXIT_SKIP):
        problems.append(f"exit code {code}: {last_line(output)}")
    allowed = case.allow_stock if machine.settings.modules == "stock" else []
    trouble = [t for t in trouble_in(log) if not any(re.search(a, t) for a in allowed)]
    if trouble and code != -1:
        problems.append(f"the kernel said: {trouble[0]}")
    if problems:
        results.append(Result("FAIL", name, f"{'; '.join(problems)} [{directory}]", seconds))
    elif code == EXIT_SKIP:
        results.append(Result("SKIP", name, last_line(output).removeprefix("SKIPPED: "), seconds))
    else:
        results.append(Result("PASS", name, "", seconds))
    return results


async def _execute(case: Case, machine: Machine, directory: Path, start_of_log: int,
                   verbose: bool) -> int:
    """The exit code; -1 for a time-out, after which the guest's stacks are in its log."""
    settings = machine.settings
    seconds = case.timeout * settings.patience
    environment = dict(
        os.environ, VM_TOP=str(TOP), VM_LIB=str(TOP / "tests/vm/lib.sh"), VM_LINE=settings.line,
        VM_RELEASE=settings.release, VM_MODULES=settings.modules, VM_DIR=str(directory),
        VM_BUILD=str(settings.build), VM_MACHINE=str(machine.control_socket),
        VMCTL_CONTROL=str(machine.vmctl_socket), VM_CONSOLE=str(machine.console), VM_IMAGE=str(machine.image),
        VM_CONSOLE_START=str(start_of_log), VM_SOCKETS=str(machine.sockets))
    with open(directory / "output.log", "wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(case.path), cwd=directory, env=environment, stdin=subprocess.DEVNULL,
            stdout=None if verbose else output, stderr=None if verbose else output,
            start_new_session=True)
        try:
            return await asyncio.wait_for(process.wait(), seconds)
        except asyncio.TimeoutError:
            await machine.dump_stacks()
            return -1
        finally:
            # Whatever the case left running in the background goes with it.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            await process.wait()


def last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "no output"
