#pragma once
/* Cutting what demo_cut asks for and loading it; for demo.c only. */
#include <libpq-fe.h>

#include "base/buf.h"

/* Within the open transaction. *slots and *offers count what was cut. */
MB_MUST_CHECK enum mb_rc mb_demo__cut(PGconn *conn, uint64_t *offers, uint64_t *slots,
                                      struct mb_err *err);
