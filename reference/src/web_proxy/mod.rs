//! The task `web-proxy`: browsers ask us for pages of other sites, and we fetch them.
//!
//! ```text
//! browser to proxy                              proxy to origin server
//! GET http://site:8000/a.html?x=1 HTTP/1.1      GET /a.html?x=1 HTTP/1.1
//! Host: site:8000                               Host: site:8000
//! Cookie: id=7                                  Cookie: id=7
//! Proxy-Connection: keep-alive                  Via: 1.1 127.0.0.1:8888
//!                                               Connection: close
//! ```
//!
//! A proxy is a server on one side and a client on the other, and has the work of both. What is to be seen here:
//!
//! - **Two heads, read; two bodies, not.** A head says where to connect and where its message ends; so it is collected to
//!   its empty line and understood ([`head`], [`url`]). A body is nobody's business but the browser's and the site's: it
//!   goes through in pieces, as bytes, and no page is too large ([`body`]).
//! - **Where a body ends.** After so many bytes, behind the last chunk, or with the connection: [`body::Extent`]. A proxy
//!   that knows only one of the three waits for ever at the others.
//! - **Whose header it is.** Most are between browser and site, and are copied unread. A few are about one connection, and
//!   we have two of them: `Connection` and whatever it names. Here we say what *we* want: `close`, one request on each.
//! - **Errors have an address.** A site that is down is one browser's trouble: it gets 502, and 504 if the site says
//!   nothing. A browser that leaves ends its thread. Neither reaches the loop that accepts ([`crate::threads`]).
//! - **A mirror.** Asked for itself, a proxy would ask itself for ever, or until the descriptors run out. So it signs
//!   what it passes on (`Via`), and refuses what it has signed before.
//!
//! A thread serves each browser, as the sheet asks. Nearly all of a request's life is waiting, for names, connections and
//! answers, and while one thread waits the others run.
//!
//! There is no cache. To keep an answer is easy; to know when it may be handed out again takes the whole of RFC 9111.

pub mod body;
pub mod head;
pub mod proxy;
pub mod url;
