/* What the stages share: names, the call form of an input, digests and derived ids. */
#include "base/json_tree.h"
#include "coordinator/stages.h"
#include "services/reply.h"
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *stage_name(stage_t stage) {
    static const char *const names[STAGE_COUNT] = {"data_readiness",       "macro_analysis",
                                                   "portfolio_management", "strategy_analysis",
                                                   "strategy_validation",  "signal_dispatch"};
    return names[stage];
}

err_t stage_call_of(const char *input, char method[8], char **path, char **body) {
    json_t *root = json_tree_parse(input);
    const char *verb = json_string_value(json_object_get(root, "method"));
    const char *where = json_string_value(json_object_get(root, "path"));
    const char *text;
    size_t size;
    *path = *body = NULL;
    if (!verb || !where || strlen(verb) >= 8) {
        json_decref(root);
        return ERR_INTERNAL;
    }
    snprintf(method, 8, "%s", verb);
    *path = strdup(where);
    if (reply_raw_member(input, strlen(input), "body", &text, &size))
        *body = strndup(text, size);
    json_decref(root);
    return OK;
}

static void s_hex(const unsigned char *bytes, size_t count, char *out) {
    for (size_t i = 0; i < count; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void stage_digest(const char *text, char out[65]) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, strlen(text), digest);
    s_hex(digest, sizeof digest, out);
}

void stage_signal_id(const char *cycle_id, const char *symbol, char out[37]) {
    char name[160];
    unsigned char digest[SHA256_DIGEST_LENGTH];
    snprintf(name, sizeof name, "%s/%s", cycle_id, symbol);
    SHA256((const unsigned char *)name, strlen(name), digest);
    digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x80); /* version 8: application-defined */
    digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    char hex[33];
    s_hex(digest, 16, hex);
    snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void stage_validation_id(const char *cycle_id, char out[37]) {
    stage_signal_id(cycle_id, stage_name(STAGE_STRATEGY_VALIDATION), out);
}
