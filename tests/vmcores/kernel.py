# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian kernel packages: which one, its boot image, and its modules in the order to load them."""
from __future__ import annotations

import gzip
import lzma
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable

import cache
import debian


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package."""
    package: debian.Package
    release: str  # what uname -r says
    image: Path
    modules: Path
    config: Path | None


# ---- choosing and unpacking ----------------------------------------------------------------------

def _image_packages(suite: str, arch: str, flavour: str) -> list[debian.Package]:
    """The versioned kernel images of a flavour; the unsigned ones only where no signed one is."""
    index = debian.packages(suite, arch)
    pattern = rf'linux-image-[0-9][^-]*(-[0-9]+)?-{re.escape(flavour)}'
    names = [name for name in index if re.fullmatch(pattern, name)]
    names = names or [name for name in index if re.fullmatch(f'{pattern}-unsigned', name)]
    return [debian.newest(suite, arch, name) for name in names]


def _version(package: debian.Package) -> tuple:
    return debian.version_key(package.version)


def candidates(suites: Iterable[str], arch: str, flavour: str, regex: str | None) -> list[debian.Package]:
    """The two newest matching kernel packages of each suite, the newest of all first.

    Two, since a mirror may lag behind its own index: it then lacks the newest of the rarer architectures.
    """
    best, there = [], []
    for suite in suites:
        images = _image_packages(suite, arch, flavour)
        there += [image.name for image in images]
        matching = [image for image in images if re.search(regex or '', image.name)]
        best += sorted(matching, key=_version)[-2:]
    if not best:
        raise debian.DebianError(f'no kernel of flavour {flavour} matches {regex!r} in {", ".join(suites)}; '
                                 f'there are: {" ".join(sorted(there)) or "none"}')
    return sorted(best, key=_version, reverse=True)


def _parts(image: debian.Package, arch: str) -> list[debian.Package]:
    """The image package and, where it is only a shell (see README), those with its contents."""
    index = debian.packages(image.suite, arch)
    names = re.findall(r'\blinux-(?:base|binary|modules)-[0-9][^ ,|]*', image.depends)
    gone = [name for name in names if name not in index]
    for name in gone:
        if not name.startswith('linux-base-'):      # which has the configuration alone: a kernel boots without
            raise debian.DebianError(f'{image.name} is superseded: {name} has left the archive. '
                                     'Choose a newer one with --kernel')
    return [image] + [debian.newest(image.suite, arch, name) for name in names if name not in gone]


def _first(folders: Iterable[Path], pattern: str) -> Path | None:
    return next((path for folder in folders for path in sorted(folder.glob(pattern)) if path.is_file()), None)


def unpack(image: debian.Package, arch: str) -> Kernel:
    """Fetch and unpack a kernel package."""
    place = cache.folder('kernels') / f'{image.name.removeprefix("linux-image-")}_{re.sub("[:~]", "_", image.version)}'
    tree = debian.unpack(_parts(image, arch), place)
    modules = next((path.parent for path in (tree / 'usr/lib/modules').glob('*/kernel')), None)
    if not modules:
        raise debian.DebianError(f'{image.name}: no modules in the package')
    folders = [tree / 'boot', modules, *sorted((tree / 'usr/lib/linux').glob('**/'))]
    boot = _first(folders, 'vmlinuz*') or _first(folders, 'vmlinux*')
    if not boot:
        raise debian.DebianError(f'{image.name}: no boot image in the package')
    return Kernel(image, modules.name, boot, modules, _first(folders, 'config*'))


# ---- modules -------------------------------------------------------------------------------------

# names that modules ask for by softdep, and what may provide them
ALIASES = {
    'crc32c': ('crc32c_generic', 'crc32c_cryptoapi'),
    'crypto_crc32c': ('crc32c_generic', 'crc32c_cryptoapi'),
    'crypto_crc32': ('crc32_generic',),
    'crypto_sha256': ('sha256_generic', 'sha256'),
}


def _uncompressed(path: Path) -> bytes:
    if path.suffix == '.xz':
        return lzma.decompress(path.read_bytes())
    if path.suffix == '.gz':
        return gzip.decompress(path.read_bytes())
    if path.suffix == '.zst':
        return subprocess.run(['zstd', '-dcq', str(path)], capture_output=True, check=True).stdout
    return path.read_bytes()


def _needs(module: bytes) -> list[str]:
    """What a module wants loaded before it, from its .modinfo strings (packages carry no modules.dep)."""
    names: list[str] = []
    for kind, value in re.findall(rb'\0(depends|softdep)=([^\0]*)', module):
        text = value.decode()
        if kind == b'softdep':
            text = re.sub(r'post:.*', '', text).replace('pre:', ' ')
        names += re.split(r'[,\s]+', text)
    return [name for name in names if name]


def _plain(name: str) -> str:
    return name.replace('-', '_')


@dataclass
class ModuleSet:
    """Modules of a kernel and what they need; `loaded` keeps the order in which to insmod them."""
    kernel: Kernel
    loaded: dict[str, bytes] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._files = {_plain(path.name.split('.ko')[0]): path for path in self.kernel.modules.rglob('*.ko*')}
        builtin = self.kernel.modules / 'modules.builtin'
        lines = builtin.read_text().split() if builtin.exists() else []
        self._builtin = {_plain(Path(line).name.removesuffix('.ko')) for line in lines}
        self._seen: set[str] = set()

    def add(self, name: str) -> None:
        """Add a module after all that it depends on; one that the kernel lacks is only noted."""
        name = _plain(name)
        choices = [choice for choice in (name, *ALIASES.get(name, ()))
                   if choice in self._files or choice in self._builtin]
        if not choices:
            self.absent.append(name)
            return
        name = choices[0]
        if name in self._builtin or name in self._seen:
            return
        self._seen.add(name)
        content = _uncompressed(self._files[name])
        for needed in _needs(content):
            self.add(needed)
        self.loaded[name] = content
