#pragma once
/* Internal to control*.c: where the socket lies. Its path may be any length, as it is addressed by way of
 * the folder's descriptor. */
#include <stdbool.h>
#include <sys/un.h>

#define MB_CONTROL__LEAF "control.sock"

enum { MB_CONTROL__MAX_WORD = 32 };

/* A descriptor of the data folder, or -1. */
int mb_control__open_folder(const char *path);
bool mb_control__address(int folder, struct sockaddr_un *out);
