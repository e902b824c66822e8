/* From a request to the request message of its rpc: path parameters, query parameters and body, every problem of
 * all three reported at once. Pure. */
#pragma once

#include "gateway/router.h"
#include "message/json_codec.h"

typedef struct {
    const char *query; /* raw, without the question mark; NULL = none */
    const char *body;
    size_t body_size;
} bind_input_t;

/* Which of the candidates takes this body: the first whose `when_body_has` is a key of the object, else the one
 * that asks for none; NULL never. */
const rpc_t *bind_choose(const router_match_t *match, const char *body, size_t body_size);

/* Fills `request` (zeroed, of the rpc's request type). ERR_MALFORMED_JSON or ERR_VALIDATION_FAILED with problems;
 * the message stays releasable. */
ERR_MUST_USE
err_t bind_request(const rpc_t *rpc, const router_match_t *match, const bind_input_t *input, void *request,
                   problems_t *problems);
