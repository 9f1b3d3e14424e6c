/* How long the supervisor waits before it starts a process again. */
#include "app/child.h"

#include "tap.h"

int main(void)
{
    ok(mb_child_pause(0, 50) == 0 && mb_child_pause(1, 50) == 1 && mb_child_pause(2, 50) == 3 &&
           mb_child_pause(5, 50) == 31, "the first start is at once, each pause about twice the one before");
    ok(mb_child_pause(6, 50) == 50 && mb_child_pause(1000000, 50) == 50 && mb_child_pause(3, 1) == 1,
       "no pause is over the longest");
    return done();
}
