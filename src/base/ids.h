/* Identifiers made without coordination. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UUID_SIZE        37 /* 36 characters and a NUL */
#define TRACEPARENT_SIZE 56 /* 55 characters and a NUL */

/* A UUIDv7 (RFC 9562): sorts by time; monotonic within a thread even inside one millisecond. */
void ids_uuid7(char out[UUID_SIZE]);

/* A non-zero id, unique in this process. */
uint64_t ids_next(void);

/* 64 random bits from the kernel-seeded generator of this thread. */
uint64_t ids_random64(void);

/* A new W3C traceparent with fresh ids, sampled. */
void ids_traceparent(char out[TRACEPARENT_SIZE]);

/* True for version 00, lower-case hex, ids not all zero. */
bool ids_traceparent_valid(const char *text);

/* The same trace with a new span id. `parent` must be valid, else a new trace is made. */
void ids_traceparent_child(const char *parent, char out[TRACEPARENT_SIZE]);

/* FNV-1a style 64-bit hash with good avalanche; for bodies and tables, not for secrets. */
uint64_t ids_hash64(const void *bytes, uint64_t size);
