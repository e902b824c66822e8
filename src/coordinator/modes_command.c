/* SetMode: the kill switch, for everything or for one scope. */
#include "coordinator/system_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "coordinator/modes.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ModeScope *s_scope(const Mode *mode) {
    return mode->has_scope ? &mode->scope : NULL;
}

static void s_add_event(change_t *self, store_write_t *write, const char *scope) {
    ModeEvent event = ModeEvent_init_zero;
    const Mode *mode = &self->mode;
    char topic[BUS_TOPIC_SIZE];
    snprintf(topic, sizeof topic, "mode/%s/%s", scope, mode->mode);
    MESSAGE_PUT(event.mode, mode->mode);
    MESSAGE_PUT(event.previous_mode, modes_word(&self->system->state, s_scope(mode)));
    event.has_scope = mode->has_scope;
    event.scope = mode->scope;
    event.reason = message_strdup(mode->reason);
    MESSAGE_PUT(event.set_by, mode->set_by);
    event.timestamp = mode->since;
    store_write_event(write, topic, ModeEvent_message(), &event, call_envelope(self->call)->traceparent);
    message_release(ModeEvent_message(), &event);
}

/* Lifting what is not in force changes nothing; setting a mode again does: its reason and time are new. */
static bool s_write(change_t *self, store_write_t *write) {
    char scope[MODES_SCOPE_SIZE], key[MODES_SCOPE_SIZE + 16];
    Mode *mode = &self->mode;
    bool lifts = strcmp(mode->mode, "active") == 0;
    if (lifts && !modes_find(&self->system->state, s_scope(mode)))
        return false;
    mode->has_since = true;
    mode->since = clock_wall_ms();
    modes_scope_name(s_scope(mode), scope);
    snprintf(key, sizeof key, "system/mode/%s", scope);
    char *text = modes_to_text(mode);
    if (lifts)
        store_write_op(write, "system_state_delete", "s", key);
    else
        store_write_op(write, "system_state_set", "ssi", key, text, mode->since);
    free(text);
    s_add_event(self, write, scope);
    store_write_answer(write, self->call, mode);
    return true;
}

static void s_apply(change_t *self) {
    const Mode *mode = &self->mode;
    const Principal *principal = &call_envelope(self->call)->principal;
    char scope[MODES_SCOPE_SIZE];
    modes_scope_name(s_scope(mode), scope);
    log_warning("trading mode set", LOG_STR("mode", mode->mode), LOG_STR("scope", scope),
                LOG_STR("previous_mode", modes_word(&self->system->state, s_scope(mode))),
                LOG_STR("reason", mode->reason), LOG_STR("principal", principal->name),
                LOG_STR("remote", principal->remote));
    modes_put(&self->system->state, mode);
    system_publish(self->system);
}

static const change_kind_t s_kind = {s_write, s_apply, change_finish_confirmed};

/* Those on their way count as if they added a scope each. */
static err_t s_check(const system_t *system, call_t *call, const SetModeRequest *request) {
    if (request->has_scope && !modes_scope_is_valid(&request->scope)) {
        call_problem(call, "scope", "must name exactly one of source, target and symbol, or be left out");
        return ERR_VALIDATION_FAILED;
    }
    if (request->has_scope && strcmp(request->mode, "active") != 0 &&
        system->state.modes_count + system->waiting >= MODES_MAX &&
        !modes_find(&system->state, &request->scope))
        return call_explain(call, ERR_UNPROCESSABLE,
                            "%d scopes have a mode of their own: lift some, or set one without a scope",
                            MODES_MAX);
    return OK;
}

err_t system_set_mode(actor_t *actor, call_t *call, const void *input, void *response) {
    (void)response;
    const SetModeRequest *request = input;
    system_t *system = system_of(actor);
    err_t err = s_check(system, call, request);
    change_t *change = err == OK ? change_new(system, call, &s_kind, &err) : NULL;
    if (!change)
        return err;
    MESSAGE_PUT(change->mode.mode, request->mode);
    change->mode.has_scope = request->has_scope;
    change->mode.scope = request->scope;
    change->mode.reason = message_strdup(request->reason);
    MESSAGE_PUT(change->mode.set_by, call_envelope(call)->principal.name);
    change_start(change);
    return ERR_PENDING;
}
