/* Prometheus text, and the request figures behind it. */
#include "base/process.h"
#include "bus/fault.h"
#include "gateway/prometheus.h"
#include "gateway/stats.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t s_count(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

TestSuite(metrics, .timeout = 10);

Test(metrics, a_sample_has_help_type_and_prefix) {
    buf_t out = BUF_INIT;
    prometheus_sample(&out, "uptime_seconds", "gauge", "Time since the start", 1.5);
    cr_assert_str_eq(buf_str(&out),
                     "# HELP integration_uptime_seconds Time since the start\n"
                     "# TYPE integration_uptime_seconds gauge\nintegration_uptime_seconds 1.5\n");
    buf_free(&out);
}

Test(metrics, special_values_have_their_names) {
    buf_t out = BUF_INIT;
    prometheus_sample(&out, "a", "gauge", "h", NAN);
    prometheus_sample(&out, "b", "gauge", "h", -INFINITY);
    cr_assert(strstr(buf_str(&out), "integration_a NaN\n") && strstr(buf_str(&out), "integration_b -Inf\n"));
    buf_free(&out);
}

Test(metrics, components_share_one_family_per_name) {
    ComponentStatus components[2] = {ComponentStatus_init_zero, ComponentStatus_init_zero};
    cr_assert(MESSAGE_SET(components[0].name, "signals") && MESSAGE_SET(components[1].name, "store"));
    status_add_metric(&components[0], "counter", "commands_total", "Commands", 3, NULL, NULL);
    status_add_metric(&components[0], "counter", "events_total", "Events", 1, "kind", "a\"b\n");
    status_add_metric(&components[1], "counter", "commands_total", "Commands", 4, NULL, NULL);
    buf_t out = BUF_INIT;
    prometheus_components(&out, components, 2);
    cr_assert(s_count(buf_str(&out), "# TYPE integration_commands_total counter\n") == 1);
    cr_assert(strstr(buf_str(&out), "integration_commands_total{component=\"signals\"} 3\n"
                                    "integration_commands_total{component=\"store\"} 4\n"));
    cr_assert(
        strstr(buf_str(&out), "integration_events_total{component=\"signals\",kind=\"a\\\"b\\n\"} 1\n"));
    buf_free(&out);
    for (int i = 0; i < 2; i++)
        message_release(ComponentStatus_message(), &components[i]);
}

Test(metrics, a_degraded_component_is_half_up) {
    ComponentStatus component = ComponentStatus_init_zero;
    cr_assert(MESSAGE_SET(component.name, "store"));
    status_set(&component, "degraded", "reconnecting");
    buf_t out = BUF_INIT;
    prometheus_states(&out, &component, 1);
    cr_assert(strstr(buf_str(&out), "integration_component_up{component=\"store\"} 0.5\n"));
    buf_free(&out);
    message_release(ComponentStatus_message(), &component);
}

Test(metrics, requests_are_counted_by_route_and_class_over_all_workers) {
    stats_t *stats = stats_new();
    worker_stats_t *a = stats_worker(stats), *b = stats_worker(stats);
    stats_count(a, &rpc_Gateway_GetHealth, 200, 100);
    stats_count(b, &rpc_Gateway_GetHealth, 204, 300);
    stats_count(b, &rpc_Gateway_GetHealth, 503, 20000000);
    stats_count(a, NULL, 404, 100);
    buf_t out = BUF_INIT;
    stats_write(stats, &out);
    const char *text = buf_str(&out);
    cr_expect(strstr(text, "integration_http_requests_total{route=\"GetHealth\",status=\"2xx\"} 2\n"));
    cr_expect(strstr(text, "integration_http_requests_total{route=\"GetHealth\",status=\"5xx\"} 1\n"));
    cr_expect(strstr(text, "integration_http_requests_total{route=\"none\",status=\"4xx\"} 1\n"));
    cr_expect(strstr(text, "_bucket{le=\"0.00025\"} 2\n"));
    cr_expect(strstr(text, "_bucket{le=\"0.0005\"} 3\n"));
    cr_expect(strstr(text, "_bucket{le=\"10\"} 3\n"));
    cr_expect(strstr(text, "_bucket{le=\"+Inf\"} 4\n"));
    cr_expect(strstr(text, "integration_http_request_duration_seconds_sum 20.000500\n"));
    cr_expect(stats_total(stats) == 4);
    buf_free(&out);
    stats_destroy(&stats);
}

Test(metrics, the_process_is_read_from_proc) {
    process_t process;
    process_read(&process);
    cr_assert(process.rss_bytes > 1e6 && process.threads >= 1 && process.open_files >= 3);
    cr_assert(process.cpu_seconds >= 0);
}
