/* The service: configuration, signals, start order, stop order; nothing else. */
#include "actor/supervisor.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"
#include "coordinator/coordinator.h"
#include "dataflow/dataflow.h"
#include "delivery/delivery.h"
#include "gateway/server.h"
#include "monitoring/monitoring.h"
#include "routes.gen.h"
#include "scheduler/scheduler.h"
#include "services/adapter.h"
#include "services/services.h"
#include "signals/signals.h"
#include "store/store_actor.h"
#include "stream/stream.h"
#include "tables.gen.h"
#include "validation/validation.h"
#include <czmq.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EXIT_RUNTIME = 1, EXIT_CONFIG = 2 };

/* Shares of INTEGRATION_SHUTDOWN_SECONDS, in percent: answering what is inside, stopping the components, answering
 * what waited for them. */
enum { DRAIN_SHARE = 50, STOP_SHARE = 80, LAST_SHARE = 90 };

#define ASK_US 1000000

/* A turn of the store waits for its database: as long as a statement may take, and a reconnect. */
#define STORE_WATCHDOG_MS 120000

#define ADAPTER(service_name, service_index)                                                                \
    {                                                                                                       \
        .klass = &adapter_class, .name = "adapter." service_name, .args = &(adapter_args_t){service_index}, \
        .restartable = true                                                                                 \
    }

/* What the monitor is told of the process; filled in as it becomes known. */
static monitoring_args_t s_monitored;

/* Start order; stopped in reverse: whoever asks stops before whoever answers. */
static const supervisor_entry_t s_table[] = {
    {.klass = &store_writer_class, .watchdog_ms = STORE_WATCHDOG_MS},
    {.klass = &store_reader_class, .watchdog_ms = STORE_WATCHDOG_MS, .restartable = true},
    {.klass = &cache_class, .restartable = true},
    ADAPTER("macro", SERVICE_MACRO),
    ADAPTER("portfolio", SERVICE_PORTFOLIO),
    ADAPTER("execution", SERVICE_EXECUTION),
    ADAPTER("flowhub", SERVICE_FLOWHUB),
    {.klass = &services_class, .restartable = true},
    {.klass = &stream_class, .restartable = true},
    {.klass = &delivery_class, .restartable = true},
    {.klass = &signals_class, .restartable = true},
    {.klass = &dataflow_class, .restartable = true},
    {.klass = &validation_class, .restartable = true},
    {.klass = &coordinator_class, .restartable = true},
    {.klass = &scheduler_class, .restartable = true},
    {.klass = &monitoring_class, .args = &s_monitored, .restartable = true},
    {0},
};

typedef struct {
    int argc;
    char *const *argv;
    config_t *config;   /* the one in force */
    config_t **retired; /* replaced by reloads; components may still hold them */
    size_t retired_count;
    int signals; /* signalfd */
    bus_t *bus;
    bus_client_t *client;
    supervisor_t *supervisor;
    gateway_t *gateway;
    int64_t started_us;
} service_t;

extern char **environ;

/* ---- process ---- */

