/* The historical half of a validation: a backtest of the last year. */
#include "validation/run_state.h"

#include "base/clock.h"
#include "bus/fault.h"
#include "message/message.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include "validation/requests.h"
#include <stdio.h>

#define JOB_GIVE_UP_MS 1800000 /* when VALIDATION_TIMEOUT_SECONDS allows more */

static void s_on_backtest(actor_t *actor, void *context, err_t err, const void *response,
                          const Fault *fault) {
    (void)actor;
    run_t *self = context;
    const AdapterResult *result = response;
    double sharpe_ratio, max_drawdown;
    char why[160];
    if (err != OK) {
        run_end_part(self, &self->historical, run_part_of(err), "backtest", fault_reason(fault, err));
        return;
    }
    self->historical_ms = result->downstream_ms;
    err = requests_read_backtest(result->body, &sharpe_ratio, &max_drawdown, &self->performance, why,
                                 sizeof why);
    if (err != OK) {
        run_end_part(self, &self->historical, PART_FAILED, "backtest", why);
        return;
    }
    validation_historical(sharpe_ratio, max_drawdown, &self->parts);
    run_end_part(self, &self->historical, PART_DONE, NULL, NULL);
}

err_t historical_call(const ValidateCycleRequest *request, AdapterCall *call) {
    *call = (AdapterCall)AdapterCall_init_zero;
    err_t err = requests_backtest(request, clock_wall_ms(), &call->body);
    if (err != OK)
        return err;
    MESSAGE_PUT(call->method, "POST");
    MESSAGE_PUT(call->cycle_id, request->cycle_id);
    call->path = message_strdup("/api/v1/backtest/run");
    call->has_poll = true;
    call->poll.give_up_ms = JOB_GIVE_UP_MS;
    snprintf(call->idempotency_key, sizeof call->idempotency_key, "%s/strategy_validation/backtest",
             request->cycle_id);
    return OK;
}

void historical_send(run_t *self) {
    AdapterCall call;
    if (historical_call(&self->request, &call) != OK) {
        run_end_part(self, &self->historical, PART_FAILED, "backtest",
                     "as_of of the macro state is not a date");
        return;
    }
    actor_request_options_t options = run_options(self);
    actor_request(self->actor, &rpc_Adapter_RunJob, &call, &options, s_on_backtest, self);
    message_release(AdapterCall_message(), &call);
}
