/* Showing the parts. */
#include "monitoring/parts.h"

#include "base/config.h"
#include "bus/fault.h"
#include "message/message.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <string.h>

static void s_make(ComponentStatus states[PART_COUNT]) {
    memset(states, 0, PART_COUNT * sizeof *states);
    for (part_t part = 0; part < PART_COUNT; part++) {
        MESSAGE_PUT(states[part].name, part_component(part));
        status_set(&states[part], "running", NULL);
        status_add_metric(&states[part], "counter", "commands_total", "h", part, NULL, NULL);
    }
}

static void s_free(ComponentStatus states[PART_COUNT]) {
    for (part_t part = 0; part < PART_COUNT; part++)
        message_release(ComponentStatus_message(), &states[part]);
}

static double s_counter(const ComponentState *state, const char *name) {
    for (size_t i = 0; i < state->counters_count; i++) {
        if (strcmp(state->counters[i].key, name) == 0)
            return state->counters[i].value;
    }
    cr_assert_fail("no counter %s", name);
    return 0;
}

Test(parts, each_goes_to_its_place, .timeout = 10) {
    ComponentStatus states[PART_COUNT];
    ComponentStates out = ComponentStates_init_zero;
    s_make(states);
    parts_fill(states, &out);
    cr_expect_eq(s_counter(&out.coordinator, "commands_total"), PART_COORDINATOR);
    cr_expect_eq(s_counter(&out.signal_router, "commands_total"), PART_SIGNALS);
    cr_expect_eq(s_counter(&out.delivery, "commands_total"), PART_DELIVERY);
    cr_expect_eq(s_counter(&out.data_flow_manager, "commands_total"), PART_DATAFLOW);
    cr_expect_eq(s_counter(&out.scheduler, "commands_total"), PART_SCHEDULER);
    cr_expect_eq(s_counter(&out.system_monitor, "commands_total"), PART_MONITORING);
    cr_expect_eq(s_counter(&out.validation_coordinator, "commands_total"), PART_VALIDATION);
    cr_expect_eq(s_counter(&out.store, "commands_total"), PART_STORE);
    cr_expect_eq(s_counter(&out.store, "reader_commands_total"), PART_STORE_READER);
    cr_expect_eq(s_counter(&out.cache, "commands_total"), PART_CACHE);
    cr_expect_eq(s_counter(&out.bus, "commands_total"), PART_BUS);
    cr_expect_eq(s_counter(&out.stream, "commands_total"), PART_STREAM);
    cr_assert_eq(out.adapters_count, SERVICE_COUNT);
    for (int i = 0; i < SERVICE_COUNT; i++) {
        const char *component = part_component(PART_ADAPTER_MACRO + (part_t)i);
        cr_expect_str_eq(out.adapters[i].key, service_names[i]);
        cr_expect_eq(s_counter(&out.adapters[i].value, "commands_total"), PART_ADAPTER_MACRO + i);
        cr_expect_str_eq(component + strlen("adapter."), service_names[i]);
    }
    message_release(ComponentStates_message(), &out);
    s_free(states);
}

Test(parts, show_status_and_reason, .timeout = 10) {
    ComponentStatus states[PART_COUNT];
    ComponentStates out = ComponentStates_init_zero;
    s_make(states);
    status_set(&states[PART_CACHE], "degraded", "redis: away");
    message_release(ComponentStatus_message(), &states[PART_STREAM]);
    part_stopped(&states[PART_STREAM], PART_STREAM, "not running");
    parts_fill(states, &out);
    cr_expect_str_eq(out.cache.status, "degraded");
    cr_expect_str_eq(out.cache.reason, "redis: away");
    cr_expect_str_eq(out.stream.status, "stopped");
    cr_expect_str_eq(out.stream.reason, "not running");
    cr_expect_str_eq(out.coordinator.status, "running");
    cr_expect_null(out.coordinator.reason);
    message_release(ComponentStates_message(), &out);
    s_free(states);
}

Test(parts, the_store_is_as_bad_as_the_worse_of_writer_and_reader, .timeout = 10) {
    static const struct {
        const char *writer, *reader, *shown, *reason;
    } cases[] = {{"running", "degraded", "degraded", "reader: why r"},
                 {"degraded", "running", "degraded", "why w"},
                 {"degraded", "stopped", "stopped", "reader: why r"},
                 {"stopped", "degraded", "stopped", "why w"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ComponentStatus states[PART_COUNT];
        ComponentStates out = ComponentStates_init_zero;
        s_make(states);
        status_set(&states[PART_STORE], cases[i].writer, "why w");
        status_set(&states[PART_STORE_READER], cases[i].reader, "why r");
        parts_fill(states, &out);
        cr_expect_str_eq(out.store.status, cases[i].shown);
        cr_expect_str_eq(out.store.reason, cases[i].reason);
        message_release(ComponentStates_message(), &out);
        s_free(states);
    }
}

Test(parts, a_label_stands_behind_the_metrics_name, .timeout = 10) {
    ComponentStatus states[PART_COUNT];
    ComponentStates out = ComponentStates_init_zero;
    s_make(states);
    status_add_metric(&states[PART_CACHE], "gauge", "size", "h", 3, "tier", "l1");
    status_add_metric(&states[PART_CACHE], "gauge", "size", "h", 4, "tier", "l2");
    parts_fill(states, &out);
    cr_expect_eq(s_counter(&out.cache, "size_l1"), 3);
    cr_expect_eq(s_counter(&out.cache, "size_l2"), 4);
    message_release(ComponentStates_message(), &out);
    s_free(states);
}

Test(parts, one_that_is_degraded_is_up_and_one_that_is_stopped_is_not, .timeout = 10) {
    ComponentStatus status = ComponentStatus_init_zero;
    const char *why;
    status_set(&status, "degraded", "slow");
    cr_expect(part_is_up(&status, &why));
    status_set(&status, "stopped", NULL);
    cr_expect_not(part_is_up(&status, &why));
    cr_expect_str_eq(why, "stopped");
    status_set(&status, "stopped", "not running");
    cr_expect_not(part_is_up(&status, &why));
    cr_expect_str_eq(why, "not running");
    message_release(ComponentStatus_message(), &status);
}
