/* A request as clients send it, for the tests of this folder. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "message/message.h"
#include "tables.gen.h"

#define SAMPLE_NOW_MS INT64_C(1767576600000)

#define SAMPLE_SET(request, field, text)     \
    do {                                     \
        (request)->has_##field = true;       \
        MESSAGE_PUT((request)->field, text); \
    } while (0)

static inline RouteSignalRequest sample_request(void) {
    RouteSignalRequest request = RouteSignalRequest_init_zero;
    SAMPLE_SET(&request, signal_type, "analysis");
    SAMPLE_SET(&request, source, "macro");
    SAMPLE_SET(&request, target, "portfolio");
    request.has_strength = request.has_confidence = true;
    request.strength = 0.8;
    request.confidence = 0.9;
    return request;
}
