# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines that guests run on: all that differs from one architecture to the next.

To add one: an entry here, its QEMU and a compiler that can link statically in apt-packages-architectures.txt
(or in apt-packages-rare.txt, or a suite to take them from), and whatever its core lacks as a fix-up.
"""
from __future__ import annotations

from dataclasses import dataclass

import linear_map
import ppc64_order
import vmcoreinfo_note
from elfcore import Fixup

EM_MIPS = 8
EF_MIPS_ARCH_64R2 = 0x80000000


@dataclass(frozen=True)
class ByHand:
    """The core of a machine whose memory QEMU saves, but not as an ELF file: what stands in its ELF header."""
    machine: int
    flags: int


@dataclass(frozen=True)
class Machine:
    """How QEMU plays a machine of one Debian architecture."""
    flavour: str               # of Debian's default kernel for it
    qemu: tuple[str, ...]      # emulator, board, CPU
    console: str               # of the guest
    compiler: str              # makes static programs for it
    virtio_bus: str = 'pci'    # suffix of virtio device names
    userland: str = 'bookworm'  # a suite with a busybox for it
    most_cpus: int = 64
    tools: str | None = None   # the suite whose QEMU and compiler are used, unpacked; None: those installed
    efi: str | None = None     # a firmware, in the tree of QEMU, that starts the kernel and unpacks it
    by_hand: ByHand | None = None
    fixups: tuple[Fixup, ...] = (vmcoreinfo_note.add,)  # what QEMU's core lacks, in this order


# KVM is seldom there where tests run, and a vmcore is the same without it
TCG = ('-accel', 'tcg,thread=multi')
# The guest hands the address of its note to the device by the module qemu_fw_cfg. Where a machine has no such
# device, or its kernel no such module, the fix-up vmcoreinfo_note.add takes the note from memory.
NOTE = ('-device', 'vmcoreinfo')

MACHINES = {
    'amd64': Machine(
        flavour='amd64', console='ttyS0', compiler='gcc',
        qemu=('qemu-system-x86_64', '-M', 'q35', '-vga', 'none', '-cpu', 'max', *TCG, *NOTE)),
    'i386': Machine(
        flavour='686-pae', console='ttyS0', compiler='i686-linux-gnu-gcc',
        qemu=('qemu-system-i386', '-M', 'pc', '-vga', 'none', '-cpu', 'max', *TCG, *NOTE),
        fixups=(linear_map.choose_class, vmcoreinfo_note.add, linear_map.add_addresses)),
    'arm64': Machine(  # pauth-impdef: the architecture's own signing of pointers costs TCG two thirds of the time
        flavour='arm64', console='ttyAMA0', compiler='aarch64-linux-gnu-gcc',
        qemu=('qemu-system-aarch64', '-M', 'virt', '-cpu', 'max,pauth-impdef=on', *TCG, *NOTE)),
    'armhf': Machine(  # highmem=off: without LPAE a kernel reaches no device above 4 GiB
        flavour='armmp', console='ttyAMA0', compiler='arm-linux-gnueabihf-gcc',
        qemu=('qemu-system-arm', '-M', 'virt,highmem=off', '-cpu', 'cortex-a15', *TCG),
        fixups=(vmcoreinfo_note.add, linear_map.add_addresses)),
    'riscv64': Machine(
        flavour='riscv64', console='ttyS0', compiler='riscv64-linux-gnu-gcc', userland='trixie',
        qemu=('qemu-system-riscv64', '-M', 'virt', '-cpu', 'rv64', *TCG)),
    's390x': Machine(
        flavour='s390x', console='ttysclp0', compiler='s390x-linux-gnu-gcc', virtio_bus='ccw',
        qemu=('qemu-system-s390x', '-M', 's390-ccw-virtio', '-cpu', 'max', *TCG)),
    'ppc64el': Machine(  # the capabilities are mitigations that TCG does not know
        flavour='powerpc64le', console='hvc0', compiler='powerpc64le-linux-gnu-gcc',
        qemu=('qemu-system-ppc64', '-M', 'pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off',
              '-cpu', 'power9', '-vga', 'none', *TCG),
        fixups=(ppc64_order.turn, vmcoreinfo_note.add)),
    'mips64el': Machine(
        flavour='5kc-malta', console='ttyS0', compiler='mips64el-linux-gnuabi64-gcc', most_cpus=1,
        qemu=('qemu-system-mips64el', '-M', 'malta', '-cpu', 'MIPS64R2-generic', '-accel', 'tcg'),
        by_hand=ByHand(EM_MIPS, EF_MIPS_ARCH_64R2)),
    'loong64': Machine(  # without a firmware the kernel finds no ACPI, so no PCI
        flavour='loong64', console='ttyS0', compiler='loongarch64-linux-gnu-gcc-14', userland='sid', tools='trixie',
        efi='usr/share/qemu-efi-loongarch64/QEMU_EFI.fd',
        qemu=('qemu-system-loongarch64', '-M', 'virt', '-cpu', 'la464', *TCG)),
}
