/* Values in PostgreSQL's binary formats: big-endian numbers, text and bytes as they are. */
#include "store/engine_postgres.h"

#include <endian.h>
#include <string.h>

static size_t s_put_integer(Oid type, int64_t integer, char out[8]) {
    uint64_t big = htobe64((uint64_t)integer);
    size_t size = type == PG_INT8 ? 8 : type == PG_INT4 ? 4 : type == PG_INT2 ? 2 : 1;
    memcpy(out, (const char *)&big + 8 - size, size);
    return size;
}

static size_t s_put_double(double real, char out[8]) {
    uint64_t bits;
    memcpy(&bits, &real, 8);
    bits = htobe64(bits);
    memcpy(out, &bits, 8);
    return 8;
}

static bool s_integer_fits(Oid type, int64_t integer) {
    switch (type) {
    case PG_INT8: return true;
    case PG_INT4: return integer == (int32_t)integer;
    case PG_INT2: return integer == (int16_t)integer;
    case PG_BOOL: return integer == 0 || integer == 1;
    default: return false;
    }
}

/* The bytes of the value as `type`; `number` is room for those of a number. NULL when it does not fit. */
static const char *s_binary(const value_t *value, Oid type, char number[8], size_t *size) {
    switch (value->kind) {
    case VALUE_INT:
        if (type == PG_FLOAT8)
            *size = s_put_double((double)value->integer, number);
        else if (s_integer_fits(type, value->integer))
            *size = s_put_integer(type, value->integer, number);
        else
            return NULL;
        return number;
    case VALUE_DOUBLE:
        if (type != PG_FLOAT8)
            return NULL;
        *size = s_put_double(value->real, number);
        return number;
    case VALUE_TEXT:
    case VALUE_BLOB:
        if (type != (value->kind == VALUE_TEXT ? PG_TEXT : PG_BYTEA))
            return NULL;
        *size = value->size;
        return value->size ? value->bytes : "";
    case VALUE_NULL: break;
    }
    return NULL;
}

bool pg_params_fill(pg_params_t *self, const pg_prepared_t *prepared, const value_t *values, int *wrong) {
    for (int i = 0; i < prepared->params; i++) {
        size_t size = 0;
        self->formats[i] = 1;
        self->values[i] = s_binary(&values[i], prepared->types[i], self->numbers[i], &size);
        self->lengths[i] = (int)size;
        *wrong = i;
        if ((!self->values[i] && values[i].kind != VALUE_NULL) || size > INT32_MAX)
            return false;
    }
    return true;
}

static void s_append_int32(buf_t *out, int32_t number) {
    uint32_t big = htobe32((uint32_t)number);
    buf_append(out, &big, 4);
}

/* One dimension, nulls possible, element type, then its length (filled in at the end) and lower bound 1. */
void pg_array_begin(buf_t *out, Oid type) {
    buf_clear(out);
    s_append_int32(out, 1);
    s_append_int32(out, 1);
    s_append_int32(out, (int32_t)type);
    s_append_int32(out, 0);
    s_append_int32(out, 1);
}

bool pg_array_add(buf_t *out, Oid type, const value_t *value) {
    char number[8];
    size_t size = 0;
    const char *bytes = s_binary(value, type, number, &size);
    if (!bytes && value->kind != VALUE_NULL)
        return false;
    uint32_t length = htobe32(bytes ? (uint32_t)size : UINT32_MAX);
    buf_reserve(out, sizeof length + size);
    memcpy(out->data + out->size, &length, sizeof length);
    if (size)
        memcpy(out->data + out->size + sizeof length, bytes, size);
    out->size += sizeof length + size;
    return true;
}

void pg_array_end(buf_t *out, size_t count) {
    uint32_t big = htobe32((uint32_t)count);
    memcpy(out->data + 12, &big, 4);
}

const char *pg_type_name(Oid type) {
    switch (type) {
    case PG_INT8: return "int8";
    case PG_INT4: return "int4";
    case PG_INT2: return "int2";
    case PG_BOOL: return "bool";
    case PG_TEXT: return "text";
    case PG_FLOAT8: return "float8";
    case PG_BYTEA: return "bytea";
    default: return NULL;
    }
}

static int64_t s_get_integer(const char *bytes, size_t size) {
    uint64_t number = size && (bytes[0] & 0x80) ? ~UINT64_C(0) : 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | (uint8_t)bytes[i];
    return (int64_t)number;
}

bool pg_read_column(const PGresult *result, int row, int column, value_t *value) {
    const char *bytes = PQgetvalue(result, row, column);
    size_t size = (size_t)PQgetlength(result, row, column);
    *value = VALUE_NONE;
    if (PQgetisnull(result, row, column))
        return true;
    switch (PQftype(result, column)) {
    case PG_INT8:
    case PG_INT4:
    case PG_INT2:
    case PG_BOOL: *value = VALUE_OF_INT(s_get_integer(bytes, size)); return true;
    case PG_FLOAT8: {
        int64_t bits = s_get_integer(bytes, 8);
        value->kind = VALUE_DOUBLE;
        memcpy(&value->real, &bits, 8);
        return true;
    }
    case PG_TEXT: value->kind = VALUE_TEXT; break;
    case PG_BYTEA: value->kind = VALUE_BLOB; break;
    default: return false;
    }
    value->bytes = bytes;
    value->size = size;
    return true;
}
