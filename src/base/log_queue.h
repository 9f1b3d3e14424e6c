#pragma once
/*
 * The way of whole lines to a descriptor; for log.c only. Whoever logs writes by itself, until
 * mb_log__queue says that nobody is to wait for the reader any more: from then on lines stand in a
 * bounded queue, and a thread of the process writes them.
 *
 * The descriptor stays as it was handed in: O_NONBLOCK belongs to the open file, so it would also
 * change the terminal and the other processes that have it.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line about that many lost ones, with its newline; 0 = it does not fit. */
typedef size_t (*mb_log__tell)(char *out, size_t size, uint64_t lines);

/* Where lines go from now on; borrowed. What waits still goes to the one before. */
void mb_log__to(int fd);
/* memory: `size` bytes that live as long as the process, and are handed on to those forked from it. */
void mb_log__queue(char *memory, size_t size, mb_log__tell tell);
/* Lines lost, of this process and of those it forks later, are counted there. */
void mb_log__count(_Atomic uint64_t *lost);
/* One or more lines with their newlines. Urgent: written at once, and the last for whom there is room. */
void mb_log__put(const char *text, size_t len, bool is_urgent);
/* In the handler of a signal: without lock or memory, and only what the reader has room for. */
void mb_log__put_last(const char *text, size_t len);
void mb_log__flush(void);
