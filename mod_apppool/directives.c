/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directives.c - the table of directives; directive.h says what it is made of.
 */
#include "directive.h"

#define PLACE (RSRC_CONF | ACCESS_CONF)
#define PLACE_OR_HTACCESS (RSRC_CONF | ACCESS_CONF | OR_OPTIONS)
#define SECONDS_MAX 31536000 /* a year, so that microseconds never overflow */

#define ONCE_OFFSET(f) APR_OFFSETOF(struct pool_settings, f)
#define PLACE_OFFSET(f) APR_OFFSETOF(struct place_config, f)

/* One rule a row, named after its field; the rows below point at them (httpd's
 * table has no room for a pointer to const). */
#define ONCE_NUMBER_RULE(f, least, greatest)                                 \
    static struct number_rule once_##f = {ONCE_OFFSET(f), least,       \
                                                greatest};
#define NUMBER_RULE(f, least, greatest)                                      \
    static struct number_rule place_##f = {PLACE_OFFSET(f), least,     \
                                                 greatest};
#define ONCE_TEXT_RULE(f, check, from_root)                                  \
    static struct text_rule once_##f = {ONCE_OFFSET(f), check,         \
                                              from_root};
#define TEXT_RULE(f, check, from_root)                                       \
    static struct text_rule place_##f = {PLACE_OFFSET(f), check,       \
                                               from_root};

ONCE_TEXT_RULE(server_executable, check_executable, 1)
ONCE_TEXT_RULE(spawn_server, check_executable, 1)
ONCE_TEXT_RULE(server_user, check_user, 0)
ONCE_TEXT_RULE(lowest_user, check_app_user, 0)
ONCE_TEXT_RULE(buffer_dir, check_folder, 1)
ONCE_TEXT_RULE(control_socket, check_socket, 1)
ONCE_NUMBER_RULE(max, 1, 65535)
ONCE_NUMBER_RULE(max_idle_s, 0, SECONDS_MAX)
ONCE_NUMBER_RULE(max_spawning, 1, 1024)
ONCE_NUMBER_RULE(max_waiting, 0, 1000000)
ONCE_NUMBER_RULE(user_switching, 0, 1)
TEXT_RULE(environment, check_environment, 0)
TEXT_RULE(ruby, check_interpreter, 0)
TEXT_RULE(python, check_interpreter, 0)
TEXT_RULE(node, check_interpreter, 0)
TEXT_RULE(perl, check_interpreter, 0)
TEXT_RULE(php, check_interpreter, 0)
TEXT_RULE(user, check_app_user, 0)
TEXT_RULE(group, check_app_group, 0)
TEXT_RULE(restart_dir, check_below_root, 0)
TEXT_RULE(log_file, check_log_file, 1)
TEXT_RULE(sticky_cookie, check_cookie_name, 0)
TEXT_RULE(sticky_route, check_route, 0)
NUMBER_RULE(enabled, 0, 1)
NUMBER_RULE(friendly_errors, 0, 1)
NUMBER_RULE(buffer_upload, 0, 1)
NUMBER_RULE(buffer_response, 0, 1)
NUMBER_RULE(error_override, 0, 1)
NUMBER_RULE(server_timing, 0, 1)
NUMBER_RULE(pre_start, 0, 1)
NUMBER_RULE(rolling_restart, 0, 1)
NUMBER_RULE(buffer_memory_kib, 1, 1048576)
NUMBER_RULE(buffer_file_mib, 0, 1073741824)
NUMBER_RULE(header_limit_kib, 1, 65536)
NUMBER_RULE(response_timeout_s, 0, SECONDS_MAX)
NUMBER_RULE(min_instances, 0, 65535)
NUMBER_RULE(max_per_app, 0, 65535)
NUMBER_RULE(max_requests, 0, 1000000000)
NUMBER_RULE(max_request_s, 0, SECONDS_MAX)
NUMBER_RULE(max_queue, 0, 1000000)
NUMBER_RULE(queue_timeout_s, 0, SECONDS_MAX)
NUMBER_RULE(start_timeout_s, 1, SECONDS_MAX)
NUMBER_RULE(concurrency, 0, 65535)
NUMBER_RULE(memory_mib, 0, 1048576)
NUMBER_RULE(threads, 1, 1024)
NUMBER_RULE(sticky_sessions, 0, 1)

