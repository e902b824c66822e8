/* Modes that are not active, each with its scope. */
#include "signals/modes.h"

#include "message/message.h"
#include "signals/rules/candidate.h"
#include "tables.gen.h"
#include <string.h>

void modes_apply(modes_t *self, const SystemState *state) {
    if (self->known && state->version && state->version < self->state.version)
        return;
    modes_free(self);
    self->known = message_copy(SystemState_message(), &self->state, state) == OK;
}

void modes_free(modes_t *self) {
    message_release(SystemState_message(), &self->state);
    self->known = false;
}

/* A signal without a symbol is about each of data.symbols: one of them is enough. */
static bool s_names(const Signal *signal, const char *symbol) {
    candidate_scopes_t scopes;
    bool named = false;
    candidate_scopes(signal, &scopes);
    for (size_t i = 0; i < scopes.count && !named; i++)
        named = scopes.keys[i].symbol && strcmp(scopes.keys[i].symbol, symbol) == 0;
    candidate_scopes_free(&scopes);
    return named;
}

/* A scope holds for a signal that has all that it names; none at all holds for everything. */
static bool s_holds_for(const Mode *mode, const Signal *signal) {
    const ModeScope *scope = &mode->scope;
    if (!mode->has_scope)
        return true;
    return (!scope->has_source || strcmp(scope->source, signal->source) == 0) &&
           (!scope->has_target || strcmp(scope->target, signal->target) == 0) &&
           (!scope->has_symbol || s_names(signal, scope->symbol));
}

static bool s_reduces(const Signal *signal) {
    return signal->has_side && (strcmp(signal->side, "sell") == 0 || strcmp(signal->side, "hold") == 0);
}

err_t modes_check(const modes_t *self, const Signal *signal, const Mode **mode) {
    err_t verdict = OK;
    *mode = NULL;
    if (!self->known)
        return ERR_STORE_UNAVAILABLE; /* where the coordinator reads it from */
    if (!self->state.is_running)
        return ERR_SYSTEM_STOPPED;
    for (size_t i = 0; i < self->state.modes_count; i++) {
        const Mode *rule = &self->state.modes[i];
        if (!s_holds_for(rule, signal))
            continue;
        if (strcmp(rule->mode, "halted") == 0) {
            *mode = rule;
            return ERR_TRADING_HALTED;
        }
        if (strcmp(rule->mode, "reducing") == 0 && !s_reduces(signal) && verdict == OK) {
            *mode = rule;
            verdict = ERR_TRADING_REDUCING;
        }
    }
    return verdict;
}
