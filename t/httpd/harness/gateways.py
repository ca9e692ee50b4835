# SPDX-License-Identifier: Apache-2.0
"""What stands between httpd and an application: mod_apppool, or one of its
peers, whose configuration is made here so that the same tests can ask it."""


class Pool:
    """mod_apppool itself."""

    name = "mod_apppool"
    languages = None        # all
    module = True
    modules = ()

    def main(self, _h):
        """Lines for the main server."""
        return "PoolMax 40"     # nobody has to give up a process

    def vhost(self, _app, language, processes=None):
        """Lines for the application's vhost; at most so many processes."""
        limit = f"PoolMaxPerApp {processes}" if processes else ""
        return f"{language.conf}\n{limit}"

    def before_start(self, _h):
        """Whatever has to run beside httpd."""

    def after_stop(self):
        """The end of it."""


GATEWAYS = {"apppool": Pool}
