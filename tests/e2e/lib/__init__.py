# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end-to-end tests share: readers of the formats, the kernel's page flags, and how programs are run.

Nothing here uses vmsift's own code: a test that reads a dump the way the writer wrote it proves nothing. What the
vmcore maker (tests/vmcores) knows of its own files is used: ELF headers and the format of kpageflags.
"""
import os
import sys

_MAKER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'vmcores')
if _MAKER not in sys.path:
    sys.path.append(_MAKER)
