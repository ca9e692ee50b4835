/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hints.c - what to try after a failed start, by words in its error or output.
 *
 * Words of the languages themselves, which have been the same for years; where
 * none is found the general advice stands alone.
 */
#include "page.h"

#include <string.h>

#define LET_IN \
    "Let this user into each folder on the way: <code>chmod o+x</code>, or a" \
    " group and <code>chmod g+x</code>; or run the application as its owner" \
    " with <code>PoolUser</code>."

static const struct hint {
    const char *words; /* in the error or what was printed */
    const char *advice;
} table[] = {
    { "No module named",
      "Install the module into the environment that <code>PoolPython</code>"
      " names: a virtual environment's own <code>bin/python</code> finds what"
      " was installed there." },
    { "cannot load such file",
      "Install the gem (<code>bundle install</code> as the application's"
      " user), with the ruby that <code>PoolRuby</code> names." },
    { "Could not find ",
      "Run <code>bundle install</code> as the application's user, with the"
      " ruby that <code>PoolRuby</code> names." },
    { "Cannot find module",
      "Run <code>npm install</code> in the application's root." },
    { "in @INC",
      "Install the Perl module, or add its folder with <code>PoolSetEnv"
      " PERL5LIB</code>." },
    { "SyntaxError",
      "Mend the line that is named; if it is right for a newer version of the"
      " language, name that interpreter (<code>PoolPython</code>,"
      " <code>PoolNode</code>)." },
    { "syntax error",
      "Mend the line that is named; if it is right for a newer version of the"
      " language, name that interpreter (<code>PoolRuby</code>,"
      " <code>PoolPerl</code>)." },
    { "cannot be run by user",
      "Check the path of the interpreter, and that this user may execute"
      " it." },
    { "may not enter the folder", LET_IN },
    { "is not accessible to it", LET_IN },
    { "ermission denied",
      "Run <code>namei -l</code> on the path that is named to see who may do"
      " what; with SELinux or AppArmor look for a denial in the audit log"
      " (<code>journalctl -k | grep -i denied</code>)." },
    { "signal 9",
      "Something killed it, most likely for want of memory: see"
      " <code>journalctl -k | grep -i 'out of memory'</code>,"
      " <code>RLimitMEM</code>, and the limits of httpd's service." },
    { "signal 11",
      "The interpreter or a native extension crashed: rebuild extensions for"
      " this version of the language." },
    { "sys.exit",
      "The startup file must define the application and leave serving to the"
      " pool; it must not end the process." },
    { "exited with 0",
      "It ended without an error before it served: the startup file must"
      " define the application and leave serving to the pool (no"
      " <code>app.run()</code>, no server of its own)." },
    { "PoolStartTimeout",
      "See in the log where it hangs (a database or name server that does not"
      " answer?), or give it more time with <code>PoolStartTimeout</code>." },
    { "Running on http",
      "The startup file runs a server of its own and never comes back: leave"
      " that to the pool (<code>app.run()</code> belongs below <code>if"
      " __name__ == '__main__'</code>)." },
    { "Listening on ",
      "The startup file runs a server of its own and never comes back: leave"
      " that to the pool." },
    { "ddress already in use",
      "The startup file opens a port of its own: leave listening to the"
      " pool." },
    { "Too many open files",
      "Raise the limit of httpd's service (<code>LimitNOFILE</code>)." },
};

unsigned hints_of_failure(const struct page_facts *facts,
                          const char *hints[], unsigned n)
{
    unsigned found = 0;

    for (size_t i = 0; i < sizeof table / sizeof *table && found < n; i++) {
        if (strstr(facts->error, table[i].words) != NULL ||
            strstr(facts->output, table[i].words) != NULL) {
            hints[found++] = table[i].advice;
        }
    }
    if (found < n) {
        hints[found++] =
            "Start it by hand as the same user, in its root, with the"
            " variables below.";
    }
    return found;
}
