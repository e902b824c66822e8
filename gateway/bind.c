/* Binding requests to messages. */
#include "gateway/bind.h"

#include "base/json.h"
#include <stdlib.h>
#include <string.h>

/* A top-level key of the object; escapes in keys are not looked through. */
static bool s_has_key(const char *body, size_t size, const char *key) {
    json_reader_t reader;
    json_reader_init(&reader, body, size);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return false;
    size_t length = strlen(key);
    while (json_next(&reader) == JSON_KEY) {
        if (reader.length == length && memcmp(reader.text, key, length) == 0)
            return true;
        if (!json_skip(&reader, json_next(&reader)))
            return false;
    }
    return false;
}

const rpc_t *bind_choose(const router_match_t *match, const char *body, size_t body_size) {
    const rpc_t *const *rpc = match->rpcs;
    for (; rpc[1]; rpc++) {
        const char *key = (*rpc)->http->when_body_has;
        if (!key || s_has_key(body, body_size, key))
            return *rpc;
    }
    return *rpc;
}

static bool s_is_bound(const rpc_t *rpc, const char *name, size_t length) {
    for (const char *const *bound = rpc->http->bound; bound && *bound; bound++)
        if (strlen(*bound) == length && memcmp(*bound, name, length) == 0)
            return true;
    return false;
}

/* What may stand in the query: what a client may set at all, as text, and not through the path. */
static bool s_is_query_field(const rpc_t *rpc, const field_t *field) {
    bool plain = field->type != FIELD_MESSAGE && field->type != FIELD_MAP && field->type != FIELD_BYTES;
    return plain && !field->rule->output_only && !field->rule->internal &&
           !s_is_bound(rpc, field->name, field->name_length);
}

/* The field by its name or one of its aliases ("condition|metric"). */
static bool s_field_is(const field_t *field, uri_text_t name) {
    if (field->name_length == name.length && memcmp(field->name, name.text, name.length) == 0)
        return true;
    for (const char *c = field->rule->aliases; c && *c;) {
        size_t length = strcspn(c, "|");
        if (length == name.length && memcmp(c, name.text, length) == 0)
            return true;
        c += length + (c[length] == '|');
    }
    return false;
}

static int s_find_query_field(const rpc_t *rpc, uri_text_t name) {
    const message_t *message = rpc->request();
    for (int i = 0; i < message->field_count; i++)
        if (s_is_query_field(rpc, &message->fields[i]) && s_field_is(&message->fields[i], name))
            return i;
    return -1;
}

static void s_add_unknown(const rpc_t *rpc, const char *name, problems_t *problems) {
    const message_t *message = rpc->request();
    buf_t allowed = BUF_INIT;
    bool takes_query = rpc->http->method == HTTP_GET || rpc->http->method == HTTP_DELETE;
    for (uint16_t i = 0; takes_query && i < message->field_count; i++)
        if (s_is_query_field(rpc, &message->fields[i]))
            buf_printf(&allowed, "%s%s", allowed.size ? ", " : "", message->fields[i].name);
    if (allowed.size)
        problems_add(problems, name, "is not a query parameter of this route; allowed: %s",
                     buf_str(&allowed));
    else
        problems_add(problems, name, "is not a query parameter of this route, which takes none");
    buf_free(&allowed);
}

static void s_bind_param(const rpc_t *rpc, const uri_param_t *param, void *request, json_seen_t *seen,
                         problems_t *problems) {
    bool takes_query = rpc->http->method == HTTP_GET || rpc->http->method == HTTP_DELETE;
    int index = takes_query && param->valid ? s_find_query_field(rpc, param->name) : -1;
    char name[65];
    size_t length = param->name.length < sizeof name ? param->name.length : sizeof name - 1;
    memcpy(name, param->name.text, length);
    name[length] = '\0';
    if (!param->valid) {
        problems_add(problems, name, "holds a percent escape that is not valid");
    } else if (index < 0) {
        s_add_unknown(rpc, name, problems);
    } else {
        const message_t *message = rpc->request();
        bool list = message->fields[index].cardinality == CARDINALITY_REPEATED;
        if (!list && (*seen & (json_seen_t)1 << index))
            problems_add(problems, name, "is given more than once");
        else
            json_set_from_text(message, request, param->name.text, param->name.length, param->value.text,
                               param->value.length, seen, problems);
    }
}

static void s_bind_query(const rpc_t *rpc, const char *raw, void *request, json_seen_t *seen,
                         problems_t *problems) {
    if (!raw || *raw == '\0')
        return;
    char *query = strdup(raw);
    assert_always(query);
    uri_query_t steps;
    uri_param_t param;
    uri_query_init(&steps, query);
    while (uri_query_next(&steps, &param))
        s_bind_param(rpc, &param, request, seen, problems);
    free(query);
}

err_t bind_request(const rpc_t *rpc, const router_match_t *match, const bind_input_t *input, void *request,
                   problems_t *problems) {
    const message_t *message = rpc->request();
    json_seen_t seen = 0;
    for (size_t i = 0; i < match->param_count && rpc->http->bound[i]; i++)
        json_set_from_text(message, request, rpc->http->bound[i], strlen(rpc->http->bound[i]),
                           match->params[i].text, match->params[i].length, &seen, problems);
    s_bind_query(rpc, input->query, request, &seen, problems);
    bool takes_body = rpc->http->method == HTTP_POST || rpc->http->method == HTTP_PUT;
    err_t err = OK;
    if (takes_body && (input->body_size > 0 || !rpc->http->body_optional))
        err = json_decode_fields(message, input->body, input->body_size, request, &seen, problems);
    if (err == ERR_MALFORMED_JSON)
        return err;
    json_check_required(message, seen, problems);
    return problems->found > 0 ? ERR_VALIDATION_FAILED : err;
}