static sigset_t s_signal_set(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/* Before any thread: what is blocked here is blocked in all of them, and main alone reads it. */
static err_t s_take_signals(service_t *self) {
    sigset_t set = s_signal_set();
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return self->signals >= 0 ? OK : ERR_IO;
}

static void s_exit_now(int signal_number) {
    (void)signal_number;
    _exit(EXIT_RUNTIME);
}

/* While stopping, another signal ends the process at once, as does the end of the time allowed. */
static void s_arm_exit(const service_t *self) {
    struct sigaction action = {.sa_handler = s_exit_now};
    sigset_t set = s_signal_set();
    sigdelset(&set, SIGHUP);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm((unsigned)self->config->shutdown_seconds);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* One descriptor a connection, and two or three a bus client. */
static void s_raise_limits(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    /* Many threads that wait most of the time: few arenas keep idle memory small. */
    mallopt(M_ARENA_MAX, 4);
}

static void s_start_zmq(const config_t *config) {
    zsys_handler_set(NULL);
    /* Two sockets a worker and an actor, and some for the stream. */
    zsys_set_max_sockets((size_t)config->http_threads * 2 + 512);
    zsys_init();
}

/* ---- start ---- */

static void s_ask_stream(service_t *self, StreamStats *stats) {
    GetStreamStatsRequest request = GetStreamStatsRequest_init_zero;
    Fault fault = Fault_init_zero;
    Envelope envelope = {.deadline_us = clock_mono_us() + ASK_US};
    err_t err =
        bus_client_request(self->client, &rpc_Stream_GetStreamStats, &envelope, &request, stats, &fault);
    if (err != OK)
        log_debug("the stream does not tell its addresses", LOG_ERRT(err));
    message_release(Fault_message(), &fault);
}

/* Whoever started us waits for this line. */
static void s_say_ready(service_t *self) {
    StreamStats stats = StreamStats_init_zero;
    s_ask_stream(self, &stats);
    log_info(
        "ready", LOG_STR("rest", gateway_url(self->gateway)), LOG_INT("port", gateway_port(self->gateway)),
        LOG_STR("stream", stats.stream_url ? stats.stream_url : ""),
        LOG_STR("replay", stats.replay_url ? stats.replay_url : ""), LOG_STR("version", INTEGRATION_VERSION),
        LOG_INT("pid", getpid()), LOG_INT("start_ms", (clock_mono_us() - self->started_us) / 1000));
    message_release(StreamStats_message(), &stats);
}

static err_t s_start(service_t *self) {
    s_start_zmq(self->config);
    err_t err = bus_start(&self->bus);
    if (err != OK)
        return err;
    self->client = bus_client_new();
    self->supervisor = supervisor_new(s_table, self->config);
    if (!self->client || !self->supervisor)
        return ERR_INTERNAL;
    s_monitored.bus = self->bus;
    s_monitored.supervisor = self->supervisor;
    s_monitored.started_us = self->started_us;
    err = supervisor_start(self->supervisor);
    if (err == OK)
        err = gateway_start(&self->gateway, self->config);
    if (err == OK)
        atomic_store(&s_monitored.rest_port, gateway_port(self->gateway));
    return err;
}

/* ---- reload ---- */

static void s_log_lines(const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = message_strndup(text, length);
        log_error("the configuration was not reloaded", LOG_STR("problem", line));
        free(line);
        text += length + (text[length] == '\n');
    }
}

static config_t *s_load_again(service_t *self) {
    char *problems = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&problems, &size);
    assert_always(file);
    config_t *fresh = NULL;
    config_flags_t flags = {0};
    err_t err = config_load(&fresh, &flags, self->argc, self->argv, environ, file);
    fclose(file);
    if (err != OK)
        s_log_lines(problems);
    free(problems);
    return fresh;
}

static void s_log_changes(const config_t *before, const config_t *after) {
    buf_t names = BUF_INIT;
    (void)config_changes(before, after, true, &names);
    log_info("settings reloaded", LOG_STR("changed", buf_str(&names)), LOG_INT("api_keys", after->key_count));
    buf_clear(&names);
    if (config_changes(before, after, false, &names) > 0)
        log_warning("settings that need a restart were left as they are",
                    LOG_STR("settings", buf_str(&names)));
    buf_free(&names);
}

/* An event without fields. */
static void s_publish(service_t *self, const char *topic, const message_t *message) {
    Envelope envelope = Envelope_init_zero;
    bool fits = MESSAGE_SET(envelope.schema, message->schema);
    assert_always(fits);
    err_t err = bus_client_send(self->client, topic, &envelope, "", 0);
    if (err != OK)
        log_warning("components were not told", LOG_STR("event", topic), LOG_ERRT(err));
}

static void s_retire(service_t *self, config_t *config) {
    self->retired = realloc(self->retired, (self->retired_count + 1) * sizeof *self->retired);
    assert_always(self->retired);
    self->retired[self->retired_count++] = config;
}

static void s_reload(service_t *self) {
    err_t err = log_reopen();
    if (err != OK)
        log_error("the log file cannot be opened again", LOG_STR("file", self->config->log_file),
                  LOG_ERRT(err));
    config_t *fresh = s_load_again(self);
    if (!fresh)
        return;
    log_level_t level;
    if (log_level_parse(fresh->log_level, &level))
        log_set_level(level);
    gateway_reload(self->gateway, fresh);
    s_log_changes(self->config, fresh);
    s_retire(self, self->config);
    self->config = fresh;
    s_publish(self, "evt/config/Reloaded", ConfigReloaded_message());
}

