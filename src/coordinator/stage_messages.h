/* Between the stored JSON of stages and the messages of other components. Pure. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "integration/v1/validation.pb.h"
#include <jansson.h>
#include <pb.h>

/* "a, b" as a list of strings for a message. */
void stage_split_list(const char *text, char ***items, pb_size_t *count);

/* The request for the validation coordinator from the stage's input. */
void stage_read_validation_request(const char *input, const char *cycle_id, ValidateCycleRequest *request);

/* The signals of the stage's input, in its order. */
void stage_read_signals(const char *input, RouteSignalsRequest *request);

/* What the router made of them: {"signals":[{signal_id, symbol, side, strength, confidence, status, seq, error?}]}, a
 * summary of counts (refusals by their code), and how many were accepted or known already. */
void stage_read_routing(const char *input, const RouteSignalsReply *reply, char **output, char **summary,
                        uint32_t *produced);
