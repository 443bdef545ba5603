/* Datagrams to everybody: who may send them and who is given them. Run natively and simulated, on two machines of one
   network, 10.0.0.1/16 and 10.0.0.2/16: same text. The second, started with an argument, tells the first what arrived. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVERYBODY = 7000, MARKS = 7001, NEAR = 6000, ANSWERS = 6001 };
enum { PATIENCE = 5000 };

static const char *outcome(long result) { return result < 0 ? strerrorname_np(errno) : "ok"; }

static struct sockaddr_in at(const char *ip, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    inet_pton(AF_INET, ip, &address.sin_addr);
    return address;
}

static int bound(const char *ip, int port) {
    int one = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    struct sockaddr_in address = at(ip, port);
    setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(one, (struct sockaddr *)&address, sizeof address) != 0)
        printf("bind %s: %s\n", ip, strerrorname_np(errno));
    return one;
}

static long say(int from, const char *ip, int port, const char *text) {
    struct sockaddr_in address = at(ip, port);
    return sendto(from, text, strlen(text), 0, (struct sockaddr *)&address, sizeof address);
}

static int join(int one, const char *ip, int port) {
    struct sockaddr_in address = at(ip, port);
    return connect(one, (struct sockaddr *)&address, sizeof address);
}

static int arrives(int one, int patience) {
    struct pollfd what = {.fd = one, .events = POLLIN};
    return poll(&what, 1, patience) > 0;
}

enum { PLACES = 6 };

static int places[PLACES];
static const char *names[PLACES] = {"any", "own", "limited", "directed", "connected", "six"};

static void open_places(const char *own, const char *other) {
    const char *addresses[] = {"0.0.0.0", own, "255.255.255.255", "10.0.255.255", "0.0.0.0"};
    for (int i = 0; i < 5; i++)
        places[i] = bound(addresses[i], EVERYBODY);
    join(places[4], other, NEAR);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(EVERYBODY)};
    int on = 1;
    places[5] = socket(AF_INET6, SOCK_DGRAM, 0);
    setsockopt(places[5], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(places[5], (struct sockaddr *)&any, sizeof any) != 0)
        printf("bind six: %s\n", strerrorname_np(errno));
}

/* What has arrived somewhere, as a line of text each. */
static int collect(const char *where, char lines[][128], int count) {
    for (int i = 0; i < PLACES; i++) {
        char text[64], ip[INET6_ADDRSTRLEN];
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        long got;
        while ((got = recvfrom(places[i], text, sizeof text - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &length)) >= 0) {
            text[got] = 0;
            int six = from.ss_family == AF_INET6;
            const void *address = six ? (void *)&((struct sockaddr_in6 *)&from)->sin6_addr
                                      : (void *)&((struct sockaddr_in *)&from)->sin_addr;
            inet_ntop(from.ss_family, address, ip, sizeof ip);
            snprintf(lines[count++], 128, "%s %s: \"%s\" from %s", where, names[i], text, ip);
            length = sizeof from;
        }
    }
    return count;
}

static int far(void) {
    int marks = bound("10.0.0.2", MARKS);
    open_places("10.0.0.2", "10.0.0.1");
    for (int turn = 0; turn < 100 && !arrives(marks, 50); turn++)
        say(marks, "10.0.0.1", ANSWERS, "ready");
    char mark[16], lines[32][128];
    while (arrives(marks, PATIENCE)) {
        /* What was sent before the mark is here. */
        int count = collect("there", lines, 0);
        long got = recv(marks, mark, sizeof mark, 0);
        for (int i = 0; i < count; i++)
            say(marks, "10.0.0.1", ANSWERS, lines[i]);
        say(marks, "10.0.0.1", ANSWERS, "done");
        if (got == 3)
            return 0;
    }
    return 1;
}

static int answers;

static int in_order(const void *one, const void *other) { return strcmp(one, other); }

/* Everything that was given to somebody since the last time. */
static void report(const char *mark) {
    char lines[64][128];
    int count = 0;
    say(answers, "10.0.0.2", MARKS, mark);
    while (arrives(answers, PATIENCE)) {
        long got = recv(answers, lines[count], 127, 0);
        lines[count][got > 0 ? got : 0] = 0;
        if (strcmp(lines[count], "done") == 0)
            break;
        count += strcmp(lines[count], "ready") != 0;
    }
    count = collect("here", lines, count);
    qsort(lines, (size_t)count, sizeof *lines, in_order);
    for (int i = 0; i < count; i++)
        printf("  %s\n", lines[i]);
    if (count == 0)
        printf("  nobody\n");
    fflush(stdout);
}

static const char *everybody[] = {"255.255.255.255", "10.0.255.255", "127.255.255.255"};

static void forbidden(int from) {
    for (int i = 0; i < 3; i++) {
        printf("send to %s: %s\n", everybody[i], outcome(say(from, everybody[i], EVERYBODY, "forbidden")));
        printf("connect to %s: %s\n", everybody[i], outcome(join(from, everybody[i], EVERYBODY)));
    }
    /* The last of a /24 is one of many addresses in a /16. */
    printf("send to 10.0.0.255: %s\n", outcome(say(from, "10.0.0.255", EVERYBODY, "to one")));
    report("1");
}

static void streams(void) {
    for (int i = 0; i < 3; i++) {
        int one = socket(AF_INET, SOCK_STREAM, 0);
        printf("stream to %s: %s\n", everybody[i], outcome(join(one, everybody[i], EVERYBODY)));
        close(one);
    }
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1)
        return far();
    int on = 1, off = 0, near = bound("0.0.0.0", NEAR);
    answers = bound("10.0.0.1", ANSWERS);
    open_places("10.0.0.1", "10.0.0.2");
    if (!arrives(answers, PATIENCE))
        return 1;
    printf("not allowed\n");
    forbidden(near);
    streams();

    setsockopt(near, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    for (int i = 0; i < 3; i++) {
        printf("send to %s: %s\n", everybody[i], outcome(say(near, everybody[i], EVERYBODY, "allowed")));
        report("1");
    }
    int other = bound("10.0.0.1", 6002);
    setsockopt(other, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    printf("from another port, bound to an address: %s\n", outcome(say(other, "10.0.255.255", EVERYBODY, "other")));
    report("1");
    printf("to a port of nobody: %s\n", outcome(say(other, "10.0.255.255", 7999, "nobody")));
    report("1");

    printf("connect: %s\n", outcome(join(other, "10.0.255.255", EVERYBODY)));
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    getpeername(other, (struct sockaddr *)&name, &length);
    printf("  the other end %s\n", inet_ntoa(name.sin_addr));
    getsockname(other, (struct sockaddr *)&name, &length);
    printf("  the own end %s\n", inet_ntoa(name.sin_addr));
    printf("send: %s\n", outcome(send(other, "connected", 9, 0)));
    report("1");
    setsockopt(other, SOL_SOCKET, SO_BROADCAST, &off, sizeof off);
    printf("send, not allowed any more: %s\n", outcome(send(other, "late", 4, 0)));
    report("1");

    length = sizeof name;
    getsockname(places[3], (struct sockaddr *)&name, &length);
    printf("bound to %s\n", inet_ntoa(name.sin_addr));
    printf("send from there: %s\n", outcome(say(places[3], "10.0.0.2", EVERYBODY, "from there")));
    report("end");
    return 0;
}
