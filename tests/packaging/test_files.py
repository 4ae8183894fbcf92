# SPDX-License-Identifier: GPL-2.0-or-later
"""What packages are made of agrees with the program and with itself: completion, versions, dependencies, examples, what
`cmake --install` puts where. Part of the suite; the packages themselves are tested by the modules beside."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests/e2e'))

from lib import env  # noqa: E402

PACKAGING = TOP / 'packaging'
# In scripts/apt-packages.txt, and not needed to build a package.
FOR_TESTS = {'libgtest-dev', 'libbenchmark-dev', 'libkdumpfile-dev', 'clang-format-14', 'mandoc', 'rpm'}
COMPILER = 'g++'    # build-essential, which no package names
INSTALLED = {'sbin/vmsift', 'sbin/vmsift-makedumpfile', 'libexec/vmsift/vmsift-vmcoreinfo',
             'share/man/man8/vmsift.8', 'share/man/man8/vmsift-makedumpfile.8', 'share/man/man8/vmsift-vmcoreinfo.8',
             'share/bash-completion/completions/vmsift'}


def setUpModule() -> None:
    env.program()


def found(pattern: str, path: Path) -> list[str]:
    return re.findall(pattern, path.read_text(encoding='utf-8'), re.M)


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


class Completion(unittest.TestCase):
    def offered(self, *words: str) -> set[str]:
        """What bash would offer at the end of the words, which it cuts at `=`."""
        script = ('source "$1"; program=$2; shift 2; COMP_WORDS=(vmsift "$@"); COMP_CWORD=$#; '
                  'compopt() { :; }; _vmsift "$program"; printf "%s\\n" "${COMPREPLY[@]}"')
        done = run('bash', '-c', script, 'bash', str(PACKAGING / 'bash-completion/vmsift'), env.program(), *words)
        self.assertEqual(done.stderr, '')
        return set(done.stdout.split())

    def test_options_are_those_of_the_manual_page(self) -> None:
        lines = found(r'^\.It Fl (.*)$', TOP / 'man/vmsift.8')
        documented = {f'-{name}' for line in lines for name in re.findall(r'(?:^|, )(?:Fl )?(-\w[\w-]+|\w)\b', line)}
        self.assertGreater(len(documented), 40)
        self.assertEqual(self.offered('-') | self.offered('--'), documented)

    def test_words(self) -> None:
        self.assertEqual(self.offered('--dump'), {'--dump-dmesg'})
        self.assertEqual(self.offered('--stream', ''), {'zstd', 'lz4'})
        self.assertEqual(self.offered('--stream', '=', 'z'), {'zstd'})
        self.assertEqual(self.offered('--stats', '='), {'json'})
        self.assertIn('lzo', self.offered('--levels', '='))
        self.assertEqual(self.offered('--levels', ''), set(), 'its value is joined to it')
        self.assertEqual(self.offered('-d', '3'), {'31'})
        self.assertEqual(self.offered('vmc'), set(), 'files are for bash')

    def test_values_are_taken(self) -> None:
        for words in (('-d', ''), ('--stream', '')):
            for value in self.offered(*words):
                done = run(env.program(), '--check-params', '-F', words[0], value, 'vmcore')
                self.assertEqual(done.returncode, 0, done)
        for value in self.offered('--levels', '='):
            self.assertEqual(run(env.program(), '--check-params', f'--levels={value}', 'vmcore').returncode, 0, value)


class Agreement(unittest.TestCase):
    def test_versions(self) -> None:
        version, = found(r'^project\(vmsift VERSION (\S+)', TOP / 'CMakeLists.txt')
        self.assertIn(f'vmsift: version {version}', run(env.program(), '--version').stdout)
        self.assertEqual(found(r'^vmsift \((\S+)\)', PACKAGING / 'debian/changelog')[0].rpartition('-')[0], version)
        self.assertEqual(found(r'^Version: +(\S+)', PACKAGING / 'vmsift.spec'), [version])
        self.assertIn(f'vmsift-{version}.tar.gz', (PACKAGING / 'vmsift.spec').read_text())

    def test_build_dependencies(self) -> None:
        """Debian's are those that the README has installed."""
        listed = set(found(r'^([a-z][^\s#]*)', TOP / 'scripts/apt-packages.txt')) - FOR_TESTS - {COMPILER}
        wanted, = re.findall(r'^Build-Depends:\n((?: .*\n)+)', (PACKAGING / 'debian/control').read_text(), re.M)
        self.assertEqual(set(re.findall(r'^ ([a-z0-9+.-]+)', wanted, re.M)) - {'debhelper-compat'}, listed)

    def test_install(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = run('cmake', '--install', os.path.dirname(env.program()), '--prefix', folder)
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual({str(path.relative_to(folder)) for path in Path(folder).rglob('*') if not path.is_dir()},
                             INSTALLED)
            done = run(f'{folder}/sbin/vmsift-makedumpfile', '--version')
            self.assertRegex(done.stdout, '^makedumpfile: version')


class Scripts(unittest.TestCase):
    def test_shell(self) -> None:
        scripts = [path for path in PACKAGING.rglob('*') if path.is_file() and path.read_bytes()[:2] == b'#!'
                   and path.name != 'rules']
        self.assertGreater(len(scripts), 5)
        for path in (*scripts, PACKAGING / 'bash-completion/vmsift'):
            shell = 'sh' if path.read_bytes().startswith(b'#!/bin/sh') else 'bash'
            done = run(shell, '-n', str(path))
            self.assertEqual((done.returncode, done.stderr), (0, ''), path)
            if shutil.which('shellcheck'):
                done = run('shellcheck', '-s', shell, '-e', 'SC1091', str(path))
                self.assertEqual(done.returncode, 0, done.stdout)

    @unittest.skipUnless(shutil.which('rpmspec'), 'no rpmspec')
    def test_spec(self) -> None:
        """With macros like those of Fedora and SUSE, which this machine's rpm may not have."""
        macros = [word for name in ('cmake', 'cmake_build', 'cmake_install') for word in ('--define', f'{name} cmake')]
        done = run('rpmspec', '-P', *macros, str(PACKAGING / 'vmsift.spec'))
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertNotIn('%{', done.stdout, 'a macro that is not known')


class Examples(unittest.TestCase):
    """Each line that a page tells to write is taken by the program."""

    def expect_valid(self, options: str) -> None:
        operands = ['vmcore'] if '-F' in options.split() else ['vmcore', 'dumpfile']
        done = run(env.program(), '--check-params', *options.split(), *operands)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''), options)

    def test_debian(self) -> None:
        lines = found(r'MAKEDUMP_ARGS="(.*?)"', PACKAGING / 'debian/README.Debian')
        self.assertGreater(len(lines), 1)
        for line in lines:
            self.expect_valid(line + ' -F')

    def test_fedora(self) -> None:
        lines = found(r'^#?core_collector (\S+) (.*)$', PACKAGING / 'fedora/kdump.conf')
        self.assertGreater(len(lines), 3)
        for name, options in lines:
            self.assertIn(name, ('vmsift', 'vmsift-makedumpfile'))
            self.expect_valid(options)

    def test_steamos(self) -> None:
        settings = dict(found(r'^(\w+)="(.*)"$', PACKAGING / 'steamos/vmsift.conf'))
        self.expect_valid(settings['MAKEDUMPFILE_DMESG_CMD'])
        self.expect_valid(settings['MAKEDUMPFILE_COREDUMP_CMD'])

    def test_suse(self) -> None:
        settings = dict(found(r'^(\w+)="(.*)"$', PACKAGING / 'suse/kdump'))
        options = {'zstd': '-z', 'lzo': '-l', 'snappy': '-p', 'compressed': '-c', 'ELF': '-E'}
        option = options[settings['KDUMP_DUMPFORMAT']]
        self.expect_valid(f'-F {option} --num-threads {settings["KDUMP_CPUS"]} -d {settings["KDUMP_DUMPLEVEL"]} '
                          f'{settings["MAKEDUMPFILE_OPTIONS"]}')


if __name__ == '__main__':
    unittest.main()
