/* Connections to where nobody answers: 10.0.0.2 is a machine that is silent, 10.0.0.99 an address of the own network
   that nobody has, 192.0.2.1 beyond any route. Run natively and simulated, on 10.0.0.1/16: same text. Every attempt is
   under way at once, so that the native run takes no longer than the longest. Times are in tenths of a second, rounded down
   to half a second: the kernel's timers of some seconds are late by up to a quarter of one. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 200000 };

static const char *outcome(int result) { return result < 0 ? strerrorname_np(errno) : "ok"; }

static int tenths(void) {
    static struct timespec start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (start.tv_sec == 0)
        start = now;
    long past = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
    /* Who begins a little later has the same neighbour looked for a little shorter. */
    return (int)((past + 50) / 500 * 5);
}

static int join(int one, const char *ip) {
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(7000)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(7000)};
    if (inet_pton(AF_INET, ip, &four.sin_addr) == 1)
        return connect(one, (struct sockaddr *)&four, sizeof four);
    inet_pton(AF_INET6, ip, &six.sin6_addr);
    return connect(one, (struct sockaddr *)&six, sizeof six);
}

static int opened(const char *ip, int type) { return socket(strchr(ip, ':') ? AF_INET6 : AF_INET, type, 0); }

static const char *pending(int one) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(one, SOL_SOCKET, SO_ERROR, &error, &length);
    return error ? strerrorname_np(error) : "none";
}

static const char *events(int one, int patience) {
    static char text[64];
    struct pollfd what = {.fd = one, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&what, 1, patience);
    int seen = what.revents;
    snprintf(text, sizeof text, "%s%s%s%s%s", seen & POLLIN ? " in" : "", seen & POLLOUT ? " out" : "",
             seen & POLLRDHUP ? " rdhup" : "", seen & POLLHUP ? " hup" : "", seen & POLLERR ? " err" : "");
    return text;
}

static int number(int one, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(one, IPPROTO_TCP, name, &value, &length);
    return value;
}

/* Sets both bounds where they are not 0. */
static void bounds(int one, int tries, int limit) {
    if (tries)
        setsockopt(one, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof tries);
    if (limit)
        setsockopt(one, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
}

static void options(void) {
    int one = socket(AF_INET, SOCK_STREAM, 0), values[] = {0, 1, 127, 128, -1};
    printf("at first: tries %d, limit %d\n", number(one, TCP_SYNCNT), number(one, TCP_USER_TIMEOUT));
    for (int i = 0; i < 5; i++) {
        printf("tries %d: %s", values[i], outcome(setsockopt(one, IPPROTO_TCP, TCP_SYNCNT, &values[i], 4)));
        printf(", limit: %s", outcome(setsockopt(one, IPPROTO_TCP, TCP_USER_TIMEOUT, &values[i], 4)));
        printf(", now %d and %d\n", number(one, TCP_SYNCNT), number(one, TCP_USER_TIMEOUT));
    }
    printf("two bytes: %s\n", outcome(setsockopt(one, IPPROTO_TCP, TCP_SYNCNT, values, 2)));
    close(one);
}

static void at_once(const char *ip) {
    int one = opened(ip, SOCK_STREAM);
    printf("%s, stream: %s", ip, outcome(join(one, ip)));
    printf(", pending %s,%s\n", pending(one), events(one, 0));
    fcntl(one, F_SETFL, O_NONBLOCK);
    printf("%s, stream that does not wait: %s\n", ip, outcome(join(one, ip)));
    close(one);
    one = opened(ip, SOCK_DGRAM);
    printf("%s, datagrams: %s", ip, outcome(join(one, ip)));
    printf(", send %s\n", outcome((int)send(one, "x", 1, 0)));
    close(one);
}

enum { BLOCKING, POLLED, SELECTED, AGAIN, DATAGRAM, BOUNDED };

static char line[1024];

static void add(const char *what, const char *value) {
    size_t length = strlen(line);
    snprintf(line + length, sizeof line - length, ", %s %s", what, value);
}

static void add_time(void) {
    char text[16];
    snprintf(text, sizeof text, "%d", tenths());
    add("after", text);
}

static void read_one(int one) {
    char byte;
    add("read", outcome((int)recv(one, &byte, 1, 0)));
}

static void wait_long(int one, int kind) {
    if (kind != SELECTED)
        return add("poll", events(one, PATIENCE));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP}, got = {0};
    char text[16];
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, one, &event);
    epoll_wait(set, &got, 1, PATIENCE);
    snprintf(text, sizeof text, "%x", got.events);
    add("epoll", text);
}

