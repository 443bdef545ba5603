/* A number that was a socket's is a file's in the next moment, over and over: each read must be the file's. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    for (int round = 0; round < 2000; round++) {
        int one = 1, number = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        close(number);
        char first;
        int file = open(argv[argc - 1], O_RDONLY);
        if (file != number || read(file, &first, 1) != 1)
            return 1;
        close(file);
    }
    puts("done");
    return 0;
}
