/*
 * Open containers and the keys seen. A table is open addressing over {hash, place}; it grows in
 * place because the innermost frame is always the last thing in scratch (a decoded key above it is
 * not needed any more when the table grows: only its hash is).
 */
#include "base/json_parts.h"

#include <stdio.h>

enum { FIRST_TABLE = 16 };

struct slot {
    uint64_t hash; /* 0 = free */
    uint32_t at, len;
};

struct mb_json__frame *mb_json__top(const struct mb_json__stack *s)
{
    return (struct mb_json__frame *)(void *)(s->mem->data + s->top - 1);
}

static struct slot *table(const struct mb_json__stack *s)
{
    return (struct slot *)(void *)(mb_json__top(s) + 1);
}

/* Scratch ends right after the innermost frame and its table. */
static void trim(struct mb_json__stack *s)
{
    size_t table_bytes = mb_json__top(s)->cap * sizeof(struct slot);
    s->mem->len = s->top - 1 + sizeof(struct mb_json__frame) + table_bytes;
}

enum mb_rc mb_json__push(struct mb_json__stack *s, bool object)
{
    struct mb_buf *mem = s->mem;
    size_t cap = object ? FIRST_TABLE : 0;
    size_t size = sizeof(struct mb_json__frame) + cap * sizeof(struct slot);
    enum mb_rc rc = mb_buf_reserve(mem, size);
    if (rc != MB_OK) return rc;
    size_t at = mem->len;
    memset(mem->data + at, 0, size);
    struct mb_json__frame *frame = (struct mb_json__frame *)(void *)(mem->data + at);
    frame->below = s->top;
    frame->cap = cap;
    s->top = at + 1;
    mem->len += size;
    return MB_OK;
}

void mb_json__pop(struct mb_json__stack *s)
{
    s->mem->len = s->top - 1;
    s->top = mb_json__top(s)->below;
}

static uint64_t hash_of(struct mb_str key)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.ptr[i]) * UINT64_C(1099511628211);
    h ^= h >> 32;
    return h ? h : 1;
}

static void put(struct slot *slots, size_t cap, struct slot new)
{
    size_t i = (size_t) new.hash &(cap - 1);
    while (slots[i].hash) i = (i + 1) & (cap - 1);
    slots[i] = new;
}

/* Doubles the table: the old one is moved up, the new one is filled from it. */
static enum mb_rc grow(struct mb_json__stack *s)
{
    size_t old = mb_json__top(s)->cap, bytes = old * sizeof(struct slot);
    enum mb_rc rc = mb_buf_reserve(s->mem, 2 * bytes);
    if (rc != MB_OK) return rc;
    struct slot *slots = table(s), *saved = slots + 2 * old;
    memcpy(saved, slots, bytes);
    memset(slots, 0, 2 * bytes);
    for (size_t i = 0; i < old; i++) {
        if (saved[i].hash) put(slots, 2 * old, saved[i]);
    }
    mb_json__top(s)->cap = 2 * old;
    trim(s);
    return MB_OK;
}

/* Whether the raw key at `at` decodes to the same as the raw key at `other`. */
static enum mb_rc same_key(struct mb_json__stack *s, const struct slot *a, const struct slot *b,
                           bool *same)
{
    const char *text = s->text.ptr;
    trim(s);
    size_t base = s->mem->len;
    struct slot first = *a, second = *b; /* decoding may move scratch */
    enum mb_rc rc = mb_json__decode(s->mem, text + first.at, text + first.at + first.len);
    size_t middle = s->mem->len;
    if (rc == MB_OK) rc = mb_json__decode(s->mem, text + second.at, text + second.at + second.len);
    if (rc == MB_OK) {
        struct mb_str x = {s->mem->data + base, middle - base};
        struct mb_str y = {s->mem->data + middle, s->mem->len - middle};
        *same = mb_str_eq(x, y);
    }
    s->mem->len = base;
    return rc;
}

enum mb_rc mb_json__note_key(struct mb_json__stack *s, struct mb_str key, size_t at, size_t len,
                             bool *again)
{
    struct slot new = {hash_of(key), (uint32_t)at, (uint32_t)len};
    struct mb_json__frame *frame = mb_json__top(s);
    frame->key_at = at;
    frame->key_len = len;
    *again = false;
    size_t i = (size_t) new.hash &(frame->cap - 1);
    for (; table(s)[i].hash; i = (i + 1) & (mb_json__top(s)->cap - 1)) {
        if (table(s)[i].hash != new.hash) continue;
        enum mb_rc rc = same_key(s, &table(s)[i], &new, again);
        if (rc != MB_OK || *again) return rc;
    }
    frame = mb_json__top(s);
    table(s)[i] = new;
    frame->count++;
    trim(s);
    return frame->count * 4 > frame->cap * 3 ? grow(s) : MB_OK;
}

/* Appends to a text that is cut at its end; at is where the NUL stands. */
static void add_char(char *out, size_t size, size_t *at, char c)
{
    if (*at + 1 < size) out[(*at)++] = c;
    out[*at] = '\0';
}

static void add_key(struct mb_json__stack *s, struct mb_str raw, char *out, size_t size, size_t *at)
{
    size_t base = s->mem->len;
    if (mb_json__decode(s->mem, raw.ptr, raw.ptr + raw.len) != MB_OK)
        return; /* no memory for a long key: the pointer is cut there */
    for (size_t i = base; i < s->mem->len; i++) {
        char c = s->mem->data[i];
        if (c == '~' || c == '/') {
            add_char(out, size, at, '~');
            c = c == '~' ? '0' : '1';
        }
        add_char(out, size, at, c);
    }
    s->mem->len = base;
}

void mb_json__pointer(struct mb_json__stack *s, char *out, size_t size)
{
    out[0] = '\0';
    /* Turn the links round, so that the way leads from the outermost frame inwards. */
    size_t above = MB_JSON__NONE;
    while (s->top != MB_JSON__NONE) {
        struct mb_json__frame *frame = mb_json__top(s);
        size_t below = frame->below;
        frame->below = above;
        above = s->top;
        s->top = below;
    }
    size_t at = 0;
    for (s->top = above; s->top != MB_JSON__NONE; s->top = mb_json__top(s)->below) {
        struct mb_json__frame frame = *mb_json__top(s);
        if (frame.count == 0)
            break; /* nothing inside was begun: the container itself is the value in work */
        add_char(out, size, &at, '/');
        if (frame.cap) {
            struct mb_str raw = {s->text.ptr + frame.key_at, frame.key_len};
            add_key(s, raw, out, size, &at);
        } else {
            char index[24];
            (void)snprintf(index, sizeof index, "%zu", frame.count - 1);
            for (const char *c = index; *c; c++) add_char(out, size, &at, *c);
        }
    }
}
