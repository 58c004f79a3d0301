#!/usr/bin/env bash
# Makes sure of what a make target needs; quick where nothing is missing.
#
#   tools/setup.sh python    the virtual environment .venv, with netctl and the tools of development in it
#   tools/setup.sh demo      the programs that the demo runs (Debian packages, installed when root)
#   tools/setup.sh system    those that the tests run, Docker and Consul among them
#   tools/setup.sh vm        what a virtual machine is made of, Debian's kernel among it
#   tools/setup.sh bench     those that only the benchmarks compare with
#
# PYTHON names the interpreter (3.11 or later); without it the first suitable one on PATH is taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Programs of administrators may be where a user's PATH does not lead.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
readonly VENV=.venv
readonly STAMP=$VENV/.installed

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# --- Debian packages

# The packages, of those named as program=package, whose program is not on PATH.
missing_packages() {
    local pair
    for pair; do
        command -v "${pair%%=*}" >/dev/null || printf '%s\n' "${pair#*=}"
    done | sort -u
}

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() {
    say "installing $*"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >&2
}

# require PURPOSE PROGRAM=PACKAGE...
require() {
    local purpose=$1 packages
    shift
    mapfile -t packages < <(missing_packages "$@")
    [ "${#packages[@]}" = 0 ] && return
    can_install || fail "$purpose need programs of these Debian packages: ${packages[*]}. Install them, or run this as root."
    apt_install "${packages[@]}"
}

demo() {
    require "The demo" ip=iproute2 bridge=iproute2 nft=nftables ping=iputils-ping
}

system() {
    require "The tests" ip=iproute2 bridge=iproute2 nft=nftables iptables=iptables ping=iputils-ping \
        tcpdump=tcpdump ps=procps sysctl=procps modprobe=kmod strace=strace make=make \
        dockerd=docker.io busybox=busybox-static nsenter=util-linux setpriv=util-linux systemd-analyze=systemd dig=bind9-dnsutils
    install_consul
}

# Consul left Debian after bullseye. That suite is added for as long as the installation takes, from the mirror that apt
# is configured with, and pinned so low that nothing else is taken from it.
install_consul() {
    command -v consul >/dev/null && return
    can_install || fail "The tests need Consul, which Debian's bullseye has. Install it, or run this as root."
    if [ -n "$(apt-cache madison consul)" ]; then
        apt_install consul
        return
    fi
    local mirror list=/etc/apt/sources.list.d/netctl-bullseye.list pin=/etc/apt/preferences.d/netctl-bullseye
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    [ -n "$mirror" ] || fail "apt is configured with no mirror to take Consul from; install it yourself."
    trap "rm -f '$list' '$pin'" EXIT
    printf 'deb %s bullseye main\n' "$mirror" >"$list"
    printf 'Package: *\nPin: release n=bullseye\nPin-Priority: 50\n' >"$pin"
    apt_install -t bullseye consul
    rm -f "$list" "$pin"
}

vm() {
    require "Virtual machines" qemu-system-x86_64=qemu-system-x86 cpio=cpio busybox=busybox-static modprobe=kmod
    compgen -G '/boot/vmlinuz-*' >/dev/null && return
    can_install || fail "Virtual machines need a kernel in /boot: Debian's linux-image-amd64. Install it, or run this as root."
    apt_install linux-image-amd64
}

bench() {
    # apt would remove ifupdown for it, and with that what configures this machine's own network.
    if ! command -v ifreload >/dev/null && [ "$(dpkg-query -W -f '${db:Status-Abbrev}' ifupdown 2>/dev/null)" = "ii " ]; then
        fail "The benchmarks compare with ifupdown2, which replaces the ifupdown that is installed here. Run them elsewhere (a container will do), or install ifupdown2 yourself."
    fi
    require "The benchmarks" ip=iproute2 nft=nftables ifreload=ifupdown2 dnsperf=dnsperf dig=bind9-dnsutils taskset=util-linux
}

# --- Python

suitable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        suitable "$PYTHON" || fail "$PYTHON is not Python 3.11 or later."
        printf '%s' "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if suitable "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail "No Python 3.11 or later on PATH. Install one, or name it: make PYTHON=/path/to/python3 ..."
}

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# What the environment was made from.
fingerprint() { cat pyproject.toml tools/setup.sh | sha256sum; }

up_to_date() {
    [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && suitable "$VENV/bin/python" &&
        { [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of "$VENV/bin/python")" ]; }
}

make_venv() {
    local python=$1
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        can_install || fail "$python cannot make virtual environments. On Debian, install python3-venv."
        apt_install python3-venv
        "$python" -c 'import ensurepip' || fail "$python cannot make virtual environments even with python3-venv; use another PYTHON."
    fi
    if [ ! -x "$VENV/bin/python" ] || [ "$(version_of "$VENV/bin/python")" != "$(version_of "$python")" ]; then
        say "making $VENV with $("$python" --version)"
        "$python" -m venv --clear "$VENV"
    fi
}

python() {
    up_to_date && return
    # Two makes at once: the second waits, and finds the work done.
    exec 9<tools/setup.sh
    flock 9
    up_to_date && return
    local interpreter
    interpreter=$(find_python)
    rm -f "$STAMP"
    make_venv "$interpreter"
    say "installing netctl and its tools of development into $VENV"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[dev]' >&2
    fingerprint >"$STAMP"
}

[ "$#" -gt 0 ] || fail "say what to set up: python, demo, system, vm, bench"
for part; do
    case $part in
        python | demo | system | vm | bench) "$part" ;;
        *) fail "unknown part: $part (python, demo, system, vm, bench)" ;;
    esac
done
