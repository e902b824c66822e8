/* Putting /metrics together. */
#include "gateway/metrics.h"

#include "base/clock.h"
#include "base/process.h"
#include "gateway/dispatch.h"
#include "gateway/prometheus.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <math.h>

#define COLLECT_WAIT_US 2000000

static void s_write_process(const exchange_t *self, buf_t *out) {
    process_t process;
    process_read(&process);
    prometheus_head(out, "build_info", "gauge", "Version of the service");
    buf_append_str(out, PROMETHEUS_PREFIX "build_info{version=\"" INTEGRATION_VERSION "\"} 1\n");
    prometheus_sample(out, "uptime_seconds", "gauge", "Time since the start",
                      (double)(self->started_us - self->worker->shared->started_us) / 1e6);
    prometheus_sample(out, "process_resident_memory_bytes", "gauge", "Resident memory", process.rss_bytes);
    prometheus_sample(out, "process_cpu_seconds_total", "counter", "User and system time",
                      process.cpu_seconds);
    prometheus_sample(out, "process_open_fds", "gauge", "Open file descriptors", process.open_files);
    prometheus_sample(out, "process_threads", "gauge", "Threads", process.threads);
}

static void s_write_gateway(const exchange_t *self, buf_t *out) {
    shared_t *shared = self->worker->shared;
    prometheus_sample(out, "http_connections", "gauge", "Open connections",
                      atomic_load(&shared->connections));
    prometheus_sample(out, "http_requests_in_progress", "gauge", "Requests being answered",
                      gate_inside(shared->gate));
    prometheus_sample(out, "http_requests_on_bus", "gauge", "Requests waiting for a component",
                      gate_on_bus(shared->gate));
    stats_write(shared->stats, out);
}

static void s_write_components(exchange_t *self, buf_t *out) {
    CollectMetricsRequest request = CollectMetricsRequest_init_zero;
    CollectedMetrics collected = CollectedMetrics_init_zero;
    Fault fault = Fault_init_zero;
    Envelope envelope = Envelope_init_zero;
    dispatch_envelope(self, &envelope);
    envelope.deadline_us = clock_mono_us() + COLLECT_WAIT_US;
    err_t err = ERR_NO_SUBSCRIBER;
    if (self->worker->bus)
        err = bus_client_request(self->worker->bus, &rpc_SystemMonitor_CollectMetrics, &envelope, &request,
                                 &collected, &fault);
    prometheus_sample(out, "components_reachable", "gauge", "1 when the components could be asked",
                      err == OK);
    prometheus_states(out, collected.components, collected.components_count);
    prometheus_components(out, collected.components, collected.components_count);
    message_release(CollectedMetrics_message(), &collected);
    message_release(Fault_message(), &fault);
}

void metrics_write(exchange_t *self, buf_t *out) {
    s_write_process(self, out);
    s_write_gateway(self, out);
    s_write_components(self, out);
}
