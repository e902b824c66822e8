/* The meaning of a downstream's answer: see reply.h. */
#include "services/reply.h"

#include "base/json.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What jansson takes and our own reader does not would be lost on the way inside. */
static bool s_is_readable(const char *body, size_t size) {
    json_reader_t reader;
    json_reader_init(&reader, body, size);
    return json_skip(&reader, json_next(&reader));
}

err_t reply_parse(int status, const char *body, size_t size, json_t **root, char *reason,
                  size_t reason_size) {
    *root = NULL;
    if (size == 0 && status == 204) {
        *root = json_object();
        return OK;
    }
    json_error_t error;
    json_t *parsed = json_loadb(body ? body : "", size, 0, &error);
    if (!parsed) {
        snprintf(reason, reason_size, "the body is not JSON (%s, at byte %d of %zu)", error.text,
                 error.position, size);
        return ERR_PROTOCOL;
    }
    bool object = json_is_object(parsed);
    if (object && s_is_readable(body, size)) {
        *root = parsed;
        return OK;
    }
    json_decref(parsed);
    if (object)
        snprintf(reason, reason_size, "the body is nested deeper than %d levels", JSON_MAX_DEPTH);
    else
        snprintf(reason, reason_size, "the body is JSON but not an object");
    return ERR_PROTOCOL;
}

json_t *reply_unwrap(json_t *root) {
    json_t *data = json_object_get(root, "data");
    return json_is_object(data) ? data : root;
}

static size_t s_sequence(const char *text) {
    for (size_t n = 1; n <= 4; n++) {
        if (json_utf8_valid(text, n))
            return n;
        if (text[n - 1] == '\0')
            break;
    }
    return 0;
}

