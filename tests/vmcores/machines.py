# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines that guests run on: all that differs from one architecture to the next.

To add one: an entry here, its QEMU in apt-packages.txt, and a compiler that can link statically.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """How QEMU plays a machine of one Debian architecture."""
    flavour: str               # of Debian's default kernel for it
    qemu: tuple[str, ...]      # emulator, board, CPU
    console: str               # of the guest
    virtio_bus: str            # suffix of virtio device names
    compiler: str              # makes static programs for it


# tcg,thread=multi: KVM is seldom there where tests run, and a vmcore is the same without it
MACHINES = {
    'amd64': Machine(
        flavour='amd64', console='ttyS0', virtio_bus='pci', compiler='gcc',
        qemu=('qemu-system-x86_64', '-M', 'q35', '-vga', 'none', '-cpu', 'max',
              '-accel', 'tcg,thread=multi', '-device', 'vmcoreinfo')),
}
