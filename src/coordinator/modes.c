/* The list of modes in force: see modes.h. */
#include "coordinator/modes.h"

#include "base/json_tree.h"
#include "message/message.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- scopes ---- */

bool modes_scope_is_valid(const ModeScope *scope) {
    return (int)scope->has_source + (int)scope->has_target + (int)scope->has_symbol == 1;
}

void modes_scope_name(const ModeScope *scope, char name[MODES_SCOPE_SIZE]) {
    if (!scope)
        snprintf(name, MODES_SCOPE_SIZE, "all");
    else if (scope->has_source)
        snprintf(name, MODES_SCOPE_SIZE, "source.%s", scope->source);
    else if (scope->has_target)
        snprintf(name, MODES_SCOPE_SIZE, "target.%s", scope->target);
    else
        snprintf(name, MODES_SCOPE_SIZE, "symbol.%s", scope->symbol);
}

static bool s_is_scope(const Mode *mode, const ModeScope *scope) {
    char own[MODES_SCOPE_SIZE], other[MODES_SCOPE_SIZE];
    modes_scope_name(mode->has_scope ? &mode->scope : NULL, own);
    modes_scope_name(scope, other);
    return strcmp(own, other) == 0;
}

/* ---- the list ---- */

const Mode *modes_find(const SystemState *state, const ModeScope *scope) {
    for (size_t i = 0; i < state->modes_count; i++)
        if (s_is_scope(&state->modes[i], scope))
            return &state->modes[i];
    return NULL;
}

const char *modes_word(const SystemState *state, const ModeScope *scope) {
    const Mode *mode = modes_find(state, scope);
    return mode ? mode->mode : "active";
}

static void s_take_out(SystemState *state, const ModeScope *scope) {
    Mode *mode = (Mode *)modes_find(state, scope);
    if (!mode)
        return;
    message_release(Mode_message(), mode);
    size_t behind = (size_t)(&state->modes[state->modes_count] - mode) - 1;
    memmove(mode, mode + 1, behind * sizeof *mode);
    state->modes_count--;
}

void modes_put(SystemState *state, const Mode *mode) {
    s_take_out(state, mode->has_scope ? &mode->scope : NULL);
    if (strcmp(mode->mode, "active") == 0)
        return;
    size_t count = state->modes_count, at = mode->has_scope ? count : 0;
    state->modes = realloc(state->modes, (count + 1) * sizeof *state->modes);
    assert_always(state->modes);
    memmove(&state->modes[at + 1], &state->modes[at], (count - at) * sizeof *state->modes);
    state->modes[at] = (Mode)Mode_init_zero;
    assert_always(message_copy(Mode_message(), &state->modes[at], mode) == OK);
    state->modes_count++;
}

/* ---- rows ---- */

char *modes_to_text(const Mode *mode) {
    json_t *root = json_object();
    json_object_set_new(root, "mode", json_string(mode->mode));
    if (mode->has_scope && mode->scope.has_source)
        json_object_set_new(root, "source", json_string(mode->scope.source));
    if (mode->has_scope && mode->scope.has_target)
        json_object_set_new(root, "target", json_string(mode->scope.target));
    if (mode->has_scope && mode->scope.has_symbol)
        json_object_set_new(root, "symbol", json_string(mode->scope.symbol));
    json_object_set_new(root, "reason", json_string(mode->reason ? mode->reason : ""));
    json_object_set_new(root, "set_by", json_string(mode->set_by));
    json_object_set_new(root, "since", json_integer(mode->since));
    char *text = json_tree_text(root);
    json_decref(root);
    return text;
}

/* False when the member is there and is not text that fits. */
static bool s_read(const json_t *root, const char *key, char *field, size_t size, bool *has) {
    const json_t *value = json_object_get(root, key);
    *has = value != NULL;
    return !value || (json_is_string(value) && message_set(field, size, json_string_value(value)));
}

static bool s_read_all(const json_t *root, Mode *mode) {
    ModeScope *scope = &mode->scope;
    bool has_mode, has_set_by;
    const char *reason = json_string_value(json_object_get(root, "reason"));
    if (!s_read(root, "mode", mode->mode, sizeof mode->mode, &has_mode) || !has_mode ||
        !s_read(root, "set_by", mode->set_by, sizeof mode->set_by, &has_set_by) ||
        !s_read(root, "source", scope->source, sizeof scope->source, &scope->has_source) ||
        !s_read(root, "target", scope->target, sizeof scope->target, &scope->has_target) ||
        !s_read(root, "symbol", scope->symbol, sizeof scope->symbol, &scope->has_symbol))
        return false;
    mode->has_scope = scope->has_source || scope->has_target || scope->has_symbol;
    mode->has_since = true;
    mode->since = json_integer_value(json_object_get(root, "since"));
    mode->reason = message_strdup(reason ? reason : "");
    return (strcmp(mode->mode, "reducing") == 0 || strcmp(mode->mode, "halted") == 0) &&
           (!mode->has_scope || modes_scope_is_valid(scope));
}

err_t modes_from_text(const char *text, Mode *mode) {
    json_t *root = json_tree_parse(text);
    bool good = json_is_object(root) && s_read_all(root, mode);
    json_decref(root);
    if (good)
        return OK;
    message_release(Mode_message(), mode);
    return ERR_PROTOCOL;
}
