/*
 * The client's address. Hops are read from the right and only as long as each is a trusted
 * proxy: what stands further left could have been written by anyone. So could the field that the
 * proxy does not write: only the one that is configured counts.
 */
#include "net/request.h"
#include "net/token.h"

typedef bool read_fn(struct mb_str element, struct mb_addr *out);

/* Repeated fields are one list. Walks it backwards; false when an entry cannot be read, which
 * leaves the last address that could. */
static bool walk(const struct mb_http_request *r, struct mb_str name, read_fn *read,
                 struct mb_addr *client)
{
    for (size_t i = r->nfields; i-- > 0;) {
        struct mb_http_header h = mb_http_header_at(r, i);
        struct mb_addr hop;
        if (!mb_str_eq(h.name, name))
            continue;
        while (h.value.len > 0) {
            struct mb_str element = mb_token_pop(&h.value, ',');
            if (element.len == 0)
                continue;
            if (!mb_networks_have(r->conn->server->trusted, client))
                return true;
            if (!read(element, &hop))
                return false;
            *client = hop;
        }
    }
    return true;
}

const char *mb_http_client(const struct mb_http_request *r)
{
    struct mb_http_request *own = (struct mb_http_request *)r; /* found on first use */
    struct mb_addr client = r->conn->peer;
    if (!r->conn->trusted)
        return r->conn->peer_text;
    if (r->client[0] != '\0')
        return r->client;
    if (r->conn->server->config.reads_forwarded)
        (void)walk(r, MB_STR("forwarded"), mb_peer_read_forwarded, &client);
    else
        (void)walk(r, MB_STR("x-forwarded-for"), mb_peer_read_xff, &client);
    mb_addr_text(&client, own->client);
    return own->client;
}
