/* Writes into connections whose other end is gone. Run natively and simulated: same text. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int near, far;
static volatile sig_atomic_t pipes;

static void note(int number) { (void)number, pipes++; }

static void settle(void) { usleep(50000); }

static void fresh(const char *title) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    close(near), close(far);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, length);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    near = socket(AF_INET, SOCK_STREAM, 0);
    connect(near, (struct sockaddr *)&address, length);
    far = accept(listener, NULL, NULL);
    close(listener);
    printf("%s\n", title);
    fflush(stdout);
}

static void say(const char *what, ssize_t result) {
    printf("  %s: %zd %s, SIGPIPE %d\n", what, result, result < 0 ? strerrorname_np(errno) : "", (int)pipes);
    fflush(stdout);
    pipes = 0;
}

static void read_once(void) {
    char buffer[100];
    say("read", recv(near, buffer, sizeof buffer, MSG_DONTWAIT));
}

static void reset(int one) {
    struct linger now = {1, 0};
    setsockopt(one, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(one);
    far = -1;
}

static void pending(void) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(near, SOL_SOCKET, SO_ERROR, &error, &length);
    printf("  SO_ERROR %s\n", error ? strerrorname_np(error) : "none");
}

static void states(void) {
    struct pollfd one = {.fd = near, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&one, 1, 0);
    printf("  poll%s%s%s%s%s\n", one.revents & POLLIN ? " in" : "", one.revents & POLLOUT ? " out" : "",
           one.revents & POLLRDHUP ? " rdhup" : "", one.revents & POLLHUP ? " hup" : "", one.revents & POLLERR ? " err" : "");
}

int main(void) {
    near = far = -1;
    signal(SIGPIPE, note);

    fresh("the other end has closed");
    close(far), far = -1;
    settle();
    states();
    say("first write", write(near, "x", 1));
    settle();
    states();
    say("second write", write(near, "x", 1));
    say("third write", write(near, "x", 1));
    read_once();

    fresh("the other end has closed, and nobody asks for signals");
    close(far), far = -1;
    settle();
    say("first send", send(near, "x", 1, MSG_NOSIGNAL));
    settle();
    say("second send", send(near, "x", 1, MSG_NOSIGNAL));

    fresh("the other end has reset the connection");
    reset(far);
    settle();
    states();
    say("first write", write(near, "x", 1));
    say("second write", write(near, "x", 1));
    read_once();

    fresh("reset, and an error that was read");
    reset(far);
    settle();
    read_once();
    read_once();
    say("write", write(near, "x", 1));

    fresh("reset, and an error that was asked for");
    reset(far);
    settle();
    pending();
    pending();
    read_once();
    say("write", write(near, "x", 1));

    fresh("data, then a reset");
    write(far, "data", 4);
    reset(far);
    settle();
    states();
    read_once();
    say("first write", write(near, "x", 1));
    say("second write", write(near, "x", 1));

    fresh("data, an end, then a reset");
    write(far, "data", 4);
    shutdown(far, SHUT_WR);
    reset(far);
    settle();
    states();
    read_once();
    say("first write", write(near, "x", 1));
    say("second write", write(near, "x", 1));
    read_once();

    fresh("closed with something unread");
    write(near, "unread", 6);
    settle();
    close(far), far = -1;
    settle();
    say("first write", write(near, "x", 1));
    say("second write", write(near, "x", 1));

    fresh("the own end is shut");
    shutdown(near, SHUT_WR);
    say("write", write(near, "x", 1));
    struct iovec part = {"x", 1};
    say("writev", writev(near, &part, 1));
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    say("sendmsg", sendmsg(near, &message, 0));
    struct mmsghdr many = {.msg_hdr = message};
    say("sendmmsg", sendmmsg(near, &many, 1, 0));
    int file = open("/etc/passwd", O_RDONLY);
    say("sendfile", sendfile(near, file, NULL, 10));
    say("write of nothing", write(near, "", 0));

    fresh("a signal that nobody catches");
    close(far), far = -1;
    signal(SIGPIPE, SIG_DFL);
    int status;
    if (fork() == 0) {
        settle();
        for (int i = 0; i < 3; i++) {
            write(near, "x", 1);
            settle();
        }
        _exit(0);
    }
    wait(&status);
    printf("  %s %d\n", WIFSIGNALED(status) ? "killed by" : "exited with", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));

    fresh("a signal that is ignored");
    close(far), far = -1;
    signal(SIGPIPE, SIG_IGN);
    settle();
    for (int i = 0; i < 3; i++) {
        say("write", write(near, "x", 1));
        settle();
    }
    return 0;
}
