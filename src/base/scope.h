/* What a principal may do. Each scope includes the ones before it. */
#pragma once

typedef enum { SCOPE_OPEN, SCOPE_READ, SCOPE_OPERATE, SCOPE_ADMIN } scope_t;
