/* Round trips over the bus: one client alone, then 32 at a time, against one actor that answers at once.
 * Prints JSON: bus-bench [seconds for each part, default 2]. */
#include "actor/actor.h"
#include "base/clock.h"
#include "bus/bus.h"
#include "integration/v1/store.pb.h"
#include "tables.gen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLIENTS = 32, DEADLINE_MS = 5000, DEFAULT_SECONDS = 2 };

static const rpc_t s_rpc = {.service = "Bench",
                            .name = "Ask",
                            .component = "bench",
                            .topic = "cmd/bench/Ask",
                            .request = StoreQuery_message,
                            .response = StoreOpResult_message};

static err_t s_ask(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)actor;
    (void)call;
    ((StoreOpResult *)response)->affected = ((const StoreQuery *)request)->max_rows;
    return OK;
}

static const actor_command_t s_commands[] = {{&s_rpc, s_ask}, {NULL, NULL}};
static const actor_class_t s_class = {.name = "bench", .commands = s_commands};

typedef struct {
    atomic_bool *go_on;
    uint64_t trips, failures;
} client_t;

static void *s_client(void *argument) {
    client_t *self = argument;
    bus_client_t *client = bus_client_new();
    assert_always(client);
    StoreQuery query = StoreQuery_init_zero;
    Envelope envelope = Envelope_init_zero;
    while (atomic_load_explicit(self->go_on, memory_order_relaxed)) {
        StoreOpResult result = StoreOpResult_init_zero;
        Fault fault = Fault_init_zero;
        query.max_rows = (uint32_t)self->trips;
        envelope.deadline_us = clock_mono_us() + DEADLINE_MS * 1000;
        err_t err = bus_client_request(client, &s_rpc, &envelope, &query, &result, &fault);
        if (err == OK && result.affected == query.max_rows)
            self->trips++;
        else
            self->failures++;
        message_release(Fault_message(), &fault);
    }
    bus_client_destroy(&client);
    return NULL;
}

/* Runs `count` clients for so many seconds; prints one member of the JSON object. */
static bool s_measure(const char *name, int count, int seconds, const char *end) {
    client_t clients[CLIENTS];
    pthread_t threads[CLIENTS];
    atomic_bool go_on = true;
    int64_t begin_us = clock_mono_us();
    for (int i = 0; i < count; i++) {
        clients[i] = (client_t){.go_on = &go_on};
        assert_always(pthread_create(&threads[i], NULL, s_client, &clients[i]) == 0);
    }
    struct timespec pause = {.tv_sec = seconds};
    nanosleep(&pause, NULL);
    atomic_store(&go_on, false);
    uint64_t trips = 0, failures = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        trips += clients[i].trips;
        failures += clients[i].failures;
    }
    double elapsed = (double)(clock_mono_us() - begin_us) * 1e-6;
    printf("  \"%s\": {\"clients\": %d, \"round_trips\": %llu, \"failures\": %llu, \"per_second\": %.0f, "
           "\"us_per_round_trip\": %.2f}%s\n",
           name, count, (unsigned long long)trips, (unsigned long long)failures, (double)trips / elapsed,
           elapsed * 1e6 * count / (double)trips, end);
    return failures == 0 && trips > 0;
}

int main(int argc, char **argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : DEFAULT_SECONDS;
    if (seconds < 1)
        seconds = DEFAULT_SECONDS;
    bus_t *bus = NULL;
    actor_handle_t *actor = NULL;
    assert_always(bus_start(&bus) == OK);
    assert_always(actor_start(&actor, &s_class, NULL, NULL, NULL) == OK);
    printf("{\n");
    bool good = s_measure("bus_round_trip_alone", 1, seconds, ",");
    good = s_measure("bus_round_trip_32_clients", CLIENTS, seconds, "") && good;
    printf("}\n");
    actor_stop(&actor, clock_mono_us() + DEADLINE_MS * 1000);
    bus_stop(&bus);
    return good ? 0 : 1;
}
