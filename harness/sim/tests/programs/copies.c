/* Descriptors of a socket that are copied, closed and given to something else: what stands under each number
 * afterwards. The argument names the way of copying. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, long result) {
    printf("%s: %ld %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
}

/* What has come to a connection, after a moment in which it may come. */
static void arrived(const char *what, int from) {
    char text[64] = "";
    struct pollfd one = {.fd = from, .events = POLLIN};
    int ready = poll(&one, 1, 100);
    ssize_t count = recv(from, text, sizeof text - 1, MSG_DONTWAIT);
    printf("%s: ready %d, %zd %s '%s'\n", what, ready, count, count < 0 ? strerrorname_np(errno) : "", text);
    fflush(stdout);
}

static void holds(const char *what, int file) {
    char text[64] = "";
    ssize_t count = pread(file, text, sizeof text - 1, 0);
    printf("%s: %zd '%s'\n", what, count, text);
    fflush(stdout);
}

/* A connection of the program with itself. */
static void join(int pair[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1)) exit(1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    if (connect(pair[0], (struct sockaddr *)&address, length)) exit(1);
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
    /* The lowest free number is to be that of the first socket, once it is closed. */
    open("/dev/null", O_RDONLY);
}

/* Sends a descriptor over a local connection to itself. */
static int by_message(int descriptor) {
    int local[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, local);
    char byte = 'x', room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    if (sendmsg(local[0], &message, 0) != 1 || recvmsg(local[1], &message, 0) != 1) return -1;
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
    close(local[0]);
    close(local[1]);
    return descriptor;
}

static int copied(const char *way, int descriptor) {
    if (!strcmp(way, "dup")) return dup(descriptor);
    if (!strcmp(way, "dup2")) return dup2(descriptor, 20);
    if (!strcmp(way, "dup3")) return dup3(descriptor, 20, O_CLOEXEC);
    if (!strcmp(way, "dupfd")) return fcntl(descriptor, F_DUPFD, 30);
    if (!strcmp(way, "dupfd-cloexec")) return fcntl(descriptor, F_DUPFD_CLOEXEC, 30);
    if (!strcmp(way, "message")) return by_message(descriptor);
    if (!strcmp(way, "pidfd")) {
        int process = syscall(SYS_pidfd_open, getpid(), 0);
        int copy = syscall(SYS_pidfd_getfd, process, descriptor, 0);
        close(process);
        return copy;
    }
    return -1;
}

/* The number is closed and given to a file, while the socket lives on under another. */
static void in_one_process(const char *way, int near, int far) {
    int copy = copied(way, near);
    show("copied", copy);
    show("closed", close(near));
    int file = memfd_create("file", 0);
    show("the number again", file - near);
    show("to the file", write(near, "file", 4));
    arrived("the far end", far);
    holds("the file", file);
    show("to the copy", write(copy, "copy", 4));
    arrived("the far end", far);
    show("the copy over the file", dup2(copy, file));
    show("to the number", write(file, "both", 4));
    arrived("the far end", far);
    close(copy);
    show("to the number", write(file, "last", 4));
    arrived("the far end", far);
    close(file);
    arrived("the far end", far);
}

static int go[2];

static int in_child(void *pair) {
    char byte;
    int near = ((int *)pair)[0];
    if (read(go[0], &byte, 1) != 1) _exit(1);
    show("to the child's", write(near, "child", 5));
    show("closed in the child", close(near));
    show("the number again", memfd_create("file", 0) - near);
    show("to the child's file", write(near, "file", 4));
    _exit(0);
}

/* The parent gives the number to a file, and then a child does. With CLONE_FILES it is the same number. */
static void with_child(int flags, int pair[2]) {
    char *stack = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pipe(go)) exit(1);
    int child = clone(in_child, stack + (1 << 16), flags | SIGCHLD, pair);
    show("to the parent's", write(pair[0], "parent", 6));
    arrived("the far end", pair[1]);
    show("closed", close(pair[0]));
    int file = memfd_create("file", 0);
    show("the number again", file - pair[0]);
    show("to the parent's file", write(file, "mine", 4));
    holds("the file", file);
    if (write(go[1], "x", 1) != 1) exit(1);
    show("child", waitpid(child, NULL, 0) - child);
    arrived("the far end", pair[1]);
    holds("the file", file);
    arrived("the far end", pair[1]);
}

/* No copy: the number goes from socket to file to socket. */
static void by_turns(int near, int far) {
    show("closed", close(near));
    int file = memfd_create("file", 0);
    show("the number again", file - near);
    show("to the file", write(near, "file", 4));
    holds("the file", file);
    arrived("the far end", far);
    close(far);
    close(file);
    int pair[2];
    join(pair);
    show("to a new socket", write(near, "new", 3));
    arrived("the far end", pair[1]);
    show("a pipe over it", dup2(STDOUT_FILENO, pair[0]));
    show("to the pipe", write(pair[0], "printed\n", 8));
    arrived("the far end", pair[1]);
    show("all closed", syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_UNSHARE));
    join(pair);
    show("to a new socket", write(pair[0], "new", 3));
    arrived("the far end", pair[1]);
}

int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "dup";
    int pair[2];
    join(pair);
    show("before", write(pair[0], "before", 6));
    arrived("the far end", pair[1]);
    if (!strcmp(way, "fork")) with_child(0, pair);
    else if (!strcmp(way, "shared-table")) with_child(CLONE_FILES, pair);
    else if (!strcmp(way, "by-turns")) by_turns(pair[0], pair[1]);
    else in_one_process(way, pair[0], pair[1]);
    return 0;
}
