/* What the files of the data flow manager share: its state, the fetches, and those who wait for them. */
#pragma once

#include "actor/actor.h"
#include "dataflow/datasets.h"
#include "dataflow/task.h"
#include "store/store.h"

#define CYCLE_ID_SIZE 65

typedef struct sync_s sync_t;
typedef struct ensure_s ensure_t;

typedef struct {
    actor_t *actor;
    bool recovering; /* the query for open fetches is out */
    bool recovered;  /* those of before the start are under way again */
    bool stopping;   /* replies that come now change nothing */
    sync_t *syncs;   /* at most one a dataset */
    ensure_t *ensures;
} dataflow_t;

/* A fetch under way. In dataflow_t.syncs until its end is stored; then everybody who waits is told, and it is freed. */
struct sync_s {
    sync_t *next;
    dataflow_t *owner;
    const dataset_t *dataset;
    char sync_id[CYCLE_ID_SIZE]; /* the cycle's, or of a row that is taken up */
    char cycle_id[CYCLE_ID_SIZE];
    char task_id[TASK_ID_SIZE], job_id[TASK_ID_SIZE];
    Envelope context; /* principal, request id and trace of whoever asked first */
    char *body;       /* of the task */
    bool old_job;     /* it may have ended long ago: taken up, or found again by its key */
    size_t offset;    /* of the page of tasks that is looked through */
    int64_t requested_at, finished_at, deadline_us;
    double downstream_ms;
    uint32_t attempts;     /* of the call that took most */
    uint32_t max_attempts; /* of each call; 0 = as configured */
    err_t err;             /* of the end */
    char *error;
    task_records_t records;
};

/* ---- sync.c ---- */

/* Starts a fetch, its row first. */
sync_t *sync_start(dataflow_t *owner, const dataset_t *dataset, const char *cycle_id, const Envelope *context,
                   uint32_t max_attempts);
/* Goes on with one whose row (DATASET_SYNC_COLUMNS) was open. */
void sync_resume(dataflow_t *owner, const dataset_t *dataset, const store_row_t *row);
sync_t *sync_find(const dataflow_t *owner, const dataset_t *dataset);
void sync_destroy(sync_t **self_p); /* without telling anybody */

/* ---- recover.c ---- */

/* Takes up the open fetches, once; nothing when that is done or under way. */
void dataflow_recover(dataflow_t *self);

/* ---- ensure.c ---- */

/* EnsureReady. */
err_t ensure_command(actor_t *actor, call_t *call, const void *request, void *response);
/* The open fetches are known: those who waited for that go on, or fail with `err`. */
void ensure_recovered(dataflow_t *owner, err_t err, const Fault *fault);
/* A fetch has ended, well or not, and this is stored. */
void ensure_sync_ended(dataflow_t *owner, const sync_t *sync);
size_t ensure_count(const dataflow_t *owner);
void ensure_destroy_all(dataflow_t *owner); /* the loop answers their calls */
