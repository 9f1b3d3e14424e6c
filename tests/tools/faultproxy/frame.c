/* Message boundaries. Knows nothing of faults. */
#include "frame.h"

enum { SSL_REQUEST = 80877103, GSS_REQUEST = 80877104, CANCEL_REQUEST = 80877102 };

uint32_t frame_u32(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

size_t frame_length(const struct frames *f, enum from from, const char *bytes, size_t len)
{
    if (f->protocol == PROTOCOL_RAW)
        return len;
    if (from == FROM_SERVER && f->single_byte)
        return len > 0;
    size_t type = from == FROM_SERVER || f->started ? 1 : 0;
    if (len < type + 4)
        return 0;
    size_t whole = type + frame_u32(bytes + type);
    return whole <= len ? whole : 0;
}

char frame_note(struct frames *f, enum from from, const char *message, size_t len)
{
    if (f->protocol == PROTOCOL_RAW)
        return 0;
    if (from == FROM_SERVER && f->single_byte) {
        f->single_byte = false;
        return 0;
    }
    if (from == FROM_SERVER || f->started)
        return message[0];
    uint32_t code = len >= 8 ? frame_u32(message + 4) : 0;
    if (code == SSL_REQUEST || code == GSS_REQUEST)
        f->single_byte = true;
    else if (code != CANCEL_REQUEST)
        f->started = true;
    return 0;
}
