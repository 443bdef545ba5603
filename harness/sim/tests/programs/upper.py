"""An uppercase server in one of three I/O models, and three clients in threads of one process."""
import asyncio, select, socket, sys, threading


def serve_threads(listener):
    def answer(connection):
        while piece := connection.recv(4096):
            connection.sendall(piece.upper())
        connection.close()

    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def serve_select(listener):
    connections = []
    while True:
        for one in select.select([listener, *connections], [], [])[0]:
            if one is listener:
                connections.append(listener.accept()[0])
            elif piece := one.recv(4096):
                one.sendall(piece.upper())
            else:
                one.close()
                connections.remove(one)


def serve_asyncio(listener):
    async def answer(reader, writer):
        while piece := await reader.read(4096):
            writer.write(piece.upper())
            await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(answer, sock=listener)
        await server.serve_forever()

    asyncio.run(main())


def clients(port):
    text = b"the quick brown fox " * 100
    answers = []

    def ask():
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            got = b""
            while piece := connection.recv(4096):
                got += piece
            answers.append(got == text.upper())

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(answers)


model, port = sys.argv[1], int(sys.argv[2])
if model == "clients":
    clients(port)
else:
    with socket.create_server(("", port), backlog=5) as listener:
        globals()["serve_" + model](listener)
