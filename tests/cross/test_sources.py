# SPDX-License-Identifier: GPL-2.0-or-later
"""No line of the program depends on the byte order, the word size or the struct layout of the machine that it runs on.

The proof is in the other half of this folder, where the tests run on such machines. This half takes a second, so that
it is part of every run: it looks for the ways in which code becomes dependent. src/base/bytes.h has what reads and
writes integers of a given order; whoever does it some other way needs a line below that says why that is harmless.
"""
from __future__ import annotations

import re
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ROOMS = ('src', 'mm-model', 'arch', 'filters', 'compress')
BYTES = 'src/base/bytes.h'

# What an integer's bytes, a type's size or its layout can be asked with.
RULES = {
    'header': r'#include <(?:endian|byteswap|machine/endian|netinet/in|arpa/inet|asm/\w+|linux/\w+)\.h>',
    'order': r'\b(?:kHostOrder|load_raw|byte_swap|bit_cast|__BYTE_ORDER\w*|std::endian|__builtin_bswap\d+|'
             r'(?:hto[bl]e|[bl]eto?h|[bl]e)\d+(?:toh)?|[hn]to[hn][sl])\b',
    # Bytes may be looked at as characters, and as what C libraries call bytes.
    'cast': r'reinterpret_cast<(?!(?:const )?(?:char|unsigned char|std::byte|Bytef)\*>|std::uintptr_t>)',
    # Bytes of an object: memcpy to or from &x, not to or from &array[...].
    'object': r'\b(?:memcpy|memmove|memcmp|memset)\((?:[^;]*?, *)?&(?!\w+(?:\.\w+)*_?\[)',
    'span of an object': r'as_(?:writable_)?bytes\((?:std::)?span\(&',
    'layout': r'\[\[gnu::packed\]\]|__attribute__\(\(packed|#pragma pack|\bunion\b|^ *\w[\w: ]* \w+ : \d+;',
    # Wide here, narrow there.
    'type': r'\b(?:long|time_t)\b|\b\d+U?LL?\b',
}

# file: {rule: why what it finds there is harmless}
HARMLESS = {
    'mm-model/page_decoder.h': {'order': 'the order is a template argument, and what is compared without it is all '
                                         'zeros or all ones'},
    'src/classify/classifier.cc': {'order': 'chooses that template argument'},
    'src/base/bitmap.h': {'object': 'bits are counted, wherever they stand'},
    'src/classify/window_scan.cc': {'object': 'eight equal bytes are equal in either order'},
    'filters/zero.h': {'object': 'eight equal bytes are equal in either order'},
    'src/input/byte_store.cc': {'header': 'which file system a file is on, asked of this machine'},
}


def code_of(text: str) -> list[str]:
    """The lines without comments and without what is in quotes; those of #include are left whole."""
    lines = []
    for line in re.sub(r'/\*.*?\*/', '', text, flags=re.S).splitlines():
        if not line.startswith('#include'):
            line = re.sub(r"'(?:[^'\\]|\\.)'", "''", re.sub(r'"(?:[^"\\]|\\.)*"', '""', line))
        lines.append(re.sub(r'//.*', '', line))
    return lines


def found_in(text: str) -> set[str]:
    """The rules that some line is met by."""
    return {rule for line in code_of(text) for rule, pattern in RULES.items() if re.search(pattern, line)}


class Sources(unittest.TestCase):
    def test_nothing_depends_on_the_host(self) -> None:
        files = [path for room in ROOMS for path in (TOP / room).rglob('*.*') if path.suffix in ('.cc', '.h')]
        self.assertGreater(len(files), 150)
        names = {str(path.relative_to(TOP)) for path in files}
        self.assertLessEqual(set(HARMLESS) | {BYTES}, names)
        for path in files:
            name = str(path.relative_to(TOP))
            if name == BYTES:
                continue
            with self.subTest(name):
                self.assertEqual(found_in(path.read_text(encoding='utf-8')), set(HARMLESS.get(name, ())),
                                 'read it with load() and write it with store() of src/base/bytes.h, or give the '
                                 'reason in HARMLESS')


class Rules(unittest.TestCase):
    """Each finds what it is there for, and not what is everywhere."""

    DEPENDENT = {
        'header': ('#include <endian.h>', '#include <linux/elf.h>'),
        'order': ('if (kHostOrder == ByteOrder::big) {', 'n = load_raw<std::uint32_t>(p);', 'x = be32toh(y);',
                  'v = le64toh(v);', 'v = htobe16(v);', 'v = ntohl(v);', 'auto d = std::bit_cast<double>(n);'),
        'cast': ('auto* h = reinterpret_cast<const Elf64_Ehdr*>(p);', 'n = *reinterpret_cast<const std::uint64_t*>(p);'),
        'object': ('std::memcpy(&header, bytes.data(), sizeof header);', 'std::memcpy(to, &value, 8);',
                   'std::memset(&h, 0, sizeof h);'),
        'span of an object': ('file.read_at(0, std::as_writable_bytes(std::span(&header, 1)));',),
        'layout': ('struct [[gnu::packed]] Header {', '  unsigned order : 4;', '  union {'),
        'type': ('unsigned long flags;', 'mask = 1UL << bit;', 'time_t when;'),
    }
    INDEPENDENT = ('std::memcpy(&bytes[i], from, n);  // of a long', 'std::memcpy(into.data(), text.data(), n);',
                   'error("{} long: {}", n, load<std::uint32_t>(p, order));', "digits('1', 64U << 10);",
                   'auto* text = reinterpret_cast<const char*>(bytes.data());', 'case kLong: return 1;',
                   'for (const auto& x : list) use(x ? 4 : 8);', '#include <elf.h>')

    def test_each_finds_its_own(self) -> None:
        self.assertEqual(set(self.DEPENDENT), set(RULES))
        for rule, lines in self.DEPENDENT.items():
            for line in lines:
                with self.subTest(line):
                    self.assertIn(rule, found_in(line))

    def test_none_finds_the_rest(self) -> None:
        for line in self.INDEPENDENT:
            with self.subTest(line):
                self.assertEqual(found_in(line), set())


if __name__ == '__main__':
    unittest.main()
