#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds that are made of messages: corpus/engine,
corpus/spawn, corpus/state, corpus/master, corpus/mailbox.

Numbers of messages, fields and steps are read where they are defined.
"""

import json
import re
import struct
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
PROTOCOL = (HERE / "../../include/apppool/protocol.h").read_text()
FIELDS, MESSAGES = (
    {name: int(number) for number, name in
     re.findall(r"X\((\d+),\s*(\w+),", part)}
    for part in re.search(r"#define WIRE_FIELDS(.*?)enum wire_field"
                          r".*?#define WIRE_MESSAGES(.*?)enum wire_type",
                          PROTOCOL, re.S).groups())
KINDS = dict(re.findall(r"X\(\d+,\s*(\w+),\s*(U32|U64|TEXT|LIST|BYTES),",
                        PROTOCOL))


def steps(header):
    text = re.search(r"\{(.*?)\}", (HERE / header).read_text(), re.S)[1]
    return {name: i for i, name in enumerate(re.findall(r"STEP_(\w+)", text))}


STEPS = steps("engine_reader.h")
MASTER_STEPS = steps("master_reader.h")
MAILBOX_STEPS = steps("mailbox_reader.h")


def number(value):
    return bytes([value]) if value < 240 else struct.pack("<BI", 240, value)


def value_of(name, value):
    """As input_fields() takes it."""
    if KINDS[name] == "U32":
        return number(value)
    if KINDS[name] == "U64":
        return number(value >> 32) + number(value & 0xffffffff)
    return bytes([len(value)]) + value


def fields(**values):
    return bytes([len(values)]) + b"".join(
        bytes([FIELDS[name]]) + value_of(name, value)
        for name, value in values.items())


def step(name, *parts, all_steps=STEPS):
    return bytes([all_steps[name]]) + b"".join(
        bytes([part]) if isinstance(part, int) else part for part in parts)


def say(message, request=1, client=0, channel=0, **values):
    return step("MESSAGE", client, channel, MESSAGES[message], request,
                fields(**values))


def long(text):
    return struct.pack("<H", len(text)) + text


def report(process, text):
    return step("REPORT", process, long(text))


HELLO = step("START", 0) + step("CLIENT", 0) + say("HELLO", LEASES=1)
DIRECT = step("DEFINE", fields(SPAWN_METHOD=2, MAX_REQUESTS=2))
SMART = step("DEFINE", fields(SPAWN_METHOD=1, MIN_INSTANCES=2))
WSGI = b"SPAWN type=2 uid=5 user=games"
UP = report(0, WSGI) + report(0, b"READY")
ACCEPT, HAND_OVER, RELEASE, BREAK = 2, 4, 5, 7
SERVED = HELLO + DIRECT + say("GET", APP=1) + UP
ADMIN = step("CLIENT", 1) + say("HELLO", client=1)

ENGINE = {
    "served": SERVED + step("SLOT", 0, 0, ACCEPT) + say("STATUS", 3)
              + step("SLOT", 0, 0, RELEASE) + step("TIME", 11)
              + say("GET", 4, APP=1),
    "returned": SERVED + step("SLOT", 0, 0, ACCEPT) + step("SLOT", 0, 0, BREAK)
                + say("RETURN", SLOT=0) + step("TIME", 22),
    "dirty": SERVED + step("SLOT", 0, 0, ACCEPT) + step("SLOT", 0, 0, BREAK)
             + say("CLOSED", SLOT=0) + step("TIME", 12),
    "lost": SERVED + step("SLOT", 0, 0, ACCEPT) + step("SLOT", 0, 0, BREAK)
            + step("TIME", 11) + step("TIME", 11),
    "tunnel": SERVED + step("SLOT", 0, 0, ACCEPT)
              + say("UPGRADED", SLOT=0, SLOT_GENERATION=0) + step("TIME", 12),
    "crash": SERVED + step("SLOT", 0, 0, ACCEPT) + step("GONE", 0, b"\x0b\0"),
    "failed": HELLO + DIRECT + say("GET", APP=1) + report(0, WSGI)
              + report(0, b"STEP loads <wsgi.py>")
              + report(0, b"ENV PATH=/bin\nSECRET=********\n")
              + step("PRINT", 0, long(b"Traceback\nNo module named x\xff\n"))
              + report(0, b"ERROR ModuleNotFoundError\n  line 1\n")
              + report(0, b"FAILED again") + step("GONE", 0, b"\0\1")
              + say("GET", 4, APP=1) + say("STATUS", 5),
    "patience": HELLO + DIRECT + say("GET", APP=1) + step("TIME", 17)
                + step("TIME", 14) + say("STATUS", 5),
    "odd": HELLO + DIRECT + say("GET", APP=1)
           + report(0, b"SPAWN type=9 uid=x") + report(0, b"SPAWN ")
           + report(0, b"READY 7") + report(0, b"") + report(0, b"ERROR "),
    "fork": HELLO + SMART + say("GET", APP=1)
            + report(0, b"SPAWN type=1 uid=5 user=games") + report(0, b"READY")
            + report(1, b"READY 0") + report(2, b"READY 1")
            + step("GONE", 0, b"\0\0"),
    "useless": HELLO + SMART + say("GET", APP=1)
               + report(0, b"SPAWN type=4 uid=5 user=games")
               + step("GONE", 0, b"\0\0") + report(0, b"READY"),
    "command": HELLO + DIRECT + say("GET", APP=1)
               + report(0, b"SPAWN type=7 uid=5 user=games"),
    "exclusive": HELLO + step("DEFINE", fields(SPAWN_METHOD=2, PROTOCOL=3,
                                               MAX_PER_APP=1))
                 + say("GET", APP=1)
                 + report(0, b"SPAWN type=6 uid=5 user=games")
                 + step("SLOT", 0, 0, ACCEPT) + step("CLIENT", 0)
                 + say("HELLO", client=1) + say("GET", 2, client=1, APP=1)
                 + step("SLOT", 0, 0, RELEASE) + say("RETURN", SLOT=0)
                 + step("TIME", 11) + step("SLOT", 1, 0, ACCEPT),
    "adopted": HELLO + say("GET", ROOT=b"/srv/b") + report(0, WSGI)
               + say("CANCEL", 1) + step("TIME", 20),
    "refuses": HELLO + DIRECT + step("REFUSES") + say("GET", APP=1) + UP
               + say("STATUS", 9),
    "notes": SERVED + step("SLOT", 0, 0, ACCEPT)
             + step("NOTE", 0, 0, b"\x08\0", b"\x08" + b"\1" * 8)
             + step("NOTE", 0, 0, b"\xa0\0", b"\x60" + b"\xff\"</" * 24)
             + say("STATUS", 3) + step("TIME", 10),
    "word": SERVED + step("WORD", 0, 0, b"\xff" * 8) + step("TIME", 10)
            + step("WORD", 0, 0, b"\0" * 8) + step("TIME", 11),
    "admin": SERVED + ADMIN + say("SET_MAX", 2, client=1, NUMBER=1)
             + say("SET_MAX_IDLE_TIME", 3, client=1, NUMBER=9)
             + say("GET_COUNT", 4, client=1) + say("GET_ACTIVE", 5, client=1)
             + say("BACKTRACE", 6, client=1, PID=1001)
             + step("PRINT", 0, long(b"Thread 1\n"))
             + say("DRAIN", 7, client=1, NUMBER=1) + step("TIME", 12)
             + say("DETACH_PROCESS", 8, client=1, PID=1001)
             + say("RESTART", 9, client=1, ROOT=b"/srv/a")
             + say("CLEAR", 10, client=1) + say("CONFIG", 11, client=1),
    "channels": HELLO + say("OPEN_CHANNEL", 2) + say("PING", 3, channel=1)
                + step("CLOSE", 0, 1) + step("CLOSE", 0, 0),
    "generations": step("COMMIT", 2, 9, 2, fields(MAX_WAITING=1, ACTIONS=1))
                   + DIRECT + HELLO + say("GET", APP=1)
                   + step("COMMIT", 2, 9, 2, fields()) + step("TIME", 10),
    "restart": SERVED + step("SEEN", number(1), 1) + report(1, WSGI)
               + report(1, b"READY") + step("SEEN", number(1), 2)
               + step("SEEN", number(1), 4),
    "takeover": step("COMMIT", 2, 9, 2, fields()) + DIRECT
                + step("CLIENT", 2) + step("KNOWN", number(1), 1)
                + step("KNOWN", number(1), 0) + report(0, WSGI)
                + step("KEPT", 0, 3, 0) + step("WORD", 0, 3, b"\0" * 7 + b"\3")
                + step("KEPT", 0, 4, 0) + step("WORD", 0, 7, b"\1" * 8)
                + step("START", 1) + step("TIME", 6)
                + say("GET", 2, APP=1, AGE_US=5000) + step("TIME", 6),
    "untold": DIRECT + step("CLIENT", 2) + step("KNOWN", number(1), 1)
              + step("KEPT", 0, 3, 0),
    "stop": SERVED + step("STOP") + say("GET", 4, APP=1) + step("TIME", 13)
            + step("GONE", 0, b"\0\0"),
}

# Options of spawn_reader.h.
PRELOAD, PORT, KEEP, PLAIN, RAW = 1, 2, 4, 8, 16
DEFAULTS = fields()


def spawn(options, define, configure=DEFAULTS):
    return bytes([options]) + configure + define


SPAWN = {
    "command": spawn(0, fields(COMMAND=b"bin/serve\0--port\0$PORT\0")),
    "port": spawn(PORT, fields(COMMAND=b"serve\0-p$PORT,$PORT\0", PROTOCOL=3)),
    "none": spawn(0, fields()),
    "fastcgi": spawn(PLAIN, fields(COMMAND=b"a\0", PROTOCOL=3)),
    "variables": spawn(0, fields(
        COMMAND=b"a\0", ENVIRONMENT=b"staging",
        SETENV=b"A=1\0A=2\0USER=root\0LOGNAME=\0=\0B\0PATH=/x\0API_TOKEN=x\0"
               b"DATABASE_URL=db://u:pw@host/x\0"),
        fields(INHERITED_ENV=b"TZ=UTC\0TMPDIR=/t\0", ENVIRONMENT=b"test")),
    "kept": spawn(KEEP, fields(COMMAND=b"a\0"), fields(GENERATION=0)),
    "php": spawn(PRELOAD, fields(TYPE=6, SPAWN_METHOD=1,
                                 SETENV=b"LD_PRELOAD=/x.so\0")),
    "interpreter": spawn(PLAIN, fields(
        TYPE=2, STARTUP_FILE=b"/etc/passwd", THREADS=5, BASE_URI=b"/shop",
        INTERPRETERS=b"PoolRuby=/usr/bin/ruby\0PoolPython=/opt/py\0")),
    "by-name": spawn(PRELOAD, fields(TYPE=0, STARTUP_FILE=b"/etc/passwd")),
    "search": spawn(0, fields(TYPE=0)),
    "node": spawn(PRELOAD, fields(TYPE=4, STARTUP_FILE=b"/etc/passwd")),
    "user": spawn(0, fields(COMMAND=b"a\0", USER=b"daemon", GROUP=b"daemon")),
    "root": spawn(0, fields(COMMAND=b"a\0", USER=b"root")),
    "lowest": spawn(0, fields(COMMAND=b"a\0", LOWER=0, LOWEST_USER=b"daemon")),
    "isolation": spawn(0, fields(
        COMMAND=b"a\0", ISOLATION=b"tmp ipc files signals memory=64 cpu=50 "
                                  b"pids=9 cgroup=/sys/fs/cgroup/x")),
    "isolation-odd": spawn(0, fields(COMMAND=b"a\0", ISOLATION=b"pids=0x1")),
    "link": spawn(0, fields(COMMAND=b"a\0", ROOT=b"/usr/share", FLAGS=16)),
    "template": spawn(0, fields(COMMAND=b"a\0", ROOT=b"/usr/lib", FLAGS=8),
                      fields(ALLOW_ROOTS=b"/srv/*\0/usr/*\0")),
    "outside": spawn(0, fields(COMMAND=b"a\0", ROOT=b"/proc/self/root",
                               FLAGS=8), fields(ALLOW_ROOTS=b"/usr/*\0")),
    "missing": spawn(0, fields(ROOT=b"/srv/nobody/public")),
    "relative": spawn(0, fields(ROOT=b"srv")),
    "unknown-type": spawn(0, fields(TYPE=200, STARTUP_FILE=b"/etc/passwd")),
    "raw": bytes([RAW]) + bytes([1, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
}


def message(kind, **values):
    """As it travels, in hexadecimal digits."""
    body = b""
    for name, value in values.items():
        data = struct.pack("<I", value) if KINDS[name] == "U32" else value
        room = len(data) + (KINDS[name] == "TEXT")
        body += struct.pack("<HHI", FIELDS[name], 0, len(data))
        body += data.ljust((room + 3) // 4 * 4, b"\0")
    return (struct.pack("<BBHII", 1, MESSAGES[kind], 0, 0, len(body))
            + body).hex()


def state(**changes):
    """A master that has one of everything, all its descriptors -1."""
    generation = {"number": 3, "description": -1, "log": -1,
                  "configure": message("CONFIGURE", GENERATION=3, MAX=6,
                                       MAX_IDLE_S=300)}
    process = {"number": 1, "app": 1, "preloader": 0, "listener": 0,
               "sticky": 5, "shared": 1, "pid": 1234567, "session": 1234567,
               "uid": 5, "pidfd": -1, "output": -1, "ready": 1,
               "report": b"SPAWN type=1 uid=5 user=games".hex(),
               "listeners": [0], "cancelled": 0}
    whole = {
        "format": 1, "wire": 1, "engine_uid": 5, "engine_gid": 5,
        "nofile": 1024, "oom_score_adj": 0, "last_client": 2,
        "next_adopted": 1 << 31, "programs": 1, "draining": 0, "tool": -1,
        "previous": {"number": 0, "description": -1, "log": -1,
                     "configure": ""},
        "current": generation, "limits": "",
        "definitions": [
            {"number": 1, "generation": 3, "log": -1, "origin": 0,
             "watched": 1,
             "message": message("DEFINE", APP=1, ROOT=b"/srv/a", TYPE=0)},
            {"number": 1 << 31, "generation": 0, "log": -1, "origin": 1,
             "watched": 0, "key": "1 1 \n/srv/b",
             "message": message("DEFINE", APP=1 << 31, ROOT=b"/srv/b",
                                TYPE=0)}],
        "clients": [
            {"number": 2, "pid": 1234567, "uid": 33, "admin": 0, "greeted": 1,
             "generation": 3, "leases": 1, "board": -1,
             "channels": [[0, 20], [1, 21]]}],
        "listeners": [{"fd": -1, "path": -1, "port": 0}],
        "reports": [{"fd": -1, "forks": 1, "device": 1, "inode": 2,
                     "processes": [process,
                                   dict(process, number=2, preloader=1,
                                        shared=0, cancelled=1)]}],
        "connections": [{"client": 2, "slot": 5, "process": 1, "fd": 22}],
        "last_process": 2}
    return json.dumps(whole | changes, separators=(",", ":")).encode()


STATE = {
    "whole": state(),
    "empty": state(definitions=[], clients=[], listeners=[], reports=[],
                   connections=[]),
    "format": state(format=2),
    "lost-client": state(clients=[]),
    "lost-listener": state(listeners=[]),
    "odd-digits": state(limits="0g"),
    "no-list": state(reports={}),
    "cut": state()[:-20],
}


def to_master(who, *parts, **values):
    """A step; of a message its name and fields."""
    if values:
        parts = MESSAGES[parts[0]], 7, fields(**values)
    return step(who, *parts, all_steps=MASTER_STEPS)


def reported(process, speaker, text, descriptors=0):
    return to_master("REPORT", process, speaker, descriptors, long(text))


ADOPTED = 1 << 31
ADOPT = to_master("ENGINE", "ADOPT", APP=0, ROOT=b"/srv/b")
CONFIGURED = (
    to_master("PARENT", "CONFIGURE", GENERATION=1, MAX=6, MAX_IDLE_S=300,
              ALLOW_ROOTS=b"/srv/*\0", CHILD_UID=33)
    + to_master("PARENT", "DEFINE", APP=1, ROOT=b"/srv/a", TYPE=1)
    + to_master("PARENT", "DEFINE", APP=2, ROOT=b"/", TYPE=0, FLAGS=8)
    + to_master("PARENT", "COMMIT", GENERATION=1))
MASTER = {
    "gates": b"".join(
        to_master("GATE", gate, descriptors, bytes([len(text)]) + text)
        for gate, descriptors, text in (
            (0, 0, b"c"), (0, 1, b"c"), (0, 0, b"cc"), (1, 0, b"c"),
            (1, 0, b"r"), (0, 0, b"d"), (0, 0, b""), (1, 0, b""))),
    "direct": ADOPT
              + to_master("ENGINE", "SPAWN", PROCESS=1, APP=ADOPTED)
              + reported(1, 0, WSGI) + reported(1, 0, b"READY", 3)
              + reported(1, 9, b"READY") + reported(1, 137, b"X")
              + to_master("ENGINE", "READY", PROCESS=1)
              + to_master("ENGINE", "MEASURE", PROCESS=1)
              + to_master("WATCHER", "MEASURED", PROCESS=1, NUMBER=5)
              + to_master("ENGINE", "KILL", PROCESS=1, SIGNAL=15)
              + to_master("DIES", 0, 3),
    "forks": ADOPT
             + to_master("ENGINE", "SPAWN", PROCESS=1, APP=ADOPTED,
                         LISTENERS=2)
             + reported(1, 0, WSGI) + reported(1, 0, b"READY")
             + to_master("ENGINE", "FORK", PROCESS=2, PRELOADER=1, LISTENER=0)
             + to_master("ENGINE", "FORK", PROCESS=3, PRELOADER=1, LISTENER=1)
             + reported(1, 5, b"READY") + reported(1, 0, b"it did not fork")
             + to_master("ENGINE", "FORK", PROCESS=4, PRELOADER=1, LISTENER=1)
             + to_master("ENGINE", "KILL", PROCESS=4, SIGNAL=9)
             + reported(1, 6, b"READY") + to_master("ENDS", 2)
             + to_master("DIES", 0, 1) + to_master("ANEW"),
    "configured": CONFIGURED
                  + to_master("ENGINE", "ADOPT", APP=2, ROOT=b"/srv/c")
                  + to_master("ENGINE", "ADOPT", APP=1, ROOT=b"/srv/c")
                  + to_master("ENGINE", "SPAWN", PROCESS=1, APP=ADOPTED)
                  + to_master("ANEW")
                  + to_master("ENGINE", "FORGET", APP=ADOPTED)
                  + to_master("PARENT", "CONFIGURE", GENERATION=2, MAX=6,
                              MAX_IDLE_S=300)
                  + to_master("PARENT", "COMMIT", GENERATION=2),
    "connections": ADOPT
                   + to_master("ENGINE", "SPAWN", PROCESS=1, APP=ADOPTED)
                   + reported(1, 0, WSGI)
                   + to_master("GATE", 0, 0, b"\1c") * 2
                   + to_master("ENGINE", "GREETED", CLIENT=1, LEASES=1)
                   + to_master("ENGINE", "MAKE_CHANNEL", CLIENT=1, CHANNEL=1)
                   + b"".join(to_master("ENGINE", "CONNECT", CLIENT=client,
                                        SLOT=slot, PROCESS=1)
                              for client, slot in ((1, 0), (1, 1), (2, 0),
                                                   (9, 0), (1, 65535)))
                   + to_master("ENGINE", "CONNECT", CLIENT=0, SLOT=0,
                               PROCESS=1, WAIT_ACCEPT=1)
                   + to_master("ENGINE", "REVOKE", CLIENT=1, SLOT=1)
                   + to_master("ANEW")
                   + to_master("ENGINE", "DROP_CHANNEL", CLIENT=1, CHANNEL=1)
                   + to_master("ENGINE", "DROP_CLIENT", CLIENT=2)
                   + to_master("DIES", 0, 1),
    "too-many-listeners": ADOPT + to_master("ENGINE", "SPAWN", PROCESS=1,
                                            APP=ADOPTED,
                                            LISTENERS=0xffffffff),
    "watcher": ADOPT + to_master("ENGINE", "WATCH", APP=ADOPTED, NUMBER=1)
               + to_master("WATCHER", "SEEN", APP=ADOPTED, NUMBER=1)
               + to_master("ENGINE", "WATCH", APP=ADOPTED, NUMBER=0),
    "ledger": to_master("LEDGER", 1, 255, long(struct.pack("<QQ", 1, 5)))
              + to_master("LEDGER", 0, 9, long(b"\1" * 16))
              + to_master("LEDGER", 1, 1, long(b"\xff" * 64)),
    "packets": b"".join(
        to_master("PACKET", long(packet)) for packet in (
            bytes.fromhex(message("PONG")), b"\1\x65\0\0", b"x")),
}


def to_mailbox(who, *parts):
    return step(who, *parts, all_steps=MAILBOX_STEPS)


MAILBOX = {
    "found": to_mailbox("PUT") + to_mailbox("LOOK") + to_mailbox("KEEP"),
    "foreign": to_mailbox("FOREIGN", 1, b"\1x") + to_mailbox("LOOK")
               + to_mailbox("FOREIGN", 0, b"\0") + to_mailbox("KEEP"),
    "many-descriptors": to_mailbox("FOREIGN", 2, b"\1x") + to_mailbox("LOOK")
                        + to_mailbox("FOREIGN", 250, b"\1x")
                        + to_mailbox("KEEP"),
    "emptied": to_mailbox("PUT") + to_mailbox("TAKE", 9) + to_mailbox("LOOK")
               + to_mailbox("KEEP"),
    "options": b"".join(to_mailbox("OPTION", n, 1) + to_mailbox("KEEP")
                        for n in range(5)),
    "timestamp": to_mailbox("OPTION", 4, 10) + to_mailbox("KEEP"),
    "answers": b"".join(
        to_mailbox("ANSWER", descriptors, text) + to_mailbox("ASK")
        for descriptors, text in ((1, b"\1x"), (0, b"\1x"), (2, b"\1x"),
                                  (1, b"\0"), (9, b"\2xy"))),
}


def main():
    for name, seeds in (("engine", ENGINE), ("spawn", SPAWN),
                        ("state", STATE), ("master", MASTER),
                        ("mailbox", MAILBOX)):
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for seed, data in seeds.items():
            (CORPUS / name / seed).write_bytes(data)


if __name__ == "__main__":
    main()
