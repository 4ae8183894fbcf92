# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages of any Debian suite, straight from the mirror that apt is configured with.

Nothing is installed and apt's own state is left alone: packages are downloaded into the cache and
unpacked there. The chain of trust is apt's: InRelease is verified with the archive keyring, the
package index against InRelease, every package against the index.
"""
from __future__ import annotations

import functools
import hashlib
import http.client
import lzma
import os
import re
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

import cache
from cache import log

INDEX_MAX_AGE = 24 * 3600  # seconds; older indexes name packages that have left the mirror
KEYRINGS = ('/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp')


class DebianError(Exception):
    """Something about a package or the mirror, in words for the user."""


@dataclass(frozen=True)
class Package:
    """One stanza of a package index."""
    name: str
    version: str
    filename: str
    size: int
    sha256: str
    depends: str
    provides: str
    suite: str


# ---- versions ------------------------------------------------------------------------------------

def _character_rank(character: str) -> int:
    """dpkg's order: `~` before the end of the string, then letters, then everything else."""
    if character == '~':
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _part_key(part: str) -> tuple:
    pieces = re.findall(r'(\D*)(\d*)', part)  # ends with ('', ''): the end of the string takes part
    return tuple((tuple(map(_character_rank, text)) + (0,), int(number or 0)) for text, number in pieces)


def version_key(version: str) -> tuple:
    """A sort key with which Debian versions order as dpkg --compare-versions does."""
    epoch, colon, rest = version.partition(':')
    if not colon:
        epoch, rest = '0', version
    upstream, _, revision = rest.rpartition('-') if '-' in rest else (rest, '', '0')
    return int(epoch), _part_key(upstream), _part_key(revision)


# ---- the mirror ----------------------------------------------------------------------------------

