/* Reading places to listen at. */
#include "app/place.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PORT = 65535, MAX_DIGITS = 5 };

static bool is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= MAX_DIGITS && text[n] == '\0' && strtoul(text, NULL, 10) <= MAX_PORT;
}

bool mb_place_parse(struct mb_place *out, const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    if (len == 0 || len >= sizeof host || !is_port(colon + 1)) return false;
    memcpy(host, text, len);
    host[len] = '\0';
    struct addrinfo hints = {.ai_family = AF_INET,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    const char *name = host;
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        name++;
        hints.ai_family = AF_INET6;
    } else if (strcmp(host, "localhost") == 0) {
        name = "127.0.0.1";
    } else if (strcmp(host, "*") == 0) {
        name = "0.0.0.0";
    }
    struct addrinfo *found = NULL;
    if (getaddrinfo(name, colon + 1, &hints, &found) != 0) return false;
    memset(out, 0, sizeof *out);
    memcpy(&out->addr, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}
