/* The validation coordinator: a backtest over history and a sandbox pool, side by side, before anything of a cycle
 * is dispatched. What did not finish is a timeout without scores: it fails closed.
 *
 * Takes     ValidateCycle and CancelValidation (from the coordinator), ListValidations, GetValidation
 * Asks      adapter.execution: health, backtest/run, quantum/pool/create and its status; to cancel them
 * Owns      the validations under way; each has a row in the store */
#pragma once

#include "actor/actor.h"

extern const actor_class_t validation_class;
