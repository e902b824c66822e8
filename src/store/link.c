/* Opening with pauses from 0.2 s to 5 s, a fifth of them by chance so that many do not come back at once. */
#include "store/link.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "store/migrate.h"

err_t link_init(link_t *self, const config_t *config, const store_schema_t *schema, bool reading) {
    *self = (link_t){.reading = reading, .schema = {migrations_all, migrations_count}};
    if (schema)
        self->schema = *schema;
    buf_append_str(&self->reason, "starting");
    err_t err = store_config_read(&self->config, config, &self->reason);
    if (err != OK)
        log_error("the store cannot start", LOG_STR("reason", buf_str(&self->reason)));
    return err;
}

void link_free(link_t *self) {
    engine_close(&self->engine);
    store_config_free(&self->config);
    buf_free(&self->reason);
}

static void s_pause(link_t *self) {
    self->retry_ms = self->retry_ms == 0 ? LINK_RETRY_LEAST_MS : self->retry_ms * 2;
    if (self->retry_ms > LINK_RETRY_MOST_MS)
        self->retry_ms = LINK_RETRY_MOST_MS;
    int64_t jitter_ms = (int64_t)(ids_random64() % (uint64_t)(self->retry_ms / 5 + 1));
    self->retry_at_us = clock_mono_us() + (self->retry_ms - jitter_ms) * 1000;
}

static err_t s_ready_schema(link_t *self, engine_t *engine) {
    int newest = migrate_newest(engine, self->schema.migrations, self->schema.count);
    self->schema_version = newest;
    return self->reading ? migrate_check(engine, newest, &self->reason)
                         : migrate(engine, self->schema.migrations, self->schema.count, &self->reason);
}

err_t link_open(link_t *self) {
    assert_always(!self->engine);
    engine_t *engine;
    err_t err = engine_open(&engine, &self->config, self->reading, &self->reason);
    if (err == OK)
        err = s_ready_schema(self, engine);
    if (err != OK) {
        engine_close(&engine);
        s_pause(self);
        return err == ERR_INTERNAL || err == ERR_CONFLICT ? ERR_STORE_UNAVAILABLE : err;
    }
    self->engine = engine;
    self->retry_ms = 0;
    self->opened++;
    buf_clear(&self->reason);
    return OK;
}

void link_close(link_t *self, const char *reason) {
    if (!self->engine)
        return;
    buf_clear(&self->reason);
    buf_append_str(&self->reason, reason ? reason : buf_str(&self->engine->error));
    engine_close(&self->engine);
    s_pause(self);
}

const char *link_engine_name(const link_t *self) {
    return self->config.kind == STORE_SQLITE ? "sqlite" : "postgresql";
}
