# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true, with a deadline and never longer."""

import time

STEP_S = 0.02


def eventually(fn, seconds=5.0, what=None):
    """Call `fn` until it returns something true, and return that.

    An AssertionError inside `fn` counts as "not yet". After `seconds` the
    last answer (or its assertion) is the failure; `what` says what was
    waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        last = None
        try:
            last = fn()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(
                f"not within {seconds} s: {what or fn.__name__}; "
                f"last: {last!r}")
        time.sleep(STEP_S)
