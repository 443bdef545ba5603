/* Every kind of timer and of wait with a time-out. Times are rounded to 50 ms. Run natively and simulated: same text. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t taken, value;
static struct timespec start;

static void note(int number, siginfo_t *info, void *context) {
    (void)context;
    taken = number, value = info->si_code == SI_TIMER ? info->si_value.sival_int : 0;
}

static const char *name(int number) { return number ? sigabbrev_np(number) : "none"; }

static double rounded(double seconds) { return (int)(seconds * 20 + 0.5) / 20.0; }

static double seconds(struct timespec t) { return t.tv_sec + t.tv_nsec / 1e9; }

static double passed(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return rounded(seconds(now) - seconds(start));
}

static void begin(void) { clock_gettime(CLOCK_MONOTONIC, &start); }

static void say(const char *what, long result) {
    printf("%s: %ld %s after %.2f, taken %s %d\n", what, result, result < 0 ? strerrorname_np(errno) : "", passed(),
           name(taken), (int)value);
    fflush(stdout);
    taken = value = 0;
    begin();
}

static struct itimerspec every(double first, double interval) {
    struct itimerspec spec = {{(time_t)interval, (long)(interval * 1e9) % 1000000000}, {(time_t)first, (long)(first * 1e9) % 1000000000}};
    return spec;
}

static void alarm_in(double after) {
    struct itimerval wish = {{0, 0}, {(time_t)after, (long)(after * 1e6) % 1000000}};
    setitimer(ITIMER_REAL, &wish, NULL);
}

static void by_descriptor(void) {
    uint64_t count = 0;
    struct itimerspec left, once = every(0.2, 0), often = every(0.1, 0.1);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    say("timerfd, not set", read(fd, &count, 8));
    timerfd_settime(fd, 0, &once, NULL);
    say("timerfd, too early", read(fd, &count, 8));
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    say("timerfd, polled", poll(&entry, 1, 1000));
    say("timerfd, read", read(fd, &count, 8));
    printf("count %lu\n", (unsigned long)count);
    timerfd_settime(fd, 0, &often, NULL);
    usleep(320000);
    timerfd_gettime(fd, &left);
    printf("left %.2f of %.2f\n", rounded(seconds(left.it_value)), seconds(left.it_interval));
    say("timerfd, several", read(fd, &count, 8));
    printf("count %lu\n", (unsigned long)count);
    struct itimerspec none = {0};
    timerfd_settime(fd, 0, &none, NULL);
    say("timerfd, stopped", poll(&entry, 1, 150));
    say("timerfd, a small buffer", read(fd, &count, 4));
    close(fd);
    fd = timerfd_create(CLOCK_REALTIME, 0);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct itimerspec absolute = {{0, 0}, {now.tv_sec + 1, now.tv_nsec}};
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &absolute, NULL);
    say("timerfd, absolute", read(fd, &count, 8));
    alarm_in(0.1);
    timerfd_settime(fd, 0, &once, NULL);
    say("timerfd, waiting through a signal", read(fd, &count, 8));
    close(fd);
}

static void by_signal(void) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
    struct itimerspec left, once = every(0.2, 0), often = every(0.1, 0.1);
    say("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
    timer_settime(timer, 0, &once, NULL);
    timer_gettime(timer, &left);
    printf("left %.2f\n", rounded(seconds(left.it_value)));
    say("timer, paused", pause());
    timer_settime(timer, 0, &often, NULL);
    say("timer, first", pause());
    say("timer, second", pause());
    say("timer_delete", timer_delete(timer));
    event.sigev_notify = SIGEV_NONE;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &once, NULL);
    usleep(100000);
    timer_gettime(timer, &left);
    printf("left %.2f\n", rounded(seconds(left.it_value)));
    usleep(150000);
    timer_gettime(timer, &left);
    printf("left %.2f\n", rounded(seconds(left.it_value)));
    timer_delete(timer);
    begin();
    struct itimerval got, wish = {{0, 0}, {0, 300000}};
    setitimer(ITIMER_REAL, &wish, NULL);
    usleep(100000);
    getitimer(ITIMER_REAL, &got);
    printf("left %.2f\n", rounded(got.it_value.tv_usec / 1e6));
    say("setitimer", pause());
    printf("alarm before: %u\n", alarm(10));
    printf("alarm before: %u\n", alarm(0));
}

static void sleeps(void) {
    struct timespec wish = {0, 300000000}, left = {9, 0};
    alarm_in(0.1);
    say("nanosleep, broken off", nanosleep(&wish, &left));
    printf("left %.2f\n", rounded(seconds(left)));
    alarm_in(0.1);
    while (nanosleep(&wish, &wish) < 0)
        ;
    say("nanosleep, gone on with", 0);
    wish.tv_sec = 0, wish.tv_nsec = 300000000;
    alarm_in(0.1);
    say("clock_nanosleep, broken off", clock_nanosleep(CLOCK_MONOTONIC, 0, &wish, &left));
    printf("left %.2f\n", rounded(seconds(left)));
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1;
    say("clock_nanosleep, absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    say("clock_nanosleep, past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    alarm_in(0.15);
    printf("sleep, broken off: %u left\n", sleep(3));
    say("", 0);
}

/* Linux puts the time that is left where the time-out was. */
static void selects(void) {
    int ends[2];
    if (pipe(ends) != 0)
        return;
    fd_set set;
    for (int round = 0; round < 3; round++) {
        struct timeval patience = {0, 300000};
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        alarm_in(round == 1 ? 0.1 : 0);
        if (round == 2 && write(ends[1], "x", 1) != 1)
            return;
        long result = select(ends[0] + 1, &set, NULL, NULL, &patience);
        say("select", result);
        printf("left %.2f\n", rounded(patience.tv_sec + patience.tv_usec / 1e6));
    }
    struct timespec patience = {0, 300000000};
    alarm_in(0.1);
    say("ppoll itself", syscall(SYS_ppoll, NULL, 0, &patience, NULL, 8));
    printf("left %.2f\n", rounded(seconds(patience)));
    patience.tv_nsec = 200000000;
    say("pselect6 itself", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &patience, NULL));
    printf("left %.2f\n", rounded(seconds(patience)));
}

int main(void) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    begin();
    for (int restarts = 0; restarts < 2; restarts++) {
        action.sa_flags = SA_SIGINFO | (restarts ? SA_RESTART : 0);
        sigaction(SIGALRM, &action, NULL);
        sigaction(SIGUSR1, &action, NULL);
        printf("handlers %s\n", restarts ? "ask for restarts" : "break off");
        by_descriptor();
        by_signal();
        sleeps();
        selects();
    }
    return 0;
}
