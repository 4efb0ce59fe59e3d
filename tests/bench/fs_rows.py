# SPDX-License-Identifier: MIT
"""What the file system part of `make bench` measures: each row an operation, the same for every file
system, and what is demanded of ours. See fs_part.py for how."""

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Callable

MIB = 1 << 20
SMALL_FILES = 2000
REPOSITORY_FILES = 5000
SOURCES = 30
READERS = 16

TREES = {"t2000": (20, 100), "t10000": (100, 100)}  # name: directories, files in each


@dataclass
class Row:
    """`command` is what fs-bench is given, with {dir} for the mounted share and {own} for the folder
    in it that only this file system writes to."""
    key: str
    title: str
    unit: str                    # MiB/s, us or ms
    amount: float                # MiB, or operations that one measurement has
    command: tuple[str, ...]
    per: str = ""                # what calls are counted for: "MiB", "file", ... ("" the whole)
    per_count: float = 1
    prepare: Callable[[Path, Path], None] | None = None  # on the host: of the share, the own folder
    warm: tuple[str, ...] = ()   # a command in the guest that comes first
    quick: bool = True           # part of the quick form
    floor: bool = False          # also on the guest's tmpfs: what is left to gain
    slow: bool = False           # the first reader meets a file that the host takes long to open
    wants: list[str] = field(default_factory=list)

    def value(self, seconds: float) -> float:
        if self.unit == "MiB/s":
            return self.amount / seconds
        return seconds * (1e6 if self.unit == "us" else 1e3) / self.amount


def _fresh_folder(_share: Path, own: Path) -> None:
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()


def _many_files(_share: Path, own: Path) -> None:
    _fresh_folder(_share, own)
    for i in range(SMALL_FILES):
        (own / f"f{i}").touch()


def _big_file(share: Path, own: Path) -> None:
    _fresh_folder(share, own)
    shutil.copyfile(share / "big64", own / "big64")


def _small_tree(share: Path, own: Path) -> None:
    _fresh_folder(share, own)
    shutil.copytree(share / "unpacked", own / "files")


def _sequential() -> list[Row]:
    rows = []
    for megabytes in (64, 256):
        for name, block in (("4 KiB", 4096), ("64 KiB", 65536), ("1 MiB", MIB)):
            quick = megabytes == 64
            rows.append(Row(f"read-{megabytes}-{block}", f"read {megabytes} MiB by {name}", "MiB/s",
                            megabytes, ("read", f"{{dir}}/big{megabytes}", str(block)), "MiB",
                            megabytes, quick=quick, wants=["call/MiB", "15x stock", "best peer"]))
    for megabytes in (64, 256):
        for name, block in (("4 KiB", 4096), ("64 KiB", 65536), ("1 MiB", MIB)):
            quick = megabytes == 64
            wants = ["call/MiB", "15x stock"] + (["5x best peer"] if block == 4096 else [])
            rows.append(Row(f"write-{megabytes}-{block}", f"write {megabytes} MiB by {name}",
                            "MiB/s", megabytes, ("write", "{own}/out", str(megabytes * MIB),
                                                 str(block)), "MiB", megabytes,
                            prepare=_fresh_folder, quick=quick, floor=True, wants=wants))
    return rows


def _other_contents() -> list[Row]:
    rows = []
    for what in ("read", "write"):
        for threads in (1, READERS):
            plural = "s" if threads > 1 else ""
            rows.append(Row(f"random-{what}-{threads}",
                            f"random 4 KiB {what}, {threads} thread{plural}", "us", 4000,
                            (f"random-{what}", "{own}/big64", str(threads), "4000"), "operation",
                            4000, prepare=_big_file, wants=["best peer"]))
    rows.append(Row("mmap", "mmap read of 64 MiB", "MiB/s", 64, ("mmap", "{dir}/big64"), "MiB", 64,
                    wants=["best peer"]))
    for size in (4096, 65536):
        rows.append(Row(f"cached-{size}", f"read what is cached, 64 MiB by {size >> 10} KiB", "MiB/s",
                        64, ("read-again", "{dir}/big64", str(size)),
                        wants=["no call", "best peer"]))
    return rows


def _names() -> list[Row]:
    rows = []
    for tree, (folders, files) in TREES.items():
        for what, command in (("find", ("find",)), ("ls -lR", ("ls", "-lR"))):
            base = f"{what} of {folders * files:,} files in {folders} directories"
            key = f"{command[0]}-{tree}"
            walk = ("run", *command, f"{{dir}}/{tree}")
            wants = ["3 calls/directory", "virtiofs"]
            quick = tree == "t2000"
            rows.append(Row(key, f"{base}, cold", "ms", 1, walk, "directory", folders + 1,
                            quick=quick, wants=wants))
            rows.append(Row(f"{key}-warm", f"{base}, warm", "ms", 1, walk, quick=quick,
                            warm=(*command, f"{{dir}}/{tree}"), wants=["no call"]))
    count = str(SMALL_FILES)
    rows += [
        Row("create", f"create {count} files, each", "us", SMALL_FILES, ("create", "{own}", count),
            "file", SMALL_FILES, prepare=_fresh_folder, floor=True, wants=["2 waited", "virtiofs"]),
        Row("stat", f"stat {count} files, each", "us", SMALL_FILES, ("stat", "{own}", count),
            "file", SMALL_FILES, prepare=_many_files, wants=["1 waited", "virtiofs"]),
        Row("unlink", f"unlink {count} files, each", "us", SMALL_FILES, ("unlink", "{own}", count),
            "file", SMALL_FILES, prepare=_many_files, wants=["1 waited", "virtiofs"]),
        Row("small", f"open, read and close {count} files of 1 KiB, each", "us", SMALL_FILES,
            ("small", "{dir}/small", count), "file", SMALL_FILES, wants=["2 waited", "virtiofs"]),
    ]
    return rows


