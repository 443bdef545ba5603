/* Who comes first, the maker or the made? Both work for a while, of a length that nobody can foresee, and then
   each puts its letter down: fifty threads, then twenty processes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct board {
    atomic_int used;
    char letters[200];
};

static struct board *board;

static void put(char letter, uint16_t work) {
    for (volatile unsigned left = work * 4u; left > 0; left--)
        ;
    board->letters[atomic_fetch_add(&board->used, 1)] = letter;
}

struct made {
    uint16_t work;
};

static void *thread(void *argument) {
    put('t', ((struct made *)argument)->work);
    return NULL;
}

/* getrandom(2) is the same in each run. */
static uint16_t chance(void) {
#if defined(__x86_64__)
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint16_t)((low * 2654435761u) >> 16);
#else
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return (uint16_t)((ticks * 2654435761u) >> 16);
#endif
}

int main(void) {
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 50; round++) {
        pthread_t one;
        struct made made = {chance()};
        pthread_create(&one, NULL, thread, &made);
        put('m', chance());
        pthread_join(one, NULL);
    }
    for (int round = 0; round < 20; round++) {
        uint16_t work = chance();
        if (fork() == 0) {
            put('p', work);
            _exit(0);
        }
        put('m', chance());
        wait(NULL);
    }
    puts(board->letters);
    return 0;
}
