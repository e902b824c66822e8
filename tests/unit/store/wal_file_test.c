/* The log that is written in one piece: what is committed is in the files, whatever its size. And that it is moved
 * into the database while the writer goes on. */
#include "store/wal_checkpoint.h"
#include "store/wal_file.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    char dir[64], path[96];
    sqlite3 *db;
} fixture_t;

static void s_run(sqlite3 *db, const char *sql) {
    char *why = NULL;
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK, "%s: %s", sql, why);
}

static sqlite3 *s_open(const char *path, const char *vfs) {
    sqlite3 *db;
    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs), SQLITE_OK);
    return db;
}

static int s_take_int(void *context, int count, char **values, char **names) {
    (void)count;
    (void)names;
    *(int *)context = atoi(values[0]);
    return 0;
}

static int s_take_ok(void *context, int count, char **values, char **names) {
    (void)count;
    (void)names;
    *(bool *)context = strcmp(values[0], "ok") == 0;
    return 0;
}

static int s_rows(sqlite3 *db) {
    int rows = -1;
    cr_assert_eq(sqlite3_exec(db, "SELECT COUNT(*) FROM t", s_take_int, &rows, NULL), SQLITE_OK);
    return rows;
}

static void s_begin_with(fixture_t *f, const char *before) {
    snprintf(f->dir, sizeof f->dir, "/tmp/integration-wal-XXXXXX");
    cr_assert(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/a.db", f->dir);
    cr_assert(wal_file_vfs());
    f->db = s_open(f->path, wal_file_vfs());
    s_run(f->db, before);
    s_run(f->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = 20; "
                 "PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)");
}

static void s_begin(fixture_t *f) {
    s_begin_with(f, "");
}

/* A command of the shell's with the fixture's directory as $0. */
static void s_shell(const fixture_t *f, const char *script) {
    char command[256];
    snprintf(command, sizeof command, "sh -c '%s' %s", script, f->dir);
    cr_assert_eq(system(command), 0);
}

static void s_end(fixture_t *f) {
    sqlite3_close(f->db);
    s_shell(f, "rm -rf $0");
}

/* With a cache of 20 pages most of them are written before the commit, and read again. */
static void s_insert(sqlite3 *db, int rows) {
    char sql[256];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
             "INSERT INTO t (data) SELECT randomblob(1000) FROM n",
             rows);
    s_run(db, sql);
}

/* The files as a killed process would leave them, opened elsewhere. What the disk has is not asked. */
static int s_rows_after_a_crash(fixture_t *f) {
    char path[96];
    s_shell(f, "mkdir $0/crash && cp $0/a.db $0/a.db-wal $0/crash");
    snprintf(path, sizeof path, "%s/crash/a.db", f->dir);
    sqlite3 *db = s_open(path, NULL);
    bool sound = false;
    cr_assert_eq(sqlite3_exec(db, "PRAGMA integrity_check", s_take_ok, &sound, NULL), SQLITE_OK);
    cr_assert(sound);
    int rows = s_rows(db);
    sqlite3_close(db);
    s_shell(f, "rm -r $0/crash");
    return rows;
}

Test(wal_file, what_is_committed_is_in_the_files, .timeout = 60) {
    static const int sizes[] = {1, 20, 200, 3000};
    fixture_t f;
    int expected = 0;
    s_begin(&f);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        s_insert(f.db, sizes[i]);
        expected += sizes[i];
        cr_assert_eq(s_rows_after_a_crash(&f), expected);
    }
    s_run(f.db, "PRAGMA wal_checkpoint(RESTART)");
    s_insert(f.db, 10); /* from the log's beginning again */
    cr_assert_eq(s_rows_after_a_crash(&f), expected + 10);
    s_end(&f);
}

Test(wal_file, another_connection_sees_what_is_committed_and_nothing_else, .timeout = 60) {
    fixture_t f;
    s_begin(&f);
    sqlite3 *reader = s_open(f.path, NULL);
    s_insert(f.db, 300);
    cr_assert_eq(s_rows(reader), 300);
    s_run(f.db, "BEGIN");
    s_insert(f.db, 300);
    cr_assert_eq(s_rows(reader), 300);
    cr_assert_eq(s_rows(f.db), 600);
    s_run(f.db, "ROLLBACK");
    s_insert(f.db, 3);
    cr_assert_eq(s_rows(reader), 303);
    cr_assert_eq(s_rows(f.db), 303);
    sqlite3_close(reader);
    cr_assert_eq(s_rows_after_a_crash(&f), 303);
    s_end(&f);
}

enum { PAGE = 512, PAGES_A_COMMIT = 100, LOG_TURNS = 3, LIMIT_SECONDS = 40 };

static long s_log_bytes(const fixture_t *f) {
    char path[128];
    struct stat log;
    snprintf(path, sizeof path, "%s-wal", f->path);
    return stat(path, &log) == 0 ? (long)log.st_size : 0;
}

Test(wal_checkpoint, the_log_is_moved_while_the_writer_goes_on_and_begins_anew, .timeout = 60) {
    fixture_t f;
    s_begin_with(&f, "PRAGMA page_size = 512;");
    wal_checkpoint_t *checkpoint = wal_checkpoint_new(f.db, f.path);
    cr_assert(checkpoint);
    long frame = PAGE + 24, written = 0, greatest = 0;
    int rows = 0;
    int64_t limit_us = clock_mono_us() + LIMIT_SECONDS * 1000000LL;
    while (written < LOG_TURNS * WAL_FRAMES_DUE * frame || greatest > written / 2) {
        cr_assert_lt(clock_mono_us(), limit_us, "%ld bytes written, and the log has %ld", written, greatest);
        s_insert(f.db, PAGES_A_COMMIT / 2); /* each row takes two pages and more */
        rows += PAGES_A_COMMIT / 2;
        written += PAGES_A_COMMIT * frame;
        greatest = s_log_bytes(&f) > greatest ? s_log_bytes(&f) : greatest;
    }
    cr_assert_leq(greatest, (WAL_FRAMES_MOST + 10L * PAGES_A_COMMIT) * frame);
    cr_assert_eq(s_rows_after_a_crash(&f), rows);
    wal_checkpoint_destroy(&checkpoint);
    cr_assert_eq(s_rows(f.db), rows);
    s_end(&f);
}

Test(wal_checkpoint, ends_while_it_may_be_at_work, .timeout = 60) {
    fixture_t f;
    s_begin_with(&f, "PRAGMA page_size = 512;");
    for (int i = 0; i < 5; i++) {
        wal_checkpoint_t *checkpoint = wal_checkpoint_new(f.db, f.path);
        cr_assert(checkpoint);
        s_insert(f.db, WAL_FRAMES_DUE / 2);
        s_insert(f.db, 1);
        wal_checkpoint_destroy(&checkpoint);
        cr_assert_null(checkpoint);
    }
    cr_assert_eq(s_rows(f.db), 5 * (WAL_FRAMES_DUE / 2 + 1));
    s_end(&f);
}
