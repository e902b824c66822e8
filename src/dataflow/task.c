/* flowhub's tasks: see task.h. */
#include "dataflow/task.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "services/reply.h"
#include <stdio.h>
#include <string.h>

char *task_body(const dataset_t *dataset) {
    json_t *params = json_tree_parse(dataset->params);
    assert_always(json_is_object(params));
    json_t *value = dataset->schedule_value ? json_string(dataset->schedule_value) : json_null();
    json_t *root = json_pack("{s:s, s:s, s:o, s:s, s:o, s:b, s:b}", "name", dataset->task_name, "data_type",
                             dataset->name, "params", params, "schedule_type", dataset->schedule_type,
                             "schedule_value", value, "enabled", 1, "allow_overlap", 0);
    char *body = json_tree_text(root);
    json_decref(root);
    return body;
}

/* ---- Finding ---- */

static bool s_equal(json_t *have, json_t *want) {
    bool no_have = !have || json_is_null(have), no_want = !want || json_is_null(want);
    return no_have || no_want ? no_have == no_want : json_equal(have, want);
}

static bool s_is_same(json_t *task, json_t *wanted) {
    static const char *const keys[] = {"data_type",      "params",  "schedule_type",
                                       "schedule_value", "enabled", "allow_overlap"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!s_equal(json_object_get(task, keys[i]), json_object_get(wanted, keys[i])))
            return false;
    }
    return true;
}

static bool s_copy_id(json_t *value, char id[TASK_ID_SIZE]) {
    const char *text = json_string_value(value);
    if (!text || !*text || strlen(text) >= TASK_ID_SIZE)
        return false;
    snprintf(id, TASK_ID_SIZE, "%s", text);
    return true;
}

static json_t *s_named(json_t *tasks, const char *name) {
    size_t i;
    json_t *task;
    json_array_foreach (tasks, i, task) {
        const char *its = json_string_value(json_object_get(task, "name"));
        if (its && strcmp(its, name) == 0)
            return task;
    }
    return NULL;
}

static err_t s_find(json_t *tasks, json_t *wanted, task_found_t *found, char task_id[TASK_ID_SIZE],
                    char why[TASK_WHY_SIZE]) {
    const char *name = json_string_value(json_object_get(wanted, "name"));
    json_t *task = s_named(tasks, name);
    *found = TASK_ABSENT;
    if (!task)
        return OK;
    *found = s_is_same(task, wanted) ? TASK_SAME : TASK_DIFFERENT;
    if (s_copy_id(json_object_get(task, "task_id"), task_id) ||
        s_copy_id(json_object_get(task, "id"), task_id))
        return OK;
    snprintf(why, TASK_WHY_SIZE, "the task %s has no task_id", name);
    return ERR_PROTOCOL;
}

err_t task_find(const char *page, const char *body, task_found_t *found, char task_id[TASK_ID_SIZE],
                size_t *items, char why[TASK_WHY_SIZE]) {
    json_t *root = json_tree_parse(page), *wanted = json_tree_parse(body);
    json_t *tasks = json_object_get(root, "tasks");
    err_t err = ERR_PROTOCOL;
    *items = json_array_size(tasks);
    if (json_is_array(tasks))
        err = s_find(tasks, wanted, found, task_id, why);
    else
        snprintf(why, TASK_WHY_SIZE, "the list of tasks holds no array \"tasks\"");
    json_decref(root);
    json_decref(wanted);
    return err;
}

/* ---- Answers ---- */

err_t task_read_id(const char *answer, char task_id[TASK_ID_SIZE], char why[TASK_WHY_SIZE]) {
    json_t *root = json_tree_parse(answer);
    bool found = s_copy_id(json_object_get(root, "task_id"), task_id) ||
                 s_copy_id(json_object_get(root, "id"), task_id);
    json_decref(root);
    if (found)
        return OK;
    snprintf(why, TASK_WHY_SIZE, "the answer names no task_id");
    return ERR_PROTOCOL;
}

/* The answer also names the task: its id alone is no job. */
err_t task_read_job(const char *answer, const char *task_id, char job_id[TASK_ID_SIZE],
                    char why[TASK_WHY_SIZE]) {
    json_t *root = json_tree_parse(answer);
    bool found = reply_job_id(root, job_id, TASK_ID_SIZE) && strcmp(job_id, task_id) != 0;
    json_decref(root);
    if (found)
        return OK;
    job_id[0] = '\0';
    snprintf(why, TASK_WHY_SIZE, "the task was run but the answer names no job_id");
    return ERR_PROTOCOL;
}

bool task_conflict_detail(const char *refusal, const char *key, char id[TASK_ID_SIZE]) {
    json_t *root = json_tree_parse(refusal);
    json_t *details = json_object_get(json_object_get(root, "error"), "details");
    bool found = s_copy_id(json_object_get(details, key), id);
    json_decref(root);
    return found;
}

static bool s_is(json_t *object, const char *key, const char *text) {
    const char *value = json_string_value(json_object_get(object, key));
    return value && strcmp(value, text) == 0;
}

bool task_find_running_job(const char *page, const dataset_t *dataset, char job_id[TASK_ID_SIZE]) {
    json_t *root = json_tree_parse(page), *job;
    size_t i;
    bool found = false;
    json_array_foreach (json_object_get(root, "jobs"), i, job) {
        json_t *params = json_object_get(job, "params");
        if (found || !s_is(params, "data_type", dataset->name) ||
            !s_is(params, "task_name", dataset->task_name))
            continue;
        found =
            !job_state_is_terminal(reply_job_state(job)) && s_copy_id(json_object_get(job, "job_id"), job_id);
    }
    json_decref(root);
    return found;
}

static bool s_count(json_t *result, const char *key, uint64_t *count) {
    json_t *value = json_object_get(result, key);
    double number = json_number_value(value);
    if (!json_is_number(value) || number < 0 || number > 9e15)
        return false;
    *count = (uint64_t)number;
    return true;
}

err_t task_read_result(const dataset_t *dataset, const char *result, task_records_t *records,
                       char why[TASK_WHY_SIZE]) {
    static const char *const keys[] = {"records_count", "total_records", "saved_count"};
    uint64_t fetched = 0, saved = 0, skipped = 0;
    json_t *root = json_tree_parse(result);
    *records = (task_records_t){0};
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !records->known; i++)
        records->known = s_count(root, keys[i], &records->count);
    s_count(root, "records_count", &fetched);
    s_count(root, "saved_count", &saved);
    s_count(root, "skipped_count", &skipped);
    json_decref(root);
    if (!dataset->empty_is_failure || fetched + saved + skipped > 0)
        return OK;
    snprintf(why, TASK_WHY_SIZE, "the job succeeded but brought and skipped no record");
    return ERR_DOWNSTREAM_REFUSED;
}

/* Epoch seconds, or RFC 3339 where a service is not strict. */
bool task_read_completed(const char *answer, int64_t *completed_ms) {
    json_t *root = json_tree_parse(answer);
    json_t *value = json_object_get(root, "completed_at");
    double seconds = json_number_value(value);
    bool known = json_is_number(value) && seconds > 0 && seconds < 1e11;
    if (known)
        *completed_ms = (int64_t)(seconds * 1000);
    else if (json_is_string(value))
        known = clock_parse_ms(json_string_value(value), json_string_length(value), completed_ms);
    json_decref(root);
    return known;
}
