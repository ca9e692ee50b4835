/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_config.c - what is in force and where it was said; see show.h.
 */
#include "show.h"

#include <string.h>

/* "PoolMax 10" and its place below each other in two columns; where it is too
 * long for the first the place follows on a line of its own. */
static void show_setting(FILE *out, const json_t *setting)
{
    const char *file = show_string(setting, "file");
    const char *args = show_string(setting, "args");
    const char *directive = show_string(setting, "directive");
    size_t len = strlen(directive) + 1 + strlen(args);

    fputs("  ", out);
    fputs(directive, out);
    if (*file == '\0') {
        fprintf(out, "%*s  default: ", (int)(24 - strlen(directive)), "");
        show_clean(out, show_string(setting, "default"), 0);
        fputc('\n', out);
        return;
    }
    fputc(' ', out);
    show_clean(out, args, 0);
    fprintf(out, "%*s  ", len < 36 ? (int)(36 - len) : 0, "");
    show_clean(out, file, 0);
    fprintf(out, ":%.0f\n", show_number(setting, "line"));
}

static int is_said(const json_t *settings, const char *directive)
{
    const json_t *setting;
    size_t i;

    json_array_foreach(settings, i, setting) {
        if (strcmp(show_string(setting, "directive"), directive) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What was said, then what was not. */
static void show_settings(FILE *out, const json_t *settings,
                          const json_t *defaults)
{
    const json_t *setting;
    size_t i;

    json_array_foreach(settings, i, setting) {
        show_setting(out, setting);
    }
    json_array_foreach(defaults, i, setting) {
        if (!is_said(settings, show_string(setting, "directive"))) {
            show_setting(out, setting);
        }
    }
}

static void show_app(FILE *out, const json_t *app)
{
    const char *file = show_string(app, "file");

    fputs("\nApplication ", out);
    show_clean(out, show_string(app, "root"), 0);
    fprintf(out, "\n  type %s, first named in ", show_string(app, "type"));
    show_clean(out, show_string(app, "server"), 0);
    if (*file != '\0') {
        fputs(" (", out);
        show_clean(out, file, 0);
        fprintf(out, ":%.0f)", show_number(app, "line"));
    }
    fputc('\n', out);
    show_settings(out, json_object_get(app, "settings"), NULL);
}

void show_config(FILE *out, const json_t *config)
{
    const json_t *httpd = json_object_get(config, "httpd");
    const json_t *app;
    size_t i;

    fprintf(out, "httpd %.0f, ServerRoot ", show_number(httpd, "pid"));
    show_clean(out, show_string(httpd, "server_root"), 0);
    fputs(", PidFile ", out);
    show_clean(out, show_string(httpd, "pid_file"), 0);
    fputs("\n\nThe whole server\n", out);
    show_settings(out, json_object_get(config, "settings"),
                  json_object_get(config, "defaults"));
    json_array_foreach(json_object_get(config, "applications"), i, app) {
        show_app(out, app);
    }
    fputs("\nWhere an application's places say nothing\n", out);
    show_settings(out, NULL, json_object_get(config, "app_defaults"));
}
