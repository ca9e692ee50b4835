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

#include "app_type.h"

#define NUMBER_TEXT 12
#define PORT_VARIABLE "$PORT"

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

/* Where to run it ---------------------------------------------------------- */

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
    spawn_fail(spawn, "The user \"%s\" may not enter the folder %.*s; chmod "
               "it, or name another user with PoolUser.", spawn->user,
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

/* With a loader ------------------------------------------------------------ */

/* A language's loader is its row here and its file in server/loaders. */
static const char *const loaders[] = {
    [TYPE_RACK] = "rack_loader.rb",
    [TYPE_WSGI] = "wsgi_loader.py",
    [TYPE_ASGI] = "asgi_loader.py",
    [TYPE_NODE] = "node_loader.cjs",
    [TYPE_PSGI] = "psgi_loader.pl",
    [TYPE_PHP] = "php_fork.so",
};

static const char *loader_path(const struct spawn *spawn)
{
    char *path;

    if (asprintf(&path, "%s/%s", spawn->options.loaders,
                 loaders[spawn->type]) < 0) {
        abort();
    }
    return path;
}

/* As the configuration names it, or the usual one of its language. */
static const char *find_interpreter(const struct spawn *spawn)
{
    const struct app_type *type = app_type(spawn->type);
    size_t name_len = strlen(type->directive);
    const char *at = NULL;

    while ((at = wire_list_next(&spawn->define, FIELD_INTERPRETERS, at)) !=
           NULL) {
        if (strncmp(at, type->directive, name_len) == 0 &&
            at[name_len] == '=') {
            return at + name_len + 1;
        }
    }
    return spawn->type == TYPE_RACK && spawn->options.ruby != NULL
               ? spawn->options.ruby : type->interpreter;
}

static void make_words(const struct spawn *spawn, struct words *words)
{
    const char *base_uri = wire_get_text(&spawn->define, FIELD_BASE_URI, NULL);
    unsigned threads = wire_get_u32(&spawn->define, FIELD_THREADS, 1);

    add(words, find_interpreter(spawn));
    add(words, loader_path(spawn));
    add(words, "--mode");
    add(words, spawn->options.preload ? "preload" : "direct");
    add(words, "--startup-file");
    add(words, spawn->startup_file);
    add_number(words, "--listen", SPAWN_FIRST_LISTENER);
    add_number(words, "--listeners", spawn->options.listeners);
    add_number(words, "--report", (unsigned)spawn->report);
    if (threads > 1 && app_type(spawn->type)->has_threads) {
        add_number(words, "--threads", threads);
    }
    if (base_uri != NULL) {
        add(words, "--base-uri");
        add(words, base_uri);
    }
}

/* Where it comes from, for one that is known and was not found; else "". */
static const char *package_advice(const struct spawn *spawn,
                                  const char *program)
{
    const char *usual = app_type(spawn->type)->interpreter;
    char *text;

    if (usual == NULL || strcmp(program, usual) != 0 ||
        access("/etc/debian_version", F_OK) != 0) {
        return "";
    }
    if (asprintf(&text, " It is in the package %1$s (apt install %1$s).",
                 strcmp(usual, "node") == 0 ? "nodejs" : usual) < 0) {
        abort();
    }
    return text;
}

/* execve(2): who became another user above RLIMIT_NPROC learns it there. */
#define TOO_MANY_TASKS                                                        \
    " This user has as many processes and threads as RLimitNPROC or the"     \
    " system allows, httpd's included if it is its user."

static _Noreturn void execute(const struct spawn *spawn, struct words *words,
                              const char *remedy)
{
    int error;

    /* execvp() looks along the PATH of these variables, not of ours. */
    environ = environment_make(spawn);
    report_environment(spawn, environ);
    report_step(spawn, "executes %s", words->list[0]);
    execvp(words->list[0], (char *const *)(uintptr_t)words->list);
    error = errno;
    spawn_fail(spawn,
               "The program %s cannot be run by user \"%s\": %s (%s).%s",
               words->list[0], spawn->user,
               error == ENOENT ? "it was not found" : strerror(error), remedy,
               error == ENOENT ? package_advice(spawn, words->list[0])
               : error == EAGAIN ? TOO_MANY_TASKS : "");
}

static _Noreturn void run_loader(const struct spawn *spawn)
{
    struct words words = { .list = NULL };

    make_words(spawn, &words);
    check_readable(spawn, spawn->startup_file, "startup file");
    check_readable(spawn, words.list[1], "loader");
    execute(spawn, &words, app_type(spawn->type)->directive);
}

/* A command ---------------------------------------------------------------- */

/* The word with the port in each place of $PORT. */
static const char *fill_in_port(const struct spawn *spawn, const char *word)
{
    const char *variable = strstr(word, PORT_VARIABLE);
    char *text;

    if (spawn->options.port == 0 || variable == NULL) {
        return word;
    }
    if (asprintf(&text, "%.*s%u%s", (int)(variable - word), word,
                 spawn->options.port,
                 fill_in_port(spawn, variable + strlen(PORT_VARIABLE))) < 0) {
        abort();
    }
    return text;
}

/* It finds its listener at 3 (sd_listen_fds(3)), FastCGI programs at 0; with a
 * port it has none. */
static void place_listener(const struct spawn *spawn)
{
    if (spawn->options.port != 0) {
        fcntl(SPAWN_FIRST_LISTENER, F_SETFD, FD_CLOEXEC);
    } else if (wire_get_u32(&spawn->define, FIELD_PROTOCOL, PROTOCOL_HTTP) ==
               PROTOCOL_FASTCGI) {
        dup2(SPAWN_FIRST_LISTENER, STDIN_FILENO);
    }
}

/* The report socket closes as it is executed. */
static _Noreturn void run_command(const struct spawn *spawn)
{
    struct words words = { .list = NULL };
    const char *at = NULL;

    while ((at = wire_list_next(&spawn->define, FIELD_COMMAND, at)) != NULL) {
        add(&words, fill_in_port(spawn, at));
    }
    if (words.n == 0) {
        spawn_fail(spawn, "There is no command to run; say PoolAppCommand.");
    }
    place_listener(spawn);
    fcntl(spawn->report, F_SETFD, FD_CLOEXEC);
    execute(spawn, &words, "PoolAppCommand");
}

/*
 * php-cgi finds its listener at 0 and the files to run in each request. To
 * preload, a library of ours takes its accept(2) over, which keeps all else.
 */
static _Noreturn void run_php(const struct spawn *spawn)
{
    struct words words = { .list = NULL };

    add(&words, find_interpreter(spawn));
    dup2(SPAWN_FIRST_LISTENER, STDIN_FILENO);
    if (spawn->options.preload) {
        check_readable(spawn, loader_path(spawn), "library");
    } else {
        fcntl(SPAWN_FIRST_LISTENER, F_SETFD, FD_CLOEXEC);
        fcntl(spawn->report, F_SETFD, FD_CLOEXEC);
    }
    execute(spawn, &words, "PoolPhp");
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
    if (spawn->type == TYPE_PHP) {
        run_php(spawn);
    }
    run_loader(spawn);
}
