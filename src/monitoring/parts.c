/* Showing the parts: see parts.h. */
#include "monitoring/parts.h"

#include "base/config.h"
#include "bus/fault.h"
#include "message/message.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *part_component(part_t part) {
    static const char *const names[PART_COUNT] = {
        "coordinator",
        "signals",
        "delivery",
        "dataflow",
        "scheduler",
        "monitoring",
        "validation",
        "services",
        "store",
        "store-reader",
        "cache",
        "stream",
        "adapter.macro",
        "adapter.portfolio",
        "adapter.execution",
        "adapter.flowhub",
        "bus",
    };
    return names[part];
}

void part_stopped(ComponentStatus *status, part_t part, const char *reason) {
    MESSAGE_PUT(status->name, part_component(part));
    status_set(status, "stopped", reason);
}

bool part_is_up(const ComponentStatus *status, const char **why) {
    bool up = strcmp(status->status, "running") == 0 || strcmp(status->status, "degraded") == 0;
    *why = status->reason && *status->reason ? status->reason : status->status;
    return up;
}

/* ---- States ---- */

static int s_badness(const char *status) {
    return strcmp(status, "running") == 0 ? 0 : strcmp(status, "degraded") == 0 ? 1 : 2;
}

static void s_add_counters(ComponentState *out, const ComponentStatus *from, const char *prefix) {
    size_t count = out->counters_count + from->metrics_count;
    buf_t key = BUF_INIT;
    out->counters = realloc(out->counters, (count + 1) * sizeof *out->counters);
    assert_always(out->counters);
    for (size_t i = 0; i < from->metrics_count; i++) {
        const Metric *metric = &from->metrics[i];
        ComponentState_CountersEntry *entry = &out->counters[out->counters_count++];
        buf_clear(&key);
        buf_printf(&key, "%s%s%s%s", prefix, metric->name, *metric->label_value ? "_" : "",
                   metric->label_value);
        /* one that is too long for its place is cut: it is for reading only */
        snprintf(entry->key, sizeof entry->key, "%.*s", (int)sizeof entry->key - 1, buf_str(&key));
        entry->value = metric->value;
    }
    buf_free(&key);
}

static void s_fill(ComponentState *out, const ComponentStatus *from) {
    MESSAGE_PUT(out->status, from->status);
    out->reason = from->reason && *from->reason ? message_strdup(from->reason) : NULL;
    s_add_counters(out, from, "");
}

static void s_fill_store(ComponentState *out, const ComponentStatus *writer, const ComponentStatus *reader) {
    s_fill(out, writer);
    s_add_counters(out, reader, "reader_");
    if (s_badness(reader->status) <= s_badness(writer->status))
        return;
    buf_t reason = BUF_INIT;
    buf_printf(&reason, "reader: %s", reader->reason && *reader->reason ? reader->reason : reader->status);
    MESSAGE_PUT(out->status, reader->status);
    free(out->reason);
    out->reason = buf_steal(&reason);
}

static void s_fill_adapters(ComponentStates *out, const ComponentStatus *states) {
    out->adapters = message_list(SERVICE_COUNT, sizeof *out->adapters);
    out->adapters_count = SERVICE_COUNT;
    for (int i = 0; i < SERVICE_COUNT; i++) {
        MESSAGE_PUT(out->adapters[i].key, service_names[i]);
        out->adapters[i].has_value = true;
        s_fill(&out->adapters[i].value, &states[PART_ADAPTER_MACRO + i]);
    }
}

void parts_fill(const ComponentStatus *states, ComponentStates *out) {
    out->has_coordinator = out->has_signal_router = out->has_data_flow_manager = out->has_scheduler = true;
    out->has_system_monitor = out->has_validation_coordinator = out->has_store = out->has_cache = true;
    out->has_bus = out->has_stream = out->has_delivery = true;
    s_fill(&out->coordinator, &states[PART_COORDINATOR]);
    s_fill(&out->signal_router, &states[PART_SIGNALS]);
    s_fill(&out->delivery, &states[PART_DELIVERY]);
    s_fill(&out->data_flow_manager, &states[PART_DATAFLOW]);
    s_fill(&out->scheduler, &states[PART_SCHEDULER]);
    s_fill(&out->system_monitor, &states[PART_MONITORING]);
    s_fill(&out->validation_coordinator, &states[PART_VALIDATION]);
    s_fill_store(&out->store, &states[PART_STORE], &states[PART_STORE_READER]);
    s_fill(&out->cache, &states[PART_CACHE]);
    s_fill(&out->bus, &states[PART_BUS]);
    s_fill(&out->stream, &states[PART_STREAM]);
    s_fill_adapters(out, states);
}
