/* The downstream services under test. */
#include "simulator.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const s_names[SIM_COUNT] = {"macro", "portfolio", "execution", "flowhub"};
static const char *const s_settings[SIM_COUNT] = {"MACRO_SERVICE_URL", "PORTFOLIO_SERVICE_URL",
                                                  "EXECUTION_SERVICE_URL", "FLOWHUB_SERVICE_URL"};

void simulator_start(simulator_t *self, const char *const *arguments) {
    const char *all[16] = {"--base-port", "0"};
    size_t count = 2;
    while (arguments && *arguments && count < 15)
        all[count++] = *arguments++;
    *self = (simulator_t){.program = program_start("integration-sim", all, NULL)};
    json_t *line = json_loads(program_line(self->program, "\"ready\""), 0, NULL);
    cr_assert(line);
    for (int i = 0; i < SIM_COUNT; i++) {
        char path[32];
        snprintf(path, sizeof path, "ports.%s", s_names[i]);
        rest_open(&self->services[i], (int)json_number_at(line, path));
    }
    json_decref(line);
}

void simulator_stop(simulator_t *self) {
    for (int i = 0; i < SIM_COUNT; i++)
        rest_close(&self->services[i]);
    if (self->program && program_is_running(self->program)) {
        program_signal(self->program, SIGTERM);
        program_wait(self->program);
    }
    program_destroy(&self->program);
}

void simulator_serve(const simulator_t *self, instance_t *instance) {
    for (int i = 0; i < SIM_COUNT; i++) {
        char setting[80];
        snprintf(setting, sizeof setting, "%s=http://127.0.0.1:%d", s_settings[i], self->services[i].port);
        instance_set(instance, setting);
    }
}

void simulator_fault(simulator_t *self, int service, const char *fault) {
    const rest_reply_t *reply = rest_send(&self->services[service], "PUT", "/_sim/faults", NULL, fault);
    cr_assert_status(reply, 200);
}

void simulator_clear_faults(simulator_t *self, int service) {
    cr_assert_status(rest_send(&self->services[service], "DELETE", "/_sim/faults", NULL, NULL), 200);
}

json_t *simulator_requests(simulator_t *self, int service, const char *method, const char *path_prefix) {
    const rest_reply_t *reply = rest_get_ok(&self->services[service], "/_sim/requests");
    json_t *found = json_array(), *request;
    size_t index;
    json_array_foreach (rest_at(reply, "requests"), index, request) {
        if (strcmp(json_text_at(request, "method"), method) == 0 &&
            strncmp(json_text_at(request, "path"), path_prefix, strlen(path_prefix)) == 0)
            json_array_append(found, request);
    }
    return found;
}

size_t simulator_count(simulator_t *self, int service, const char *method, const char *path_prefix) {
    json_t *found = simulator_requests(self, service, method, path_prefix);
    size_t count = json_array_size(found);
    json_decref(found);
    return count;
}

long simulator_effects(simulator_t *self, int service, const char *effect) {
    char path[64];
    snprintf(path, sizeof path, "side_effects.%s", effect);
    return (long)rest_number(rest_get_ok(&self->services[service], "/_sim/requests"), path);
}

void simulator_await(simulator_t *self, int service, const char *method, const char *path_prefix) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_count(self, service, method, path_prefix) == 0)
        if (!program_look_again(deadline))
            cr_assert_fail("%s was not asked for %s %s", s_names[service], method, path_prefix);
}
