/* The validation coordinator's tables; see validation.h. */
#include "validation/validation.h"

#include "routes.gen.h"
#include "validation/run.h"

static err_t s_validate_cycle(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    return validation_run(actor, call, request);
}

static err_t s_cancel_validation(actor_t *actor, call_t *call, const void *request, void *response) {
    const CancelValidationRequest *input = request;
    CancelValidationReply *reply = response;
    reply->cancelled = validation_cancel(actor, input->cycle_id);
    if (!reply->cancelled && input->has_interrupted)
        validation_cancel_interrupted(actor, call, &input->interrupted);
    return OK;
}

static const actor_command_t s_commands[] = {
    {&rpc_ValidationCoordinator_ListValidations, validation_list},
    {&rpc_ValidationCoordinator_GetValidation, validation_get},
    {&rpc_ValidationCoordinator_ValidateCycle, s_validate_cycle},
    {&rpc_ValidationCoordinator_CancelValidation, s_cancel_validation},
    {NULL, NULL},
};

const actor_class_t validation_class = {
    .name = "validation",
    .commands = s_commands,
    .start = validation_start,
    .stop = validation_stop,
};
