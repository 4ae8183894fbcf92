# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own kdump-config saves a core with vmsift as its makedumpfile: to a folder and over ssh (a stand-in that
runs the command here). Only the paths in the script are changed; scripts/fetch-peers kdump-config gets it."""
from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest

from lib import callers, env

INIT_FUNCTIONS = '/lib/lsb/init-functions'
# ssh [-i KEY] HOST COMMAND...; scp [-i KEY] FILE HOST:FILE. Nothing may reach the real system log or disks.
STAND_INS = {'ssh': '[ "$1" != -i ] || shift 2; shift; exec sh -c "$*"',
             'scp': '[ "$1" != -i ] || shift 2; exec cp "$1" "${2#*:}"',
             'logger': 'exit 0', 'sync': 'exit 0'}


def setUpModule() -> None:
    env.program()
    callers.core()


def script() -> str:
    path = env.peer_tool('kdump-config')
    if not path:
        raise env.missing('no kdump-config: scripts/fetch-peers kdump-config')
    if not os.path.exists(INIT_FUNCTIONS):
        raise env.missing(f'no {INIT_FUNCTIONS}, which kdump-config reads')
    with open(path, encoding='utf-8') as file:
        return file.read()


class KdumpConfig(unittest.TestCase):
    def savecore(self, core: str = '', **settings: str) -> subprocess.CompletedProcess:
        self.folder = tempfile.mkdtemp(dir=env.scratch())
        self.crash = os.path.join(self.folder, 'crash')
        tools = os.path.join(self.folder, 'bin')
        os.mkdir(tools)
        for name, body in STAND_INS.items():
            path = os.path.join(tools, name)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(f'#!/bin/sh\n{body}\n')
            os.chmod(path, 0o755)
        changed = script()
        for name, value in (('PATH', f'{tools}:{callers.bin_folder()}:/bin:/usr/bin:/sbin:/usr/sbin'),
                            ('KDUMP_DEFAULTS', '/dev/null'), ('vmcore_file', core or callers.core().path)):
            changed, count = re.subn(rf'(?m)^{name}=.*$', f'{name}={value}', changed)
            self.assertEqual(count, 1, f'kdump-config sets {name} in another way now')
        copy = os.path.join(self.folder, 'kdump-config')
        with open(copy, 'w', encoding='utf-8') as file:
            file.write(changed)
        return subprocess.run(['sh', copy, 'savecore'], capture_output=True, text=True, timeout=180,
                              stdin=subprocess.DEVNULL, env={**os.environ, 'KDUMP_COREDIR': self.crash, **settings})

    def saved(self, pattern: str) -> str:
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.crash) for name in names
                 if re.fullmatch(pattern, name)]
        self.assertEqual(len(found), 1, sorted(os.walk(self.crash)))
        return found[0]

    def expect_dump(self, done: subprocess.CompletedProcess, codec: str = 'zlib', unpack: str = '') -> None:
        self.assertEqual(done.returncode, 0, done)
        self.assertNotIn('failed', done.stdout + done.stderr)
        self.assertNotIn('incomplete', ' '.join(name for _, _, names in os.walk(self.crash) for name in names))
        with open(self.saved(r'dmesg\.\d+'), encoding='utf-8', errors='replace') as file:
            self.assertIn(f'Linux version {callers.core().release}', file.readline())
        dump = self.saved(r'dump\.\d+(\.\w+)?')
        if unpack:
            plain = os.path.join(self.folder, 'stream')
            with open(plain, 'wb') as file:
                subprocess.run([unpack, '-dc', dump], stdout=file, check=True)
            dump = plain
        self.assertEqual(callers.stream_faults(dump, 31, codec), [])

    def test_as_installed(self) -> None:
        self.expect_dump(self.savecore())

    def test_compressed(self) -> None:
        self.expect_dump(self.savecore(KDUMP_COMPRESSION='gzip'), unpack='gzip')

    def test_own_arguments(self) -> None:
        """The script appends its -F to these."""
        self.expect_dump(self.savecore(MAKEDUMP_ARGS='-l -d 31 --num-threads 2'), codec='lzo')

    def test_ssh(self) -> None:
        self.expect_dump(self.savecore(SSH='kdump@server', HOSTTAG='hostname'))

    def test_what_cannot_be_saved_is_copied(self) -> None:
        """The script cannot see a failure through its pipe; the words on stderr are all there is."""
        letter = os.path.join(env.scratch(), 'letter')
        with open(letter, 'wb') as file:
            file.write(b'no core at all\n' * 1000)
        done = self.savecore(core=letter)
        self.assertIn('makedumpfile Failed.', done.stderr)
        self.assertEqual(os.path.getsize(self.saved(r'dump\.\d+')), 0, 'nothing that looks like a dump')


if __name__ == '__main__':
    unittest.main()
