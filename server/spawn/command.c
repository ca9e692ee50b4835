/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c - executes the interpreter with its loader, or the command.
 *
 * By now this is the application's user, so every check of access is its own.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_TEXT 12

/* NULL-terminated words; grows. */
struct words {
    const char **list;
    size_t n;
};

static void add(struct words *words, const char *word)
{
    words->list = realloc(words->list, (words->n + 2) * sizeof(*words->list));
    if (words->list == NULL) {
        abort();
    }
    words->list[words->n++] = word;
    words->list[words->n] = NULL;
}

static void add_number(struct words *words, const char *option, unsigned number)
{
    char *text = malloc(NUMBER_TEXT);

    if (text == NULL) {
        abort();
    }
    snprintf(text, NUMBER_TEXT, "%u", number);
    add(words, option);
    add(words, text);
}

/* Where to run it ----------------------------------------------------------- */

static void enter_root(const struct spawn *spawn)
{
    size_t blocked;

    if (fchdir(spawn->root_fd) == 0) {
        return;
    }
    if (errno != EACCES) {
        spawn_fail(spawn, "The root %s cannot be entered: %s.", spawn->root,
                   strerror(errno));
    }
    blocked = reach_blocked(spawn->root);
    spawn_fail(spawn, "The user \"%s\" may not enter the folder %.*s; chmod it, "
               "or name another user with PoolUser.", spawn->user,
               blocked > 0 ? (int)blocked : (int)strlen(spawn->root),
               spawn->root);
}

/* Its way must be open, too: the interpreter opens it by its path. */
static void check_readable(const struct spawn *spawn, const char *path,
                           const char *what)
{
    size_t blocked;

    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0) {
        return;
    }
    blocked = errno == EACCES ? reach_blocked(path) : 0;
    if (blocked > 0) {
        spawn_fail(spawn, "The user \"%s\" cannot read the %s %s: the folder "
                   "%.*s is not accessible to it (chmod o+x, or another "
                   "PoolUser).", spawn->user, what, path, (int)blocked, path);
    }
    spawn_fail(spawn, "The user \"%s\" cannot read the %s %s: %s.", spawn->user,
               what, path, strerror(errno));
}

/* With a loader ------------------------------------------------------------- */

struct loader {
    const char *file;
    const char *interpreter; /* where none is configured */
    const char *directive;   /* that names another */
};

static struct loader find_loader(const struct spawn *spawn)
{
    struct loader loader = { NULL, NULL, NULL };

    if (spawn->type == TYPE_WSGI) {
        loader = (struct loader){ "wsgi_loader.py", "python3", "PoolPython" };
    } else if (spawn->type == TYPE_RACK) {
        loader = (struct loader){ "rack_loader.rb", "ruby", "PoolRuby" };
        if (spawn->options.ruby != NULL) {
            loader.interpreter = spawn->options.ruby;
        }
    } else {
        spawn_fail(spawn, "%s is a %s application, which this version cannot "
                   "run.", spawn->root, type_name(spawn->type));
    }
    return loader;
}

static const char *loader_path(const struct spawn *spawn,
                               const struct loader *loader)
{
    char *path;

    if (asprintf(&path, "%s/%s", spawn->options.loaders, loader->file) < 0) {
        abort();
    }
    return path;
}

static void make_words(const struct spawn *spawn, const struct loader *loader,
                       struct words *words)
{
    const char *base_uri = wire_get_text(&spawn->define, FIELD_BASE_URI, NULL);
    unsigned threads = wire_get_u32(&spawn->define, FIELD_THREADS, 1);

    add(words, loader->interpreter);
    add(words, loader_path(spawn, loader));
    add(words, "--mode");
    add(words, spawn->options.preload ? "preload" : "direct");
    add(words, "--startup-file");
    add(words, spawn->startup_file);
    add_number(words, "--listen", SPAWN_FIRST_LISTENER);
    add_number(words, "--listeners", spawn->options.listeners);
    add_number(words, "--report", (unsigned)spawn->report);
    if (threads > 1) {
        add_number(words, "--threads", threads);
    }
    if (base_uri != NULL) {
        add(words, "--base-uri");
        add(words, base_uri);
    }
}

static _Noreturn void execute(const struct spawn *spawn, struct words *words,
                              const char *remedy)
{
    int error;

    /* execvp() looks along the PATH of these variables, not of ours. */
    environ = environment_make(spawn);
    execvp(words->list[0], (char *const *)(uintptr_t)words->list);
    error = errno;
    spawn_fail(spawn, "The program %s cannot be run by user \"%s\": %s (%s).",
               words->list[0], spawn->user,
               error == ENOENT ? "it was not found" : strerror(error), remedy);
}

static _Noreturn void run_loader(const struct spawn *spawn)
{
    struct loader loader = find_loader(spawn);
    const char *named = wire_get_text(&spawn->define, FIELD_INTERPRETER, NULL);
    struct words words = { .list = NULL };

    if (named != NULL) {
        loader.interpreter = named;
    }
    make_words(spawn, &loader, &words);
    check_readable(spawn, spawn->startup_file, "startup file");
    check_readable(spawn, words.list[1], "loader");
    execute(spawn, &words, loader.directive);
}

/* A command ----------------------------------------------------------------- */

/* It finds its listener at 3 (sd_listen_fds(3)), FastCGI programs at 0, and
 * nothing else: the report socket closes as it is executed. */
static _Noreturn void run_command(const struct spawn *spawn)
{
    struct words words = { .list = NULL };
    size_t len;
    const char *at = wire_get_text(&spawn->define, FIELD_COMMAND, &len);
    const char *end = at + len;

    for (; at != NULL && at < end; at += strlen(at) + 1) {
        if (strstr(at, "$PORT") != NULL) {
            spawn_fail(spawn, "This version cannot give $PORT to a command; "
                       "let it use the socket it inherits at descriptor 3.");
        }
        add(&words, at);
    }
    if (words.n == 0) {
        spawn_fail(spawn, "There is no command to run; say PoolAppCommand.");
    }
    if (wire_get_u32(&spawn->define, FIELD_PROTOCOL, PROTOCOL_HTTP) ==
        PROTOCOL_FASTCGI) {
        dup2(SPAWN_FIRST_LISTENER, STDIN_FILENO);
    }
    fcntl(spawn->report, F_SETFD, FD_CLOEXEC);
    execute(spawn, &words, "PoolAppCommand");
}

static void open_stdin(const struct spawn *spawn)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
        spawn_fail(spawn, "/dev/null cannot be opened: %s.", strerror(errno));
    }
}

void command_run(struct spawn *spawn)
{
    enter_root(spawn);
    open_stdin(spawn);
    close_range((unsigned)spawn->report + 1, ~0u, 0);
    if (spawn->type == TYPE_COMMAND) {
        run_command(spawn);
    }
    run_loader(spawn);
}