@functools.lru_cache(maxsize=None)
def _mirror(label: str) -> str:
    """Base address of the archive with this label; asked of apt, never stored in a file."""
    listing = subprocess.run(['apt-get', 'indextargets', '--format', '$(LABEL)|$(REPO_URI)', 'Created-By: Packages'],
                             capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        found, _, address = line.partition('|')
        if found == label:
            return address.rstrip('/')
    raise DebianError(f'apt knows no archive labelled {label}: set up its sources and run apt-get update')


def suite_address(suite: str) -> str:
    """Base address of the archive that has a suite."""
    return _mirror('Debian-Security' if suite.endswith('-security') else 'Debian')


@functools.lru_cache(maxsize=None)
def _opener() -> urllib.request.OpenerDirector:
    """urllib with apt's proxy, if it has one (the environment's otherwise)."""
    dump = subprocess.run(['apt-config', 'dump', '--format', '%f=%v%n', 'Acquire::http::Proxy'],
                          capture_output=True, text=True, check=True).stdout
    proxy = re.search(r'^Acquire::http::Proxy=(\S+)', dump, re.M | re.I)
    if proxy and proxy.group(1) != 'DIRECT':
        return urllib.request.build_opener(urllib.request.ProxyHandler({'http': proxy.group(1)}))
    return urllib.request.build_opener()


def _download_once(address: str, part: Path) -> str:
    """Fetch one address into a file and return the SHA256 of what came."""
    digest = hashlib.sha256()
    with _opener().open(address, timeout=60) as source, open(part, 'wb') as sink:
        while block := source.read(1 << 20):
            digest.update(block)
            sink.write(block)
    return digest.hexdigest()


def _download(address: str, path: Path, sha256: str | None = None, tries: int = 3) -> None:
    """Fetch one address; the file appears only when it is whole and has the SHA256 expected."""
    for attempt in range(1, tries + 1):
        try:
            with cache.replacing(path) as part:
                found = _download_once(address, part)
                if sha256 not in (None, found):
                    raise DebianError(f'SHA256 is {found}, the index says {sha256}')
            return
        except (OSError, http.client.HTTPException, DebianError) as error:
            if attempt == tries or getattr(error, 'code', None) == http.client.NOT_FOUND:
                raise DebianError(f'cannot fetch {path.name}: {error}') from None
            log(f'{path.name}: {error}; trying again')
            time.sleep(2 * attempt)


# ---- the index of a suite ------------------------------------------------------------------------

def _verified_release(suite: str) -> str:
    """The text of the suite's InRelease file, after gpgv found a good signature of the archive on it."""
    keyring = next((path for path in KEYRINGS if os.path.exists(path)), None)
    if not keyring:
        raise DebianError('no Debian archive keyring: install the package debian-archive-keyring')
    signed = cache.folder('packages') / f'{suite}.InRelease'
    _download(f'{suite_address(suite)}/dists/{suite}/InRelease', signed)
    check = subprocess.run(['gpgv', '--quiet', '--keyring', keyring, '--output', '-', str(signed)], capture_output=True)
    if check.returncode != 0:
        words = check.stderr.decode(errors='replace').strip()[-300:]
        raise DebianError(f'{suite}: InRelease has no good signature: {words}')
    return check.stdout.decode()


def _refresh_index(suite: str, arch: str, path: Path) -> None:
    """Bring the package index up to date; fetched by its hash, so that a mirror push cannot tear it."""
    line = rf'^ ([0-9a-f]{{64}}) +\d+ main/binary-{re.escape(arch)}/Packages\.xz$'
    listed = re.search(line, _verified_release(suite), re.M)
    if not listed:
        raise DebianError(f'{suite} has no packages for {arch}')
    address = f'{suite_address(suite)}/dists/{suite}/main/binary-{arch}/by-hash/SHA256/{listed.group(1)}'
    _download(address, path, listed.group(1))


def _fields(stanza: str) -> dict[str, str]:
    lines = (line.partition(': ') for line in stanza.split('\n') if line[:1] not in ('', ' ', '\t'))
    return {name: value for name, _, value in lines}


def parse_index(text: str, suite: str) -> dict[str, list[Package]]:
    """The stanzas of a Packages file by package name."""
    index: dict[str, list[Package]] = {}
    for stanza in text.split('\n\n'):
        field = _fields(stanza)
        if 'Package' not in field:
            continue
        depends = ', '.join(filter(None, (field.get('Pre-Depends'), field.get('Depends'))))
        index.setdefault(field['Package'], []).append(Package(
            field['Package'], field['Version'], field['Filename'], int(field['Size']), field['SHA256'],
            depends, field.get('Provides', ''), suite))
    return index


@functools.lru_cache(maxsize=None)
def packages(suite: str, arch: str) -> dict[str, list[Package]]:
    """All packages of one suite and architecture by name; the index is fetched at most once a day."""
    path = cache.folder('packages') / f'{suite}-{arch}.Packages.xz'
    if not path.exists() or time.time() - path.stat().st_mtime > INDEX_MAX_AGE:
        log(f'package index of {suite}/{arch}')
        try:
            _refresh_index(suite, arch, path)
        except DebianError as error:
            if not path.exists():
                raise
            log(f'{error}; going on with the index fetched earlier')
    return parse_index(lzma.open(path, 'rt', encoding='utf-8').read(), suite)


def newest(suite: str, arch: str, name: str) -> Package:
    """The newest version of a package in a suite."""
    versions = packages(suite, arch).get(name)
    if not versions:
        raise DebianError(f'there is no package {name} in {suite}/{arch}')
    return max(versions, key=lambda package: version_key(package.version))


# ---- getting packages ----------------------------------------------------------------------------

def fetch(package: Package) -> Path:
    """The .deb file in the cache, downloaded and verified if it was not there."""
    path = cache.folder('debs') / os.path.basename(package.filename)
    if not path.exists():
        log(f'download {path.name}, {package.size / 1e6:.1f} MB')
        _download(f'{suite_address(package.suite)}/{package.filename}', path, package.sha256)
    return path


def unpack(wanted: Iterable[Package], into: Path) -> Path:
    """The files of some packages as one tree, whole or not at all. Maintainer scripts are not run."""
    if into.is_dir():
        return into
    debs = [fetch(package) for package in wanted]
    log(f'unpack {len(debs)} package{"s"[:len(debs) > 1]} as {into.name}')
    with cache.replacing(into) as part:
        # bin, lib and so on are links in every suite since merged /usr; older packages ship bin/ itself
        for directory in ('bin', 'lib', 'lib64', 'sbin'):
            (part / 'usr' / directory).mkdir(parents=True)
            (part / directory).symlink_to(f'usr/{directory}')
        for deb in debs:
            tree = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', str(deb)], stdout=subprocess.PIPE)
            subprocess.run(['tar', '-x', '--keep-directory-symlink', '-C', str(part)], stdin=tree.stdout, check=True)
            if tree.wait() != 0:
                raise DebianError(f'{deb.name} cannot be unpacked')
    return into


def closure(suite: str, arch: str, name: str, skip: Iterable[str] = ()) -> list[Package]:
    """A package and all that it depends on (the first alternative of each dependency)."""
    index = packages(suite, arch)
    providers = {provided: package for package, versions in index.items() for version in versions
                 for provided in re.findall(r'[a-z0-9][a-z0-9+.-]+', re.sub(r'\([^)]*\)', '', version.provides))}
    seen, todo, found = set(skip), [name], []
    while todo:
        wanted = todo.pop()
        if wanted not in index:
            wanted = providers.get(wanted, wanted)
        if wanted in seen:
            continue
        seen.add(wanted)
        package = newest(suite, arch, wanted)
        found.append(package)
        todo += re.findall(r'(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)', package.depends)
    return found