/* One that is asked about and not waited in. */
static void without_waiting(int one, const char *ip, int kind) {
    fcntl(one, F_SETFL, O_NONBLOCK);
    add("connect", outcome(join(one, ip)));
    add("poll", events(one, 0));
    add("pending", pending(one));
    add("once more", outcome(join(one, ip)));
    add("write", outcome((int)write(one, "x", 1)));
    read_one(one);
    wait_long(one, kind);
    add_time();
    if (kind == POLLED) {
        add("pending", pending(one));
        add("and then", pending(one));
        read_one(one);
    }
    add("connect", outcome(join(one, ip)));
    if (kind == AGAIN) {
        read_one(one);
        add("write", outcome((int)send(one, "x", 1, MSG_NOSIGNAL)));
    }
    add("and then", outcome(join(one, ip)));
}

/* One attempt in a process of its own, which says what it saw when it is over. */
static void attempt(const char *title, const char *ip, int kind, int tries, int limit) {
    int one = opened(ip, kind == DATAGRAM ? SOCK_DGRAM : SOCK_STREAM);
    snprintf(line, sizeof line, "%s, %s", ip, title);
    tenths();
    bounds(one, tries, limit);
    if (kind == BLOCKING) {
        add("connect", outcome(join(one, ip)));
        add_time();
        add("pending", pending(one));
        read_one(one);
    } else if (kind == BOUNDED) {
        struct timeval patience = {1, 0};
        setsockopt(one, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        for (int i = 0; i < 2; i++) {
            add("connect", outcome(join(one, ip)));
            add_time();
        }
        wait_long(one, kind);
        add_time();
        add("pending", pending(one));
    } else if (kind == DATAGRAM) {
        add("connect", outcome(join(one, ip)));
        add("send", outcome((int)send(one, "x", 1, 0)));
        struct pollfd what = {.fd = one, .events = POLLIN};
        add("error", poll(&what, 1, 4000) ? "told" : "not told");
        add("send", outcome((int)send(one, "x", 1, 0)));
    } else
        without_waiting(one, ip, kind);
    strcat(line, "\n");
    write(STDOUT_FILENO, line, strlen(line));
}

/* All at once, and their lines in order. */
static void attempts(const char *only) {
    const struct {
        const char *title, *ip;
        int kind, tries, limit;
    } all[] = {
        {"one try more", "10.0.0.2", BLOCKING, 1, 0},
        {"one try more, polled", "10.0.0.2", POLLED, 1, 0},
        {"one try more, epoll", "10.0.0.2", SELECTED, 1, 0},
        {"two tries more", "10.0.0.2", BLOCKING, 2, 0},
        {"2.5 s", "10.0.0.2", BLOCKING, 0, 2500},
        {"2.5 s, polled", "10.0.0.2", POLLED, 0, 2500},
        {"0.5 s", "10.0.0.2", BLOCKING, 0, 500},
        {"one try more or 60 s", "10.0.0.2", BLOCKING, 1, 60000},
        {"five tries more or 2 s", "10.0.0.2", BLOCKING, 5, 2000},
        {"a send time-out", "10.0.0.2", BOUNDED, 1, 0},
        {"datagrams", "10.0.0.2", DATAGRAM, 0, 0},
        {"nobody", "10.0.0.99", BLOCKING, 0, 0},
        {"nobody, polled", "10.0.0.99", POLLED, 0, 0},
        {"nobody, epoll", "10.0.0.99", SELECTED, 0, 0},
        {"nobody, asked again", "10.0.0.99", AGAIN, 0, 0},
        {"nobody, datagrams", "10.0.0.99", DATAGRAM, 0, 0},
        {"nobody, 1.5 s", "10.0.0.99", BLOCKING, 0, 1500},
        {"nobody", "fd00::99", BLOCKING, 0, 0},
        {"nobody, polled", "fd00::99", POLLED, 0, 0},
        {"by default", "10.0.0.2", BLOCKING, 0, 0},
    };
    enum { COUNT = sizeof all / sizeof *all };
    int ends[COUNT], by_default = COUNT - 1;
    for (int i = 0; i < COUNT; i++) {
        int both[2];
        if ((i == by_default) != (only != NULL))
            continue;
        pipe(both);
        if (fork() == 0) {
            dup2(both[1], STDOUT_FILENO);
            attempt(all[i].title, all[i].ip, all[i].kind, all[i].tries, all[i].limit);
            _exit(0);
        }
        close(both[1]);
        ends[i] = both[0];
    }
    for (int i = 0; i < COUNT; i++) {
        char text[sizeof line];
        long got;
        if ((i == by_default) != (only != NULL))
            continue;
        while ((got = read(ends[i], text, sizeof text)) > 0)
            write(STDOUT_FILENO, text, (size_t)got);
    }
    while (wait(NULL) > 0)
        ;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count == 1) {
        options();
        at_once("192.0.2.1");
        at_once("2001:db8::1");
    }
    attempts(count > 1 ? arguments[1] : NULL);
    return 0;
}
