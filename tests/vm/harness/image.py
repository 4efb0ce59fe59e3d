# SPDX-License-Identifier: MIT
"""The guest's file system: an initramfs (cpio, "newc") of busybox, programs of the build with the
shared libraries they need, kernel modules, and the agent. Built in well under a second; no root
rights, no disk image."""

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent.parent
KERNELS = TOP / "build" / "vm" / "kernels"
STRIPPED = TOP / "build" / "vm" / "stripped"

PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n"
GROUP = "root:x:0:\nuser:x:1000:\n"
PROFILE = "export PATH=/bin:/tests\n"

# Modules that a case may want besides the driver under test (with what they need).
STOCK_MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "vboxguest", "vboxsf", "9p",
                 "9pnet_virtio", "virtiofs", "fuse", "overlay", "loop", "uinput", "evdev")


class ImageError(Exception):
    """Something that belongs into the guest is missing or unusable."""


class Archive:
    """A growing cpio archive; parents of a file come into being with it."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[int, bytes, tuple[int, int]]] = {}

    def _add(self, path: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self._add(parent, stat.S_IFDIR | 0o755)
        self.entries[path] = (mode, data, device)

    def directory(self, path: str, mode: int = 0o755) -> None:
        self._add(path, stat.S_IFDIR | mode)

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._add(path, stat.S_IFREG | mode, data)

    def symlink(self, path: str, target: str) -> None:
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path: str, major: int, minor: int) -> None:
        self._add(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def write(self, path: Path) -> None:
        with open(path, "wb") as out:
            for number, (name, (mode, data, device)) in enumerate(self.entries.items(), 1):
                self._write_entry(out, number, name, mode, data, device)
            self._write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))

    @staticmethod
    def _write_entry(out, inode, name, mode, data, device) -> None:
        encoded = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % f for f in fields)
        out.write(header + encoded)
        out.write(b"\0" * (-(len(header) + len(encoded)) % 4))
        out.write(data)
        out.write(b"\0" * (-len(data) % 4))


def stripped(path: Path) -> bytes:
    """The program without debug information, remembered between runs."""
    if path.stat().st_size < 1 << 19:
        return path.read_bytes()
    cached = STRIPPED / str(path.resolve()).strip("/").replace("/", "%")
    if not cached.exists() or cached.stat().st_mtime <= path.stat().st_mtime:
        STRIPPED.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=STRIPPED, delete=False) as new:
            pass
        subprocess.run(["strip", "--strip-debug", "-o", new.name, str(path)], check=True)
        os.replace(new.name, cached)
    return cached.read_bytes()


def shared_libraries(program: Path, search: Path) -> dict[str, Path]:
    """Guest path to host path of each library that a program needs, its loader included."""
    environment = dict(os.environ, LD_LIBRARY_PATH=str(search))
    listing = subprocess.run(["ldd", str(program)], env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, check=False).stdout
    found = {}
    for line in listing.splitlines():
        words = line.split()
        if "=>" in words and "not" in words:
            raise ImageError(f"{program} needs {words[0]}, which is not on this system")
        if "=>" in words and len(words) >= 3:
            host = Path(words[2])
            ours = host.resolve().is_relative_to(TOP)
            found["/usr/lib/" + words[0] if ours else words[2]] = host
        elif words and words[0].startswith("/"):
            found[words[0]] = Path(words[0])
    return found


def add_busybox(archive: Archive) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise ImageError("busybox is missing: install busybox-static")
    archive.file("/bin/busybox", Path(busybox).read_bytes(), 0o755)
    applets = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    for applet in set(applets.stdout.split()) - {"busybox"}:
        archive.symlink(f"/bin/{applet}", "busybox")


def add_modules(archive: Archive, release: str, ours: bool) -> None:
    """Ours go where an installation puts them, so that they take precedence over the stock ones."""
    stock = KERNELS / release / "lib/modules" / release
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "lib/modules" / release
        shutil.copytree(stock, root)
        if ours:
            (root / "updates").mkdir()
            built = sorted((TOP / "build/kmod" / release).rglob("*.ko"))
            if not built:
                raise ImageError(f"no module in build/kmod/{release}: run `make kmod`")
            for module in built:
                (root / "updates" / module.name).write_bytes(stripped(module))
        depmod = shutil.which("depmod") or "/sbin/depmod"
        subprocess.run([depmod, "-b", work, release], check=True, stderr=subprocess.DEVNULL)
        wanted = set()
        for line in (root / "modules.dep").read_text().splitlines():
            module, _, needs = line.partition(":")
            name = Path(module).stem.replace("-", "_")
            if name in STOCK_MODULES or module.startswith("updates/"):
                wanted.update([module, *needs.split()])
        for file in [*sorted(wanted), *(p.name for p in root.glob("modules.*"))]:
            archive.file(f"/lib/modules/{release}/{file}", (root / file).read_bytes())


def build_image(target: Path, release: str, ours: bool, build: Path, programs: list[str],
                files: list[Path]) -> None:
    """Writes the initramfs. `programs` are below `build` and keep their place beside each other:
    bin/NAME, tests/NAME; `files` go to /tests as they are."""
    archive = Archive()
    for path in ("/proc", "/sys", "/dev", "/run", "/tmp", "/mnt"):
        archive.directory(path)
    archive.directory("/root", 0o700)
    archive.character_device("/dev/console", 5, 1)
    archive.character_device("/dev/null", 1, 3)
    archive.file("/etc/passwd", PASSWD.encode())
    archive.file("/etc/group", GROUP.encode())
    archive.file("/etc/profile", PROFILE.encode())
    add_busybox(archive)
    archive.file("/init", (TOP / "tests/vm/agent/init").read_bytes(), 0o755)
    archive.file("/scripts/vboxsf", (TOP / "kmod/install/initramfs-boot").read_bytes())
    archive.file("/vm-agent", stripped(TOP / "build/tests/vm-agent"), 0o755)
    add_modules(archive, release, ours)
    libraries: dict[str, Path] = {}
    for program in programs:
        path = build / program
        if not path.exists():
            raise ImageError(f"{path.relative_to(TOP)} is not built")
        if path.is_symlink():
            archive.symlink(f"/{program}", os.readlink(path))
            continue
        archive.file(f"/{program}", stripped(path), 0o755)
        libraries.update(shared_libraries(path, build / "lib"))
    for guest, host in libraries.items():
        archive.file(guest, stripped(host), 0o755)
    for path in files:
        archive.file(f"/tests/{path.name}", path.read_bytes(), 0o755)
    archive.write(target)
