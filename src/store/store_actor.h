/* The two actors of the store.
 *
 * store         takes Write, GetState, BeginIdempotent, EndIdempotent; publishes evt/store/Committed
 *               (CommittedEvents, in seq order, after the replies) and evt/store/State (StoreState, at each change),
 *               and evt/store/Removed (StoreRemoved, when old history was removed).
 *               Owns the database: schema, sequence, everything that changes it. All writes of a turn of its loop
 *               are one transaction.
 * store-reader  takes Query; connection of its own, changes nothing.
 *
 * Both block on the database, within the limits of engine.h. A database that is not reachable is tried again for as
 * long as it takes, and commands are refused with STORE_UNAVAILABLE meanwhile; one that is newer than the program, or
 * owned by another process, fails the start of the writer.
 *
 * `args` of both: NULL, or a store_schema_t (link.h). */
#pragma once

#include "actor/actor.h"

extern const actor_class_t store_writer_class;
extern const actor_class_t store_reader_class;

#define STORE_TOPIC_COMMITTED "evt/store/Committed"
#define STORE_TOPIC_STATE     "evt/store/State"
#define STORE_TOPIC_REMOVED   "evt/store/Removed"
