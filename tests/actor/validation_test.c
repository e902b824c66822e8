/* The validation coordinator with the real execution service: tiers, and what does not finish. */
#include "flow_fixture.h"
#include <jansson.h>
#include <math.h>

#define VALIDATION_TEST(name)                                                                   \
    static void s_##name(flow_t *f);                                                            \
    Test(validation, name, .timeout = 60) {                                                     \
        flow_t f;                                                                               \
        flow_begin(&f, "50");                                                                   \
        f.store.config.validation_timeout_seconds = 2;                                          \
        fixture_start_actors(&f.store, NULL);                                                   \
        flow_start_adapter(&f, SERVICE_EXECUTION);                                              \
        f.validation = harness_actor(harness_of(&f), &validation_class, &f.store.config, NULL); \
        s_##name(&f);                                                                           \
        flow_end(&f);                                                                           \
    }                                                                                           \
    static void s_##name(flow_t *f)

#define POOLS    "/api/v1/quantum/pool"
#define BACKTEST "/api/v1/backtest/run"

static ValidateCycleRequest s_request(const char *cycle_id, double confidence) {
    ValidateCycleRequest request = ValidateCycleRequest_init_zero;
    MESSAGE_PUT(request.cycle_id, cycle_id);
    MESSAGE_PUT(request.as_of, "2018-09-01");
    request.analyzers = message_list(2, sizeof *request.analyzers);
    request.analyzers[0] = message_strdup("livermore");
    request.analyzers[1] = message_strdup("multi_indicator");
    request.analyzers_count = 2;
    request.symbols = message_list(2, sizeof *request.symbols);
    request.symbols[0] = message_strdup("IBM");
    request.symbols[1] = message_strdup("MSFT");
    request.symbols_count = 2;
    request.confidences = message_list(2, sizeof *request.confidences);
    request.confidences_count = 2;
    MESSAGE_PUT(request.confidences[0].key, "IBM");
    MESSAGE_PUT(request.confidences[1].key, "MSFT");
    request.confidences[0].value = request.confidences[1].value = confidence;
    return request;
}

static err_t s_try(flow_t *f, const char *cycle_id, double confidence, Validation *validation, Fault *fault) {
    ValidateCycleRequest request = s_request(cycle_id, confidence);
    *validation = (Validation)Validation_init_zero;
    err_t err = flow_ask(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_ValidateCycle, &request,
                         validation, fault);
    message_release(ValidateCycleRequest_message(), &request);
    return err;
}

static Validation s_validate(flow_t *f, const char *cycle_id, double confidence) {
    Validation validation;
    Fault fault = Fault_init_zero;
    err_t err = s_try(f, cycle_id, confidence, &validation, &fault);
    cr_assert_eq(err, OK, "%s: %s", err_name(err), fault_text(&fault));
    return validation;
}

static Validation s_stored(flow_t *f, const char *validation_id) {
    GetValidationRequest request = GetValidationRequest_init_zero;
    Validation validation = Validation_init_zero;
    MESSAGE_PUT(request.validation_id, validation_id);
    cr_assert_eq(flow_ask(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_GetValidation, &request,
                          &validation, NULL),
                 OK);
    return validation;
}

static void s_done(Validation *validation) {
    message_release(Validation_message(), validation);
}

static void s_expect_unfinished(flow_t *f, const char *status, const char *says) {
    Validation validation = s_validate(f, "cycle-1", 0.7);
    cr_assert_str_eq(validation.validation_status, status, "%s", validation.error);
    cr_assert(validation.error && strstr(validation.error, says), "\"%s\" does not say \"%s\"",
              validation.error, says);
    cr_assert_not(validation.has_overall_score || validation.has_tier || validation.has_confidence ||
                  validation.has_confidence_adjustment);
    Validation stored = s_stored(f, validation.validation_id);
    cr_assert_str_eq(stored.validation_status, status);
    cr_assert_str_eq(stored.error, validation.error);
    cr_assert_not(stored.has_overall_score || stored.has_tier);
    s_done(&stored);
    s_done(&validation);
}

static const char *s_tier_of(double overall) {
    return overall >= 0.6 - 1e-12 ? "pass" : overall >= 0.4 - 1e-12 ? "review" : "fail";
}

/* The figures must follow from the service's own backtest, read from the stored performance. */
static void s_expect_formulas(const Validation *validation, double confidence) {
    json_t *performance = json_loads(validation->historical.performance, 0, NULL);
    double sharpe = json_number_at(performance, "sharpe_ratio"),
           drawdown = json_number_at(performance, "max_drawdown");
    double score = sharpe < 0 ? 0 : sharpe > 2 ? 1 : sharpe / 2;
    double overall = 0.6 * score + 0.4 * confidence;
    double gap = (fabs(score - confidence) + fabs(drawdown - (1 - confidence))) / 2;
    cr_assert_float_eq(validation->historical.score, score, 1e-9);
    cr_assert_float_eq(validation->historical.risk, drawdown, 1e-9);
    cr_assert_float_eq(validation->forward.score, confidence, 1e-9);
    cr_assert_float_eq(validation->forward.risk, 1 - confidence, 1e-9);
    cr_assert_float_eq(validation->overall_score, overall, 1e-9);
    cr_assert_float_eq(validation->confidence, overall * (1 - gap), 1e-9);
    cr_assert_float_eq(validation->confidence_adjustment, overall * (1 - gap) - 0.5, 1e-9);
    cr_assert_str_eq(validation->tier, s_tier_of(overall));
    json_decref(performance);
}

