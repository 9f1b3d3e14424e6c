#pragma once
/* The file of slots to book: one round a line, one or more ids separated by spaces. */
#include <stddef.h>

enum { SLOT_ID_MAX = 64 };

struct slot_round {
    size_t first, count; /* ids[first .. first + count) */
};

struct slots {
    char (*ids)[SLOT_ID_MAX];
    size_t id_count;
    struct slot_round *rounds;
    size_t round_count;
};

void slots_read(struct slots *s, const char *path); /* "-" = standard input */
void slots_free(struct slots *s);
