# SPDX-License-Identifier: GPL-2.0-or-later
"""Libraries that are preloaded into a program, made of a C file of this folder."""
from __future__ import annotations

import os
import subprocess

from . import env


def build(folder: str, name: str) -> str:
    """`name`.so in `folder`, of `name`.c."""
    library = os.path.join(folder, f'{name}.so')
    try:
        subprocess.run(['cc', '-shared', '-fPIC', '-O2', '-o', library, os.path.join(env.E2E, f'{name}.c')], check=True,
                       capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise env.missing(f'{name}.c cannot be built here: {error}') from None
    return library
