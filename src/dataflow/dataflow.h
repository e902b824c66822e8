/* The data flow manager: whether the datasets that a cycle needs are fit, and fetching them through flowhub.
 *
 * A dataset is judged by the end of the last flowhub job that the store knows to have succeeded (datasets.h has the
 * thresholds). What is not ready leads, by policy, to a fetch (sync), to waiting until another fetch made it ready
 * (wait), to going on without (degrade), or to a refusal (abort). A fetch brings the whole dataset: its fitness is
 * not counted by symbol.
 *
 * One fetch a dataset runs at a time; others join it. A fetch lives on when its asker's time is over, and when the
 * process restarts: its row is stored before flowhub is asked, and all its calls carry keys that begin with
 * "<cycle_id>/data_readiness/", so that repeating them does nothing twice.
 *
 * Takes     EnsureReady (from the coordinator); the other routes are declared and not built
 * Hears     evt/store/State: takes up the fetches that were open when the store comes up
 * Asks      adapter.flowhub: tasks, their runs, and the jobs
 * Owns      the fetches under way; each has a row of dataset_syncs */
#pragma once

#include "actor/actor.h"

extern const actor_class_t dataflow_class;
