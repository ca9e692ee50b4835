# SPDX-License-Identifier: Apache-2.0
"""apppool_import.py - imports the startup file, or explains why it cannot."""

import importlib.machinery
import importlib.util
import os
import sys

from apppool_report import format_error


class LoadError(Exception):
    """The application cannot be loaded; the text is for the admin."""


class FreshFileLoader(importlib.machinery.SourceFileLoader):
    """Compiles the startup file each time: the cache in __pycache__ tells
    files of one size and second apart no better than a restart that follows a
    deployment at once, and one file is quickly compiled."""

    def get_code(self, fullname):
        return self.source_to_code(self.get_data(self.path), self.path)


def import_callable(path, names, signature):
    """The first of `names` in the startup file that can be called."""
    module = import_file(path)
    found = [getattr(module, name, None) for name in names]
    for application in found:
        if callable(application):
            return application
    types = [type(other).__name__ for other in found if other is not None]
    raise LoadError(
        "%s has no callable named %s%s.\nDefine %s there, or name the file "
        "that does with PoolStartupFile.\n"
        % (path, " or ".join("`%s`" % name for name in names),
           " (it is of type %s)" % types[0] if types else "", signature))


def import_file(path):
    """The startup file as a module that is called like it."""
    name = os.path.splitext(os.path.basename(path))[0]
    if not name.isidentifier() or name in sys.modules:
        name = "_apppool_application"
    path = os.path.abspath(path)
    loader = FreshFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def explain(error, path):
    """The text of an ERROR report: what the admin needs, then all we know."""
    if isinstance(error, LoadError):
        return str(error)
    text = format_error(error)
    if isinstance(error, SystemExit):
        return "%s called sys.exit() while it was loaded.\n%s" % (path, text)
    return "%s could not be loaded.\n%s%s" % (path, missing_module(error), text)


def missing_module(error):
    """What to install, as far as names can tell; "" where it is not that."""
    while error and not isinstance(error, ModuleNotFoundError):
        error = error.__cause__
    name = (error and error.name or "").partition(".")[0]
    if not name or name in sys.modules or importlib.util.find_spec(name):
        return ""       # a part of a package that is there: not for us to say
    return ("The Python module %s is not installed. %s\n\n"
            % (name, how_to_install(name)))


def how_to_install(name):
    if sys.prefix != sys.base_prefix:
        return ("In the application's virtual environment: %s/bin/pip install "
                "%s" % (sys.prefix, name))
    package = "python3-" + name.lower().replace("_", "-")
    return (("On this system it may be in the package %s (apt install %s). "
             % (package, package)
             if os.path.exists("/etc/debian_version") else "")
            + "From PyPI: make a virtual environment, pip install %s there, "
              "and name its bin/python3 with PoolPython." % name)
