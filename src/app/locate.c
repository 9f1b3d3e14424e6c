#include "app/locate.h"

/* Engines know the line of a table or a function; where in the line it is, the text tells best. */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct mb_str rest_of(struct mb_str s, size_t at)
{
    return (struct mb_str){s.ptr + at, s.len - at};
}

static size_t find_byte(struct mb_str s, char c)
{
    const char *hit = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
    return hit != NULL ? (size_t)(hit - s.ptr) : s.len;
}

/* Where word stands in line by itself; line.len when it does not. */
static size_t find_word(struct mb_str line, struct mb_str word)
{
    for (size_t i = 0; word.len > 0 && i + word.len <= line.len; i++) {
        size_t end = i + word.len;
        if (memcmp(line.ptr + i, word.ptr, word.len) != 0) continue;
        bool is_begun = i > 0 && is_word(word.ptr[0]) && is_word(line.ptr[i - 1]);
        bool goes_on = end < line.len && is_word(word.ptr[word.len - 1]) && is_word(line.ptr[end]);
        if (!is_begun && !goes_on) return i;
    }
    return line.len;
}

static const struct mb_script *find_file(const struct mb_script *list, size_t n, struct mb_str name)
{
    for (size_t i = 0; i < n; i++)
        if (mb_str_eq(mb_str_z(list[i].name), name)) return &list[i];
    return NULL;
}

/* Line number n of the text, from 1; ptr NULL when it has none. */
static struct mb_str line_of(struct mb_str text, size_t n)
{
    for (; n > 1; n--) {
        size_t end = find_byte(text, '\n');
        if (end == text.len) return (struct mb_str){NULL, 0};
        text = rest_of(text, end + 1);
    }
    text.len = find_byte(text, '\n');
    return text;
}

/* The next quoted word of a text, which it is cut down to what follows; len 0 = there is none. */
static struct mb_str next_quoted(struct mb_str *text)
{
    while (text->len > 0) {
        char c = text->ptr[0];
        *text = rest_of(*text, 1);
        if (c != '\'' && c != '"' && c != '`') continue;
        size_t end = find_byte(*text, c);
        struct mb_str word = {text->ptr, end};
        if (end == text->len) break;
        *text = rest_of(*text, end + 1);
        if (end > 0) return word;
    }
    return (struct mb_str){NULL, 0};
}

/* From 1. */
static size_t column_of(struct mb_str line, struct mb_str what)
{
    static const struct mb_str near = {" near ", sizeof " near " - 1};
    size_t start = 0;
    for (size_t i = 0; i + near.len <= what.len; i++) /* the parser's own word for the place */
        if (memcmp(what.ptr + i, near.ptr, near.len) == 0) what = rest_of(what, i);
    for (struct mb_str word = next_quoted(&what); word.len > 0; word = next_quoted(&what)) {
        size_t at = find_word(line, word);
        if (at < line.len) return at + 1;
    }
    while (start < line.len && (line.ptr[start] == ' ' || line.ptr[start] == '\t')) start++;
    return start < line.len ? start + 1 : 1;
}

/* "file:line: what" -> the length of "file:line", and the column; 0 when it is no such text. */
static size_t place_of(const struct mb_shelf_slot *slot, struct mb_str text, size_t *column)
{
    size_t colon = find_byte(text, ':'), at = colon + 1, number = 0;
    struct mb_str name = {text.ptr, colon};
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && number < 10000000)
        number = number * 10 + (size_t)(text.ptr[at++] - '0');
    if (number == 0 || at + 1 >= text.len || text.ptr[at] != ':' || text.ptr[at + 1] != ' ')
        return 0;
    const struct mb_script *s = find_file(slot->scripts, slot->nscripts, name);
    if (s == NULL) s = find_file(slot->plugins, slot->nplugins, name);
    if (s == NULL) return 0;
    struct mb_str line = line_of(s->text, number);
    if (line.ptr == NULL) return 0;
    *column = column_of(line, rest_of(text, at + 1));
    return at;
}

enum mb_rc mb_locate(const struct mb_shelf_slot *slot, struct mb_str text, struct mb_buf *out)
{
    enum mb_rc rc = MB_OK;
    while (text.len > 0 && rc == MB_OK) {
        struct mb_str line = {text.ptr, find_byte(text, '\n')};
        size_t column = 0, place = place_of(slot, line, &column);
        rc = mb_buf_add(out, line.ptr, place);
        if (rc == MB_OK && place > 0) rc = mb_buf_addf(out, ":%zu", column);
        if (rc == MB_OK) rc = mb_buf_add(out, line.ptr + place, line.len - place);
        bool is_last = line.len == text.len;
        if (rc == MB_OK && !is_last) rc = mb_buf_add(out, "\n", 1);
        text = rest_of(text, is_last ? line.len : line.len + 1);
    }
    return rc;
}
