/* splice between pipes and sockets, in both directions and at every end. Run natively and simulated: same text. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void settle(void) { usleep(20000); }

static void say(const char *what, long result) {
    printf("%s: %ld %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
}

static void show(const char *what, int from) {
    char text[64] = {0};
    long got = read(from, text, sizeof text - 1);
    printf("%s: %ld \"%s\"\n", what, got, text);
}

static void connected(int pair[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, length);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    connect(pair[0], (struct sockaddr *)&address, length);
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
}

static int counted;

static void *drain(void *from) {
    static char room[65536];
    long got;
    while ((got = read(*(int *)from, room, sizeof room)) > 0)
        counted += got;
    return NULL;
}

/* A relay as it is written for speed: socket to pipe to socket, a mebibyte of it. */
static void relay(void) {
    int in[2], out[2], pipes[2];
    connected(in), connected(out);
    pipe(pipes);
    pthread_t reader;
    pthread_create(&reader, NULL, drain, &out[1]);
    if (fork() == 0) {
        static char block[65536];
        for (int i = 0; i < 16; i++)
            for (size_t done = 0; done < sizeof block; done += (size_t)write(in[0], block + done, sizeof block - done))
                ;
        _exit(0);
    }
    close(in[0]);
    long total = 0, got;
    while ((got = splice(in[1], NULL, pipes[1], NULL, 65536, 0)) > 0) {
        for (long left = got, done; left > 0; left -= done)
            if ((done = splice(pipes[0], NULL, out[0], NULL, (size_t)left, 0)) <= 0)
                return say("relay", done);
        total += got;
    }
    say("relay ends", got);
    say("relayed", total);
    close(out[0]);
    pthread_join(reader, NULL);
    say("arrived", counted);
}

int main(void) {
    int pair[2], pipes[2];
    signal(SIGPIPE, SIG_IGN);
    connected(pair), pipe(pipes);

    write(pipes[1], "from a pipe", 11);
    say("into a socket", splice(pipes[0], NULL, pair[0], NULL, 100, 0));
    settle();
    show("there", pair[1]);
    write(pipes[1], "in two parts", 12);
    say("a part", splice(pipes[0], NULL, pair[0], NULL, 6, 0));
    say("the rest", splice(pipes[0], NULL, pair[0], NULL, 100, 0));
    settle();
    show("both", pair[1]);
    say("of an empty pipe", splice(pipes[0], NULL, pair[0], NULL, 10, SPLICE_F_NONBLOCK));
    say("of nothing", splice(pipes[0], NULL, pair[0], NULL, 0, 0));

    write(pair[1], "from a socket", 13);
    settle();
    say("into a pipe", splice(pair[0], NULL, pipes[1], NULL, 100, 0));
    show("in it", pipes[0]);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    say("of a socket with nothing", splice(pair[0], NULL, pipes[1], NULL, 100, SPLICE_F_NONBLOCK));
    fcntl(pair[0], F_SETFL, 0);

    loff_t offset = 0;
    say("with an offset", splice(pair[0], &offset, pipes[1], NULL, 10, 0));
    say("with an offset of the pipe", splice(pair[0], NULL, pipes[1], &offset, 10, 0));
    say("the other way", splice(pipes[0], NULL, pair[0], &offset, 10, 0));
    say("with an offset of its pipe", splice(pipes[0], &offset, pair[0], NULL, 10, 0));
    say("between sockets", splice(pair[0], NULL, pair[1], NULL, 10, 0));
    say("of what is not open", splice(777, NULL, pair[0], NULL, 10, 0));

    shutdown(pair[1], SHUT_WR);
    settle();
    say("at the end of a stream", splice(pair[0], NULL, pipes[1], NULL, 10, 0));
    close(pipes[1]);
    say("at the end of a pipe", splice(pipes[0], NULL, pair[0], NULL, 10, 0));

    close(pair[1]);
    settle();
    pipe(pipes);
    write(pipes[1], "to nobody", 9);
    splice(pipes[0], NULL, pair[0], NULL, 4, 0);
    settle();
    say("into a broken connection", splice(pipes[0], NULL, pair[0], NULL, 10, 0));
    relay();
    return 0;
}
