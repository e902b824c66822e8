/* Refusals and component states. */
#include "bus/fault.h"

#include "message/message.h"
#include <stdio.h>
#include <stdlib.h>

static char *s_format(const char *format, va_list args) {
    char *text = NULL;
    assert_always(vasprintf(&text, format, args) >= 0);
    return text;
}

/* Makes room for one more item in a repeated pointer field and returns it zeroed. */
static void *s_grow(void **items, pb_size_t *count, size_t item_size) {
    assert_always(*count < PB_SIZE_MAX);
    *items = realloc(*items, (*count + (size_t)1) * item_size);
    assert_always(*items);
    char *item = (char *)*items + *count * item_size;
    memset(item, 0, item_size);
    (*count)++;
    return item;
}

/* A text that is longer than its field is cut: names here are static and checked by tests. */
static void s_set(char *field, size_t capacity, const char *text) {
    snprintf(field, capacity, "%s", text ? text : "");
}

void fault_fill(Fault *self, err_t err) {
    if (!self->code[0])
        s_set(self->code, sizeof self->code, err_name(err));
    if (!self->message)
        self->message = message_strdup(err_text(err));
}

void fault_set_message(Fault *self, const char *format, va_list args) {
    free(self->message);
    self->message = s_format(format, args);
}

void fault_add_detail(Fault *self, const char *field, const char *format, va_list args) {
    void *items = self->details;
    FieldProblem *detail = s_grow(&items, &self->details_count, sizeof *detail);
    self->details = items;
    detail->field = message_strdup(field);
    detail->problem = s_format(format, args);
}

err_t fault_err(const Fault *self) {
    err_t err = err_from_name(self->code);
    return err == OK || err == ERR_PENDING ? ERR_INTERNAL : err;
}

const char *fault_reason(const Fault *fault, err_t err) {
    return fault && fault->message && *fault->message ? fault->message : err_text(err);
}

void status_add_metric(ComponentStatus *self, const char *kind, const char *name, const char *help,
                       double value, const char *label_name, const char *label_value) {
    void *items = self->metrics;
    Metric *metric = s_grow(&items, &self->metrics_count, sizeof *metric);
    self->metrics = items;
    s_set(metric->kind, sizeof metric->kind, kind);
    s_set(metric->name, sizeof metric->name, name);
    s_set(metric->label_name, sizeof metric->label_name, label_name);
    s_set(metric->label_value, sizeof metric->label_value, label_value);
    metric->help = message_strdup(help);
    metric->value = value;
}

void status_set(ComponentStatus *self, const char *status, const char *reason) {
    s_set(self->status, sizeof self->status, status);
    free(self->reason);
    self->reason = message_strdup(reason);
}
