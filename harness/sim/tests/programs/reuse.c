/* Who may share a port, and who is given what arrives at a shared one: SO_REUSEADDR and SO_REUSEPORT in every
   combination. Run natively and simulated: same text. Where Linux balances by a hash only sums are printed, and that
   nobody is left out: of 64 flows to two sockets all fall on the same one in a run of 2^63. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NONE, ADDRESS, PORT, BOTH };
enum { FLOWS = 64 };

static const char *kinds[] = {"none", "SO_REUSEADDR", "SO_REUSEPORT", "both"};

static const char *outcome(int result) { return result < 0 ? strerrorname_np(errno) : "ok"; }

static int opened(int type, int kind) {
    int one = socket(AF_INET, type, 0), on = 1;
    if (kind & ADDRESS)
        setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (kind & PORT)
        setsockopt(one, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    return one;
}

static struct sockaddr_in here(unsigned short port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int take(int one, unsigned short port) {
    struct sockaddr_in address = here(port);
    return bind(one, (struct sockaddr *)&address, sizeof address);
}

/* Binds to a free port. */
static unsigned short fresh(int one) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    take(one, 0);
    getsockname(one, (struct sockaddr *)&address, &length);
    return address.sin_port;
}

static int reach(int one, unsigned short port) {
    struct sockaddr_in address = here(port);
    return connect(one, (struct sockaddr *)&address, sizeof address);
}

static int wait_for(int one, short events, int patience) {
    struct pollfd what = {.fd = one, .events = events};
    return poll(&what, 1, patience) > 0;
}

static void options(void) {
    const int names[] = {SO_REUSEADDR, SO_REUSEPORT, SO_BROADCAST, SO_KEEPALIVE};
    int one = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < 4; i++) {
        int value = 5;
        socklen_t length = sizeof value;
        setsockopt(one, SOL_SOCKET, names[i], &value, sizeof value);
        getsockopt(one, SOL_SOCKET, names[i], &value, &length);
        printf("option %d: %d in %u bytes\n", i, value, (unsigned)length);
    }
    close(one);
}

/* A second socket beside a first one, and in its place. */
static void table(int type, const char *name, int listening) {
    for (int first = NONE; first <= BOTH; first++)
        for (int second = NONE; second <= BOTH; second++) {
            int one = opened(type, first), other = opened(type, second);
            unsigned short port = fresh(one);
            if (listening)
                listen(one, 8);
            printf("%s%s, %s and then %s: bind %s", name, listening ? " listening" : "", kinds[first], kinds[second],
                   outcome(take(other, port)));
            if (type == SOCK_STREAM) {
                printf(", listen %s", outcome(listen(other, 8)));
                printf(", the first's listen %s", outcome(listen(one, 8)));
            }
            close(one), close(other);
            other = opened(type, second);
            printf(", after both are closed %s\n", outcome(take(other, port)));
            close(other);
        }
}

/* What a listener leaves behind: a connection, and then the rest of one that it closed first. */
static void remains(void) {
    for (int first = NONE; first <= BOTH; first++)
        for (int second = NONE; second <= BOTH; second++) {
            int listener = opened(SOCK_STREAM, first), client = socket(AF_INET, SOCK_STREAM, 0);
            unsigned short port = fresh(listener);
            listen(listener, 8);
            reach(client, port);
            int child = accept(listener, NULL, NULL);
            close(listener);
            int other = opened(SOCK_STREAM, second);
            printf("%s and then %s: beside a connection %s", kinds[first], kinds[second], outcome(take(other, port)));
            close(other);
            close(child);
            wait_for(client, POLLIN, 2000);
            other = opened(SOCK_STREAM, second);
            printf(", beside half a one %s", outcome(take(other, port)));
            close(other);
            close(client);
            usleep(50000);
            other = opened(SOCK_STREAM, second);
            printf(", beside TIME_WAIT %s\n", outcome(take(other, port)));
            close(other);
        }
}

static int accepted(int listener) {
    int count = 0, child;
    while ((child = accept(listener, NULL, NULL)) >= 0) {
        close(child);
        count++;
    }
    return count;
}

static int listener(int kind, unsigned short port) {
    int one = opened(SOCK_STREAM, kind);
    if (port)
        take(one, port);
    return one;
}

