/* Moving SQLite's write-ahead log into the database while the writer goes on.
 *
 * A checkpoint writes and syncs the database: in the writer's thread every commit would wait for it. So a thread with
 * a connection of its own does it. What the writer appends meanwhile is left over; only when that is little does the
 * writer itself move the rest, after which SQLite begins the log anew. The log's size stays within WAL_FRAMES_MOST,
 * beyond which the writer does wait. */
#pragma once

#include <sqlite3.h>

/* In frames, that is pages: when the log is moved, and its greatest size. */
#define WAL_FRAMES_DUE  20000
#define WAL_FRAMES_MOST 64000

typedef struct wal_checkpoint_s wal_checkpoint_t;

/* Sets the hook of the writer's connection; NULL when the second connection cannot be made, which leaves it to
 * SQLite's own rule. */
wal_checkpoint_t *wal_checkpoint_new(sqlite3 *writer, const char *path);
/* Before the writer's connection is closed. */
void wal_checkpoint_destroy(wal_checkpoint_t **self_p);
