# SPDX-License-Identifier: GPL-2.0-or-later
"""kdump-compressed dumps that QEMU itself writes: of a machine without a kernel, whose memory holds what a test
put there. QEMU up to 7.2 writes them flattened; `makedumpfile -R` makes a plain file of that.
"""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import qemu     # tests/vmcores

from . import env

MEMORY = 32 << 20
OFFSET = 0x100000       # of what the test puts into memory
# Machine, and where its memory begins. An i386 guest has its BIOS below 4 GiB, and QEMU then writes 64-bit headers.
MACHINES = {'x86_64': ('pc', 0), 'i386': ('pc', 0), 'arm': ('virt', 1 << 30)}


def dump(system: str, memory: bytes, folder: str) -> str:
    """What `qemu-system-SYSTEM` dumps in format kdump-zlib."""
    program, peer = shutil.which(f'qemu-system-{system}'), shutil.which('makedumpfile')
    if not program or not peer:
        raise env.missing(f'no qemu-system-{system}' if peer else 'no makedumpfile')
    loaded, flat, log, plain = (os.path.join(folder, f'{system}.{name}') for name in ('mem', 'flat', 'log', 'kdump'))
    with open(loaded, 'wb') as file:
        file.write(memory)
    machine, begin = MACHINES[system]
    arguments = [program, '-accel', 'tcg', '-M', machine, '-m', str(MEMORY >> 20), '-S', '-device',
                 f'loader,file={loaded},addr={begin + OFFSET:#x},force-raw=on']
    with qemu.Qemu(arguments, Path(log)) as guest:
        guest.command('dump-guest-memory', paging=False, protocol=f'file:{flat}', format='kdump-zlib')
    with open(flat, 'rb') as file:
        subprocess.run([peer, '-R', plain], stdin=file, check=True, capture_output=True)
    os.unlink(flat)
    return plain