#define ONCE_TEXT(name, field, help)                                         \
    AP_INIT_TAKE1(name, set_once_text, &once_##field, RSRC_CONF, help)
#define ONCE_NUMBER(name, field, help)                                       \
    AP_INIT_TAKE1(name, set_once_number, &once_##field, RSRC_CONF,   \
                  help)
#define TEXT(name, field, help)                                              \
    AP_INIT_TAKE1(name, set_text, &place_##field, PLACE, help)
#define NUMBER(name, field, help)                                            \
    AP_INIT_TAKE1(name, set_number, &place_##field, PLACE, help)
#define FLAG(name, field, help)                                              \
    AP_INIT_FLAG(name, set_place_flag, &place_##field, PLACE, help)
#define HTACCESS_FLAG(name, field, help)                                     \
    AP_INIT_FLAG(name, set_htaccess_flag, &place_##field,                    \
                 PLACE_OR_HTACCESS, help)

const command_rec apppool_commands[] = {
    ONCE_TEXT("PoolServerExecutable", server_executable,
              "path of the pool server; default: as installed"),
    ONCE_TEXT("PoolSpawnServer", spawn_server,
              "path of the program that starts applications; default: as "
              "installed"),
    ONCE_TEXT("PoolServerUser", server_user,
              "user the pool's engine runs as; default: apppool if that user "
              "exists, else a uid that nobody owns"),
    ONCE_NUMBER("PoolMax", max,
                "greatest number of application processes in all; default: "
                "twice the CPUs, at least 6"),
    ONCE_NUMBER("PoolMaxIdleTime", max_idle_s,
                "seconds after which an idle process ends, 0 = never; "
                "default: 300"),
    ONCE_NUMBER("PoolMaxSpawning", max_spawning,
                "greatest number of processes that start at once; default: "
                "the number of CPUs"),
    ONCE_NUMBER("PoolMaxWaiting", max_waiting,
                "greatest number of requests that wait for a process in all, "
                "0 = no limit; default: half of MaxRequestWorkers"),
    AP_INIT_FLAG("PoolUserSwitching", set_once_flag,
                 &once_user_switching, RSRC_CONF,
                 "off: every application runs as PoolLowestUser; default: on"),
    ONCE_TEXT("PoolLowestUser", lowest_user,
              "user of applications that root owns; default: nobody"),
    AP_INIT_ITERATE("PoolAllowRoots", add_allow_root, NULL, RSRC_CONF,
                    "patterns of application roots that the configuration "
                    "does not name; default: none"),
    ONCE_TEXT("PoolBufferDir", buffer_dir,
              "folder of temporary files; default: httpd's own"),
    AP_INIT_TAKE1("PoolControlSocket", set_control_socket,
                  &once_control_socket, RSRC_CONF,
                  "socket for apppoolctl where the kernel refuses it the pool "
                  "server's descriptor; default: off"),
    HTACCESS_FLAG("PoolEnabled", enabled,
                  "off: no request here is an application's; default: on"),
    AP_INIT_TAKE1("PoolAppRoot", set_app_root, NULL, PLACE,
                  "folder of the application; default: the folder above a "
                  "DocumentRoot named public"),
    AP_INIT_TAKE1("PoolAppType", set_app_type, NULL, PLACE,
                  "rack, wsgi, asgi, node, psgi, php or command; default: by "
                  "the startup file"),
    AP_INIT_TAKE1("PoolStartupFile", set_startup_file, NULL, PLACE,
                  "file that is the application, absolute or below its root; "
                  "default: by PoolAppType"),
    AP_INIT_TAKE1("PoolAppCommand", set_app_command, NULL, PLACE,
                  "program that is the application and its arguments, in "
                  "quotes; $PORT stands for a free port; default: none"),
    AP_INIT_TAKE1("PoolAppProtocol", set_app_protocol, NULL, PLACE,
                  "what a command speaks: scgi, http or fastcgi; default: "
                  "http"),
    AP_INIT_TAKE12("PoolBaseURI", set_base_uri, NULL, PLACE,
                   "URI below which an application lives and, in a vhost, its "
                   "folder; default: none"),
    TEXT("PoolAppEnvironment", environment,
         "name in RAILS_ENV, RACK_ENV, WSGI_ENV and their kin; default: "
         "production"),
    AP_INIT_RAW_ARGS("PoolSetEnv", add_setenv, NULL, PLACE,
                     "name and value of an environment variable of the "
                     "application's processes; default: none"),
    TEXT("PoolRuby", ruby, "ruby interpreter; default: ruby from PATH"),
    TEXT("PoolPython", python,
         "python interpreter; default: python3 from PATH"),
    TEXT("PoolNode", node, "node interpreter; default: node from PATH"),
    TEXT("PoolPerl", perl, "perl interpreter; default: perl from PATH"),
    TEXT("PoolPhp", php,
         "PHP's FastCGI program; default: php-cgi from PATH"),
    TEXT("PoolUser", user,
         "user the application runs as; default: the owner of its startup "
         "file"),
    TEXT("PoolGroup", group,
         "group the application runs as; default: its user's own"),
    NUMBER("PoolMinInstances", min_instances,
           "processes that idle cleaning leaves; default: 1"),
    NUMBER("PoolMaxPerApp", max_per_app,
           "greatest number of processes of the application, 0 = no limit of "
           "its own; default: 0"),
    NUMBER("PoolMaxRequests", max_requests,
           "requests after which a process is replaced, 0 = never; default: "
           "0"),
    NUMBER("PoolMaxRequestTime", max_request_s,
           "seconds a request may take, 0 = no limit; default: 0"),
    NUMBER("PoolResponseTimeout", response_timeout_s,
           "seconds an application may be silent before and within its "
           "response, 0 = no limit; default: 0"),
    NUMBER("PoolMaxQueueSize", max_queue,
           "requests that wait for a process of the application, 0 = no "
           "limit; default: 100"),
    NUMBER("PoolQueueTimeout", queue_timeout_s,
           "seconds a request waits for a process, 0 = no limit; default: "
           "60"),
    NUMBER("PoolStartTimeout", start_timeout_s,
           "seconds a process may take to start; default: 90"),
    NUMBER("PoolConcurrency", concurrency,
           "requests at once in one process, 0 = no limit; default: "
           "PoolThreads for rack and wsgi, 1 for psgi, php and FastCGI, else "
           "0"),
    NUMBER("PoolMemoryLimit", memory_mib,
           "MiB of memory (its share of what it shares included) above which a "
           "process is replaced, 0 = no limit; default: 0"),
    NUMBER("PoolThreads", threads,
           "threads of one process of rack or wsgi; default: 1"),
    AP_INIT_TAKE1("PoolSpawnMethod", set_spawn_method, NULL, PLACE,
                  "smart (load once, fork for each process) or direct; "
                  "default: smart for rack, wsgi and psgi, else direct"),
    FLAG("PoolPreStart", pre_start,
         "start PoolMinInstances processes with httpd; default: off"),
    FLAG("PoolRollingRestart", rolling_restart,
         "a restart lets old processes serve until a new one has come up; "
         "default: on"),
    TEXT("PoolRestartDir", restart_dir,
         "folder of restart.txt, absolute or below the application's root; "
         "default: tmp"),
    AP_INIT_TAKE_ARGV("PoolIsolation", set_isolation, NULL, PLACE,
                      "off, or any of tmp, ipc, files, signals and, with "
                      "cgroup=FOLDER, memory=MIB, cpu=PERCENT, pids=NUMBER: "
                      "what keeps an application's processes apart; default: "
                      "off"),
    TEXT("PoolLogFile", log_file,
         "file, or | and a program, that takes what the application prints; "
         "default: the vhost's error log"),
    FLAG("PoolStickySessions", sticky_sessions,
         "a cookie leads each client back to the process that served it; "
         "default: off"),
    TEXT("PoolStickyCookie", sticky_cookie,
         "name of that cookie; default: apppool_route"),
    TEXT("PoolStickyRoute", sticky_route,
         "what follows the process in that cookie, for a balancer in front; "
         "default: the host's name"),
    HTACCESS_FLAG("PoolFriendlyErrorPages", friendly_errors,
                  "show why an application does not start; default: on in "
                  "environment development, else off"),
    HTACCESS_FLAG("PoolBufferUpload", buffer_upload,
                  "receive a request's whole body before a process is asked; "
                  "default: on"),
    HTACCESS_FLAG("PoolBufferResponse", buffer_response,
                  "take a response from the process as fast as it writes; "
                  "default: on"),
    HTACCESS_FLAG("PoolErrorOverride", error_override,
                  "ErrorDocument replaces the application's own error bodies; "
                  "default: off"),
    HTACCESS_FLAG("PoolServerTiming", server_timing,
                  "say in a Server-Timing header how long queue, start and "
                  "application took; default: off"),
    AP_INIT_TAKE1("PoolForwardedHeaders", set_forwarded, NULL, PLACE,
                  "on: http applications get X-Forwarded-For with the "
                  "client's address appended, -Proto, -Host and -Port set "
                  "anew; rfc7239: Forwarded, too; off: what the client sent; "
                  "default: on"),
    NUMBER("PoolBufferMemory", buffer_memory_kib,
           "KiB of a body kept in memory before a file is used; default: 64"),
    NUMBER("PoolBufferMaxFile", buffer_file_mib,
           "MiB of a response kept in a file, 0 = no limit; default: 1024"),
    NUMBER("PoolResponseHeaderLimit", header_limit_kib,
           "KiB a response's header may have; default: 64"),
    AP_INIT_FLAG("PoolStatusActions", set_status_actions, NULL, PLACE,
                 "on: the status page restarts applications and detaches "
                 "processes; default: off"),
    {.name = NULL}
};
