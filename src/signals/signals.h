/* The signal router: admits signals, decides about them, stores them in groups and answers when they are committed.
 *
 * Commands   SignalRouter.* (signals.proto): RouteSignal, RouteSignals, SimulateSignal, ListSignals, GetSignal,
 *            GetSignalStats, ListConflicts, ResolveConflicts, CleanUpSignals, ApplySystemState
 * Publishes  with the commit (store_write_event), on the stream:
 *              Signal    on signal/<target>/<symbol or ->, when it is stored and when its status or figures change.
 *                        Its seq stays that of its first event; the header has the event's own
 *              Conflict  on conflict/<target>/<symbol or ->, when it is detected and when it is resolved later
 * Hears      evt/coordinator/SystemState  whether the trading flow runs, and its modes
 *            evt/store/State              for its own status
 * Asks       SystemCoordinator.GetSystemState at its start, until it knows; Stream.GetStreamStats for the
 *            statistics; store and store-reader
 * Owns       the tables signals, conflicts, conflict_signals, signal_minutes and signal_hours. In memory: the
 *            requests under way, what is counted and not stored yet (stats.h), and the active signals by scope
 *            (scope_index.h), which it reads from the store at its start; until then, and when it is not known
 *            whether a write was stored, signals are refused with STORE_UNAVAILABLE.
 *
 * The way of a signal: admission.h, modes.h, the queue of commit.h. One write is under way at a time; what came
 * meanwhile is then decided, one after the other, against the index, and goes into the next (flush.h): the size of a
 * group follows the load, and every decision holds when it is committed. What a write changes of the index is
 * provisional until it is answered (journal.h). A unit that failed because its signal_id or dedup_key is taken is looked
 * up (lookup.h): a duplicate gets the first answer again. Each signal (or group_id) is a unit of its own; a request with
 * an Idempotency-Key is one, so that its answer is recorded in the transaction of its effect.
 *
 * Folders    rules/ what conflicts and who wins (pure); index/ the active signals by scope; resolve/ what changes
 *            signals after they were routed; reading/ history, trail and conflicts; stats/ counts and latencies
 *
 * Resolutions and clean-ups run one at a time (jobs.h), each of their writes while no signals are written. */
#pragma once

#include "actor/actor.h"

#define SIGNALS_WAITING_MAX 65536 /* signals admitted and not answered; more are refused with OVERLOADED */

extern const actor_class_t signals_class;