def _programs() -> list[Row]:
    git = ("env", "HOME=/root", "/usr/bin/git", "-C", "{dir}/repository-{peer}", "status")
    return [
        Row("git", f"git status of {REPOSITORY_FILES:,} files", "ms", 1, ("run", *git), "file",
            REPOSITORY_FILES, warm=git, quick=False, wants=["best peer"]),
        Row("tar", f"tar x of {SMALL_FILES:,} files of 1 KiB", "ms", 1,
            ("run", "tar", "-xf", "/tests/files.tar", "-C", "{own}"), "file", SMALL_FILES,
            prepare=_fresh_folder, floor=True, wants=["best peer"]),
        Row("rm", f"rm -r of {SMALL_FILES:,} files", "ms", 1, ("run", "rm", "-r", "{own}/files"),
            "file", SMALL_FILES, prepare=_small_tree, wants=["best peer"]),
        Row("build", f"unpack and build a C project of {SOURCES} files", "ms", 1,
            ("run", "sh", "-c", "cd {own} && tar -xf /tests/project.tar && "
             "PATH=$PATH:/usr/bin make -s -C project"),
            prepare=_fresh_folder, wants=["best peer"]),
        Row("readers", "15 readers, with nothing slow", "ms", 1,
            ("readers", "{dir}/readers", "-", str(READERS), "40"), quick=False),
        Row("readers-slow", "15 readers, beside one whose file takes 1.5 s to open", "ms", 1,
            ("readers", "{dir}/readers", "{dir}/readers/slow", str(READERS), "40"), quick=False,
            slow=True, wants=["not slowed"]),
    ]


ROWS = _sequential() + _other_contents() + _names() + _programs()


# --- what is measured on ---------------------------------------------------------------------------

def _source(number: int) -> str:
    functions = "\n".join(
        f"int unit{number}_{i}(const struct item *item, int n)\n{{\n\tint sum = {i};\n\n"
        "\tfor (int k = 0; k < n; k++)\n\t\tsum += item->weight * k + helper(item->flags, k);\n"
        "\treturn sum;\n}\n" for i in range(20))
    includes = "".join(f'#include "part{i}.h"\n' for i in range(10))
    return f"{includes}\nstatic int helper(int a, int b)\n{{\n\treturn a ^ b;\n}}\n\n{functions}"


def project_archive(target: Path) -> None:
    """A C project that needs a compiler and make, and nothing of a C library."""
    objects = " ".join(f"unit{i}.o" for i in range(SOURCES))
    files = {"Makefile": f"objects := {objects}\n\nall.o: $(objects)\n\ttcc -nostdlib -r -o $@ $^\n\n"
                         "%.o: %.c\n\ttcc -nostdinc -c -o $@ $<\n"}
    for i in range(10):
        extra = "struct item { int weight; int flags; };\n" if i == 0 else ""
        files[f"part{i}.h"] = (f"#ifndef PART{i}_H\n#define PART{i}_H\n{extra}"
                               f"int part{i}(int value);\n#endif\n")
    for i in range(SOURCES):
        files[f"unit{i}.c"] = _source(i)
    with tarfile.open(target, "w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"project/{name}")
            info.size = len(text)
            archive.addfile(info, BytesIO(text.encode()))


def small_files_archive(target: Path) -> None:
    with tarfile.open(target, "w") as archive:
        for i in range(SMALL_FILES):
            info = tarfile.TarInfo(f"files/d{i // 100}/f{i}")
            info.size = 1024
            archive.addfile(info, BytesIO(bytes([i % 251]) * 1024))


def _repository(path: Path) -> None:
    for folder in range(REPOSITORY_FILES // 50):
        (path / f"d{folder}").mkdir(parents=True)
        for i in range(50):
            (path / f"d{folder}" / f"f{i}.c").write_text(f"int f{folder}_{i};\n")
    environment = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
    for command in (("init", "-q"), ("add", "."),
                    ("-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-qm", "b")):
        subprocess.run(["git", "-C", path, *command], check=True, env=environment)


def fill_share(share: Path, peers: list[str], archive: Path, rows: list[Row]) -> None:
    """What rows read; `archive` is that of small_files_archive()."""
    block = os.urandom(MIB)
    for megabytes in (64, 256):
        with open(share / f"big{megabytes}", "wb") as out:
            for _ in range(megabytes):
                out.write(block)
    for tree, (folders, files) in TREES.items():
        for folder in range(folders):
            (share / tree / f"d{folder}").mkdir(parents=True)
            for i in range(files):
                (share / tree / f"d{folder}" / f"f{i}").touch()
    for name, count, size in (("small", SMALL_FILES, 1024), ("readers", READERS, 1 << 17),
                              ("held", 4000, 1)):
        (share / name).mkdir()
        for i in range(count):
            (share / name / f"f{i}").write_bytes(block[:size])
    (share / "readers" / "slow").write_bytes(block)
    (share / "unpacked").mkdir()
    with tarfile.open(archive) as small:
        small.extractall(share)
    shutil.rmtree(share / "unpacked")
    (share / "files").rename(share / "unpacked")
    if any(row.key == "git" for row in rows):
        _repository(share / "repository")
        for peer in peers:
            subprocess.run(["cp", "-a", share / "repository", share / f"repository-{peer}"],
                           check=True)
