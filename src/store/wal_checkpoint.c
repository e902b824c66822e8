/* A thread that is told to make a pass over the log, and the writer's hook that tells it to. */
#include "store/wal_checkpoint.h"

#include "base/err.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { FRAMES_LITTLE = 2500, LOOK_SECONDS = 60 };

struct wal_checkpoint_s {
    sqlite3 *writer; /* the owner's */
    sqlite3 *db;     /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    /* under the lock */
    bool pass, ends; /* a pass is wanted or being made; the thread is to end */
    int moved;       /* frames of the log that are in the database */
};

/* ---- the thread ---- */

static void s_await_work(wal_checkpoint_t *self) {
    while (!self->pass && !self->ends) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += LOOK_SECONDS;
        int code = pthread_cond_timedwait(&self->told, &self->lock, &until);
        assert_always(code == 0 || code == ETIMEDOUT);
    }
}

static void *s_run(void *context) {
    wal_checkpoint_t *self = context;
    pthread_setname_np(pthread_self(), "checkpoint");
    pthread_mutex_lock(&self->lock);
    for (s_await_work(self); !self->ends; s_await_work(self)) {
        int frames = -1, moved = -1;
        pthread_mutex_unlock(&self->lock);
        /* One that fails leaves the log to the writer, whose error it then is. */
        int code = sqlite3_wal_checkpoint_v2(self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
        pthread_mutex_lock(&self->lock);
        if (code == SQLITE_OK && moved >= 0)
            self->moved = moved;
        self->pass = false;
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- the writer's thread ---- */

/* True when the writer is to move the rest itself. */
static bool s_judge(wal_checkpoint_t *self, int frames) {
    pthread_mutex_lock(&self->lock);
    if (frames < self->moved) /* the log began anew */
        self->moved = 0;
    int rest = frames - self->moved;
    bool due = frames >= WAL_FRAMES_DUE, idle = !self->pass;
    bool finish = (due && idle && rest <= FRAMES_LITTLE) || frames >= WAL_FRAMES_MOST;
    if (due && idle && !finish) {
        self->pass = true;
        pthread_cond_signal(&self->told);
    }
    pthread_mutex_unlock(&self->lock);
    return finish;
}

static int s_on_commit(void *context, sqlite3 *db, const char *database, int frames) {
    wal_checkpoint_t *self = context;
    if (!s_judge(self, frames))
        return SQLITE_OK;
    /* The transaction is committed, and an error here would be reported as its own. Whatever it was, it is tried
     * again after the next commit, and a disk that failed fails that one. */
    (void)sqlite3_wal_checkpoint_v2(db, database, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

static bool s_open(wal_checkpoint_t *self, const char *path) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &self->db, flags, NULL) != SQLITE_OK)
        return false;
    return sqlite3_exec(self->db, "PRAGMA synchronous = FULL; PRAGMA cache_size = 16;", NULL, NULL, NULL) ==
           SQLITE_OK;
}

static void s_free(wal_checkpoint_t **self_p) {
    wal_checkpoint_t *self = *self_p;
    sqlite3_close(self->db);
    pthread_cond_destroy(&self->told);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

wal_checkpoint_t *wal_checkpoint_new(sqlite3 *writer, const char *path) {
    wal_checkpoint_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->writer = writer;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->told, NULL);
    if (s_open(self, path) && pthread_create(&self->thread, NULL, s_run, self) == 0)
        sqlite3_wal_hook(writer, s_on_commit, self);
    else
        s_free(&self);
    return self;
}

void wal_checkpoint_destroy(wal_checkpoint_t **self_p) {
    wal_checkpoint_t *self = *self_p;
    if (!self)
        return;
    sqlite3_wal_hook(self->writer, NULL, NULL);
    pthread_mutex_lock(&self->lock);
    self->ends = true;
    pthread_cond_signal(&self->told);
    pthread_mutex_unlock(&self->lock);
    sqlite3_interrupt(self->db);
    assert_always(pthread_join(self->thread, NULL) == 0);
    s_free(self_p);
}
