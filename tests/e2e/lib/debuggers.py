# SPDX-License-Identifier: GPL-2.0-or-later
"""crash, drgn and gdb on a dump: what they print, as text to compare, and the memory that they see."""
from __future__ import annotations

import json
import os
import re
import shutil
import tempfile

from . import bits, env, run

# These run under the distribution's Python, which has drgn, whatever Python runs the tests: DUMP first.
OPEN_DUMP = r'''
import json, sys
try:
    import drgn
    from drgn.helpers.linux.pid import for_each_task
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)
prog = drgn.Program()
prog.set_core_dump(sys.argv[1])
'''
# then VMLINUX
LIST_TASKS = OPEN_DUMP + r'''
prog.load_debug_info([sys.argv[2]])
json.dump(sorted([int(t.pid), t.comm.string_().decode()] for t in for_each_task(prog)), sys.stdout)
'''
# then "text" or "pointer", and the address
READ_MEMORY = OPEN_DUMP + r'''
what, address = sys.argv[2], int(sys.argv[3])
if what == 'pointer':
    print(prog.read_word(address))
else:
    text = b''
    while b'\0' not in text:
        text += prog.read(address + len(text), 1)
    print(text[:-1].decode())
'''


class Memory:
    """What a reader sees at virtual addresses, without the kernel's debug info."""

    def __init__(self, dump: str) -> None:
        self.dump = dump

    def text(self, address: int) -> str:
        """Up to the first zero."""
        raise NotImplementedError

    def pointer(self, address: int) -> int:
        raise NotImplementedError


class DrgnMemory(Memory):
    def text(self, address: int) -> str:
        return self._read('text', address)

    def pointer(self, address: int) -> int:
        return int(self._read('pointer', address))

    def _read(self, what: str, address: int) -> str:
        done = run.run('/usr/bin/python3', '-c', READ_MEMORY, self.dump, what, str(address))
        if done.status == 77:
            raise env.missing(f'no drgn (python3-drgn): {done.err.strip()}')
        if done.status != 0:
            raise AssertionError(f'drgn failed:\n{done}')
        return done.out.removesuffix('\n')


class GdbMemory(Memory):
    """gdb-multiarch's. It sees ELF cores alone."""

    def text(self, address: int) -> str:
        # x/s wants a type of the architecture, not of C, which "char *" would be
        found = re.match(r'0x[0-9a-f]+:\s+"(.*)"$', self._examine('s', address))
        return found[1] if found else ''

    def pointer(self, address: int) -> int:
        return int(self._examine('a', address).split()[1], 16)

    def _examine(self, form: str, address: int) -> str:
        if not shutil.which('gdb-multiarch'):
            raise env.missing('no gdb-multiarch')
        done = run.run('gdb-multiarch', '-q', '-nx', '-batch', '-ex', 'set print elements 4096', '-ex',
                       f'x/{form} {address:#x}', '-c', self.dump)
        if done.status != 0:
            raise AssertionError(f'gdb failed:\n{done}')
        return done.out.splitlines()[-1]


def vmlinux_of(core: env.Vmcore) -> str:
    path = env.peer_tool(f'vmlinux-{core.release}')
    if not path:
        raise env.missing(f'no vmlinux-{core.release} in peers/')
    return path


def crash_program(arch: str = '') -> str:
    """crash 9: bookworm's 8.0.2 finds only the idle tasks of today's 6.1 kernels. `arch`: of another architecture."""
    name = f'crash-sid-{arch}' if arch else 'crash-sid'
    path = env.peer_tool(name)
    if not path:
        raise env.missing(f'no {name} in peers/')
    return path


def crash(dump: str | list[str], vmlinux: str, commands: tuple[str, ...], program: str = '') -> dict[str, str]:
    """What each command prints. A list is a split set."""
    dumps = [dump] if isinstance(dump, str) else dump
    folder = tempfile.mkdtemp(dir=env.scratch())
    outputs = [os.path.join(folder, str(number)) for number in range(len(commands))]
    script = os.path.join(folder, 'commands')
    with open(script, 'w', encoding='ascii') as file:
        file.writelines(f'{command} > {output}\n' for command, output in zip(commands, outputs))
        file.write('quit\n')
    done = run.run(program or crash_program(), '-s', '-i', script, vmlinux, *dumps, cwd=folder)
    printed = {}
    for command, output in zip(commands, outputs):
        if not os.path.exists(output):
            raise AssertionError(f'crash did not get to "{command}":\n{done}')
        with open(output, encoding='utf-8', errors='replace') as file:
            printed[command] = file.read()
    shutil.rmtree(folder)
    return printed


def drgn_tasks(dump: str, vmlinux: str) -> list[tuple[int, str]]:
    """(pid, comm) of every task, idle tasks excepted, in order of pid."""
    done = run.run('/usr/bin/python3', '-c', LIST_TASKS, dump, vmlinux)
    if done.status == 77:
        raise env.missing(f'no drgn (python3-drgn): {done.err.strip()}')
    if done.status != 0:
        raise AssertionError(f'drgn failed:\n{done}')
    return [(pid, comm) for pid, comm in json.loads(done.out)]


def drgn_classes(dump: str, vmlinux: str) -> dict[str, bits.PfnSet]:
    """The class of every page that has a struct page, by the kernel's debug info (drgn_classes.py)."""
    target = os.path.join(env.scratch(), 'drgn-classes')
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'drgn_classes.py')
    done = run.run('/usr/bin/python3', script, dump, vmlinux, target)
    if done.status == 77:
        raise env.missing(f'no drgn (python3-drgn): {done.err.strip()}')
    if done.status != 0:
        raise AssertionError(f'drgn failed:\n{done}')
    classes: dict[str, bits.PfnSet] = {}
    with open(target, encoding='ascii') as file:
        for line in file:
            first, end, name = line.split()
            classes[name] = classes.get(name, 0) | bits.from_range(int(first), int(end))
    os.unlink(target)
    return classes


def tasks_of_ps(text: str) -> list[tuple[int, str]]:
    """(pid, comm) of crash's ps; kernel threads stand in brackets there, idle tasks have pid 0."""
    tasks = []
    for line in text.splitlines()[1:]:
        fields = line.removeprefix('>').split(None, 8)
        comm = fields[8]
        if comm.startswith('[') and comm.endswith(']'):
            comm = comm[1:-1]
        if int(fields[0]):
            tasks.append((int(fields[0]), comm))
    return sorted(tasks)
