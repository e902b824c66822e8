/* The trading modes as the coordinator keeps them: a list of those in force in a SystemState, one a scope. Pure.
 *
 * A scope is nothing (everything), or exactly one source, target or symbol. Its name is `all`, `source.x`, `target.x`
 * or `symbol.X`: in the topic mode/<scope>/<value>, and in the key of its row. Modes of different scopes stand beside
 * each other: lifting one leaves the others. */
#pragma once

#include "base/err.h"
#include "integration/v1/system.pb.h"
#include <stdbool.h>
#include <stddef.h>

#define MODES_MAX        900 /* scopes at once; every signal is held against each */
#define MODES_SCOPE_SIZE 80

/* False when the scope names none of the three, or more than one. */
bool modes_scope_is_valid(const ModeScope *scope);
/* `scope` NULL = everything. */
void modes_scope_name(const ModeScope *scope, char name[MODES_SCOPE_SIZE]);

/* The one in force for exactly that scope; NULL when there is none (active). */
const Mode *modes_find(const SystemState *state, const ModeScope *scope);
/* The word for it: active when there is none. */
const char *modes_word(const SystemState *state, const ModeScope *scope);
/* Puts a copy in the place of the one with the same scope, that without a scope first. `active` takes it out. */
void modes_put(SystemState *state, const Mode *mode);

/* A mode as its row holds it: JSON text, which the caller frees; and back into a zeroed struct, ERR_PROTOCOL for a text
 * that is none. */
char *modes_to_text(const Mode *mode);
ERR_MUST_USE
err_t modes_from_text(const char *text, Mode *mode);
