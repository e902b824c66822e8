/* DATABASE_URL and INTEGRATION_DATA_DIR as a choice of engine. */
#include "store/store_config.h"

#include <stdlib.h>
#include <string.h>

static bool s_has_prefix(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

err_t store_config_read(store_config_t *self, const config_t *config, buf_t *why) {
    const char *url = config->database_url;
    *self = (store_config_t){.kind = STORE_SQLITE};
    if (!url || !*url) {
        buf_t path = BUF_INIT;
        buf_printf(&path, "%s/integration.db", config->data_dir);
        self->path = buf_steal(&path);
    } else if (s_has_prefix(url, "sqlite:///") && url[10]) {
        self->path = strdup(url + strlen("sqlite://"));
    } else if (s_has_prefix(url, "postgresql://") || s_has_prefix(url, "postgres://")) {
        self->kind = STORE_POSTGRES;
        self->url = strdup(url);
    } else {
        buf_append_str(why, "DATABASE_URL must begin with postgresql://, postgres:// or sqlite:///path");
        return ERR_BAD_CONFIG;
    }
    return OK;
}

void store_config_free(store_config_t *self) {
    free(self->path);
    free(self->url);
    *self = (store_config_t){0};
}
