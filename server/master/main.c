/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - apppool-server: the master; with --engine, --watcher or --syslog
 * those.
 *
 * Not for running by hand: libapppool starts it, with the sockets that lead to
 * it at fixed descriptors (master.h). What else is open is closed here, too:
 * a descriptor that leaks into a server leaks into every application.
 */
#include <apr_general.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"
#include "watcher.h"
#include "log.h"
#include "master.h"
#include "relay.h"
#include "upgrade.h"
#include "installed.h"

enum {
    OPTION_ENGINE = 256, OPTION_WATCHER, OPTION_VERSION, OPTION_HELP,
    OPTION_SPAWN_SERVER, OPTION_ENVIRONMENT, OPTION_RUBY, OPTION_USER,
    OPTION_RUNTIME_DIR, OPTION_ADMIN, OPTION_RESUME, OPTION_SELFTEST,
    OPTION_SYSLOG, OPTION_TAG
};

static const struct option long_options[] = {
    { "engine",       no_argument,       NULL, OPTION_ENGINE       },
    { "watcher",      no_argument,       NULL, OPTION_WATCHER      },
    { "version",      no_argument,       NULL, OPTION_VERSION      },
    { "help",         no_argument,       NULL, OPTION_HELP         },
    { "spawn-server", required_argument, NULL, OPTION_SPAWN_SERVER },
    { "environment",  required_argument, NULL, OPTION_ENVIRONMENT  },
    { "ruby",         required_argument, NULL, OPTION_RUBY         },
    { "user",         required_argument, NULL, OPTION_USER         },
    { "runtime-dir",  required_argument, NULL, OPTION_RUNTIME_DIR  },
    { "admin",        no_argument,       NULL, OPTION_ADMIN        },
    { "resume",       required_argument, NULL, OPTION_RESUME       },
    { "selftest",     no_argument,       NULL, OPTION_SELFTEST     },
    { "syslog",       required_argument, NULL, OPTION_SYSLOG       },
    { "tag",          required_argument, NULL, OPTION_TAG          },
    { NULL,           0,                 NULL, 0                   }
};

static const char usage[] =
    "usage: apppool-server [--spawn-server PATH] [--environment NAME]\n"
    "           [--ruby COMMAND] [--user NAME] [--runtime-dir DIR] [--admin]\n"
    "       apppool-server --version | --help\n"
    "\n"
    "The pool server of mod_apppool. It is started by httpd's mod_apppool or by\n"
    "a program that uses libapppool, which pass it its sockets; it cannot be\n"
    "run by hand.\n";

enum role { ROLE_MASTER, ROLE_ENGINE, ROLE_WATCHER, ROLE_DONE, ROLE_WRONG };

/* Not a pool server's: relay.h. */
static const char *syslog_target, *syslog_tag = "httpd";

static enum role set_option(int option, struct master_options *options)
{
    switch (option) {
    case OPTION_ENGINE:
        return ROLE_ENGINE;
    case OPTION_WATCHER:
        return ROLE_WATCHER;
    case OPTION_VERSION:
        puts("apppool-server " APPPOOL_VERSION);
        return ROLE_DONE;
    case OPTION_HELP:
        fputs(usage, stdout);
        return ROLE_DONE;
    case OPTION_SPAWN_SERVER:
        options->spawn_server = optarg;
        break;
    case OPTION_ENVIRONMENT:
        options->environment = optarg;
        break;
    case OPTION_RUBY:
        options->ruby = optarg;
        break;
    case OPTION_USER:
        options->user = optarg;
        break;
    case OPTION_RUNTIME_DIR:
        options->runtime_dir = optarg;
        break;
    case OPTION_ADMIN:
        options->admin = true;
        break;
    case OPTION_RESUME:
        options->resume = atoi(optarg);
        break;
    case OPTION_SELFTEST:
        options->selftest = true;
        break;
    case OPTION_SYSLOG:
        syslog_target = optarg;
        break;
    case OPTION_TAG:
        syslog_tag = optarg;
        break;
    default:
        return ROLE_WRONG;
    }
    return ROLE_MASTER;
}

static enum role read_options(int argc, char **argv,
                              struct master_options *options)
{
    enum role role = ROLE_MASTER;
    int option = 0;

    while (role == ROLE_MASTER && option >= 0) {
        option = getopt_long(argc, argv, "", long_options, NULL);
        if (option >= 0) {
            role = set_option(option, options);
        }
    }
    return role == ROLE_MASTER && optind < argc ? ROLE_WRONG : role;
}

/* Beside this program, wherever it was put; else where it was installed. */
static const char *find_spawn_server(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
    char *slash;

    path[n > 0 ? n : 0] = '\0';
    slash = strrchr(path, '/');
    if (slash != NULL) {
        strcpy(slash + 1, "apppool-spawn");
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    return APPPOOL_SPAWN_PATH;
}

static bool is_packet_socket(int fd)
{
    int type;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_SEQPACKET;
}

/* Nothing is freed: the descriptors that the state names are not open here. */
static _Noreturn void selftest(const struct master_options *options)
{
    log_open("new master", LOG_LEVEL_NOTICE);
    apr_initialize();
    _exit(upgrade_selftest(options));
}

static int run_master(struct master_options *options)
{
    int status;

    if (!is_packet_socket(MASTER_RENDEZVOUS_FD) ||
        (options->admin && !is_packet_socket(MASTER_ADMIN_FD))) {
        fputs("apppool-server: descriptor 3 is not the socket of whoever "
              "starts it.\nThe pool server is started by httpd (mod_apppool) "
              "or libapppool, not by hand;\nsee --help.\n", stderr);
        return 1;
    }
    if (options->resume < 0) {
        close_range(MASTER_TOOL_FD, ~0u, 0);
    }
    setsid(); /* refused where we lead a group already: then all is well */
    if (options->spawn_server == NULL) {
        options->spawn_server = find_spawn_server();
    }
    log_open("master", LOG_LEVEL_NOTICE);
    if (apr_initialize() != APR_SUCCESS) {
        log_error("the pool server cannot start: no memory");
        return 1;
    }
    status = master_run(options);
    apr_terminate();
    return status;
}

int main(int argc, char **argv)
{
    struct master_options options = { .argv = argv, .resume = -1 };

    switch (read_options(argc, argv, &options)) {
    case ROLE_DONE:
        return 0;
    case ROLE_WRONG:
        fputs(usage, stderr);
        return 1;
    case ROLE_ENGINE:
        return engine_main();
    case ROLE_WATCHER:
        return watcher_main();
    default:
        if (options.selftest) {
            selftest(&options);
        }
        if (syslog_target != NULL) {
            return relay_main(syslog_target, syslog_tag);
        }
        return run_master(&options);
    }
}
