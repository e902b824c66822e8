/* The JSON bodies of answers: success, error, RFC 9457 problem. Pure. */
#pragma once

#include "base/buf.h"
#include "integration/v1/bus.pb.h"
#include "message/json_codec.h"
#include "message/route.h"

/* {"success":true,"data":...,"message":"...","timestamp":"..."}: data as the binding says, the whole response, one
 * field of it, or null. */
void envelope_success(buf_t *out, const rpc_t *rpc, const void *response, int64_t now_ms);

/* {"success":false,"error":...,"error_code":...,"timestamp":...,"request_id":...,"details":[{field, problem}]} */
void envelope_error(buf_t *out, const Fault *fault, const char *request_id, int64_t now_ms);

/* The same as application/problem+json: type, title, status, detail, instance, and the members above. */
void envelope_problem(buf_t *out, const Fault *fault, const char *request_id, const char *instance,
                      int64_t now_ms);

/* The HTTP status of a success: created and accepted as the component said, else the binding's. */
int envelope_status(const rpc_t *rpc, Outcome outcome);

/* Appends the Location of the answer: the binding's template with {field} taken from the response. False when the
 * binding has none, or a field of it is empty. */
bool envelope_location(buf_t *out, const rpc_t *rpc, const void *response);

/* Appends one field of a message as plain text, a string without its quotes. */
void envelope_field_text(buf_t *out, const message_t *message, const void *value, const char *field);

/* Moves the problems into the details of `fault`; more than are kept are counted in one last detail. */
void envelope_take_problems(Fault *fault, problems_t *problems);

/* Code, default sentence and, when `format` is given, a sentence of its own into a fault, zeroed before. Returns
 * `err`. */
err_t envelope_fault(Fault *fault, err_t err, const char *format, ...) __attribute__((format(printf, 3, 4)));
