#pragma once
/*
 * Mails to the one server that takes them (RFC 5321), on the loop. That server is the operator's own configuration, so
 * unlike the client of scripts it may have any address. One mail is one connection.
 */
#include <uv.h>

#include "base/buf.h"

struct mb_smtp;
struct mb_delivery;

enum mb_smtp_security { MB_SMTP_STARTTLS, MB_SMTP_TLS, MB_SMTP_NONE };

/* Configuration keys smtp.*; texts are borrowed. */
struct mb_smtp_limits {
    const char *host; /* a name or a numeric address */
    unsigned port;
    enum mb_smtp_security security;
    const char *user, *password; /* "" = nobody signs in */
    const char *name;            /* by which we greet: a host as in a URL */
    const char *ca_file;         /* "" = those of the system */
    bool needs_tls_1_3;          /* else 1.2 will do */
    uint32_t timeout;            /* ms */
};

/* Borrowed until mb_smtp_start returns. from, to: see mb_smtp_is_address. text: not empty; lines end with CR and LF, and hold
 * neither. */
struct mb_smtp_mail {
    const char *from, *to;
    struct mb_str text;
    uint32_t timeout; /* ms; 0 = that of the limits, which it cannot exceed */
};

/* Borrowed for the call it is handed to. code: NULL when the mail was taken, else one of
 *   refused         the server answered status, 4xx or 5xx
 *   login_failed    user and password
 *   tls_missing     it offers no STARTTLS, or refused it; nothing was sent in clear
 *   tls_failed      no TLS, or a certificate that is not to be trusted
 *   timeout, resolve_failed, connect_failed, connection_lost, answer_invalid, address_invalid, busy, cancelled */
struct mb_smtp_result {
    const char *code;
    int status;        /* of its last answer; 0 = it gave none */
    bool is_permanent; /* this mail would be refused again */
    char detail[256];  /* what it answered, in ASCII and without addresses; else what went wrong */
};

typedef void (*mb_smtp_done)(void *ctx, const struct mb_smtp_result *result);

MB_MUST_CHECK enum mb_rc mb_smtp_new(struct mb_smtp **out, uv_loop_t *loop,
                                     const struct mb_smtp_limits *limits, struct mb_err *err);
/* Ends what is in work with the code cancelled; its handles close as the loop turns. */
void mb_smtp_close(struct mb_smtp *s);
void mb_smtp_free(struct mb_smtp *s); /* after that, and after the loop */

/* done is called from the loop, never from inside. On failure *result tells why, and nothing was sent. */
MB_MUST_CHECK bool mb_smtp_start(struct mb_smtp *s, const struct mb_smtp_mail *mail,
                                 mb_smtp_done done, void *ctx, struct mb_delivery **out,
                                 struct mb_smtp_result *result);
/* Ends a delivery whose done was not called; it will not be. The server may have taken the mail. */
void mb_smtp_cancel(struct mb_delivery *d);

/* Whether it can stand in MAIL FROM and RCPT TO as it is: ASCII (there is no SMTPUTF8 here), one @, nothing that ends an
 * address or a line. */
bool mb_smtp_is_address(struct mb_str address);
