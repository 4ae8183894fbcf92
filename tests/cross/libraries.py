#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Libraries of another architecture to link with: Debian 12's packages, unpacked in the cache, nothing installed.

  tests/cross/libraries.py ARCH     Debian's name: s390x, armhf, arm64, ...

Prints the folder. Which libraries is read from scripts/apt-packages.txt; that of the C++ library and below comes with
the cross compiler. A changed set of packages is another folder, so that what is printed is never out of date.
"""
from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests/vmcores'))

import cache  # noqa: E402
import debian  # noqa: E402

SUITE = 'bookworm'
# What the preset `cross` switches off.
NOT_BUILT = ('libtbb-dev', 'libdw-dev', 'libbenchmark-dev', 'libkdumpfile-dev')
# With the cross compiler, or needed by no program.
NOT_NEEDED = ('libc6', 'libc6-dev', 'libstdc++6', 'libgcc-s1', 'gcc-12-base', 'googletest')


def wanted() -> list[str]:
    """The development packages of scripts/apt-packages.txt."""
    lines = (TOP / 'scripts/apt-packages.txt').read_text(encoding='utf-8')
    return [name for name in re.findall(r'^([a-z0-9+.-]+-dev)\b', lines, re.M) if name not in NOT_BUILT]


def fetch(arch: str) -> Path:
    """The folder for one architecture; downloaded and unpacked when it is not there."""
    found = {package.filename: package for name in wanted()
             for package in debian.closure(SUITE, arch, name, NOT_NEEDED)}
    names = '\n'.join(sorted(found))
    tree = cache.folder('cross') / f'{arch}-{hashlib.sha256(names.encode()).hexdigest()[:12]}'
    return debian.unpack((found[name] for name in sorted(found)), tree)


def main() -> int:
    """Run the command line."""
    if len(sys.argv) != 2:
        print('usage: libraries.py ARCH', file=sys.stderr)
        return 1
    try:
        with cache.only_one('cross'):
            print(fetch(sys.argv[1]))
    except (debian.DebianError, OSError) as error:
        print(f'libraries.py: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
