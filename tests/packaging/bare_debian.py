# SPDX-License-Identifier: GPL-2.0-or-later
"""A bare Debian 12 with kdump-tools, as a folder that packages are installed in and as a disk that boots.

The root tree is made once by mmdebstrap, from the mirror that apt is set up with, and kept in the cache. Needs root.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'vmcores'))

import cache  # noqa: E402
import debian  # noqa: E402
from cache import log  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
SUITE = 'bookworm'
# What a machine has that dumps by Debian's means before vmsift comes.
PACKAGES = ('linux-image-amd64', 'systemd-sysv', 'initramfs-tools', 'kdump-tools', 'makedumpfile', 'procps', 'zstd')
# An initramfs for QEMU's disk: MODULES=dep looks at the disks of this machine, and most is slow under emulation.
BEFORE_KERNEL = ('mkdir -p "$1/etc/initramfs-tools/conf.d"; echo MODULES=list > "$1/etc/initramfs-tools/conf.d/guest"; '
                 r'printf "virtio_pci\nvirtio_blk\next4\n" > "$1/etc/initramfs-tools/modules"')
# What kdump-tools does at its first start, minutes under emulation: the crash kernel's initramfs.
FIRST_START = ('chroot "$1" sh -ec \'release=$(linux-version list); /etc/kernel/postinst.d/kdump-tools "$release"; '
               'cp /etc/kdump/sysctl.conf "/var/lib/kdump/latest_sysctls-$release"\'')
LEFT_OUT = ('doc', 'locale', 'man')


def tarball() -> Path:
    """The tree of a fresh installation, made when it is not there (2 to 5 minutes)."""
    path = cache.folder('bare-debian') / f'{SUITE}.tar'
    if path.exists():
        return path
    with cache.only_one('bare-debian'):
        if not path.exists():
            log(f'mmdebstrap {SUITE} with {", ".join(PACKAGES)}')
            with cache.replacing(path) as part, open(path.with_suffix('.log'), 'wb') as words:
                options = [f'--include={",".join(PACKAGES)}', f'--essential-hook={BEFORE_KERNEL}',
                           f'--customize-hook={FIRST_START}',
                           *(f'--dpkgopt=path-exclude=/usr/share/{name}/*' for name in LEFT_OUT)]
                subprocess.run(['mmdebstrap', '--mode=root', '--variant=minbase', '--format=tar', *options, SUITE,
                                str(part), debian.suite_address(SUITE)], stdout=words, stderr=words, check=True)
    return path


class Machine:
    """One installation, to be changed at will: a folder that is gone in the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix='vmsift-bare-')
        self.root = Path(self._folder.name) / 'root'
        self.root.mkdir()
        subprocess.run(['tar', '-x', '-p', '-f', str(tarball()), '-C', str(self.root)], check=True)
        shutil.copy('/etc/resolv.conf', self.root / 'etc/resolv.conf')
        self.write('/etc/apt/apt.conf.d/90bare', 'APT::Install-Recommends "false";\n')

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        """A command in there."""
        surroundings = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C', 'HOME': '/root',
                        'DEBIAN_FRONTEND': 'noninteractive',
                        **{name: value for name, value in os.environ.items() if name.endswith('_proxy')}}
        done = subprocess.run(['chroot', str(self.root), *command], capture_output=True, text=True, env=surroundings,
                              stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode:
            words = done.stdout[-2000:] + done.stderr[-2000:]
            raise AssertionError(f'{" ".join(command)}: exit {done.returncode}\n{words}')
        return done

    def apt(self, *words: str) -> None:
        self.run('apt-get', '-y', '-qq', *words)

    def install(self, *debs: Path) -> None:
        """As the README says: apt gets what they depend on."""
        for deb in debs:
            shutil.copy(deb, self.root / 'root')
        self.apt('update')
        self.apt('install', *(f'/root/{deb.name}' for deb in debs))

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        target = self.root / path.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def disk(self, image: Path, size: str) -> None:
        """An ext4 disk of it, which has no journal, so that debugfs sees all that was synced."""
        search = os.environ['PATH'] + ':/usr/sbin:/sbin'
        subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-F', '-d', str(self.root), str(image),
                        size], check=True, stdout=subprocess.DEVNULL, env={**os.environ, 'PATH': search})


def packages() -> list[Path]:
    """vmsift and vmsift-makedumpfile, as packaging/build-deb left them in $VMSIFT_DEBS (default: build/deb)."""
    folder = Path(os.environ.get('VMSIFT_DEBS') or TOP / 'build/deb')
    found = sorted((path for path in folder.glob('vmsift*.deb') if '-dbgsym' not in path.name),
                   key=lambda path: path.name.split('_'))
    if [path.name.split('_')[0] for path in found] != ['vmsift', 'vmsift-makedumpfile']:
        raise AssertionError(f'{folder} has {[path.name for path in found]}: run packaging/build-deb {folder}')
    return found
