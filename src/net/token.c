/* Lists inside field values. Knows no field by name. */
#include "net/token.h"

struct mb_str mb_token_trim(struct mb_str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Where the quoted-string that begins at p ends: behind its mark, or at end when it has none. */
static const char *skip_quoted(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && end - p > 1)
            p++;
    return p < end ? p + 1 : end;
}

struct mb_str mb_token_next(struct mb_str *list, char separator)
{
    const char *p = list->ptr, *end = p + list->len;
    while (p < end && *p != separator)
        p = *p == '"' ? skip_quoted(p, end) : p + 1;
    struct mb_str head = {list->ptr, (size_t)(p - list->ptr)};
    size_t used = head.len + (p < end);
    *list = (struct mb_str){list->ptr + used, list->len - used};
    return mb_token_trim(head);
}

/* Where the quoted-string whose closing mark stands before `end` begins: at a mark that an even
 * number of backslashes precedes, because outside of quotes none stands. */
static size_t unskip_quoted(const char *text, size_t end)
{
    size_t at = end - 1;
    while (at > 0) {
        size_t slashes = 0;
        if (text[--at] != '"')
            continue;
        while (slashes < at && text[at - 1 - slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            break;
    }
    return at;
}

/* From the right and without a look at what stands further left, which somebody else wrote: an
 * unclosed quote there must not swallow this element. */
struct mb_str mb_token_pop(struct mb_str *list, char separator)
{
    size_t cut = list->len;
    while (cut > 0 && list->ptr[cut - 1] != separator)
        cut = list->ptr[cut - 1] == '"' ? unskip_quoted(list->ptr, cut) : cut - 1;
    struct mb_str tail = {list->ptr + cut, list->len - cut};
    list->len = cut > 0 ? cut - 1 : 0;
    return mb_token_trim(tail);
}

static bool is_weight(struct mb_str p)
{
    return p.len >= 2 && (p.ptr[0] == 'q' || p.ptr[0] == 'Q') && p.ptr[1] == '=';
}

/* "0" or "1", with up to three decimals, and none over 1. */
static int read_weight(struct mb_str s)
{
    static const int place[] = {0, 0, 100, 10, 1};
    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') ||
        (s.len > 1 && s.ptr[1] != '.'))
        return -1;
    int weight = s.ptr[0] == '1' ? 1000 : 0;
    for (size_t i = 2; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -1;
        weight += (s.ptr[i] - '0') * place[i];
    }
    return weight > 1000 ? -1 : weight;
}

int mb_token_weight(struct mb_str params)
{
    while (params.len > 0) {
        struct mb_str p = mb_token_next(&params, ';');
        if (is_weight(p))
            return read_weight((struct mb_str){p.ptr + 2, p.len - 2});
    }
    return 1000;
}

bool mb_token_unquote(struct mb_str s, char *room, size_t size, struct mb_str *out)
{
    size_t n = 0;
    *out = s;
    if (s.len == 0 || s.ptr[0] != '"')
        return true;
    if (s.len < 2 || skip_quoted(s.ptr, s.ptr + s.len) != s.ptr + s.len || s.ptr[s.len - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < s.len; i++) {
        if (s.ptr[i] == '\\' && i + 2 < s.len)
            i++;
        if (n == size)
            return false;
        room[n++] = s.ptr[i];
    }
    *out = (struct mb_str){room, n};
    return true;
}
