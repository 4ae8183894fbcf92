# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way in which vmsift writes a dump, as rows: what the tests of stopped writers run through."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from . import env, run

LEVEL = '1'


@dataclass(frozen=True)
class Mode:
    name: str
    options: tuple[str, ...] = ()
    source: str = 'core'        # or the mode whose output is the input
    members: int = 1            # files that are written
    reads: int = 1              # files that are read
    stdin: bool = False         # the source comes in there

    @property
    def stream(self) -> bool:
        return '-F' in self.options

    @property
    def elf(self) -> bool:
        return '-E' in self.options or self.source == 'flat-elf'

    @property
    def frames(self) -> str | None:
        return self.options[self.options.index('--stream') + 1] if '--stream' in self.options else None

    @property
    def limited(self) -> bool:
        """-R and --reassemble make what there is: -L is not for them."""
        return not self.stdin and self.reads == 1


MODES = (
    Mode('none'), Mode('zlib', ('-c',)), Mode('lzo', ('-l',)), Mode('snappy', ('-p',)), Mode('zstd', ('-z',)),
    Mode('lz4', ('--lz4',)), Mode('dedup', ('-l', '--dedup')), Mode('elf', ('-E',)),
    Mode('elf-in-zstd', ('-E', '--stream', 'zstd')), Mode('elf-in-lz4', ('-E', '--stream', 'lz4')),
    Mode('flat', ('-F', '-l')), Mode('flat-elf', ('-F', '-E')),
    Mode('flat-in-zstd', ('-F', '-l', '--stream', 'zstd')), Mode('flat-in-lz4', ('-F', '--stream', 'lz4')),
    Mode('flat-elf-in-zstd', ('-F', '-E', '--stream', 'zstd')),
    Mode('split', ('-l', '--split'), members=2),
    Mode('reassemble', ('--reassemble',), source='split', reads=2),
    Mode('pass-through', ('-l',), source='lzo'),
    Mode('rebuild', ('-R',), source='flat', stdin=True), Mode('rebuild-elf', ('-R',), source='flat-elf', stdin=True),
)
BY_NAME = {mode.name: mode for mode in MODES}


def files(mode: Mode, target: str) -> list[str]:
    return [f'{target}.{i}' for i in range(mode.members)] if mode.members > 1 else [target]


def argv(mode: Mode, source: str, target: str, *extra: str) -> list[str]:
    inputs = [] if mode.stdin else files(BY_NAME[mode.source], source) if mode.source != 'core' else [source]
    outputs = [] if mode.stream else files(mode, target)
    level = () if mode.stdin or mode.options[:1] == ('--reassemble',) else ('-d', LEVEL)
    return [env.program(), *mode.options, *level, '--message-level', '4', *extra, *inputs, *outputs]


def write(mode: Mode, source: str, target: str, *extra: str, before: Sequence[str] = (), timeout: float = 60,
          environment: dict[str, str] | None = None) -> run.Result:
    """`source`: the core, or the target of the mode that is this one's source. `before`: a program to run it by."""
    command = [*before, *argv(mode, source, target, *extra)]
    with open(source if mode.stdin else os.devnull, 'rb') as stdin, \
            open(target if mode.stream else os.devnull, 'wb') as stdout:
        done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True,
                              errors='replace', timeout=timeout, env=environment)
    return run.Result(tuple(command), done.returncode, '', done.stderr)


class Sources:
    """What each mode reads: the core, or what another mode made of it."""

    def __init__(self, core: str, folder: str) -> None:
        self.core, self.folder = core, folder
        self._made: dict[str, str] = {}

    def whole(self, name: str) -> str:
        """The output of a mode that nothing stops (`files()` of it)."""
        if name not in self._made:
            mode = BY_NAME[name]
            target = os.path.join(self.folder, f'whole-{name}')
            done = write(mode, self.of(mode), target)
            if done.status:
                raise AssertionError(f'no dump was made:\n{done}')
            self._made[name] = target
        return self._made[name]

    def of(self, mode: Mode) -> str:
        return self.core if mode.source == 'core' else self.whole(mode.source)
