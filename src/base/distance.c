#include "base/distance.h"

enum { MOST = 64 };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Row by row of the table of Levenshtein's distances. */
size_t mb_distance(const char *a, size_t alen, const char *b, size_t blen)
{
    size_t row[MOST + 1];
    alen = least(alen, MOST);
    blen = least(blen, MOST);
    for (size_t j = 0; j <= blen; j++) row[j] = j;
    for (size_t i = 1; i <= alen; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= blen; j++) {
            size_t changed = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            row[j] = least(least(row[j], row[j - 1]) + 1, changed);
        }
    }
    return row[blen];
}
