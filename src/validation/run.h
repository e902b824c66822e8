/* One validation under way: health gate, then backtest and pool side by side, then the verdict. */
#pragma once

#include "actor/actor.h"
#include "integration/v1/validation.pb.h"

/* Starts; answers the call with the stored Validation. */
err_t validation_run(actor_t *actor, call_t *call, const ValidateCycleRequest *request);

/* Cancels the validation of the cycle, whose call then ends with one that failed. False when none is under way. */
bool validation_cancel(actor_t *actor, const char *cycle_id);

/* Cancels the backtest of a validation that a restart interrupted, if the service has it. */
void validation_cancel_interrupted(actor_t *actor, call_t *call, const ValidateCycleRequest *request);

/* Rows of the store. */
err_t validation_list(actor_t *actor, call_t *call, const void *request, void *response);
err_t validation_get(actor_t *actor, call_t *call, const void *request, void *response);

/* The list of validations under way. */
err_t validation_start(actor_t *actor, const void *args);
void validation_stop(actor_t *actor);
