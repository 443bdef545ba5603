//! What is done on the server: a database, a table, students, and the question who is there.

use std::io::Write;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, IoError, OptsBuilder, TxOpts};

use super::students::Order;
use crate::failure::Failure;

/// Each is harmless where it has been said before.
const MAKE: [&str; 3] = [
    "CREATE DATABASE IF NOT EXISTS btech",
    "USE btech",
    "CREATE TABLE IF NOT EXISTS students (\
       id INT AUTO_INCREMENT PRIMARY KEY, \
       name VARCHAR(100) NOT NULL UNIQUE, \
       semester INT NOT NULL DEFAULT 8)",
];

/// Whoever is there stays as he is. INSERT IGNORE would do that as well, and would also ignore names that are too long.
const INSERT: &str = "INSERT INTO students (name) VALUES (?) ON DUPLICATE KEY UPDATE name = name";

const WHO: &str = "SELECT id, name, semester FROM students ORDER BY id";

/// Brings students to the table, and shows it.
///
/// # Errors
/// No server, a refusal, or a connection that breaks.
pub fn bring(order: &Order<'_>, names: &[String], out: &mut impl Write) -> Result<(), Failure> {
    // The library is asynchronous; one statement after another needs no more than one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::Connection { doing: "starting", source })?;
    let rows = runtime.block_on(async {
        let mut connection = connect(order).await?;
        let rows = work(&mut connection, names).await;
        // Also after a refusal: the server then knows that we have gone on purpose.
        let _ = connection.disconnect().await;
        rows.map_err(refused)
    })?;
    for (number, name, semester) in &rows {
        writeln!(out, "{number:>4}  {name}  (semester {semester})").map_err(Failure::Output)?;
    }
    writeln!(out, "{} students", rows.len()).map_err(Failure::Output)?;
    out.flush().map_err(Failure::Output)
}

async fn connect(order: &Order<'_>) -> Result<Conn, Failure> {
    let options = OptsBuilder::default()
        .ip_or_hostname(order.host)
        .tcp_port(order.port)
        .user(Some(order.user))
        .pass(Some(order.password))
        // To a server on this machine the library would change over to a Unix socket.
        .prefer_socket(false);
    Conn::new(options).await.map_err(|error| match error {
        Error::Io(IoError::Io(source)) => Failure::NoServer { host: order.host.to_owned(), port: order.port, source },
        other => refused(other),
    })
}

/// All that is said to the server.
async fn work(connection: &mut Conn, names: &[String]) -> Result<Vec<(u64, String, u64)>, Error> {
    for statement in MAKE {
        connection.query_drop(statement).await?;
    }
    // CREATE TABLE would end a transaction, so it begins here.
    let mut transaction = connection.start_transaction(TxOpts::default()).await?;
    transaction.exec_batch(INSERT, names.iter().map(|name| (name,))).await?;
    transaction.commit().await?;
    connection.query(WHO).await
}

/// In the server's words, with the number by which they are looked up.
fn refused(error: Error) -> Failure {
    match error {
        Error::Server(server) => {
            Failure::Protocol(format!("the server refused: {} (error {})", server.message, server.code))
        }
        Error::Io(IoError::Io(source)) => Failure::Connection { doing: "speaking to the server", source },
        other => Failure::Protocol(format!("the connection cannot be used: {other}")),
    }
}
