/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - apppool-spawn: becomes one application process. Started by the
 * master; server/spawn/README says with what.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "installed.h"
#include "spawn.h"

enum { OPTION_LISTENERS = 256, OPTION_PRELOAD, OPTION_KEEP_ENVIRONMENT,
       OPTION_RUBY, OPTION_ENGINE_UID, OPTION_PARENT, OPTION_NOFILE,
       OPTION_OOM_SCORE_ADJ, OPTION_PORT, OPTION_VERSION };

static const struct option long_options[] = {
    { "listeners",        required_argument, NULL, OPTION_LISTENERS        },
    { "preload",          no_argument,       NULL, OPTION_PRELOAD          },
    { "keep-environment", no_argument,       NULL, OPTION_KEEP_ENVIRONMENT },
    { "ruby",             required_argument, NULL, OPTION_RUBY             },
    { "engine-uid",       required_argument, NULL, OPTION_ENGINE_UID       },
    { "parent",           required_argument, NULL, OPTION_PARENT           },
    { "nofile",           required_argument, NULL, OPTION_NOFILE           },
    { "oom-score-adj",    required_argument, NULL, OPTION_OOM_SCORE_ADJ    },
    { "port",             required_argument, NULL, OPTION_PORT             },
    { "version",          no_argument,       NULL, OPTION_VERSION          },
    { NULL,               0,                 NULL, 0                       }
};

static bool set_option(int option, struct spawn_options *options)
{
    switch (option) {
    case OPTION_LISTENERS:
        options->listeners = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case OPTION_PRELOAD:
        options->preload = true;
        break;
    case OPTION_KEEP_ENVIRONMENT:
        options->keep_environment = true;
        break;
    case OPTION_RUBY:
        options->ruby = optarg;
        break;
    case OPTION_ENGINE_UID:
        options->engine_uid = (uid_t)strtoul(optarg, NULL, 10);
        break;
    case OPTION_PARENT:
        options->parent = (pid_t)strtol(optarg, NULL, 10);
        break;
    case OPTION_NOFILE:
        options->nofile = strtoull(optarg, NULL, 10);
        break;
    case OPTION_OOM_SCORE_ADJ:
        options->oom_score_adj = (int)strtol(optarg, NULL, 10);
        break;
    case OPTION_PORT:
        options->port = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case OPTION_VERSION:
        puts("apppool-spawn " APPPOOL_VERSION);
        exit(0);
    default:
        return false;
    }
    return true;
}

/* Beside this program, wherever it was put; else where they were installed. */
static const char *find_loaders(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
    char *slash;

    path[n > 0 ? n : 0] = '\0';
    slash = strrchr(path, '/');
    if (slash != NULL) {
        strcpy(slash + 1, "loaders");
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    return APPPOOL_LOADERS_DIR;
}

static bool is_report_socket(int fd)
{
    int type;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
    struct spawn_options options = { .engine_uid = (uid_t)-1 };
    bool good = true;
    int option = 0;

    while (good && option >= 0) {
        option = getopt_long(argc, argv, "", long_options, NULL);
        good = option < 0 || set_option(option, &options);
    }
    if (!good || optind < argc || options.listeners == 0 ||
        options.listeners > 1024 ||
        !is_report_socket(SPAWN_FIRST_LISTENER + (int)options.listeners)) {
        fputs("apppool-spawn: started by the pool server, not by hand\n",
              stderr);
        return 1;
    }
    options.loaders = find_loaders();
    spawn_application(&options);
}
