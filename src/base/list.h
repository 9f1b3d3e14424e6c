#pragma once
/*
 * Intrusive doubly linked lists with a sentinel: a node stands in what it links, is on at most one
 * list at a time, and leaves it without knowing which.
 */
#include <stdbool.h>

struct mb_node {
    struct mb_node *prev, *next;
};

static inline void mb_list_init(struct mb_node *list) { list->prev = list->next = list; }
static inline bool mb_list_is_empty(const struct mb_node *list) { return list->next == list; }
/* Whether a node that was initialised is on a list. */
static inline bool mb_list_is_linked(const struct mb_node *n) { return n->next != n; }

static inline void mb_list_insert(struct mb_node *after, struct mb_node *n)
{
    n->prev = after;
    n->next = after->next;
    after->next->prev = n;
    after->next = n;
}
static inline void mb_list_append(struct mb_node *list, struct mb_node *n)
{
    mb_list_insert(list->prev, n);
}
static inline void mb_list_prepend(struct mb_node *list, struct mb_node *n)
{
    mb_list_insert(list, n);
}
static inline void mb_list_remove(struct mb_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    mb_list_init(n);
}
/* Moves everything of from to the end of list. */
static inline void mb_list_splice(struct mb_node *list, struct mb_node *from)
{
    if (mb_list_is_empty(from)) return;
    from->next->prev = list->prev;
    list->prev->next = from->next;
    from->prev->next = list;
    list->prev = from->prev;
    mb_list_init(from);
}
