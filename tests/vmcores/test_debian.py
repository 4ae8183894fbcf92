# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of debian.py and kernel.py that need no mirror."""
from __future__ import annotations

import os
import sys
import tempfile
import unittest
import urllib.error
from pathlib import Path
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import debian  # noqa: E402
import kernel  # noqa: E402

ORDERED = ('0', '1.0~~', '1.0~rc1-1', '1.0-1~bpo12+1', '1.0-1', '1.0-1+b1', '1.0a-1', '1.0+b1', '1.0.1', '1.9', '1.10',
           '6.12.107-1', '6.12.117-1', '9.0.2-1', '9.0.2+~16.3-1', '1:0.1')

INDEX = '''Package: linux-image-{release}
Version: {version}
Depends: kmod, linux-base (>= 4.3~), linux-modules-{release} (= {version})
Description: text
 Version: of a continuation line
Filename: pool/l/linux-image-{release}.deb
Size: 12
SHA256: 00

'''


def index_of(*versions: tuple[str, str]) -> dict[str, list[debian.Package]]:
    """A package index with some kernels."""
    stanzas = (INDEX.format(release=release, version=version) for release, version in versions)
    return debian.parse_index('\n'.join(stanzas), 'test')


class VersionTest(unittest.TestCase):
    """Order of versions."""

    def test_orders_as_dpkg_does(self) -> None:
        for lower, higher in zip(ORDERED, ORDERED[1:]):
            self.assertLess(debian.version_key(lower), debian.version_key(higher), f'{lower} < {higher}')

    def test_leading_zeros_and_a_revision_of_zero_do_not_count(self) -> None:
        self.assertEqual(debian.version_key('1.02'), debian.version_key('1.2'))
        self.assertEqual(debian.version_key('1.2'), debian.version_key('0:1.2-0'))


class IndexTest(unittest.TestCase):
    """Parsing an index and choosing kernels from it."""

    def test_parses_fields_of_a_stanza(self) -> None:
        package, = index_of(('6.1.0-9-amd64', '6.1.27-1'))['linux-image-6.1.0-9-amd64']
        self.assertEqual((package.version, package.size, package.suite), ('6.1.27-1', 12, 'test'))
        self.assertIn('linux-modules-6.1.0-9-amd64', package.depends)

    def test_newest_kernel_goes_by_version_not_by_name(self) -> None:
        index = index_of(('6.1.0-9-amd64', '6.1.27-1'), ('6.1.0-8-amd64', '6.1.25-1'), ('6.1.0-10-amd64', '6.1.37-1'),
                         ('6.1.0-10-rt-amd64', '6.1.99-1'))
        with mock.patch('debian.packages', return_value=index):
            names = [package.name for package in kernel.candidates(('test',), 'amd64', 'amd64', None)]
        self.assertEqual(names, ['linux-image-6.1.0-10-amd64', 'linux-image-6.1.0-9-amd64'])

    def test_newest_suite_comes_first(self) -> None:
        suites = {'a': index_of(('7.2.13+deb14-amd64', '7.2.13-1')),
                  'b': index_of(('7.3.4+deb13-amd64', '7.3.4-1~bpo13+1'))}
        with mock.patch('debian.packages', side_effect=lambda suite, arch: suites[suite]):
            versions = [package.version for package in kernel.candidates(('a', 'b'), 'amd64', 'amd64', r'-7\.')]
        self.assertEqual(versions, ['7.3.4-1~bpo13+1', '7.2.13-1'])

    def test_a_kernel_whose_configuration_has_left_the_archive_boots(self) -> None:
        text = INDEX.replace('linux-base (>= 4.3~)', 'linux-base-{release}').format(release='6.18.1', version='1')
        image = debian.parse_index(text, 'test')['linux-image-6.18.1'][0]
        modules = image.__class__(**{**vars(image), 'name': 'linux-modules-6.18.1'})
        index = {'linux-image-6.18.1': [image], 'linux-modules-6.18.1': [modules]}
        with mock.patch('debian.packages', return_value=index):
            self.assertEqual(kernel._parts(image, 'amd64'), [image, modules])   # pylint: disable=protected-access
            del index['linux-modules-6.18.1']
            with self.assertRaisesRegex(debian.DebianError, 'linux-modules-6.18.1 has left'):
                kernel._parts(image, 'amd64')       # pylint: disable=protected-access

    def test_says_what_kernels_there_are(self) -> None:
        with mock.patch('debian.packages', return_value=index_of(('6.1.0-9-amd64', '6.1.27-1'))):
            with self.assertRaisesRegex(debian.DebianError, 'linux-image-6.1.0-9-amd64'):
                kernel.candidates(('test',), 'amd64', 'amd64', 'linux-image-9')


class FetchTest(unittest.TestCase):
    """What a mirror may answer."""

    def tries(self, code: int) -> int:
        """How often a package is asked for."""
        package = debian.parse_index(INDEX.format(release='1', version='1'), 'test')['linux-image-1'][0]
        error = urllib.error.HTTPError('http://mirror.invalid', code, 'no', None, None)
        with tempfile.TemporaryDirectory() as folder, mock.patch('cache.folder', return_value=Path(folder)), \
                mock.patch('debian.suite_address', return_value=''), mock.patch('time.sleep'), \
                mock.patch('debian.log'), mock.patch('debian._download_once', side_effect=error) as download:
            with self.assertRaises(debian.DebianError):
                debian.fetch(package)
        return download.call_count

    def test_what_it_lacks_is_not_asked_for_again(self) -> None:
        self.assertEqual((self.tries(404), self.tries(503)), (1, 3))


if __name__ == '__main__':
    unittest.main()
