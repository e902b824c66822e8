/* The service under test. */
#include "instance.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- directory ---- */

static int s_remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

const char *instance_path(const instance_t *self, const char *name) {
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", self->dir, name);
    return path;
}

void instance_write(const instance_t *self, const char *name, const char *text) {
    FILE *file = fopen(instance_path(self, name), "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* ---- settings ---- */

void instance_set(instance_t *self, const char *setting) {
    size_t name = strcspn(setting, "=") + 1, i = 0;
    while (self->settings[i] && strncmp(self->settings[i], setting, name) != 0)
        i++;
    cr_assert(i < INSTANCE_SETTINGS);
    free(self->settings[i]);
    self->settings[i] = strdup(setting);
    cr_assert(self->settings[i]);
}

static void s_set_defaults(instance_t *self) {
    static const char *const defaults[] = {
        "INTEGRATION_HOST=127.0.0.1",
        "INTEGRATION_PORT=0",
        "INTEGRATION_STREAM_URL=tcp://127.0.0.1:0",
        "INTEGRATION_REPLAY_URL=tcp://127.0.0.1:0",
        "SCHEDULER_ENABLED=false",
        "MACRO_SERVICE_URL=http://127.0.0.1:9",
        "PORTFOLIO_SERVICE_URL=http://127.0.0.1:9",
        "EXECUTION_SERVICE_URL=http://127.0.0.1:9",
        "FLOWHUB_SERVICE_URL=http://127.0.0.1:9",
    };
    char data[128];
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        instance_set(self, defaults[i]);
    snprintf(data, sizeof data, "INTEGRATION_DATA_DIR=%s/data", self->dir);
    instance_set(self, data);
}

void instance_open(instance_t *self, const char *const *settings) {
    *self = (instance_t){.dir = "/tmp/integration-e2e-XXXXXX"};
    cr_assert(mkdtemp(self->dir));
    s_set_defaults(self);
    for (size_t i = 0; settings && settings[i]; i++)
        instance_set(self, settings[i]);
}

void instance_close(instance_t *self) {
    if (!*self->dir)
        return;
    rest_close(&self->rest);
    program_destroy(&self->program);
    for (size_t i = 0; self->settings[i]; i++)
        free(self->settings[i]);
    nftw(self->dir, s_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *self = (instance_t){0};
}

/* ---- process ---- */

void instance_launch(instance_t *self) {
    rest_close(&self->rest);
    program_destroy(&self->program);
    self->program =
        program_start("integration-service", self->arguments, (const char *const *)self->settings);
}

void instance_await_ready(instance_t *self) {
    json_t *line = json_loads(program_line(self->program, "\"msg\":\"ready\""), 0, NULL);
    cr_assert(line, "the ready line is no JSON");
    self->port = (int)json_number_at(line, "port");
    snprintf(self->stream_url, sizeof self->stream_url, "%s", json_text_at(line, "stream"));
    snprintf(self->replay_url, sizeof self->replay_url, "%s", json_text_at(line, "replay"));
    json_decref(line);
    rest_open(&self->rest, self->port);
}

void instance_start(instance_t *self) {
    instance_launch(self);
    instance_await_ready(self);
}

void instance_begin(instance_t *self, const char *const *settings) {
    instance_open(self, settings);
    instance_start(self);
}

int instance_stop(instance_t *self) {
    rest_close(&self->rest);
    program_signal(self->program, SIGTERM);
    return program_wait(self->program);
}

void instance_kill(instance_t *self) {
    program_kill(self->program);
    rest_close(&self->rest);
}

void instance_await_readyz(instance_t *self, int status) {
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (rest_get(&self->rest, "/readyz")->status != status)
        if (!program_look_again(deadline))
            cr_assert_fail("/readyz does not become %d: %s", status, buf_str(&self->rest.reply.body));
}

/* ---- signals ---- */

char *signal_body(const char *signal_id, const char *target, const char *symbol, const char *side) {
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:f, s:f, s:s?, s:s?}", "signal_type", "analysis", "source", "e2e",
                  "target", target, "strength", 0.5, "confidence", 0.75, "symbol", symbol, "side", side);
    cr_assert(body);
    if (signal_id)
        json_object_set_new(body, "signal_id", json_string(signal_id));
    if (!symbol)
        json_object_del(body, "symbol");
    if (!side)
        json_object_del(body, "side");
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

long long instance_route(instance_t *self, const char *signal_id, const char *target, const char *symbol,
                         const char *side) {
    char *body = signal_body(signal_id, target, symbol, side);
    const rest_reply_t *reply = rest_post_ok(&self->rest, "/api/v1/signals/route", body);
    free(body);
    return (long long)rest_number(reply, "data.seq");
}
