//! The room: who is here, and a queue for each.
//!
//! Owns the table and the queues; never touches a socket. All of it lives on one thread, so an `Rc` is enough.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use tokio::time::{Instant, timeout_at};

/// How many lines a client may lag behind.
const QUEUE_LENGTH: usize = 1024;

/// How long a line waits for room in a queue that is full. Then the client that does not empty it is disconnected.
const PATIENCE: Duration = Duration::from_secs(2);

/// A line with its newline, stored once for everybody.
pub type Line = Rc<[u8]>;

/// Makes a line of its parts.
pub fn line(parts: &[&[u8]]) -> Line {
    let mut line = parts.concat();
    line.push(b'\n');
    line.into()
}

#[derive(Debug, Clone)]
struct Member {
    name: Vec<u8>,
    queue: Sender<Line>,
    expelled: Rc<Notify>,
}

/// Who is here. Each has a number, in the order of coming.
#[derive(Debug, Default)]
pub struct Room {
    members: RefCell<BTreeMap<u64, Member>>,
    next_number: RefCell<u64>,
}

/// A client's place in the room, and its end of the queue. When this is dropped, the place is free.
#[derive(Debug)]
pub struct Place {
    room: Rc<Room>,
    number: u64,
    /// The name as it came to be.
    pub name: Vec<u8>,
    /// Notified when the client has been disconnected for not reading.
    pub expelled: Rc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.members.borrow_mut().remove(&self.number);
    }
}

impl Room {
    /// Takes a client in, under its name or one that is made of it.
    pub fn enter(self: &Rc<Self>, wanted: &[u8]) -> (Place, Receiver<Line>) {
        let (queue, lines) = channel(QUEUE_LENGTH);
        let name = self.free_name(wanted);
        let expelled = Rc::new(Notify::new());
        let number = {
            let mut next = self.next_number.borrow_mut();
            *next += 1;
            *next
        };
        let member = Member { name: name.clone(), queue, expelled: Rc::clone(&expelled) };
        self.members.borrow_mut().insert(number, member);
        (Place { room: Rc::clone(self), number, name, expelled }, lines)
    }

    fn free_name(&self, wanted: &[u8]) -> Vec<u8> {
        let members = self.members.borrow();
        let is_free = |name: &[u8]| members.values().all(|member| member.name != name);
        if is_free(wanted) {
            return wanted.to_vec();
        }
        // One of so many names is free, because there are fewer members.
        (2..=members.len() + 2)
            .map(|number| [wanted, format!("-{number}").as_bytes()].concat())
            .find(|name| is_free(name))
            .unwrap_or_else(|| wanted.to_vec())
    }

    /// How many are here.
    pub fn len(&self) -> usize {
        self.members.borrow().len()
    }
}

impl Place {
    /// Queues a line for this client itself. To nobody else is that of interest.
    pub fn tell(&self, line: Line) {
        if let Some(member) = self.room.members.borrow().get(&self.number) {
            // Full means that there is plenty to read already.
            let _ = member.queue.try_send(line);
        }
    }

    /// Queues a line for everybody else, and waits for room where there is none.
    pub async fn publish(&self, line: Line) {
        let mut full = Vec::new();
        for (&number, member) in self.room.members.borrow().iter().filter(|(number, _)| **number != self.number) {
            if let Err(TrySendError::Full(_)) = member.queue.try_send(Rc::clone(&line)) {
                full.push((number, member.clone()));
            }
        }
        // Only now, when everybody else has it. The table is not borrowed any more: others change it while we wait.
        let deadline = Instant::now() + PATIENCE;
        for (number, member) in full {
            if timeout_at(deadline, member.queue.send(Rc::clone(&line))).await.is_err() {
                self.room.members.borrow_mut().remove(&number);
                // It is noted even if nobody waits for it yet.
                member.expelled.notify_one();
            }
        }
    }

    /// How many are here, as it is said to people.
    pub fn count(&self) -> String {
        match self.room.len() {
            1 => "1 is here".to_owned(),
            count => format!("{count} are here"),
        }
    }

    /// Leaves the room, and tells the others. From here on nothing is queued for this client, so its queue ends.
    pub async fn leave(self, how: &[u8]) {
        self.room.members.borrow_mut().remove(&self.number);
        self.publish(line(&[b"* ", &self.name, b" ", how, b", ", self.count().as_bytes()])).await;
    }
}
