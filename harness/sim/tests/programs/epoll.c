/* What epoll reports, level, edge and once, of sockets and of other things. Run natively and simulated: same text. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int set, near, far;

static void fresh(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    close(near), close(far), close(set);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, length);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    near = socket(AF_INET, SOCK_STREAM, 0);
    connect(near, (struct sockaddr *)&address, length);
    far = accept(listener, NULL, NULL);
    close(listener);
    set = epoll_create1(0);
}

static void settle(void) { usleep(20000); }

static int change(int how, int fd, unsigned events, unsigned data) {
    struct epoll_event event = {.events = events, .data.u32 = data};
    return epoll_ctl(set, how, fd, &event) == 0 ? 0 : errno;
}

static void look(const char *what) {
    struct epoll_event got[8];
    int count = epoll_wait(set, got, 8, 0);
    printf("%s:", what);
    for (int i = 0; i < count; i++) {
        unsigned e = got[i].events;
        printf(" %u%s%s%s%s%s", got[i].data.u32, e & EPOLLIN ? " in" : "", e & EPOLLOUT ? " out" : "",
               e & EPOLLRDHUP ? " rdhup" : "", e & EPOLLHUP ? " hup" : "", e & EPOLLERR ? " err" : "");
    }
    printf("%s\n", count < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
}

int main(void) {
    char byte[16];
    set = near = far = -1;

    puts("level");
    fresh();
    change(EPOLL_CTL_ADD, near, EPOLLIN, 1);
    look("nothing");
    write(far, "ab", 2), settle();
    look("data"), look("again");
    read(near, byte, 1);
    look("a part was read");
    read(near, byte, 1);
    look("all was read");
    change(EPOLL_CTL_MOD, near, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 2);
    look("more is asked for");
    shutdown(far, SHUT_WR), settle();
    look("half closed");
    close(far), far = -1, settle();
    write(near, "x", 1), settle();
    look("reset");

    puts("edge");
    fresh();
    change(EPOLL_CTL_ADD, near, EPOLLIN | EPOLLOUT | EPOLLET, 3);
    look("writable at first"), look("no news");
    write(far, "ab", 2), settle();
    look("data"), look("no news");
    write(far, "cd", 2), settle();
    look("more data"), look("no news");
    read(near, byte, 16);
    look("all was read");
    write(far, "e", 1), settle();
    look("data again");
    change(EPOLL_CTL_MOD, near, EPOLLIN | EPOLLET, 4);
    look("set anew"), look("no news");
    close(far), far = -1, settle();
    look("closed"), look("no news");

    puts("once");
    fresh();
    change(EPOLL_CTL_ADD, near, EPOLLIN | EPOLLONESHOT, 5);
    write(far, "a", 1), settle();
    look("data"), look("silent");
    write(far, "b", 1), settle();
    look("still silent");
    change(EPOLL_CTL_MOD, near, EPOLLIN | EPOLLONESHOT, 6);
    look("armed again"), look("silent");
    change(EPOLL_CTL_MOD, near, EPOLLIN | EPOLLONESHOT | EPOLLET, 7);
    look("edge and once"), look("silent");

    puts("membership");
    fresh();
    printf("added %d\n", change(EPOLL_CTL_ADD, near, EPOLLOUT, 8));
    printf("twice %s\n", strerrorname_np(change(EPOLL_CTL_ADD, near, EPOLLOUT, 8)));
    printf("unknown %s\n", strerrorname_np(change(EPOLL_CTL_MOD, far, EPOLLOUT, 8)));
    printf("unknown %s\n", strerrorname_np(change(EPOLL_CTL_DEL, far, 0, 0)));
    printf("no descriptor %s\n", strerrorname_np(change(EPOLL_CTL_ADD, 777, EPOLLIN, 0)));
    int copy = dup(near);
    printf("a copy %d\n", change(EPOLL_CTL_ADD, copy, EPOLLOUT, 9));
    look("both");
    close(near), near = -1;
    look("one is closed, the copy keeps it");
    close(copy);
    look("both are closed");
    int events = eventfd(0, EFD_NONBLOCK), ends[2];
    if (pipe(ends) != 0)
        return 1;
    change(EPOLL_CTL_ADD, events, EPOLLIN, 10);
    change(EPOLL_CTL_ADD, ends[0], EPOLLIN, 11);
    change(EPOLL_CTL_ADD, far, EPOLLOUT, 12);
    struct epoll_event got[1];
    printf("of others %d\n", epoll_wait(set, got, 1, 100));
    eventfd_write(events, 1);
    printf("with an event %d\n", epoll_wait(set, (struct epoll_event[8]){0}, 8, 100));
    write(ends[1], "x", 1);
    printf("with a pipe %d\n", epoll_wait(set, (struct epoll_event[8]){0}, 8, 100));
    printf("a bad count %d\n", epoll_wait(set, got, 0, 0));

    puts("shared");
    fresh();
    change(EPOLL_CTL_ADD, near, EPOLLIN, 13);
    int status;
    fflush(stdout);
    if (fork() == 0) {
        look("in a child");
        write(far, "x", 1), settle();
        look("in a child");
        _exit(0);
    }
    wait(&status);
    look("in its parent");
    return 0;
}
