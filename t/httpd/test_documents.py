# SPDX-License-Identifier: Apache-2.0
"""What README, man/ and doc/ name is there: pages, directives, metrics,
sentences of the log."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from test_manual import directives_of_manual

SOURCE = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (SOURCE / "doc").iterdir()
               if path.is_file() and path.name != "Doxyfile")
TEXTS = [*PAGES, *sorted((SOURCE / "man").iterdir()),
         *(SOURCE / name for name in ("README", "CHANGES", "SECURITY",
                                      "ARCHITECTURE"))]
ids = {"ids": lambda path: path.name}


def plain(path):
    return path.read_text().replace("\\-", "-")


# -- names -----------------------------------------------------------------

@pytest.mark.parametrize("path", TEXTS, **ids)
def test_directives_that_a_text_names_exist(path):
    named = set(re.findall(r"\bPool[A-Z]\w+", plain(path)))
    assert named <= set(directives_of_manual())


@pytest.mark.parametrize("path", TEXTS, **ids)
def test_pages_that_a_text_names_exist(path):
    named = set(re.findall(r"(?<!/)\bdoc/([a-z][a-z-]*)", plain(path)))
    assert named <= {page.name for page in PAGES} | {"man3"}


@pytest.mark.parametrize("path", TEXTS, **ids)
def test_metrics_that_a_text_names_are_documented(path):
    pattern = r"\bapppool_(?:app|requests|processes)_\w+|\bapppool_clients\b"
    known = set(re.findall(pattern, plain(SOURCE / "doc/status-json")))
    assert len(known) > 15
    assert set(re.findall(pattern, plain(path))) <= known


@pytest.mark.parametrize("name", ["README", "man/mod_apppool.5"])
def test_every_page_is_named_where_one_looks_first(name):
    named = set(re.findall(r"(?<!/)\bdoc/([a-z][a-z-]*)", plain(SOURCE / name)))
    assert named >= {page.name for page in PAGES}


def test_tests_that_the_promises_name_exist():
    """Files, and below them the tests in one of these."""
    promises = re.split(r"\n(?=[ 1]\d\. )", plain(SOURCE / "SECURITY"))[1:]
    missing = []
    for promise in promises:
        code = ""
        for name in re.findall(r"\btest_\w+\.(?:c|py)\b", promise):
            found = [*SOURCE.glob(f"t/unit/{name}"),
                     *SOURCE.glob(f"t/httpd/{name}")]
            missing += [] if found else [name]
            code += "".join(path.read_text() for path in found)
        code += plain(SOURCE / "t/unit/hostile_attacks.c")
        missing += [name for name in re.findall(r"^ {8}(\w+)$", promise, re.M)
                    if not re.search(rf"(def |START_TEST\(|void ){name}\b",
                                     code)]
    assert len(promises) > 10 and missing == []


# -- other servers ---------------------------------------------------------

FOREIGN = {
    "mod_wsgi": r"\bWSGI[A-Z]\w+",
    "mod_fcgid": r"\bFcgid[A-Z]\w+",
    "mod_passenger": r"^    ([A-Z][A-Za-z]+)(?=[, ]).{10,}\b(?:Pool|mod_)",
}


@pytest.mark.parametrize("module", FOREIGN)
def test_directives_of_other_servers_are_theirs(module):
    path = Path(f"/usr/lib/apache2/modules/{module}.so")
    if not path.exists():
        pytest.skip(f"there is no {module} here")
    page = plain(SOURCE / "doc/coming-from")
    if module == "mod_passenger":
        page = page[:page.index("\n    passenger-status")]
    named = set(re.findall(FOREIGN[module], page, re.M)) - {"SetEnv"}
    assert len(named) > 10
    code = path.read_bytes()
    prefix = "Passenger" if module == "mod_passenger" else ""
    assert [name for name in sorted(named)
            if f"\0{prefix}{name}\0".encode() not in code
            and f"\0{name}\0".encode() not in code] == []


@pytest.mark.skipif(not shutil.which("apparmor_parser"),
                    reason="needs apparmor_parser")
def test_apparmor_reads_the_example_of_a_profile():
    path = SOURCE / "debian/usr.libexec.apppool.apppool-server"
    if not path.exists():
        pytest.skip("debian/ is no part of a release")
    done = subprocess.run(["apparmor_parser", "-QKq", path], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


# -- apppoolctl ------------------------------------------------------------

def test_the_manual_of_apppoolctl_says_what_its_help_says(stage):
    text = subprocess.run([stage.ctl, "--help"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    page = plain(SOURCE / "man/apppoolctl.8")
    commands, _, options = page[page.index(".SH COMMANDS"):
                                page.index('.SH "EXIT')].partition(".SH OPT")
    entries = re.findall(r"^\.TP\n\.\S+ (.*)", commands, re.M)
    assert (sorted(re.findall(r"\b[a-z]{3,}", re.sub(
        r"\\fI\w+\\fR|-\S+|\"", " ", " ".join(entries))))
        == sorted(re.findall(r"[a-z]+", " ".join(re.findall(
            r"^  ([a-z]+(?:, [a-z]+)?)\b", text, re.M)))))
    assert (set(re.findall(r"^\.BI (--[a-z-]+)", options, re.M))
            == set(re.findall(r"^  (--[a-z-]+)", text, re.M)))
    assert (set(re.findall(r"--[a-z-]+", " ".join(entries)))
            == set(re.findall(r"^  [a-z].*?(--[a-z]+)", text, re.M)))


# -- the log's sentences ---------------------------------------------------

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
QUOTED = rf"{LITERAL}|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`"
JOINER = r"\s*(?:\\|\.|\+|[A-Z_]{4,})?\s*"


def literals(code, one=QUOTED):
    """The texts in code; what a language joins to one text is one."""
    for found in re.finditer(rf"(?:{one})(?:{JOINER}(?:{one}))*", code):
        parts = (part[1:-1] for part in re.findall(one, found[0]))
        yield re.sub(r"\\(['\"`])", r"\1", "".join(parts))


def c_files():
    for path in [*SOURCE.glob("mod_apppool/**/*.c"),
                 *SOURCE.glob("server/*/*.c")]:
        yield re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)


def said_by_the_sources():
    said = [text for code in c_files() for text in literals(code, LITERAL)]
    for path in (SOURCE / "server/loaders").rglob("*.*"):
        if path.suffix not in (".cjs", ".pl", ".py", ".rb"):
            continue
        code = re.sub(r"^\s*(#|//).*", "", path.read_text(), flags=re.M)
        if path.suffix == ".cjs":       # a regular expression may have quotes
            said.append(re.sub(r"['`]\s*\+\s*['`]", "", code))
        else:
            said += literals(code)
    return said


def quotes():
    """{sentence of doc/troubleshooting: its pattern}; they are what is
    indented by four, from the first group on."""
    page = (SOURCE / "doc/troubleshooting").read_text()
    page = page[page.index("\n----"):]
    return {line: re.compile("(?s:.{0,200})".join(map(re.escape, re.split(
        r"\s*\.\.\.\s*", line))))
        for line in re.findall(r"^ {4}(\S.*)", page, re.M)}


CALL = re.compile(
    r"\b(?:log_error|log_warn|spawn_fail)\s*\(|"
    r"\brunning_log\s*\([^;]*?LOG_LEVEL_(?:ERROR|WARN)\b|"
    r"\bap_log_r?error\s*\(APLOG_MARK,\s*APLOG_(?:ERR|WARNING|CRIT)\b")


def warnings_and_errors():
    """What the module and the pool server say at these levels, but for the
    numbered lines (doc/log-numbers), parts of a sentence, and output."""
    for code in c_files():
        for call in CALL.finditer(code):
            end = re.compile(rf"(?:{LITERAL}|[^\";])*").match(code,
                                                             call.end())
            for text in literals(end[0], LITERAL):
                words = re.findall(r"[A-Za-z]{2,}",
                                   re.sub(r"%[-.*0-9]*l*[a-z]|\\n", " ", text))
                if len(words) > 2 and not re.search("^AP%d| says: ", text):
                    yield text


def words_of_loaders():
    """What the loaders log under their names, but for warnings, which are put
    together from several texts."""
    for text in said_by_the_sources():
        if re.match(r"(\w+_)?loader: (?!warning)", text) and re.search(
                r"[a-z]+ [a-z]+", text.partition(":")[2]):
            yield text


def test_sentences_of_the_troubleshooting_page_are_the_sources():
    said = said_by_the_sources()
    assert len(said) > 1000
    wanted = quotes()
    assert len(wanted) > 100
    assert [line for line, pattern in wanted.items()
            if not any(map(pattern.search, said))] == []


def test_the_troubleshooting_page_has_every_warning_and_error():
    found = {*warnings_and_errors(), *words_of_loaders()}
    assert len(found) > 100
    patterns = list(quotes().values())
    assert [text for text in sorted(found) if not any(
        pattern.search(text) for pattern in patterns)] == []
