# SPDX-License-Identifier: Apache-2.0
"""conftest.py - which loaders there are, and how a test gets one running."""

import collections
import os
import shutil
import tempfile

import pytest

import pool

Language = collections.namedtuple(
    "Language", "name command app startup_file lint_file")
LOADERS = os.path.join(pool.TOP, "server", "loaders")
LANGUAGES = {
    "wsgi": Language(
        "wsgi", [os.environ.get("PYTHON3", "/usr/bin/python3"),
                 os.path.join(LOADERS, "wsgi_loader.py")],
        os.path.join(pool.APPS, "wsgi"), "wsgi.py", "validated.py"),
    "rack": Language(
        "rack", [os.environ.get("RUBY", "ruby"),
                 os.path.join(LOADERS, "rack_loader.rb")],
        os.path.join(pool.APPS, "rack"), "config.ru", "lint.ru"),
    "psgi": Language(
        "psgi", [os.environ.get("PERL", "perl"),
                 os.path.join(LOADERS, "psgi_loader.pl")],
        os.path.join(pool.APPS, "psgi"), "app.psgi", "lint.psgi"),
}
THREADED = ("rack", "wsgi")     # perl's threads are no use here


def languages(*names):
    """A fixture: each of these in turn, where its interpreter is installed."""
    @pytest.fixture(params=names)
    def language(request):
        found = LANGUAGES[request.param]
        if not shutil.which(found.command[0]):
            pytest.skip("no " + found.command[0])
        return found
    return language


language = languages(*sorted(LANGUAGES))


@pytest.fixture
def folder():
    """A short path: it has to fit into a socket's address."""
    path = tempfile.mkdtemp(prefix="apppool-t-", dir="/tmp")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def launch(folder):
    """launch(command, root, startup_file, ...) -> loader; all end with the
    test."""
    launched = []

    def launch_loader(command, root, startup_file, **more):
        place = os.path.join(folder, str(len(launched)))
        os.mkdir(place)
        launched.append(pool.Loader(command, root, startup_file, place, **more))
        return launched[-1]

    yield launch_loader
    for loader in launched:
        loader.close()


@pytest.fixture
def start(language, launch):
    """start(startup_file, root, ...) -> loader"""
    def start_loader(startup_file=None, root=None, **more):
        if more.get("threads", 1) > 1 and language.name not in THREADED:
            pytest.skip("one request at a time")
        return launch(language.command, root or language.app,
                      startup_file or language.startup_file, **more)
    return start_loader


@pytest.fixture
def app(start):
    """The test application, ready, one request at a time."""
    loader = start()
    loader.expect("READY")
    return loader


@pytest.fixture
def client(app):
    connection = app.connect()
    yield connection
    connection.close()


@pytest.fixture
def fifo(folder):
    path = os.path.join(folder, "fifo")
    os.mkfifo(path)
    return path
