/* The signal router: admits signals, decides about them, stores them in groups and answers when they are committed.
 *
 * Commands   SignalRouter.* (signals.proto): RouteSignal, RouteSignals, ListSignals, GetSignal
 * Publishes  Signal on the stream, topic signal/<target>/<symbol or ->, with the commit (store_write_event)
 * Hears      evt/coordinator/SystemState  whether the trading flow runs, and its modes
 *            evt/store/State              for its own status
 * Asks       SystemCoordinator.GetSystemState at its start, until it knows; store and store-reader
 * Owns       the table signals. It keeps nothing in memory but the requests under way.
 *
 * Every request that is at hand when a turn ends goes into one write, and further writes follow while up to four are
 * under way: the size of a group follows the load. A batch with an Idempotency-Key is one unit, so that its answer
 * is recorded in the transaction of its effect; without one, each signal (or group_id) is a unit of its own. */
#pragma once

#include "actor/actor.h"

#define SIGNALS_WAITING_MAX 65536 /* signals admitted and not answered; more are refused with OVERLOADED */

extern const actor_class_t signals_class;