/* 2008 was a bad year to hold anything, 2018 a good one until autumn. */
VALIDATION_TEST(figures_and_tier_follow_from_backtest_and_confidence) {
    const struct {
        const char *cycle_id, *as_of, *tier;
        double confidence;
    } cases[] = {{"cycle-1", "2018-09-01", "pass", 1},
                 {"cycle-2", "2009-02-01", "review", 1},
                 {"cycle-3", "2009-02-01", "fail", 0.2}};
    for (size_t i = 0; i < 3; i++) {
        ValidateCycleRequest request = s_request(cases[i].cycle_id, cases[i].confidence);
        Validation validation = Validation_init_zero;
        MESSAGE_PUT(request.as_of, cases[i].as_of);
        cr_assert_eq(flow_ask(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_ValidateCycle, &request,
                              &validation, NULL),
                     OK);
        cr_assert_str_eq(validation.validation_status, "completed", "%s", validation.error);
        s_expect_formulas(&validation, cases[i].confidence);
        cr_assert_str_eq(validation.tier, cases[i].tier);
        message_release(ValidateCycleRequest_message(), &request);
        s_done(&validation);
    }
}

VALIDATION_TEST(what_was_answered_is_what_is_stored) {
    Validation validation = s_validate(f, "cycle-1", 0.7);
    Validation stored = s_stored(f, validation.validation_id);
    buf_t answered = BUF_INIT, kept = BUF_INIT;
    cr_assert_eq(message_encode(Validation_message(), &validation, &answered), OK);
    cr_assert_eq(message_encode(Validation_message(), &stored, &kept), OK);
    cr_assert(stored.forward.has_pool_id && stored.has_downstream_ms && stored.downstream_ms > 0);
    cr_assert(answered.size == kept.size && memcmp(buf_str(&answered), buf_str(&kept), kept.size) == 0);
    buf_free(&answered);
    buf_free(&kept);
    s_done(&stored);
    s_done(&validation);
}

VALIDATION_TEST(a_repetition_starts_nothing_twice) {
    Validation first = s_validate(f, "cycle-1", 0.7), again = s_validate(f, "cycle-1", 0.7);
    cr_assert_str_eq(first.validation_id, again.validation_id);
    cr_assert_str_eq(first.forward.pool_id, again.forward.pool_id);
    cr_assert_eq(first.overall_score, again.overall_score);
    cr_assert_eq(simulator_effects(&f->sim, SIM_EXECUTION, "pools_created"), 1);
    cr_assert_eq(simulator_effects(&f->sim, SIM_EXECUTION, "jobs_created"), 1);
    json_t *bodies = simulator_requests(&f->sim, SIM_EXECUTION, "POST", "/api/v1/");
    cr_assert_eq(json_array_size(bodies), 4);
    json_decref(bodies);
    s_done(&first);
    s_done(&again);
}

VALIDATION_TEST(nothing_is_called_while_execution_is_not_healthy) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"/health\",\"status\":503}");
    s_expect_unfinished(f, "failed", "execution is not healthy: HTTP 503");
    cr_assert_eq(simulator_count(&f->sim, SIM_EXECUTION, "POST", "/"), 0);
}

VALIDATION_TEST(a_backtest_that_fails_fails_it) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_status\":\"failed\"}");
    s_expect_unfinished(f, "failed", "backtest: ");
}

VALIDATION_TEST(a_backtest_that_hangs_is_a_timeout) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true}");
    s_expect_unfinished(f, "timeout", "had not ended in time");
}

VALIDATION_TEST(a_pool_that_is_refused_fails_it) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"" POOLS "/create\",\"status\":422}");
    s_expect_unfinished(f, "failed", "pool: ");
}

VALIDATION_TEST(a_pool_that_is_unknown_afterwards_fails_it) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"" POOLS "/pool\",\"status\":404}");
    s_expect_unfinished(f, "failed", "HTTP 404");
}

VALIDATION_TEST(a_pool_that_does_not_answer_is_a_timeout) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"" POOLS "\",\"hang\":true}");
    s_expect_unfinished(f, "timeout", "pool: ");
}

VALIDATION_TEST(both_halves_run_side_by_side) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"" BACKTEST "\",\"latency_ms\":900}");
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"path_prefix\":\"" POOLS "/create\",\"latency_ms\":900}");
    Validation validation = s_validate(f, "cycle-1", 0.7);
    cr_assert_str_eq(validation.validation_status, "completed", "%s", validation.error);
    cr_assert(validation.execution_time >= 0.9 && validation.execution_time < 1.7, "%g s",
              validation.execution_time);
    s_done(&validation);
}