static void connections(void) {
    int one = listener(PORT, 0), clients[FLOWS];
    unsigned short port = fresh(one);
    int other = listener(PORT, port);
    listen(one, FLOWS), listen(other, FLOWS);
    fcntl(one, F_SETFL, O_NONBLOCK), fcntl(other, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < FLOWS; i++)
        reach(clients[i] = socket(AF_INET, SOCK_STREAM, 0), port);
    usleep(50000);
    int at_one = accepted(one), at_other = accepted(other);
    printf("accepted %d, nobody left out %d\n", at_one + at_other, at_one > 0 && at_other > 0);
    for (int i = 0; i < FLOWS; i++)
        close(clients[i]);

    /* What waits in one that is closed is reset; what comes later goes to the other. */
    for (int i = 0; i < FLOWS; i++)
        reach(clients[i] = socket(AF_INET, SOCK_STREAM, 0), port);
    usleep(50000);
    close(one);
    usleep(50000);
    int reset = 0;
    char byte;
    for (int i = 0; i < FLOWS; i++)
        reset += recv(clients[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
    at_other = accepted(other);
    printf("reset or accepted %d, both %d\n", reset + at_other, reset > 0 && at_other > 0);
    for (int i = 0; i < FLOWS; i++)
        close(clients[i]);
    for (int i = 0; i < FLOWS; i++)
        reach(clients[i] = socket(AF_INET, SOCK_STREAM, 0), port);
    usleep(50000);
    printf("by the one that is left %d\n", accepted(other));
    for (int i = 0; i < FLOWS; i++)
        close(clients[i]);
    int late = listener(PORT, port);
    printf("one more: listen %s\n", outcome(listen(late, 8)));
    close(other), close(late);
    int nobody = socket(AF_INET, SOCK_STREAM, 0);
    printf("when all are closed: %s\n", outcome(reach(nobody, port)));
    close(nobody);
}

/* Both families at once: the socket of the family itself goes first. */
static void families(void) {
    int on = 1, off = 0, six = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    socklen_t length = sizeof any;
    setsockopt(six, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    bind(six, (struct sockaddr *)&any, sizeof any);
    getsockname(six, (struct sockaddr *)&any, &length);
    int without = opened(SOCK_STREAM, NONE), four = opened(SOCK_STREAM, PORT);
    struct sockaddr_in all = {.sin_family = AF_INET, .sin_port = any.sin6_port};
    printf("beside both families, none: %s", outcome(bind(without, (struct sockaddr *)&all, sizeof all)));
    printf(", SO_REUSEPORT: %s\n", outcome(bind(four, (struct sockaddr *)&all, sizeof all)));
    listen(six, 8), listen(four, 8);
    fcntl(six, F_SETFL, O_NONBLOCK), fcntl(four, F_SETFL, O_NONBLOCK);
    int clients[4];
    for (int i = 0; i < 4; i++)
        reach(clients[i] = socket(AF_INET, SOCK_STREAM, 0), all.sin_port);
    usleep(50000);
    int by_four = accepted(four), by_six = accepted(six);
    printf("IPv4 connections: %d by IPv4, %d by both\n", by_four, by_six);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    close(without), close(six), close(four);
}

/* Datagrams that wait, `expected` of them in all, taken from two sockets. */
static void taken(int one, int other, int expected, int counts[2]) {
    int both[2] = {one, other};
    char byte;
    counts[0] = counts[1] = 0;
    for (int turn = 0; turn < 200 && counts[0] + counts[1] < expected; turn++) {
        for (int i = 0; i < 2; i++)
            while (recv(both[i], &byte, 1, MSG_DONTWAIT) >= 0)
                counts[i]++;
        if (counts[0] + counts[1] < expected)
            usleep(10000);
    }
}

static void say(int from, unsigned short port) {
    struct sockaddr_in address = here(port);
    sendto(from, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
}

static void datagrams(void) {
    int one = opened(SOCK_DGRAM, PORT), other = opened(SOCK_DGRAM, PORT), counts[2], from[FLOWS];
    unsigned short port = fresh(one);
    take(other, port);
    for (int i = 0; i < FLOWS; i++)
        say(from[i] = socket(AF_INET, SOCK_DGRAM, 0), port);
    taken(one, other, FLOWS, counts);
    printf("datagrams %d, nobody left out %d\n", counts[0] + counts[1], counts[0] > 0 && counts[1] > 0);
    for (int i = 0; i < 8; i++)
        say(from[0], port);
    taken(one, other, 8, counts);
    printf("of one flow %d, all at the same socket %d\n", counts[0] + counts[1], counts[0] == 8 || counts[1] == 8);
    close(one);
    for (int i = 0; i < FLOWS; i++)
        say(from[i], port);
    taken(-1, other, FLOWS, counts);
    printf("by the one that is left %d\n", counts[1]);
    close(other);

    /* With SO_REUSEADDR whoever was bound last has them all. */
    one = opened(SOCK_DGRAM, ADDRESS), other = opened(SOCK_DGRAM, ADDRESS);
    port = fresh(other);
    take(one, port);
    for (int i = 0; i < FLOWS; i++)
        say(from[i], port);
    taken(one, other, FLOWS, counts);
    printf("SO_REUSEADDR: bound last %d, bound first %d\n", counts[0], counts[1]);
    close(one);
    say(from[0], port);
    taken(-1, other, 1, counts);
    printf("when that one is closed %d\n", counts[1]);

    /* A connected socket goes before all others. */
    int mine = opened(SOCK_DGRAM, ADDRESS);
    struct sockaddr_in sender;
    socklen_t length = sizeof sender;
    getsockname(from[0], (struct sockaddr *)&sender, &length);
    take(mine, port);
    reach(mine, sender.sin_port);
    say(from[0], port), say(from[1], port);
    taken(mine, other, 2, counts);
    printf("connected %d, not connected %d\n", counts[0], counts[1]);
    close(mine), close(other);
    for (int i = 0; i < FLOWS; i++)
        close(from[i]);
}

int main(void) {
    options();
    table(SOCK_STREAM, "TCP", 0);
    table(SOCK_STREAM, "TCP", 1);
    table(SOCK_DGRAM, "UDP", 0);
    remains();
    connections();
    families();
    datagrams();
    return 0;
}
