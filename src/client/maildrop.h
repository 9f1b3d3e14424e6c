#pragma once
/*
 * Mails as files, where no server for mail is configured: somebody who tries the program, or develops, reads them
 * there. They hold what the mail holds, links with tokens too, so the folder and the files are their owner's alone.
 */
#include "base/buf.h"

enum { MB_MAILDROP_NAME = 96 };

/* Writes folder/<time>-<kind>.eml, which is whole or not there, and makes the folder when it is missing. kind: letters,
 * digits and hyphens, 48 at most. name: the file's, without folder. Waits for the disk: call it off the loop. */
MB_MUST_CHECK enum mb_rc mb_maildrop_write(const char *folder, const char *kind, struct mb_str mail,
                                           char name[MB_MAILDROP_NAME], struct mb_err *err);
/* Whether it may be a kind. */
bool mb_maildrop_is_kind(struct mb_str kind);
