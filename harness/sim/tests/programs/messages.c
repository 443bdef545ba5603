/* Several messages at once, vectors, flags and files into sockets. Run natively and simulated: same text. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void settle(void) { usleep(20000); }

static void say(const char *what, long result) {
    printf("%s: %ld %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
}

static int bound(int kind, struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = socket(AF_INET, kind, 0);
    bind(one, (struct sockaddr *)address, length);
    getsockname(one, (struct sockaddr *)address, &length);
    return one;
}

static void datagrams(void) {
    struct sockaddr_in to, own, from[4];
    int receiver = bound(SOCK_DGRAM, &to), sender = bound(SOCK_DGRAM, &own);
    struct iovec parts[6] = {{"one", 3}, {"two ", 4}, {"parts", 5}, {"three", 5}, {"", 0}, {"five", 4}};
    struct mmsghdr out[4] = {0}, in[4] = {0};
    struct { int first, count; } cut[4] = {{0, 1}, {1, 2}, {3, 1}, {4, 1}};
    for (int i = 0; i < 4; i++)
        out[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[cut[i].first], .msg_iovlen = cut[i].count};
    say("sendmmsg", sendmmsg(sender, out, 4, 0));
    for (int i = 0; i < 4; i++)
        printf(" %u", out[i].msg_len);
    puts("");
    settle();
    char room[4][4];
    struct iovec into[4];
    for (int i = 0; i < 4; i++) {
        into[i] = (struct iovec){room[i], sizeof room[i]};
        in[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &into[i], .msg_iovlen = 1};
    }
    struct timespec patience = {1, 0};
    int count = recvmmsg(receiver, in, 4, MSG_WAITFORONE, &patience);
    say("recvmmsg", count);
    for (int i = 0; i < count; i++)
        printf(" %u%s%s\n", in[i].msg_len, in[i].msg_hdr.msg_flags & MSG_TRUNC ? " cut" : "",
               from[i].sin_port == own.sin_port ? "" : " from somebody else");
    say("recvmmsg of nothing", recvmmsg(receiver, in, 4, MSG_DONTWAIT, NULL));
    sendto(sender, "a datagram", 10, 0, (struct sockaddr *)&to, sizeof to);
    settle();
    char small[4];
    int waiting = 0;
    ioctl(receiver, FIONREAD, &waiting);
    printf("FIONREAD %d\n", waiting);
    say("the whole length", recv(receiver, small, sizeof small, MSG_TRUNC | MSG_PEEK));
    say("no room", recv(receiver, small, 0, 0));
    say("gone", recv(receiver, small, sizeof small, MSG_DONTWAIT));
    say("unconnected", send(sender, "x", 1, 0));
    connect(sender, (struct sockaddr *)&to, sizeof to);
    say("connected", send(sender, "x", 1, 0));
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    say("let go", connect(sender, &nobody, sizeof nobody));
    say("unconnected", send(sender, "x", 1, 0));
    close(receiver), close(sender);
}

static int near, far;

static void connected(void) {
    struct sockaddr_in address;
    int listener = bound(SOCK_STREAM, &address);
    listen(listener, 1);
    near = socket(AF_INET, SOCK_STREAM, 0);
    connect(near, (struct sockaddr *)&address, sizeof address);
    far = accept(listener, NULL, NULL);
    close(listener);
}

static void streams(void) {
    connected();
    struct iovec parts[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
    say("writev", writev(near, parts, 3));
    struct mmsghdr many[2] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = parts + 2, .msg_iovlen = 1}}};
    say("sendmmsg on a stream", sendmmsg(near, many, 2, 0));
    settle();
    char a[3], b[20] = {0};
    struct iovec into[2] = {{a, 3}, {b, sizeof b - 1}};
    say("readv", readv(far, into, 2));
    printf("%.3s|%s\n", a, b);
    say("read of nothing", read(far, b, 0));
    int waiting = 7;
    write(near, "12345", 5), settle();
    ioctl(far, FIONREAD, &waiting);
    printf("FIONREAD %d\n", waiting);
    say("peek", recv(far, b, sizeof b, MSG_PEEK));
    say("thrown away", recv(far, b, sizeof b, MSG_TRUNC));
    struct sockaddr_in from = {0};
    socklen_t length = sizeof from;
    write(near, "x", 1), settle();
    say("recvfrom on a stream", recvfrom(far, b, 1, 0, (struct sockaddr *)&from, &length));
    printf("name of %u bytes\n", length);
    say("would wait", recv(far, b, 1, MSG_DONTWAIT));
    struct timeval soon = {0, 100000};
    setsockopt(far, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    say("waits for a while", recv(far, b, 1, 0));
    close(near), close(far);
}

/* Takes what has come. */
static void drain(const char *what, int wanted) {
    char buffer[4096];
    long whole = 0, got;
    unsigned sum = 0;
    struct pollfd entry = {.fd = far, .events = POLLIN};
    while (whole < wanted && poll(&entry, 1, 1000) > 0 && (got = read(far, buffer, sizeof buffer)) > 0) {
        whole += got;
        for (long i = 0; i < got; i++)
            sum = sum * 31 + (unsigned char)buffer[i];
    }
    printf("%s: %ld bytes, sum %u\n", what, whole, sum);
}

static void files(void) {
    connected();
    char path[] = "/tmp/filesXXXXXX", text[20000];
    int file = mkstemp(path);
    unlink(path);
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7 + i / 256);
    if (write(file, text, sizeof text) != sizeof text)
        return;
    lseek(file, 100, SEEK_SET);
    say("sendfile from where the file is", sendfile(near, file, NULL, 5000));
    drain("came", 5000);
    say("it has moved on to", lseek(file, 0, SEEK_CUR));
    say("and is read on from there", read(file, text, 10));
    off_t offset = 15000;
    say("sendfile from an offset", sendfile(near, file, &offset, 10000));
    drain("came", 5000);
    printf("offset %ld, file at %ld\n", (long)offset, (long)lseek(file, 0, SEEK_CUR));
    say("to the end", sendfile(near, file, NULL, 1000000));
    drain("came", 14890);
    say("beyond it", sendfile(near, file, NULL, 10));
    int ends[2];
    if (pipe(ends) != 0)
        return;
    int closed = open("/dev/null", O_WRONLY);
    say("of what is not open to be read", sendfile(near, closed, NULL, 10));
    say("of nothing", sendfile(near, 777, NULL, 10));
    say("of a socket", sendfile(near, far, NULL, 10));
    int copy = dup(file);
    lseek(copy, 0, SEEK_SET);
    say("of a copy", sendfile(near, file, NULL, 7));
    say("which has moved, too", lseek(copy, 0, SEEK_CUR));
    drain("came", 7);
    close(near), close(far);
}

int main(void) {
    datagrams();
    streams();
    files();
    return 0;
}
