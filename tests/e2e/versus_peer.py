#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How dumps of vmsift and of the newest makedumpfile here differ, whether that one knows the kernel or not.

  versus_peer.py [--level N] [NAME...]      vmcores by name; default: every one, level 31

Both write with lzo. "lost": pages dropped that the guest itself called slab, page table, reserved or another use of
the kernel's own; "needless": pages kept of classes that the level leaves out. A few pages change between the guest's
flags and the dump (lib/judge.py). A table for people, not a test.
"""
from __future__ import annotations

import argparse
import os

from lib import bits, env, kdump, peer, run

KERNELS_OWN = ('slab', 'pgtable', 'reserved', 'kernel', 'kernel_compound')


def row(core: env.Vmcore, tool: str, level: int, dump: kdump.Kdump) -> str:
    memory = core.source.present()
    lost = {name: bits.count(core.flags.of(name) & memory & ~dump.kept) for name in KERNELS_OWN}
    needless = bits.count(core.flags.of(*core.flags.dropped_at(level)) & memory & dump.kept)
    words = ' '.join(f'{name} {count}' for name, count in lost.items() if count) or '-'
    return f'{core.name:16} {tool:22} {dump.size:12} {dump.kept_count:9} {needless:9}  {words}'


def compare(core: env.Vmcore, level: int) -> None:
    target = os.path.join(env.scratch(), 'versus')
    version, path = peer.candidates()[0]
    tools = (('vmsift', env.program()), ('makedumpfile ' + '.'.join(map(str, version)), path))
    for tool, program in tools:
        done = run.run(program, '-l', '-d', str(level), '--message-level', '4', core.path, target)
        if done.status:
            print(f'{core.name:16} {tool:22} exit {done.status}: {(done.err or done.out).strip().splitlines()[-1:]}')
        else:
            print(row(core, tool, level, kdump.read(target)))
        if os.path.exists(target):
            os.unlink(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--level', type=int, default=31)
    parser.add_argument('names', nargs='*', metavar='NAME')
    arguments = parser.parse_args()
    print(f'{"vmcore":16} {"tool":22} {"bytes":>12} {"kept":>9} {"needless":>9}  lost')
    for core in env.all_vmcores():
        if not core.source.as_qemu_wrote_it and (not arguments.names or core.name in arguments.names):
            compare(core, arguments.level)


if __name__ == '__main__':
    main()