/* ---- run and stop ---- */

/* True when it is time to stop. */
static bool s_take_signal(service_t *self) {
    struct signalfd_siginfo info;
    bool stop = false;
    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            s_reload(self);
        } else {
            log_info("stopping", LOG_STR("signal", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT"));
            stop = true;
        }
    }
    return stop;
}

static err_t s_run(service_t *self) {
    for (;;) {
        bool readable = false;
        err_t err = supervisor_wait(self->supervisor, self->signals, clock_mono_us() + ASK_US, &readable);
        if (err != OK)
            return err;
        if (readable && s_take_signal(self))
            return OK;
    }
}

/* What is inside is answered; what still waits for a component then is answered by its end; only then the workers
 * go, who would otherwise take the answers with them. */
static void s_stop(service_t *self) {
    int64_t now = clock_mono_us(), allowed_us = self->config->shutdown_seconds * 1000000;
    if (self->client)
        s_publish(self, "evt/service/Stopping", Stopping_message());
    if (self->gateway) {
        gateway_close(self->gateway);
        log_info("no further request is taken");
    }
    if (self->gateway && !gateway_drain(self->gateway, now + allowed_us * DRAIN_SHARE / 100))
        log_warning("requests were still being answered when the components had to stop");
    if (self->supervisor)
        supervisor_stop(self->supervisor, now + allowed_us * STOP_SHARE / 100);
    if (self->gateway && !gateway_drain(self->gateway, now + allowed_us * LAST_SHARE / 100))
        log_warning("requests were left without an answer");
    gateway_stop(&self->gateway);
    supervisor_destroy(&self->supervisor);
    bus_client_destroy(&self->client);
    if (self->bus)
        bus_stop(&self->bus);
}

static int s_exit_code(err_t err) {
    if (err == OK)
        return EXIT_SUCCESS;
    return err == ERR_BAD_CONFIG ? EXIT_CONFIG : EXIT_RUNTIME;
}

static int s_serve(service_t *self) {
    err_t err = s_take_signals(self);
    if (err == OK)
        err = s_start(self);
    if (err == OK) {
        s_say_ready(self);
        err = s_run(self);
    }
    if (err != OK)
        log_critical("the service ends", LOG_ERRT(err), LOG_STR("reason", err_text(err)));
    s_arm_exit(self);
    s_stop(self);
    log_info("stopped", LOG_INT("exit_code", s_exit_code(err)));
    return s_exit_code(err);
}

static void s_free(service_t *self) {
    for (size_t i = 0; i < self->retired_count; i++)
        config_destroy(&self->retired[i]);
    free(self->retired);
    config_destroy(&self->config);
    if (self->signals >= 0)
        close(self->signals);
}

static int s_open_log_and_serve(service_t *self) {
    log_level_t level = LOG_INFO;
    const char *file = *self->config->log_file ? self->config->log_file : NULL;
    (void)log_level_parse(self->config->log_level, &level); /* checked when it was read */
    if (log_open(level, file, self->config->debug) != OK) {
        fprintf(stderr, "LOG_FILE: %s cannot be opened: %s\n", file, strerror(errno));
        return EXIT_CONFIG;
    }
    log_set_component("main");
    s_raise_limits();
    int code = s_serve(self);
    log_close();
    return code;
}

int main(int argc, char **argv) {
    service_t self = {.argc = argc, .argv = argv, .signals = -1, .started_us = clock_mono_us()};
    config_flags_t flags = {0};
    err_t err = config_load(&self.config, &flags, argc, argv, environ, stderr);
    int code = EXIT_SUCCESS;
    if (err != OK)
        code = EXIT_CONFIG;
    else if (flags.help)
        config_print_help(stdout);
    else if (flags.version)
        puts("integration-service " INTEGRATION_VERSION);
    else if (flags.check_config)
        config_print(self.config, stdout);
    else
        code = s_open_log_and_serve(&self);
    s_free(&self);
    return code;
}
