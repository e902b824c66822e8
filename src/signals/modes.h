/* The trading modes as the router obeys them: whether a signal may pass. Pure; the state belongs to one thread.
 *
 * Until the coordinator has said how things stand, nothing passes: a kill switch that was thrown before a restart
 * holds from the first request on. */
#pragma once

#include "base/err.h"
#include "integration/v1/signals.pb.h"
#include "integration/v1/system.pb.h"

typedef struct { /* begins as {0} */
    bool known;
    SystemState state;
} modes_t;

/* Copies. A state with an older version than the one in force is passed over: an event and a command that bring the
 * same may overtake each other. */
void modes_apply(modes_t *self, const SystemState *state);
void modes_free(modes_t *self);

/* OK; ERR_STORE_UNAVAILABLE (nothing is known yet); ERR_SYSTEM_STOPPED; ERR_TRADING_HALTED; ERR_TRADING_REDUCING (a mode
 * that holds for the signal admits only sell and hold). A signal without a symbol is in the scope of each symbol that
 * its data.symbols names. Of several modes the strictest decides. `mode` is set to the one that refuses, NULL when it
 * is not one. */
ERR_MUST_USE
err_t modes_check(const modes_t *self, const Signal *signal, const Mode **mode);
