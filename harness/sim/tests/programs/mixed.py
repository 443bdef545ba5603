"""Waits in select for its input and its connections at once, and sends a file by sendfile."""
import os, select, socket, sys, tempfile

if sys.argv[1] == "server":
    with socket.create_server(("", 5000)) as listener, tempfile.TemporaryFile() as file:
        file.write(b"x" * 50_000)
        file.flush()
        while True:
            connection, _ = listener.accept()
            file.seek(0)
            connection.sendfile(file)
            connection.close()
else:
    with socket.create_connection(("127.0.0.1", 5000)) as connection:
        waiting, count = {sys.stdin, connection}, 0
        while waiting:
            for one in select.select(list(waiting), [], [])[0]:
                if one is connection:
                    piece = connection.recv(10_000)
                    count += len(piece)
                    if not piece:
                        waiting.remove(one)
                else:
                    print("input:", sys.stdin.readline().rstrip(), flush=True)
                    waiting.remove(one)
        print(f"file: {count} bytes")
