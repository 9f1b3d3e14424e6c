#pragma once
/*
 * Where one message ends and the next begins. PostgreSQL protocol 3: untyped start-up messages,
 * then type byte and length. Raw: a message is whatever is at hand when the direction turns, which
 * for a client that sends one request at a time is one request.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum from { FROM_CLIENT, FROM_SERVER };
enum protocol { PROTOCOL_PG, PROTOCOL_RAW };

struct frames {
    enum protocol protocol;
    bool started;     /* pg: the start-up message went by */
    bool single_byte; /* pg: the server answers an encryption request with one byte */
};

/* Bytes of the first message, 0 when it is not complete. */
size_t frame_length(const struct frames *f, enum from from, const char *bytes, size_t len);
/* To be told of each message in order; gives its type byte, 0 for untyped ones. */
char frame_note(struct frames *f, enum from from, const char *message, size_t len);

/* A 32-bit number of the wire. */
uint32_t frame_u32(const char *bytes);
