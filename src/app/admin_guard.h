#pragma once
/*
 * Keeps web pages away from the admin address, which asks nobody for a password: a browser on the same
 * machine or network must not be the way to it. Judged by the head, before any of its routes.
 */
#include "net/http.h"

/* Answers the request and returns false when it may come from a web page:
 *
 *   421 unknown_host  its Host is no loopback name, no address and none of `hosts` (names separated by
 *                     commas or blanks), as that of a foreign name that was pointed here
 *   403 cross_site    it names an Origin, or Sec-Fetch-Site says that a page of elsewhere sent it
 */
bool mb_admin_guard_pass(const char *hosts, struct mb_http_request *req);
