/* Header lists. Knows no header by name but the q parameter of Accept-Encoding. */
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

struct mb_str mb_token_next(struct mb_str *list, char separator)
{
    const char *cut = list->len > 0 ? memchr(list->ptr, separator, list->len) : NULL;
    struct mb_str head = {list->ptr, cut ? (size_t)(cut - list->ptr) : list->len};
    size_t used = cut ? head.len + 1 : head.len;
    *list = (struct mb_str){list->ptr + used, list->len - used};
    return mb_token_trim(head);
}

struct mb_str mb_token_pop(struct mb_str *list, char separator)
{
    size_t cut = list->len;
    struct mb_str tail;
    while (cut > 0 && list->ptr[cut - 1] != separator)
        cut--;
    tail = (struct mb_str){list->ptr + cut, list->len - cut};
    list->len = cut > 0 ? cut - 1 : 0;
    return mb_token_trim(tail);
}

bool mb_token_list_has(struct mb_str list, struct mb_str word)
{
    while (list.len > 0) {
        if (mb_str_ieq(mb_token_next(&list, ','), word))
            return true;
    }
    return false;
}

/* Whether the parameters say q=0 (also 0.0, 0.00, 0.000). */
static bool is_refused(struct mb_str params)
{
    while (params.len > 0) {
        struct mb_str p = mb_token_next(&params, ';');
        if (p.len < 3 || !mb_str_ieq((struct mb_str){p.ptr, 2}, MB_STR("q=")))
            continue;
        for (size_t i = 2; i < p.len; i++) {
            if (p.ptr[i] != '0' && p.ptr[i] != '.')
                return false;
        }
        return true;
    }
    return false;
}

bool mb_token_accepts(struct mb_str list, struct mb_str coding)
{
    bool any = false;
    while (list.len > 0) {
        struct mb_str element = mb_token_next(&list, ',');
        struct mb_str name = mb_token_next(&element, ';');
        if (mb_str_ieq(name, coding))
            return !is_refused(element);
        if (mb_str_eq(name, MB_STR("*")))
            any = !is_refused(element);
    }
    return any;
}
