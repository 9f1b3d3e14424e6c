#pragma once
/* How far two words are apart: for "did you mean". */
#include <stddef.h>

/* How many bytes must be changed, added or left out to make one of the other; ASCII letters are the
 * same in both cases. Only the first 64 bytes are looked at. */
size_t mb_distance(const char *a, size_t alen, const char *b, size_t blen);
