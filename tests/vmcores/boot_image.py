# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot images in a form that QEMU starts: an EFI zboot image is unwrapped.

Such an image is an EFI program that unpacks the kernel in it. Its header (drivers/firmware/efi/libstub/zboot-header.S):
"MZ", at 4 "zimg", at 8 offset and size of the payload (u32 little-endian), at 24 the name of its compression.
"""
from __future__ import annotations

import lzma
import struct
import subprocess
import zlib
from pathlib import Path

from qemu import QemuError


def _unpacked(payload: bytes, compression: str) -> bytes:
    if compression == 'gzip':
        return zlib.decompressobj(31).decompress(payload)
    if compression.startswith('xz'):
        return lzma.LZMADecompressor().decompress(payload)
    if compression.startswith('zstd'):
        return subprocess.run(['zstd', '-dcq', '--long=31'], input=payload, capture_output=True, check=True).stdout
    raise QemuError(f'a boot image packed by {compression}')


def plain(image: Path, into: Path) -> Path:
    """The image itself or, where it is a zboot one, the kernel in it, written as `into`."""
    content = image.read_bytes()
    if content[:2] != b'MZ' or content[4:8] != b'zimg':
        return image
    start, size = struct.unpack_from('<II', content, 8)
    compression = content[24:56].split(b'\0')[0].decode('latin-1')
    into.write_bytes(_unpacked(content[start:start + size], compression))
    return into
