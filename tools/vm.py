"""Runs a command in a virtual machine with Debian's kernel, which has kinds of devices that this machine's may lack.

    tools/vm.py [--memory MIB] [--timeout SECONDS] COMMAND...

The guest has the files of this machine, and changes none of them: what it writes is in its memory. The command runs as
root, in the directory that this was called in; its exit status is this one's. The processor is emulated, which works
everywhere: expect a tenth of the speed.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

_TO_BOOT = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
"""The modules that the guest needs before it sees any file; the kernel asks for all others by itself."""
_NO_STATUS = 125

_INIT = """#!/busybox sh
/busybox mkdir -p /proc /sys /dev /files /memory /new
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
/busybox mount -t devtmpfs dev /dev
for module in $(/busybox cat /order); do /busybox insmod /modules/$module; done
/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose files /files
/busybox mount -t tmpfs -o size=80% memory /memory
/busybox mkdir /memory/upper /memory/work
/busybox mount -t overlay -o lowerdir=/files,upperdir=/memory/upper,workdir=/memory/work overlay /new
for one in proc sys dev; do /busybox mount --move /$one /new/$one; done
/busybox mkdir -p /new/dev/pts /new/dev/shm /new/host
/busybox mount -t devpts pts /new/dev/pts
for one in dev/shm run tmp; do /busybox mount -t tmpfs tmpfs /new/$one; done
/busybox mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 host /new/host
exec /busybox switch_root /new /bin/sh /host/run
"""

_RUN = """export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
ip link set lo up
mkdir -p /run/netns
cd {directory}
{command}
echo $? >/host/status
sync
echo o >/proc/sysrq-trigger
while :; do :; done
"""


def main() -> int:
    """The command's exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--memory", type=int, default=3072, help="MiB; what is written is in it, too")
    parser.add_argument("--timeout", type=float, default=1500, help="seconds")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with TemporaryDirectory() as directory:
        return _run(options.command, Path(directory), options.memory, options.timeout)


def _run(command: Sequence[str], directory: Path, memory: int, timeout: float) -> int:
    version = _kernel()
    shared = directory / "host"
    shared.mkdir()
    line = shlex.join(command)
    (shared / "run").write_text(_RUN.format(directory=shlex.quote(str(Path.cwd())), command=line))
    arguments = list(_arguments(version, _initial_files(version, directory), shared, memory))
    try:
        subprocess.run(arguments, stdin=subprocess.DEVNULL, timeout=timeout, check=True)
    except subprocess.TimeoutExpired:
        print(f"vm: not done after {timeout:.0f} seconds", file=sys.stderr)
        return _NO_STATUS
    status = shared / "status"
    if not status.exists():
        print("vm: the guest ended before the command did", file=sys.stderr)
        return _NO_STATUS
    return int(status.read_text())


def _kernel() -> str:
    """The version of an installed kernel, the newest by name, that has its modules."""
    found = sorted(path.name.removeprefix("vmlinuz-") for path in Path("/boot").glob("vmlinuz-*"))
    versions = [version for version in found if Path("/lib/modules", version).is_dir()]
    if not versions:
        raise SystemExit("vm: no kernel with modules in /boot: install Debian's linux-image-amd64")
    return versions[-1]


def _initial_files(version: str, directory: Path) -> Path:
    """The archive that the kernel starts with: a shell, the modules, and what to do."""
    root = directory / "initial"
    (root / "modules").mkdir(parents=True)
    busybox = shutil.which("busybox")
    if busybox is None:
        raise SystemExit("vm: no busybox: install Debian's busybox-static")
    shutil.copy(busybox, root / "busybox")
    modules = list(dict.fromkeys(path for name in _TO_BOOT for path in _with_dependencies(name, version)))
    for module in modules:
        shutil.copy(module, root / "modules")
    (root / "order").write_text("".join(f"{module.name}\n" for module in modules))
    (root / "init").write_text(_INIT)
    (root / "init").chmod(0o755)
    archive = directory / "initial.cpio"
    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    with archive.open("wb") as written:
        packing = ["cpio", "--create", "--format=newc", "--quiet"]
        subprocess.run(packing, input=names.encode(), stdout=written, cwd=root, check=True)
    return archive


def _with_dependencies(module: str, version: str) -> Iterator[Path]:
    """The files of a module and of those that it needs, these first."""
    argv = ["modprobe", "--set-version", version, "--show-depends", module]
    for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines():
        word, _, path = line.strip().partition(" ")
        if word == "insmod":
            yield Path(path.strip())


def _arguments(version: str, archive: Path, shared: Path, memory: int) -> Iterator[str]:
    yield from ("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(memory))
    yield from ("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio")
    yield from ("-kernel", f"/boot/vmlinuz-{version}", "-initrd", str(archive))
    yield from ("-append", "console=ttyS0 quiet panic=-1 sysrq_always_enabled rdinit=/init mitigations=off")
    for name, path, access in (("files", "/", "on"), ("host", str(shared), "off")):
        export = f"local,id={name},path={path},security_model=none,readonly={access},multidevs=remap"
        yield from ("-fsdev", export, "-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}")


if __name__ == "__main__":
    sys.exit(main())
