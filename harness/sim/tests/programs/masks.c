/* Waits whose call names the signals that are blocked meanwhile. Run natively and simulated: same text. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t taken;

static void note(int number) { taken = number; }

static const char *name(int number) { return number ? sigabbrev_np(number) : "none"; }

static void say(const char *what, int result) {
    const char *how = result < 0 ? strerrorname_np(errno) : "no error";
    sigset_t waiting;
    sigpending(&waiting);
    printf("%s: %d %s, taken %s, pending%s%s%s%s\n", what, result, how, name(taken),
           sigismember(&waiting, SIGUSR1) ? " USR1" : "", sigismember(&waiting, SIGUSR2) ? " USR2" : "",
           sigismember(&waiting, SIGALRM) ? " ALRM" : "", sigismember(&waiting, SIGCHLD) ? " CHLD" : "");
    fflush(stdout);
    taken = 0;
}

/* An alarm after a tenth of a second. */
static void alarm_soon(void) {
    struct itimerval soon = {{0, 0}, {0, 100000}};
    setitimer(ITIMER_REAL, &soon, NULL);
}

static void connected(int *near, int *far) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, length);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    *near = socket(AF_INET, SOCK_STREAM, 0);
    connect(*near, (struct sockaddr *)&address, length);
    *far = accept(listener, NULL, NULL);
    close(listener);
}

int main(void) {
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigset_t all, none, user;
    int near, far;
    sigemptyset(&none);
    sigemptyset(&all);
    sigemptyset(&user);
    sigaddset(&user, SIGUSR1);
    for (const int *one = (int[]){SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, 0}; *one; one++) {
        sigaddset(&all, *one);
        sigaction(*one, &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &all, NULL);
    connected(&near, &far);
    struct pollfd readable = {.fd = near, .events = POLLIN};
    struct timespec long_time = {5, 0}, no_time = {0, 0}, short_time = {0, 50000000};
    fd_set set;

    /* What sshpass does: wait for a child and for a descriptor at once. */
    if (fork() == 0) {
        usleep(100000);
        _exit(3);
    }
    FD_ZERO(&set);
    FD_SET(near, &set);
    say("pselect and a child", pselect(near + 1, &set, NULL, NULL, NULL, &none));
    int status;
    waitpid(-1, &status, 0);
    printf("the child's status: %d\n", WEXITSTATUS(status));

    alarm_soon();
    say("ppoll and an alarm", ppoll(&readable, 1, &long_time, &none));

    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, got[4];
    epoll_ctl(epoll, EPOLL_CTL_ADD, near, &event);
    alarm_soon();
    say("epoll_pwait and an alarm", epoll_pwait(epoll, got, 4, 5000, &none));
    alarm_soon();
    say("epoll_pwait2 and an alarm", (int)syscall(SYS_epoll_pwait2, epoll, got, 4, &long_time, &none, (size_t)8));

    /* Sent before the call, which would not wait at all. */
    kill(getpid(), SIGUSR1);
    say("ppoll without waiting", ppoll(&readable, 1, &no_time, &none));
    kill(getpid(), SIGUSR1);
    say("the mask keeps it out", ppoll(&readable, 1, &short_time, &user));
    kill(getpid(), SIGUSR2);
    say("the mask lets another in", ppoll(&readable, 1, &long_time, &user));
    say("pselect of nothing", pselect(0, NULL, NULL, NULL, &long_time, &none));

    /* What is ready comes first, and the signal waits on. */
    write(far, "x", 1);
    poll(&readable, 1, 1000);
    kill(getpid(), SIGUSR1);
    say("ready", ppoll(&readable, 1, &long_time, &none));
    char byte;
    read(near, &byte, 1);
    say("not ready any more", ppoll(&readable, 1, &long_time, &none));

    /* Waiting for room in a full socket, which is writable in no sense. */
    char block[65536] = {0};
    for (int more = 1; more; usleep(50000))
        for (more = 0; send(far, block, sizeof block, MSG_DONTWAIT) > 0;)
            more = 1;
    FD_ZERO(&set);
    FD_SET(far, &set);
    alarm_soon();
    say("pselect for room", pselect(far + 1, NULL, &set, NULL, &long_time, &none));
    struct pollfd room = {.fd = far, .events = POLLOUT};
    alarm_soon();
    say("ppoll for room", ppoll(&room, 1, &long_time, &none));

    /* Without a mask of its own the call leaves them blocked. */
    alarm_soon();
    say("ppoll without a mask", ppoll(&room, 1, &short_time, NULL));
    say("sigtimedwait", sigtimedwait(&all, NULL, &long_time));
    say("nothing left", sigtimedwait(&all, NULL, &no_time));
    return 0;
}
