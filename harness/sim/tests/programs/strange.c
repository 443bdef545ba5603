/* Makes a call with a time-out that the simulation does not answer itself. */
#define _GNU_SOURCE
#include <sys/sem.h>

int main(void) {
    struct sembuf nothing = {0};
    semtimedop(-1, &nothing, 1, 0);
    return 0;
}