void reply_clean_text(char *text) {
    while (*text) {
        size_t length = s_sequence(text);
        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

bool reply_is_failure(json_t *root) {
    if (json_is_false(json_object_get(root, "success")))
        return true;
    const char *status = json_string_value(json_object_get(root, "status"));
    if (!status || !json_object_get(root, "error") || json_object_get(root, "job_id"))
        return false;
    return strcasecmp(status, "error") == 0 || strcasecmp(status, "fail") == 0 ||
           strcasecmp(status, "failed") == 0;
}

const char *reply_error_code(json_t *root) {
    return json_string_value(json_object_get(json_object_get(root, "error"), "code"));
}

void reply_error_text(json_t *root, char *out, size_t size) {
    json_t *error = json_object_get(root, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    if (!message)
        message = json_string_value(error);
    if (!message)
        message = json_string_value(json_object_get(root, "message"));
    snprintf(out, size, "%s%s%s", code ? code : "", code && message ? ": " : "", message ? message : "");
    reply_clean_text(out);
}

static bool s_id_of(json_t *object, char *out, size_t size) {
    static const char *const keys[] = {"job_id", "task_id", "id"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(object, keys[i]);
        int length = -1;
        if (json_is_string(value))
            length = snprintf(out, size, "%s", json_string_value(value));
        else if (json_is_integer(value))
            length = snprintf(out, size, "%lld", (long long)json_integer_value(value));
        if (length > 0 && length <= 128 && (size_t)length < size)
            return true;
    }
    return false;
}

bool reply_job_id(json_t *root, char *out, size_t size) {
    json_t *data = json_object_get(root, "data");
    return s_id_of(data, out, size) || s_id_of(json_object_get(data, "job"), out, size) ||
           s_id_of(root, out, size) || s_id_of(json_object_get(root, "job"), out, size);
}

bool reply_is_inline_result(json_t *root) {
    static const char *const bookkeeping[] = {"success", "status",   "timestamp", "message",
                                              "error",   "data",     "job_id",    "task_id",
                                              "id",      "progress", "job",       "created_at"};
    const char *key;
    json_t *value;
    json_object_foreach (reply_unwrap(root), key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof bookkeeping / sizeof *bookkeeping; i++)
            known = known || strcmp(key, bookkeeping[i]) == 0;
        if (!known || (strcmp(key, "data") == 0 && json_is_array(value)))
            return true;
    }
    return false;
}

bool reply_starts_job(int status, json_t *root) {
    char id[129];
    if (!reply_job_id(root, id, sizeof id))
        return false;
    bool explicit_id = json_object_get(root, "job_id") || json_object_get(reply_unwrap(root), "job_id");
    return status == 202 || explicit_id || !reply_is_inline_result(root);
}

bool reply_raw_member(const char *text, size_t size, const char *key, const char **member,
                      size_t *member_size) {
    json_reader_t reader;
    json_reader_init(&reader, text, size);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return false;
    size_t key_length = strlen(key);
    for (;;) {
        json_event_t event = json_next(&reader);
        if (event != JSON_KEY)
            return false;
        bool wanted = reader.length == key_length && memcmp(reader.text, key, key_length) == 0;
        event = json_next(&reader);
        if (wanted)
            return json_raw(&reader, event, member, member_size);
        if (!json_skip(&reader, event))
            return false;
    }
}

void reply_raw_payload(const char *text, size_t size, const char **payload, size_t *payload_size) {
    if (reply_raw_member(text, size, "data", payload, payload_size) && **payload == '{')
        return;
    *payload = text;
    *payload_size = size;
}

bool reply_raw_result(const char *text, size_t size, const char **result, size_t *result_size) {
    const char *payload, *job;
    size_t payload_size, job_size;
    reply_raw_payload(text, size, &payload, &payload_size);
    if (reply_raw_member(payload, payload_size, "job", &job, &job_size) && *job == '{') {
        payload = job;
        payload_size = job_size;
    }
    return reply_raw_member(payload, payload_size, "result", result, result_size) && **result != 'n';
}

json_t *reply_job(json_t *root) {
    json_t *payload = reply_unwrap(root);
    json_t *job = json_object_get(payload, "job");
    return json_is_object(job) ? job : payload;
}

job_state_t job_state_parse(const char *word) {
    static const struct {
        const char *word;
        job_state_t state;
    } words[] = {
        {"", JOB_QUEUED},
        {"queued", JOB_QUEUED},
        {"pending", JOB_QUEUED},
        {"submitted", JOB_QUEUED},
        {"accepted", JOB_QUEUED},
        {"created", JOB_QUEUED},
        {"idle", JOB_QUEUED},
        {"running", JOB_RUNNING},
        {"in_progress", JOB_RUNNING},
        {"processing", JOB_RUNNING},
        {"partially_filled", JOB_RUNNING},
        {"succeeded", JOB_SUCCEEDED},
        {"success", JOB_SUCCEEDED},
        {"completed", JOB_SUCCEEDED},
        {"done", JOB_SUCCEEDED},
        {"cancelled", JOB_CANCELLED},
        {"canceled", JOB_CANCELLED},
    };
    if (!word)
        return JOB_QUEUED;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(word, words[i].word) == 0)
            return words[i].state;
    return JOB_FAILED;
}

job_state_t reply_job_state(json_t *job) {
    static const char *const keys[] = {"status", "state", "job_status"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(job, keys[i]);
        if (value && !json_is_null(value))
            return json_is_string(value) ? job_state_parse(json_string_value(value)) : JOB_FAILED;
    }
    return JOB_QUEUED;
}

const char *job_state_name(job_state_t state) {
    static const char *const names[] = {"queued", "running", "succeeded", "failed", "cancelled"};
    return names[state];
}

void reply_append_segment(buf_t *out, const char *segment) {
    for (const unsigned char *c = (const unsigned char *)segment; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
                     *c == '-' || *c == '_' || *c == '.' || *c == '~';
        if (plain)
            buf_append_char(out, (char)*c);
        else
            buf_printf(out, "%%%02X", *c);
    }
}
