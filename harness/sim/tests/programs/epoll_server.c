/* Upper-cases for any number of clients, edge-triggered, in one thread. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct rlimit room;
    getrlimit(RLIMIT_NOFILE, &room);
    room.rlim_cur = room.rlim_max;
    setrlimit(RLIMIT_NOFILE, &room);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    bind(listener, (struct sockaddr *)&address, sizeof address);
    listen(listener, 4096);
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[16];
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(set, ready, 16, -1);
        for (int i = 0; i < count; i++) {
            int one = ready[i].data.fd;
            if (one == listener) {
                int client;
                while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    event.events = EPOLLIN | EPOLLET;
                    event.data.fd = client;
                    epoll_ctl(set, EPOLL_CTL_ADD, client, &event);
                }
                continue;
            }
            char bytes[100];
            ssize_t got;
            while ((got = read(one, bytes, sizeof bytes)) > 0) {
                for (ssize_t j = 0; j < got; j++) bytes[j] = toupper((unsigned char)bytes[j]);
                write(one, bytes, got);
            }
            if (got == 0) close(one);
        }
    }
}
