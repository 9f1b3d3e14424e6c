/* The texts of refused requests. Knows the limits, no connection. */
#include "net/fault.h"

#include <stdio.h>

struct row {
    int status;
    const char *code;
    const char *text;
    size_t limit; /* offset in struct mb_http_limits */
};

static const struct row rows[] = {
    [MB_FAULT_NONE] = {200, "ok", "", 0},
#define MB_X(name, status, code, text, limit)                                                     \
    [MB_FAULT_##name] = {status, code, text, offsetof(struct mb_http_limits, limit)},
    MB_FAULT_MAP(MB_X)
#undef MB_X
};

int mb_fault__status(enum mb_fault f)
{
    return rows[f].status;
}

const char *mb_fault__code(enum mb_fault f)
{
    return rows[f].code;
}

void mb_fault__text(enum mb_fault f, const struct mb_http_limits *limits, char *out, size_t size)
{
    const char *mark = strstr(rows[f].text, "%u");
    uint32_t limit;
    if (!mark) {
        snprintf(out, size, "%s", rows[f].text);
        return;
    }
    memcpy(&limit, (const char *)limits + rows[f].limit, sizeof limit);
    snprintf(out, size, "%.*s%u%s", (int)(mark - rows[f].text), rows[f].text, (unsigned)limit,
             mark + 2);
}
