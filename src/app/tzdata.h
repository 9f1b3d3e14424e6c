#pragma once
/*
 * The system's time zone files, each read once and kept: kernel/zone.h works on their bytes. It
 * must not know what the zones are needed for.
 */
#include "base/buf.h"
#include "kernel/zone.h"

struct mb_tzfile;

struct mb_tzdata {
    struct mb_tzfile *newest;
};

/* The zone of an IANA name ("Africa/Johannesburg"), good until the reset. MB_E_INVALID for a name
 * that is none or has no usable file. $TZDIR stands for /usr/share/zoneinfo. */
MB_MUST_CHECK enum mb_rc mb_tzdata_find(struct mb_tzdata *t, const char *name,
                                        const struct mb_zone **out, struct mb_err *err);
void mb_tzdata_reset(struct mb_tzdata *t);
