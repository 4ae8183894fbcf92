# SPDX-License-Identifier: GPL-2.0-or-later
"""What the Debian packages do to a bare Debian 12: the command makedumpfile is vmsift while they are there, the
original can be chosen, may come and go, and has its name back in the end.

Not part of the suite: it needs root, mmdebstrap and the packages that packaging/build-deb made, in the folder
$VMSIFT_DEBS (default build/deb). The first run makes the bare Debian, which takes some minutes more.
"""
from __future__ import annotations

import os
import unittest
from pathlib import Path

from bare_debian import Machine, packages

LINK, DIVERTED = 'usr/bin/makedumpfile', 'usr/bin/makedumpfile.distrib'


class Packages(unittest.TestCase):
    machine: Machine

    @classmethod
    def setUpClass(cls) -> None:
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.__exit__)
        cls.before = cls.state()
        cls.original = (cls.machine.root / LINK).read_bytes()
        cls.machine.install(*packages())

    @classmethod
    def state(cls) -> dict[str, str]:
        """All that a package could have changed around the name."""
        root = cls.machine.root
        names = [path for folder in ('usr/bin', 'etc/alternatives') for path in sorted((root / folder).iterdir())]
        return {'diversions': cls.machine.run('dpkg-divert', '--list').stdout,
                'alternatives': cls.machine.run('update-alternatives', '--get-selections').stdout,
                **{str(path.relative_to(root)): os.readlink(path) if path.is_symlink() else str(path.stat().st_size)
                   for path in names}}

    def command(self) -> str:
        """Who answers to makedumpfile in the PATH of kdump-config."""
        done = self.machine.run('sh', '-c', 'PATH=/bin:/usr/bin:/sbin:/usr/sbin; makedumpfile -v')
        return 'vmsift' if '\nvmsift\t' in done.stdout + done.stderr else 'makedumpfile'

    def choices(self) -> list[str]:
        listed = self.machine.run('update-alternatives', '--list', 'makedumpfile', check=False).stdout
        return sorted(os.path.basename(path) for path in listed.split())

    def restore(self) -> None:
        """Both packages installed, nothing chosen by hand."""
        self.machine.apt('install', 'makedumpfile',
                         *(f'/root/{deb.name}' for deb in packages()))
        self.machine.run('update-alternatives', '--auto', 'makedumpfile')

    def tearDown(self) -> None:
        self.restore()

    def test_the_command_is_vmsift(self) -> None:
        self.assertEqual(self.command(), 'vmsift')
        self.assertEqual(self.choices(), ['makedumpfile.distrib', 'vmsift'])
        self.assertEqual((self.machine.root / DIVERTED).read_bytes(), self.original)
        self.assertIn('vmsift-makedumpfile', self.machine.run('dpkg', '-S', '/usr/bin/makedumpfile').stdout)
        self.assertEqual(self.machine.run('dpkg', '--verify').stdout.count('/usr/bin/'), 0)
        self.assertEqual(self.machine.run('dpkg', '--audit').stdout, '')

    def test_what_is_installed_runs(self) -> None:
        for program in ('vmsift', 'vmsift-makedumpfile'):
            self.assertEqual(self.machine.run(program, '--check-params', '-l', '-d', '31', 'vmcore', 'dump').stdout, '')
        # a letter is no vmlinux: the helper is there and says so
        done = self.machine.run('vmsift', '-g', '/tmp/note', '-x', '/etc/hostname', check=False)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn('No such file', done.stderr)
        completion = 'source /usr/share/bash-completion/completions/vmsift; _vmsift_options vmsift'
        self.assertIn('--levels\n', self.machine.run('bash', '-c', completion).stdout)

    def test_vmsift_alone_changes_nothing(self) -> None:
        self.machine.apt('purge', 'vmsift-makedumpfile')
        self.assertEqual(self.command(), 'makedumpfile')
        self.assertEqual({name: value for name, value in self.state().items() if 'vmsift' not in name},
                         self.before)

    def test_removal_restores(self) -> None:
        self.machine.apt('remove', 'vmsift', 'vmsift-makedumpfile')
        self.assertEqual(self.state(), self.before)
        self.assertEqual((self.machine.root / LINK).read_bytes(), self.original)
        self.assertEqual(self.machine.run('dpkg', '--verify', 'makedumpfile').stdout.count('/usr/bin/'), 0)

    def test_the_original_can_be_chosen(self) -> None:
        self.machine.run('update-alternatives', '--set', 'makedumpfile', f'/{DIVERTED}')
        self.assertEqual(self.command(), 'makedumpfile')
        # a choice by hand outlives an upgrade of either package
        self.machine.apt('install', '--reinstall', 'makedumpfile',
                         *(f'/root/{deb.name}' for deb in packages()))
        self.assertEqual(self.command(), 'makedumpfile')
        self.machine.run('update-alternatives', '--auto', 'makedumpfile')
        self.assertEqual(self.command(), 'vmsift')

    def test_the_original_goes_and_comes(self) -> None:
        self.machine.run('update-alternatives', '--set', 'makedumpfile', f'/{DIVERTED}')
        self.machine.apt('remove', 'makedumpfile')
        self.assertEqual(self.choices(), ['vmsift'])
        self.assertEqual(self.command(), 'vmsift', 'a choice that is gone is no choice')
        self.machine.apt('install', 'makedumpfile')
        self.assertEqual(self.choices(), ['makedumpfile.distrib', 'vmsift'])
        self.assertEqual((self.machine.root / DIVERTED).read_bytes(), self.original)

    def test_without_the_original(self) -> None:
        self.machine.apt('purge', 'makedumpfile', 'vmsift-makedumpfile')
        self.assertFalse(os.path.lexists(self.machine.root / LINK))
        self.machine.apt('install', *(f'/root/{deb.name}' for deb in packages()))
        self.assertEqual(self.command(), 'vmsift')
        self.machine.apt('purge', 'vmsift-makedumpfile')
        self.assertFalse(os.path.lexists(self.machine.root / LINK))
        self.assertFalse(os.path.lexists(self.machine.root / 'etc/alternatives/makedumpfile'))


if __name__ == '__main__':
    unittest.main()
