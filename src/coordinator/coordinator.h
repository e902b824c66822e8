/* The coordinator: analysis cycles across the tiers, each stage durable before its call goes out.
 *
 * Takes     TriggerAnalysis, ListCycles, GetCycle, GetSystemState
 * Hears     evt/store/State: resumes the cycles that were open when the store comes up
 *           evt/service/Stopping: answers those who wait for the end of a cycle
 * Publishes evt/coordinator/SystemState at its start
 *           CycleEvent on the signal stream, topic cycle/<status>/<cycle_id>
 * Owns      the cycles that have not ended; everything of them is in the store too
 *
 * Asks the adapters (macro, portfolio, execution), dataflow (readiness), validation and signals. */
#pragma once

#include "actor/actor.h"

extern const actor_class_t coordinator_class;
