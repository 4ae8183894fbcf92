# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end-to-end tests share: readers of the formats, the kernel's page flags, and how programs are run.

Nothing here uses vmsift's own code: a test that reads a dump the way the writer wrote it proves nothing.
"""
