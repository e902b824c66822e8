/* SQLite's write-ahead log, written in one piece a commit.
 *
 * SQLite writes two pieces a page, and each costs a way through the file system. This VFS keeps what is appended to
 * the log in memory and writes it when SQLite syncs, which it does before a commit counts: so nothing is told to
 * anybody, nor seen by another connection, that is not on the disk. All else goes to the default VFS. */
#pragma once

/* The name of the VFS for sqlite3_open_v2; registered at the first call. NULL when SQLite has no default VFS. Any
 * thread. */
const char *wal_file_vfs(void);
