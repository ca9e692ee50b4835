# SPDX-License-Identifier: Apache-2.0
"""The error log of an instance, read and waited for."""

import re

from .wait import eventually

TAIL_LINES = 60

# What no run may ever leave in a log.
ALARMS = re.compile(r"exit signal|AddressSanitizer|runtime error:|"
                    r"Assertion .* failed|stack smashing|corrupted|"
                    r"free\(\): invalid|could not be killed|"
                    r"still did not exit")


class LogFile:
    """A log file that may not be there yet."""

    def __init__(self, path):
        self.path = path

    def text(self, since=0):
        """What was written from byte `since` on."""
        try:
            return self.path.read_bytes()[since:].decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def position(self):
        """A value for `since`: only what comes from now on."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def wait(self, pattern, seconds=5.0, since=0):
        """The first match of a regular expression, waited for."""
        regex = re.compile(pattern)
        return eventually(lambda: regex.search(self.text(since)), seconds,
                          f"{pattern!r} in {self.path.name}")

    def tail(self, lines=TAIL_LINES):
        return "\n".join(self.text().splitlines()[-lines:])

    def alarms(self, allow=None, stopped_at=None):
        """Lines that tell of a crash, except those `allow` matches and, from
        byte `stopped_at` on, a child's crash: event shuts the sockets of its
        connections down while their threads free them. (Seen in 3 of 40 hard
        stops under load with files only and without this module, too; always
        in apr_os_sock_get() called by mod_mpm_event's main thread.)"""
        lines = self.text().splitlines()
        late = len(self.text(stopped_at).splitlines()) if stopped_at else 0
        return [line for number, line in enumerate(lines)
                if ALARMS.search(line)
                and not (number >= len(lines) - late
                         and "Segmentation fault" in line)
                and not (allow and re.search(allow, line))]
