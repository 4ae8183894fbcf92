# SPDX-License-Identifier: GPL-2.0-or-later
"""A running QEMU: its serial console and its machine protocol (QMP), each on a socket pair."""
from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Iterator, Sequence

QMP_PATIENCE = 900  # seconds; writing a large dump to a slow disk is one QMP command


class QemuError(Exception):
    """QEMU or its guest did not do what was asked."""


class Qemu:
    """One guest; use it as a context manager, so that QEMU never outlives the program."""

    def __init__(self, arguments: Sequence[str], error_log: Path) -> None:
        self.console = b''  # all that the guest has printed
        self.started = time.monotonic()
        self._grown = threading.Condition()
        self._error_log = error_log
        self._serial, serial_end = socket.socketpair()
        self._qmp, qmp_end = socket.socketpair()
        # setpriv: the kernel kills QEMU when this program dies, however it dies
        self.arguments = [
            'setpriv', '--pdeathsig', 'KILL', *arguments,
            '-display', 'none', '-monitor', 'none', '-parallel', 'none', '-nic', 'none', '-no-reboot',
            '-chardev', f'socket,id=serial,fd={serial_end.fileno()}', '-serial', 'chardev:serial',
            '-chardev', f'socket,id=qmp,fd={qmp_end.fileno()}', '-mon', 'chardev=qmp,mode=control']
        with open(error_log, 'wb') as errors:
            self._process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                             pass_fds=(serial_end.fileno(), qmp_end.fileno()))
        serial_end.close()
        qmp_end.close()
        threading.Thread(target=self._read_console, daemon=True).start()
        self._qmp.settimeout(QMP_PATIENCE)
        self._qmp_file = self._qmp.makefile('rwb')

    def __enter__(self) -> Qemu:
        try:
            self.command('qmp_capabilities')
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _died(self, when: str) -> QemuError:
        self._process.wait(10)
        words = self._error_log.read_text(errors='replace').strip()[-500:]
        return QemuError(f'QEMU ended {when}: {words or "it said nothing"}')

    def _read_console(self) -> None:
        while True:
            try:
                block = self._serial.recv(65536)
            except OSError:
                block = b''
            with self._grown:
                self.console += block
                self._grown.notify_all()
            if not block:
                return

    def _exchange(self, request: bytes) -> Iterator[bytes]:
        """Send a line and yield what comes back, as long as QEMU is there."""
        try:
            self._qmp_file.write(request)
            self._qmp_file.flush()
            while line := self._qmp_file.readline():
                yield line
        except (BrokenPipeError, ConnectionResetError):
            pass  # the caller finds out what QEMU said before it went
        except TimeoutError:
            raise QemuError(f'QEMU has not answered within {QMP_PATIENCE} s') from None

    def command(self, name: str, **arguments: object) -> object:
        """Run a QMP command and return its result; the greeting and events are passed over."""
        request = {'execute': name, 'arguments': {key.replace('_', '-'): value for key, value in arguments.items()}}
        for line in self._exchange(json.dumps(request).encode() + b'\n'):
            answer = json.loads(line)
            if 'error' in answer:
                raise QemuError(f'{name}: {answer["error"].get("desc")}')
            if 'return' in answer:
                return answer['return']
        raise self._died(f'during {name}')

    def wait_for(self, word: str, seconds: float, panics: int = 0) -> float:
        """Wait until the guest prints a word; returns the seconds since QEMU started. `panics`: that are meant."""
        deadline = time.monotonic() + seconds
        with self._grown:
            while word.encode() not in self.console:
                if self.console.count(b'Kernel panic - not syncing') > panics:
                    self._grown.wait(2)  # for the rest of the message to be in the log
                    raise QemuError(f'the guest panicked before {word}')
                if self._process.poll() is not None:
                    raise self._died(f'before {word}')
                if time.monotonic() > deadline:
                    raise QemuError(f'no {word} from the guest within {seconds:.0f} s')
                self._grown.wait(0.5)
        return time.monotonic() - self.started

    def type(self, line: str) -> None:
        """Type a line on the guest's console."""
        try:
            self._serial.sendall(line.encode() + b'\n')
        except OSError:
            raise self._died('before it took a line') from None

    def close(self) -> None:
        """End QEMU: kindly, then not."""
        try:
            if self._process.poll() is None:
                self._qmp.settimeout(10)
                self.command('quit')
                self._process.wait(10)
        except (QemuError, OSError, ValueError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(OSError):  # what QEMU did not take before it ended
            self._qmp_file.close()
        self._qmp.close()
        self._serial.close()
