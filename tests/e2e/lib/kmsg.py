# SPDX-License-Identifier: GPL-2.0-or-later
"""The log that a guest read from its own /dev/kmsg."""
from __future__ import annotations

import gzip
import os

from . import env


def lines(core: env.Vmcore) -> str:
    """/dev/kmsg (Documentation/ABI/testing/dev-kmsg) in the form of a saved log."""
    path = core.path.removesuffix('.elf') + '.kmsg.gz'
    if not os.path.exists(path):
        raise env.missing(f'{core.name}: no kmsg beside it')
    text = ''
    for line in gzip.open(path, 'rt', encoding='ascii'):
        if line.startswith(' '):
            continue    # KEY=VALUE of the record before
        prefix, _, message = line.rstrip('\n').partition(';')
        usec = int(prefix.split(',')[2])
        start = f'[{usec // 1000000:5}.{usec % 1000000:06}] '
        # The kernel escapes line feed, tab and backslash too.
        message = message.replace('\\x0a', '\n' + ' ' * len(start)).replace('\\x09', '\t').replace('\\x5c', '\\')
        text += f'{start}{message}\n'
    return text
