/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scgi_head.c - puts a request's variables into a netstring.
 */
#include "scgi.h"

#include <apr_strings.h>
#include <string.h>

/* These are the protocol's own. */
static bool is_reserved(const char *name)
{
    return strcmp(name, "CONTENT_LENGTH") == 0 || strcmp(name, "SCGI") == 0 ||
           strcmp(name, "APPPOOL_KEEPALIVE") == 0;
}

static char *put(char *at, const char *text)
{
    size_t len = strlen(text) + 1;

    memcpy(at, text, len);
    return at + len;
}

static size_t variables_len(const apr_table_entry_t *entries, int n)
{
    size_t len = 0;
    int i;

    for (i = 0; i < n; i++) {
        if (entries[i].key != NULL && !is_reserved(entries[i].key)) {
            len += strlen(entries[i].key) + strlen(entries[i].val) + 2;
        }
    }
    return len;
}

static char *put_variables(char *at, const apr_table_entry_t *entries, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (entries[i].key != NULL && !is_reserved(entries[i].key)) {
            at = put(put(at, entries[i].key), entries[i].val);
        }
    }
    return at;
}

char *scgi_head(const struct app_request *request, apr_size_t *len_r)
{
    static const char own[] = "SCGI\0" "1\0" "APPPOOL_KEEPALIVE\0" "1";
    const apr_array_header_t *array = apr_table_elts(request->env);
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)(const void *)array->elts;
    const char *length = apr_off_t_toa(request->p, request->body_len);
    size_t payload = sizeof("CONTENT_LENGTH") + strlen(length) + 1 +
                     sizeof(own) + variables_len(entries, array->nelts);
    char *head = apr_palloc(request->p, payload + 24);
    char *at = head + apr_snprintf(head, 24, "%" APR_SIZE_T_FMT ":", payload);

    at = put(put(at, "CONTENT_LENGTH"), length);
    memcpy(at, own, sizeof(own));
    at = put_variables(at + sizeof(own), entries, array->nelts);
    *at++ = ',';
    *len_r = (apr_size_t)(at - head);
    return head;
}
