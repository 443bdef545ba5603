//! The task `xmlrpc-server`: a program calls a function of another one, over HTTP, and several of them with one request.
//!
//! ```text
//! POST /RPC2 HTTP/1.1            HTTP/1.1 200 OK
//! Content-Type: text/xml         Content-Type: text/xml
//! Content-Length: 181            Content-Length: 139
//!
//! <methodCall>                   <methodResponse>
//!  <methodName>add</methodName>   <params><param>
//!  <params>                         <value><int>12</int></value>
//!   <param><value><int>7 …        </param></params>
//!   <param><value><int>5 …       </methodResponse>
//! ```
//!
//! A call is the body of a POST, a reply the body of its response; neither HTTP nor XML is more than the envelope. Four
//! files follow the call inwards and the reply outwards:
//!
//! - [`server`] has the sockets: a thread for each client, a body that is read to the length that its head names. A client
//!   that sends half a call keeps its own thread waiting, and nobody else.
//! - [`message`] turns the XML of a call into a name and values, and values or a fault into the XML of a reply.
//! - [`value`] is what can be carried: numbers, texts, truth values, lists, structs.
//! - [`methods`] are the functions. `system.multicall` is one of them: it takes a list of calls and returns the list of
//!   their results, so that many calls cost one round trip. A call in it that fails leaves a fault in its place.
//!
//! A fault is an answer, not an accident: "there is no such function" comes with status 200 like a result, because HTTP
//! has done its work. And whatever a stranger sends, it ends in a fault or a status, never in the end of a thread that
//! others share.

pub mod message;
pub mod methods;
pub mod server;
pub mod value;
