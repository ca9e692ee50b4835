# SPDX-License-Identifier: Apache-2.0
"""test_start.py - applications that cannot be loaded, all languages."""

import os
import shutil

import pytest
from conftest import LANGUAGES, LOADERS

WRONG_SYNTAX = {"wsgi": "def application(:\n", "rack": "run ->(env { \n",
                "psgi": "sub { return [ };\n"}
RAISES = {"wsgi": "raise ValueError('no database')\n",
          "rack": "raise ArgumentError, 'no database'\n",
          "psgi": "sub run { die 'Error: no database' }\nrun();\n"}
RAISES_LONG = {"wsgi": "raise ValueError('\\u00e4x' * 15000)\n",
               "rack": "raise ArgumentError, \"\\u00e4x\" * 15000\n",
               "psgi": "die qq{\\x{e4}x} x 15000;\n"}
EXITS = {"wsgi": "import sys\nsys.exit(0)\n", "rack": "exit 0\n",
         "psgi": "exit 0;\n"}
MODULE = {"wsgi": "import no_such_module_at_all\n",
          "rack": "require 'no_such_module_at_all'\n",
          "psgi": "use no_such_module_at_all;\n"}
EMPTY = {"wsgi": "application = 3\n", "rack": "\n", "psgi": "3;\n"}


@pytest.fixture
def fail(start, language, folder):
    """Starts an application of this text; returns the pieces of the error."""
    def run(texts, mode="direct"):
        path = os.path.join(folder, language.startup_file)
        with open(path, "w") as file:
            file.write(texts[language.name])
        loader = start(root=folder, mode=mode)
        return loader.error()
    return run


@pytest.mark.parametrize("mode", ["direct", "preload"])
def test_an_exception_while_loading_is_reported(fail, language, mode):
    text = "".join(fail(RAISES, mode))
    assert "no database" in text and language.startup_file in text
    assert "Error" in text
    # Its own frames help nobody.
    assert "_loader." not in text and LOADERS not in text


def test_a_syntax_error_is_reported(fail, language):
    text = "".join(fail(WRONG_SYNTAX))
    assert "syntaxerror" in text.lower().replace(" ", "")
    assert language.startup_file in text


def test_a_missing_module_is_reported(fail):
    assert "no_such_module_at_all" in "".join(fail(MODULE))


# A module that is missing, and what is said of it.
MISSING = {"wsgi": ("import no_such.part\n", "The Python module no_such is not",
                    "python3-no-such", "pip install no_such"),
           "rack": ("require 'no_such/part'\n", "The Ruby library no_such is not",
                    "ruby-no-such", "gem install no_such"),
           "psgi": ("use No_Such::Part;\n", "The Perl module No_Such::Part is not",
                    "libno-such-part-perl", "cpanm No_Such::Part")}


def test_a_missing_module_is_named_with_what_to_install(fail, language):
    if language.name not in MISSING:
        pytest.skip("has a test of its own")
    code, said, package, command = MISSING[language.name]
    text = "".join(fail({language.name: code}))
    assert text.splitlines()[1].startswith(said)
    assert f"apt install {package})" in text or not os.path.exists(
        "/etc/debian_version")
    assert command in text


def test_an_exit_while_loading_is_reported(fail):
    text = "".join(fail(EXITS))
    assert "exit" in text and "SystemExit" in text


def test_a_long_error_takes_several_packets(fail):
    pieces = fail(RAISES_LONG)
    assert len(pieces) > 3
    assert "".join(pieces).count("x") >= 15000


def test_an_application_without_an_application(fail, language):
    text = "".join(fail(EMPTY))
    assert language.startup_file in text
    assert ("run" if language.name == "rack" else "application") in text


def test_an_absent_startup_file_is_reported(start, folder):
    loader = start(root=folder, startup_file="absent.py")
    text = "".join(loader.error())
    assert "absent.py" in text and "No such file" in text


def test_a_startup_file_that_is_a_folder_is_reported(start, folder, language):
    os.mkdir(os.path.join(folder, language.startup_file))
    text = "".join(start(root=folder).error())
    assert language.startup_file in text


def test_the_application_sees_no_loader(start, language, folder):
    texts = {
        "wsgi": "import os, sys, json\n"
                "def application(environ, start_response):\n"
                "    start_response('200 OK', [])\n"
                "    return [json.dumps([sys.argv, sys.path[0] == os.getcwd(),"
                " __name__, __file__,\n"
                "        [p for p in sys.path if 'loaders' in p]]).encode()]\n",
        "rack": "require 'json'\n"
                "run ->(env) { [200, {}, [[[$0] + ARGV,"
                " $:.grep(/loaders/).empty?,\n"
                "  'wsgi', __FILE__, TOPLEVEL_BINDING.local_variables +\n"
                "    $LOADED_FEATURES.grep(/loaders/)].to_json]] }\n",
        "psgi": "use JSON::PP; use FindBin; use Cwd;\n"
                "my $package = __PACKAGE__;\n"
                "sub { [200, [], [encode_json [[$0, @ARGV],\n"
                "  $FindBin::Bin eq getcwd() ? JSON::PP::true : 0,\n"
                "  $package eq 'main' ? 'wsgi' : $package, __FILE__,\n"
                "  [grep { /loaders/ } @INC, %INC]]]] }\n"}
    with open(os.path.join(folder, language.startup_file), "w") as file:
        file.write(texts[language.name])
    loader = start(root=folder)
    loader.expect("READY")
    import json
    argv, clean, name, path, loaders = json.loads(
        loader.connect().get("/").body)
    program = {"rack": "rack: " + os.path.basename(folder)}
    assert argv == [program.get(language.name, language.startup_file)]
    assert clean and name == "wsgi"
    assert path.endswith("/" + language.startup_file) and not loaders


@pytest.mark.parametrize("name", ["wsgi", "asgi"])
def test_no_bytecode_is_written_beside_a_loader(launch, folder, name):
    loaders = os.path.join(folder, "loaders")
    shutil.copytree(LOADERS, loaders,
                    ignore=shutil.ignore_patterns("__pycache__"))
    with open(os.path.join(folder, "app.py"), "w") as file:
        file.write("import part\nasync def application(*given): pass\n")
    open(os.path.join(folder, "part.py"), "w").close()
    command = [LANGUAGES["wsgi"].command[0], f"{loaders}/{name}_loader.py"]
    launch(command, folder, "app.py").expect("READY")
    assert "__pycache__" not in os.listdir(loaders)
    assert os.listdir(os.path.join(folder, "__pycache__"))  # the application's


def test_no_callable_application_is_explained(launch, folder):
    with open(os.path.join(folder, "app.py"), "w") as file:
        file.write("app = 3\n")
    command = [LANGUAGES["wsgi"].command[0], f"{LOADERS}/asgi_loader.py"]
    text = "".join(launch(command, folder, "app.py").error())
    assert "`application` or `app` (it is of type int)" in text
