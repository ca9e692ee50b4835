# SPDX-License-Identifier: Apache-2.0
"""The figures as a table and as a picture."""

import os
import platform
import time

HEADS = {
    "one": "1 connection: req/s, CPU us each, p50 p99 p99.9 in us",
    "many": "32 connections: req/s, CPU us each, p50 p99 p99.9 in us",
    "out": "1 MiB out, 8 connections: MiB/s",
    "upload": "1 MiB in, 8 connections: MiB/s",
    "slow_readers": "share of hello's rate left beside 8 slow readers",
    "slow_senders": "share of hello's rate left beside 8 slow senders",
    "mixed": "mixed load, 16 connections: p99 of the hellos in ms",
    "memory": "memory of all its processes (PSS): MiB",
}
LESS_IS_BETTER = ("mixed", "memory")
FLOORS = ("slow_readers", "slow_senders")


def ratio(mine, theirs, what):
    """How many times better `mine` is."""
    if not mine or not theirs:
        return None
    return theirs / mine if what in LESS_IS_BETTER else mine / theirs


def _ours_of(results, ours, language, what):
    """Our best of a language."""
    rates = [results[key][what]["rate"] for key in results
             if key in ours and key[0] == language and what in results[key]]
    best = min if what in LESS_IS_BETTER else max
    return best(rates) if rates else None


def _row(key, figures, what, mine):
    rate = figures["rate"]
    line = f"  {key[0]:7} {key[1]:26}"
    line += f"{rate:10,.2f}" if rate < 100 else f"{rate:10,.0f}"
    if what in ("one", "many"):
        line += (f"{figures['cpu_us']:8.1f}{figures['p50']:8.0f}"
                 f"{figures['p99']:8.0f}{figures['p999']:9.0f}")
    if what == "mixed":
        line += f"   fairness {figures['fairness']:.3f}"
    if what not in FLOORS and mine is not None:
        times = ratio(mine, rate, what)
        line += f"   ours/its {times:.2f}" if times else ""
    if figures["failed"]:
        line += f"   {figures['failed']} FAILED"
    return line


def text(results, ours, args):
    """The table for a terminal."""
    lines = [f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} CPUs, Linux "
             f"{platform.release().split('-')[0]}, {args.mpm} MPM, medians of "
             f"{args.rounds} alternating rounds of {args.seconds:g} s"]
    for what in args.what:
        lines += ["", HEADS[what]]
        for key, by_what in results.items():
            if what in by_what:
                mine = None if key in ours else _ours_of(results, ours, key[0],
                                                         what)
                lines.append(_row(key, by_what[what], what, mine))
    return "\n".join(lines)


# -- picture ------------------------------------------------------------------

WIDTH, LEFT, BAR, GAP = 760, 250, 14, 4
STYLE = ("text{font:12px sans-serif;fill:#222}.h{font-weight:bold}"
         ".o{fill:#1a7f5a}.p{fill:#9aa5b1}"
         "@media(prefers-color-scheme:dark){text{fill:#ddd}.o{fill:#3fbf8f}"
         ".p{fill:#5a6672}}")


def svg(results, ours, what="many"):
    """Bars of one measurement, a group a language."""
    rows, y = [], 24
    top = max((v[what]["rate"] for k, v in results.items()
               if what in v and k[0] != "limit"), default=1)
    for language in dict.fromkeys(k[0] for k in results if k[0] != "limit"):
        rows.append(f'<text class="h" x="8" y="{y + 11}">{language}</text>')
        for key, by_what in results.items():
            if key[0] == language and what in by_what:
                rate = by_what[what]["rate"]
                rows.append(_bar(key, rate, rate / top, y, key in ours))
                y += BAR + GAP
        y += 2 * GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{y}" viewBox="0 0 {WIDTH} {y}"><style>{STYLE}</style>'
            f'<text class="h" x="8" y="14">Requests a second, hello world, 32 '
            f'kept connections, 2 processes</text>{"".join(rows)}</svg>\n')


def _bar(key, rate, share, y, is_ours):
    width = max(1, round(share * (WIDTH - LEFT - 70)))
    kind = "o" if is_ours else "p"
    return (f'<text x="70" y="{y + 11}">{key[1]}</text>'
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width}" '
            f'height="{BAR}"/><text x="{LEFT + width + 6}" y="{y + 11}">'
            f'{rate:,.0f}</text>')
