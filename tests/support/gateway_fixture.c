/* Starting and stopping a gateway for tests. */
#include "gateway_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

config_t *gateway_fixture_config(const char *dir, const char *const *settings) {
    char *environment[32], data_dir[96];
    size_t count = 0;
    snprintf(data_dir, sizeof data_dir, "INTEGRATION_DATA_DIR=%s", dir);
    environment[count++] = data_dir;
    environment[count++] = (char *)"INTEGRATION_HOST=127.0.0.1";
    environment[count++] = (char *)"INTEGRATION_PORT=0";
    for (; settings && *settings; settings++)
        environment[count++] = (char *)*settings;
    environment[count] = NULL;
    config_t *config = NULL;
    config_flags_t flags = {0};
    cr_assert(config_load(&config, &flags, 1, (char *const[]){(char *)"test", NULL}, environment, stderr) ==
              OK);
    return config;
}

void gateway_fixture_start(gateway_fixture_t *self, const char *const *components,
                           const char *const *settings) {
    *self = (gateway_fixture_t){0};
    strcpy(self->dir, "/tmp/integration-gateway-XXXXXX");
    cr_assert(mkdtemp(self->dir));
    self->config = gateway_fixture_config(self->dir, settings);
    harness_start(&self->harness);
    for (; components && *components; components++)
        harness_actor(&self->harness, answerer_class(*components), self->config, NULL);
    err_t err = gateway_start(&self->gateway, self->config);
    cr_assert(err == OK, "the gateway starts: %s", err_name(err));
    self->port = gateway_port(self->gateway);
}

void gateway_fixture_stop(gateway_fixture_t *self) {
    char command[128];
    gateway_stop(&self->gateway);
    harness_stop(&self->harness);
    config_destroy(&self->config);
    snprintf(command, sizeof command, "rm -rf %s", self->dir);
    cr_assert(system(command) == 0);
}

const char *gateway_signal(const char *signal_id, const char *target) {
    static char body[512];
    snprintf(body, sizeof body,
             "{\"signal_id\":\"%s\",\"signal_type\":\"analysis\",\"source\":\"test\",\"target\":\"%s\","
             "\"strength\":0.5,\"confidence\":0.5,\"symbol\":\"600519.SH\",\"side\":\"buy\"}",
             signal_id, target);
    return body;
}
