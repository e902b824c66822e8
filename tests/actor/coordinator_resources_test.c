/* Resources: strategies, the limits that they set on the adapters, figures of the host. */
#include "system_fixture.h"

/* ---- resources ---- */

static Resources s_resources(flow_t *f) {
    Resources resources = Resources_init_zero;
    cr_assert_eq(s_ask(f, RPC(GetResources), EMPTY(GetResourcesRequest), &resources), OK);
    return resources;
}

static void s_resources_free(Resources *resources) {
    message_release(Resources_message(), resources);
}

static void s_set_resources(flow_t *f, const char *strategy, char id[UUID_SIZE]) {
    SetResourcesRequest request = {.has_strategy = true};
    Resources resources = Resources_init_zero;
    MESSAGE_PUT(request.strategy, strategy);
    cr_assert_eq(s_ask(f, RPC(SetResources), &request, &resources), OK);
    cr_assert_str_eq(resources.strategy, strategy);
    cr_assert(message_set(id, UUID_SIZE, resources.allocation_id));
    s_resources_free(&resources);
}

SYSTEM_TEST(the_first_allocation_is_balanced_and_kept) {
    s_start(f);
    Resources first = s_resources(f);
    cr_expect_str_eq(first.strategy, "balanced");
    cr_expect_eq(strlen(first.allocation_id), 36);
    cr_expect_not(first.is_active, "no adapter has taken its limit");
    cr_expect_not(first.limits.macro.has_in_flight);
    cr_expect_gt(first.created_time, 0);
    cr_expect(first.host.cpu_count >= 1 && first.host.has_memory_total_bytes &&
              first.host.has_disk_free_bytes);
    cr_expect(first.process.has_rss_bytes && first.process.has_cpu_seconds && first.process.has_threads);
    cr_expect_gt(first.process.open_files, 2);
    for (int i = 0; i < SERVICE_COUNT; i++)
        flow_start_adapter(f, i);
    s_restart_coordinator(f);
    Resources again = s_resources(f);
    cr_expect_str_eq(again.allocation_id, first.allocation_id);
    cr_expect_eq(again.created_time, first.created_time);
    cr_expect(again.is_active && again.limits.macro.has_in_flight);
    s_resources_free(&first);
    s_resources_free(&again);
}

SYSTEM_TEST(the_use_of_the_processors_is_known_from_the_start) {
    s_start(f);
    Resources resources = s_resources(f);
    cr_expect(resources.host.has_cpu_usage && resources.host.cpu_usage >= 0 && resources.host.cpu_usage <= 1);
    s_resources_free(&resources);
}

SYSTEM_TEST(a_strategy_is_kept_over_a_restart) {
    char first[UUID_SIZE], again[UUID_SIZE];
    s_start(f);
    s_set_resources(f, "performance", first);
    s_set_resources(f, "performance", again);
    cr_expect_str_eq(first, again, "the same strategy is the same allocation");
    s_restart_coordinator(f);
    Resources resources = s_resources(f);
    cr_expect_str_eq(resources.strategy, "performance");
    cr_expect_str_eq(resources.allocation_id, first);
    s_resources_free(&resources);
    s_set_resources(f, "conservative", again);
    cr_expect_str_neq(first, again);
}

/* The simulator's macro service, which keeps every request waiting, and an adapter to it. */
static void s_start_hanging_macro(flow_t *f) {
    simulator_start(&f->sim, NULL);
    simulator_fault(&f->sim, SIM_MACRO, "{\"hang\":true,\"path_prefix\":\"/api/v1/macro/state\"}");
    flow_point_at(f, SERVICE_MACRO, f->sim.services[SIM_MACRO].port);
    flow_start_adapter(f, SERVICE_MACRO);
}

static void s_send_macro_calls(flow_t *f, int count) {
    AdapterCall call = AdapterCall_init_zero;
    MESSAGE_PUT(call.method, "GET");
    call.path = (char *)"/api/v1/macro/state";
    for (int i = 0; i < count; i++)
        flow_send(f, "adapter.macro", FLOW_MS, &rpc_Adapter_Call, &call);
}

typedef struct {
    flow_t *flow;
    size_t count;
} arrivals_t;

static bool s_have_arrived(void *context) {
    arrivals_t *wanted = context;
    return simulator_count(&wanted->flow->sim, SIM_MACRO, "GET", "/api/v1/macro/state") >= wanted->count;
}

SYSTEM_TEST(a_strategy_limits_the_calls_that_reach_a_service_at_once) {
    char id[UUID_SIZE];
    fixture_start_actors(&f->store, NULL);
    s_start_hanging_macro(f);
    s_start_coordinator(f);
    s_await_coordinator(f);
    s_set_resources(f, "conservative", id);
    s_send_macro_calls(f, 9);
    arrivals_t two = {f, 2};
    harness_until(s_have_arrived, &two, "as many calls as the limit allows reach the service");
    Resources resources = s_resources(f);
    cr_expect_eq(resources.limits.macro.max_in_flight, 2);
    cr_expect_eq(resources.limits.macro.in_flight, 2);
    cr_expect_eq(simulator_count(&f->sim, SIM_MACRO, "GET", "/api/v1/macro/state"), 2);
    s_resources_free(&resources);
    simulator_clear_faults(&f->sim, SIM_MACRO);
}

static bool s_macro_limit_is_two(void *context) {
    flow_t *f = context;
    ServiceItem item = ServiceItem_init_zero;
    cr_assert_eq(
        flow_ask(f, "adapter.macro", HARNESS_MS, &rpc_Adapter_GetItem, EMPTY(GetItemRequest), &item, NULL),
        OK);
    bool is = item.calls.max_in_flight == 2;
    message_release(ServiceItem_message(), &item);
    return is;
}

SYSTEM_TEST(an_adapter_that_was_restarted_gets_its_limit_again) {
    char id[UUID_SIZE];
    s_start(f);
    flow_start_adapter(f, SERVICE_MACRO);
    s_set_resources(f, "conservative", id);
    cr_assert(s_macro_limit_is_two(f));
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_MACRO], HARNESS_MS);
    flow_start_adapter(f, SERVICE_MACRO);
    harness_until(s_macro_limit_is_two, f, "the limit is set again");
}
