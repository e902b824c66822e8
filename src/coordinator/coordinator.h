/* The coordinator: analysis cycles across the tiers, each stage durable before its call goes out.
 *
 * Takes     TriggerAnalysis, CancelCycle, RerunCycle, ListCycles, GetCycle; StartSystem, StopSystem, GetSystemState,
 *           GetSystemStatus, SetMode, GetResources, SetResources
 * Hears     evt/store/State: resumes the cycles that were open, and loads the state of the system, when the store
 *           comes up
 *           evt/service/Stopping: answers those who wait for the end of a cycle
 * Publishes evt/coordinator/SystemState when it was loaded, and after each change
 *           CycleEvent on the signal stream, topic cycle/<status>/<cycle_id>; ModeEvent, topic mode/<scope>/<value>
 * Owns      the cycles that have not ended; everything of them is in the store too. The state of the system: whether
 *           it runs, the modes, the limits of the adapters (system_state.h)
 *
 * Asks the adapters (macro, portfolio, execution), dataflow (readiness), validation and signals. */
#pragma once

#include "actor/actor.h"

extern const actor_class_t coordinator_class;
