#pragma once
/* "routes/slots.lua:12: what" -> "routes/slots.lua:12:5: what": diagnostics with their columns. */
#include "app/shelf.h"

/* Appends the text, a diagnostic a line, to out. The column is that of the first word that the diagnostic
 * quotes and that stands in the line of the source, or of what it says to be near; else where the
 * line begins. What names no file of the slot stays as it is. */
MB_MUST_CHECK enum mb_rc mb_locate(const struct mb_shelf_slot *slot, struct mb_str text,
                                   struct mb_buf *out);