/* With an inbox of its own: the answer to the validation may come before the reply. */
static bool s_cancel(flow_t *f, const char *cycle_id) {
    bus_client_t *own = bus_client_new(), *inbox = harness_of(f)->client;
    CancelValidationRequest request = CancelValidationRequest_init_zero;
    CancelValidationReply reply = CancelValidationReply_init_zero;
    MESSAGE_PUT(request.cycle_id, cycle_id);
    harness_of(f)->client = own;
    err_t err = flow_ask(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_CancelValidation, &request,
                         &reply, NULL);
    harness_of(f)->client = inbox;
    bus_client_destroy(&own);
    cr_assert_eq(err, OK);
    return reply.cancelled;
}

VALIDATION_TEST(cancelling_it_cancels_its_backtest) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true,\"count\":1}");
    ValidateCycleRequest request = s_request("cycle-1", 0.7);
    Validation validation = Validation_init_zero;
    flow_send(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_ValidateCycle, &request);
    simulator_await(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/");
    cr_assert_not(s_cancel(f, "cycle-2"));
    cr_assert(s_cancel(f, "cycle-1"));
    cr_assert_eq(flow_receive(f, Validation_message(), &validation, NULL), OK);
    cr_assert_str_eq(validation.validation_status, "failed");
    cr_assert_str_eq(validation.error, "cancelled");
    cr_assert_not(validation.has_overall_score || validation.has_tier);
    long long deadline = program_now_ms() + PROGRAM_MS;
    while (simulator_effects(&f->sim, SIM_EXECUTION, "jobs_cancelled") == 0)
        cr_assert(program_look_again(deadline), "the backtest is cancelled");
    cr_assert_not(s_cancel(f, "cycle-1"));
    message_release(ValidateCycleRequest_message(), &request);
    s_done(&validation);
}

VALIDATION_TEST(it_ends_before_its_caller_gives_up) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true}");
    ValidateCycleRequest request = s_request("cycle-1", 0.7);
    Validation validation = Validation_init_zero;
    cr_assert_eq(flow_ask(f, "validation", 1000, &rpc_ValidationCoordinator_ValidateCycle, &request,
                          &validation, NULL),
                 OK);
    cr_assert_str_eq(validation.validation_status, "timeout");
    message_release(ValidateCycleRequest_message(), &request);
    s_done(&validation);
}

VALIDATION_TEST(an_adapter_that_stops_leaves_it_open_to_be_asked_again) {
    simulator_fault(&f->sim, SIM_EXECUTION, "{\"job_hang\":true,\"count\":1}");
    ValidateCycleRequest request = s_request("cycle-1", 0.7);
    Validation validation = Validation_init_zero;
    Fault fault = Fault_init_zero;
    flow_send(f, "validation", FLOW_MS, &rpc_ValidationCoordinator_ValidateCycle, &request);
    simulator_await(&f->sim, SIM_EXECUTION, "GET", "/api/v1/jobs/");
    simulator_await(&f->sim, SIM_EXECUTION, "GET", POOLS);
    harness_stop_actor(harness_of(f), f->adapters[SERVICE_EXECUTION], HARNESS_MS);
    cr_assert_eq(flow_receive(f, Validation_message(), &validation, &fault), ERR_SHUTTING_DOWN);
    message_release(Fault_message(), &fault);
    message_release(ValidateCycleRequest_message(), &request);
}

VALIDATION_TEST(lists_by_cycle_and_status_newest_first) {
    for (int i = 0; i < 3; i++) {
        const char *const cycles[] = {"cycle-0", "cycle-1", "cycle-2"};
        Validation validation = s_validate(f, cycles[i], 0.7);
        s_done(&validation);
    }
    ListValidationsRequest request = ListValidationsRequest_init_zero;
    ListValidationsReply reply = ListValidationsReply_init_zero;
    request.has_limit = true;
    request.limit = 2;
    const rpc_t *rpc = &rpc_ValidationCoordinator_ListValidations;
    cr_assert_eq(flow_ask(f, "validation", FLOW_MS, rpc, &request, &reply, NULL), OK);
    cr_assert(reply.total == 3 && reply.validations_count == 2);
    cr_assert_str_eq(reply.validations[0].cycle_id, "cycle-2");
    message_release(ListValidationsReply_message(), &reply);
    request.has_cycle_id = MESSAGE_SET(request.cycle_id, "cycle-1");
    cr_assert_eq(flow_ask(f, "validation", FLOW_MS, rpc, &request, &reply, NULL), OK);
    cr_assert(reply.total == 1 && strcmp(reply.validations[0].cycle_id, "cycle-1") == 0);
    message_release(ListValidationsReply_message(), &reply);
    request.has_status = MESSAGE_SET(request.status, "failed");
    cr_assert_eq(flow_ask(f, "validation", FLOW_MS, rpc, &request, &reply, NULL), OK);
    cr_assert_eq(reply.total, 0);
    message_release(ListValidationsReply_message(), &reply);
}
