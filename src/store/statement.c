/* The catalogue as an array, and a table of hashes to find a name by. */
#include "store/statement.h"

#include "base/err.h"
#include "base/ids.h"
#include "store/statements/columns.h"
#include <pthread.h>
#include <string.h>

#define STATEMENT(statement_name, sql)              {#statement_name, sql, sql, false, 0},
#define STATEMENT_FOR(statement_name, sqlite, psql) {#statement_name, sqlite, psql, false, 0},
#define BULK(statement_name, sql)                   {#statement_name, sql, sql, true, 0},
static statement_t s_statements[] = {
#include "store/statements/all.def"
};
#undef STATEMENT
#undef STATEMENT_FOR
#undef BULK

enum { COUNT = sizeof s_statements / sizeof *s_statements, SLOTS = 1024 };
_Static_assert(COUNT * 2 < SLOTS, "the table of names needs room");

static uint16_t s_slots[SLOTS]; /* index + 1; 0 = free */
static pthread_once_t s_once = PTHREAD_ONCE_INIT;

/* The slot of the name, or the free one where it would be. */
static size_t s_slot(const char *name) {
    size_t at = ids_hash64(name, strlen(name)) % SLOTS;
    while (s_slots[at] && strcmp(s_statements[s_slots[at] - 1].name, name) != 0)
        at = (at + 1) % SLOTS;
    return at;
}

static void s_build(void) {
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t at = s_slot(s_statements[i].name);
        assert_always(s_slots[at] == 0); /* two statements of one name */
        s_statements[i].index = i;
        s_slots[at] = (uint16_t)(i + 1);
    }
}

size_t statement_count(void) {
    return COUNT;
}

const statement_t *statement_at(size_t index) {
    pthread_once(&s_once, s_build);
    return index < COUNT ? &s_statements[index] : NULL;
}

const statement_t *statement_find(const char *name) {
    pthread_once(&s_once, s_build);
    size_t at = s_slot(name);
    return s_slots[at] ? &s_statements[s_slots[at] - 1] : NULL;
}
