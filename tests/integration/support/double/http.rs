//! HTTP/1.1 as the tool's client speaks it, and the answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::connect_unspec;
use serde_json::{Value, json};

use super::{Ask, What, World, pod, websocket};

pub(super) struct Request {
    pub(super) method: String,
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(client: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut line = String::new();
        if client.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            client.read_line(&mut line).ok()?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut request = Self {
            method,
            path: path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            query: query.map(|(name, value)| (name.to_owned(), decoded(value))).collect(),
            headers,
            body: Vec::new(),
        };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        request.body.resize(length, 0);
        client.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The pod that is selected by its name.
    fn selected(&self) -> String {
        self.get("fieldSelector").unwrap_or_default().trim_start_matches("metadata.name=").to_owned()
    }

    /// The pod that the path names.
    pub(super) fn pod(&self) -> &str {
        self.path.get(5).map(String::as_str).unwrap_or_default()
    }

    fn ask(&self) -> Option<Ask> {
        let parts: Vec<&str> = self.path.iter().map(String::as_str).collect();
        Some(match (self.method.as_str(), &parts[..]) {
            ("POST", ["api", "v1", "namespaces", _, "pods"]) if self.get("dryRun") == Some("All") => Ask::Try,
            ("POST", ["api", "v1", "namespaces", _, "pods"]) => Ask::Create,
            ("GET", ["api", "v1", "namespaces", _, "pods"]) if self.get("watch") == Some("true") => Ask::Watch,
            ("GET", ["api", "v1", "namespaces", _, "pods"]) => Ask::List,
            ("DELETE", ["api", "v1", "namespaces", _, "pods", _]) => Ask::Delete,
            ("GET", ["api", "v1", "namespaces", _, "pods", _, "log"]) => Ask::Log,
            ("GET", ["api", "v1", "namespaces", _, "pods", _, "exec"]) => Ask::Exec,
            ("GET", ["api", "v1", "namespaces", _, "pods", _, "attach"]) => Ask::Attach,
            ("GET", ["api", "v1", "namespaces", _, "events"]) => Ask::Events,
            ("POST", ["api", "v1", "namespaces", _, "secrets"]) => Ask::Secret,
            ("GET", ["api", "v1", "namespaces", _]) => Ask::Namespace,
            ("POST", ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]) => Ask::Review,
            ("POST", ["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"]) => Ask::Who,
            ("GET", ["api", "v1", "namespaces", _, "secrets", _]) => Ask::ReadSecret,
            ("GET", ["api", "v1", "nodes"]) => Ask::Nodes,
            _ => return None,
        })
    }
}

/// Percent-encoding and plus signs, as in a form.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// An abortive end: the client gets a reset.
pub(super) fn reset(client: &TcpStream) {
    // Other threads may hold the socket, too: closing it here would not end it.
    let _ = connect_unspec(client);
}

pub(super) fn serve(world: &Arc<World>, client: TcpStream) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while let Some(request) = Request::read(&mut reader) {
        if answer(world, &client, &request).is_none() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// None if the connection is over.
fn answer(world: &Arc<World>, client: &TcpStream, request: &Request) -> Option<()> {
    let Some(ask) = request.ask() else {
        return refuse(client, 404, "NotFound", "no such path");
    };
    let fault = world.asked(ask);
    if has_expired(world, request, fault.as_ref()) {
        return refuse(client, 401, "Unauthorized", "Unauthorized");
    }
    if let ControlFlow::Break(answered) = instead(client, ask, fault.as_ref()) {
        return answered;
    }
    match ask {
        Ask::Create => create(world, client, request, fault.as_ref()),
        Ask::List => list(world, client, request),
        Ask::Watch => {
            let since = request.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
            watch(world, Chunked::new(client, fault)?, &request.selected(), since)
        }
        Ask::Delete => {
            if world.delete(request.pod()) {
                let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Success"});
                done_but(client, fault.as_ref(), 200, &body)
            } else {
                refuse(client, 404, "NotFound", "no such pod")
            }
        }
        Ask::Log => log(world, Chunked::new(client, fault)?, request.get("sinceTime").unwrap_or_default()),
        Ask::Exec | Ask::Attach => {
            if !world.state().pods.contains_key(request.pod()) {
                return refuse(client, 404, "NotFound", "no such pod");
            }
            websocket::serve(world, client, request, ask, fault);
            None
        }
        Ask::Secret => create_secret(world, client, request, fault.as_ref()),
        Ask::Namespace => respond(client, 200, &json!({"metadata": {"name": "ns"}, "status": {"phase": "Active"}})),
        Ask::Review => respond(client, 201, &json!({"spec": {}, "status": {"allowed": true}})),
        Ask::Who => respond(client, 201, &json!({"status": {"userInfo": {"username": "dev"}}})),
        Ask::Try => respond(client, 201, &serde_json::from_slice(&request.body).unwrap()),
        Ask::ReadSecret => {
            let data = json!({".dockerconfigjson": "e30="});
            respond(client, 200, &json!({"type": "kubernetes.io/dockerconfigjson", "data": data}))
        }
        Ask::Nodes => respond(client, 200, &json!({"metadata": {}, "items": []})),
        Ask::Events => {
            respond(client, 200, &json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": []}))
        }
    }
}

/// Whether the client's login has expired, by this fault or an earlier one.
fn has_expired(world: &World, request: &Request, fault: Option<&What>) -> bool {
    let authorization = request.header("authorization").unwrap_or_default();
    let expired = &mut world.state().expired;
    if let Some(What::TokenExpires) = fault {
        expired.push(authorization.to_owned());
    }
    expired.iter().any(|expired| expired == authorization)
}

/// Faults by which nothing is done of what is asked.
fn instead(mut client: &TcpStream, ask: Ask, fault: Option<&What>) -> ControlFlow<Option<()>> {
    ControlFlow::Break(match fault {
        Some(What::Status(code, retry_after)) => {
            let reason = if *code == 403 { "Forbidden" } else { "" };
            let message = format!("the double refuses to {ask:?}");
            let retry_after = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
            send(client, *code, &retry_after, &status(*code, reason, &message))
        }
        Some(What::Says(code, message)) => {
            let reason = if *code == 404 { "NotFound" } else { "Forbidden" };
            refuse(client, *code, reason, message)
        }
        Some(What::Answers(body)) => respond(client, 200, body),
        Some(What::NoAnswer) => None,
        Some(What::Silent) => {
            // Until the client gives up.
            let _ = client.read(&mut [0]);
            None
        }
        Some(What::Garbage(bytes)) => {
            let _ = client.write_all(bytes);
            None
        }
        _ => return ControlFlow::Continue(()),
    })
}

/// The answer to what was done, unless a fault is in its way.
fn done_but(client: &TcpStream, fault: Option<&What>, code: u16, body: &Value) -> Option<()> {
    match fault {
        Some(What::DoneBut(code)) => refuse(client, *code, "", "done, but"),
        Some(What::DoneUnanswered) => None,
        _ => respond(client, code, body),
    }
}

fn create(world: &Arc<World>, client: &TcpStream, request: &Request, fault: Option<&What>) -> Option<()> {
    let pod: Value = serde_json::from_slice(&request.body).unwrap();
    if let Some(What::Taken) = fault {
        world.take(&pod);
    }
    match pod::create(world, pod) {
        Some(pod) => done_but(client, fault, 201, &pod),
        None => refuse(client, 409, "AlreadyExists", "there is one of that name"),
    }
}

fn list(world: &World, client: &TcpStream, request: &Request) -> Option<()> {
    let state = world.state();
    let items: Vec<&Value> = state.pods.get(&request.selected()).into_iter().collect();
    let list = json!({
        "kind": "PodList", "apiVersion": "v1", "items": items,
        "metadata": {"resourceVersion": state.version.to_string()},
    });
    drop(state);
    respond(client, 200, &list)
}

fn create_secret(world: &World, client: &TcpStream, request: &Request, fault: Option<&What>) -> Option<()> {
    let secret: Value = serde_json::from_slice(&request.body).unwrap();
    let owner = secret["metadata"]["ownerReferences"][0]["name"].as_str().unwrap();
    let mut state = world.state();
    if !state.pods.contains_key(owner) {
        return refuse(client, 404, "NotFound", "its owner is gone");
    }
    if state.secrets.iter().any(|other| other == owner) {
        return refuse(client, 409, "AlreadyExists", "there is one of that name");
    }
    state.secrets.push(owner.to_owned());
    drop(state);
    done_but(client, fault, 201, &secret)
}

pub(super) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message,
    })
}

fn refuse(client: &TcpStream, code: u16, reason: &str, message: &str) -> Option<()> {
    respond(client, code, &status(code, reason, message))
}

fn respond(client: &TcpStream, code: u16, body: &Value) -> Option<()> {
    send(client, code, "", body)
}

fn send(mut client: &TcpStream, code: u16, headers: &str, body: &Value) -> Option<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    client.write_all((head + &body).as_bytes()).ok()
}

/// An answer that goes on, and may be cut.
struct Chunked<'a> {
    client: &'a TcpStream,
    fault: Option<What>,
    written: usize,
}

impl<'a> Chunked<'a> {
    fn new(mut client: &'a TcpStream, fault: Option<What>) -> Option<Self> {
        client
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            .ok()?;
        Some(Self { client, fault, written: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        let limit = match self.fault {
            Some(What::CutAt(limit) | What::ResetAt(limit)) => limit.saturating_sub(self.written),
            _ => usize::MAX,
        };
        let (now, cut) = (&bytes[..bytes.len().min(limit)], bytes.len() > limit);
        if !now.is_empty() {
            let mut chunk = format!("{:x}\r\n", now.len()).into_bytes();
            chunk.extend_from_slice(now);
            chunk.extend_from_slice(b"\r\n");
            self.client.write_all(&chunk).ok()?;
        }
        self.written += now.len();
        if cut {
            if matches!(self.fault, Some(What::ResetAt(_))) {
                reset(self.client);
            }
            return None;
        }
        Some(())
    }

    fn end(mut self) -> Option<()> {
        let client = &mut self.client;
        client.write_all(b"0\r\n\r\n").ok()
    }
}

fn watch(world: &World, mut out: Chunked<'_>, name: &str, since: u64) -> Option<()> {
    let mut told = since;
    let mut state = world.state();
    loop {
        let version = |pod: &Value| pod["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
        let gone = state.deleted.iter().find(|(at, pod)| *at > told && pod["metadata"]["name"] == name);
        let event = match (state.pods.get(name), gone) {
            (Some(pod), _) if version(pod) > told => Some((version(pod), json!({"type": "MODIFIED", "object": pod}))),
            (None, Some((at, pod))) => Some((*at, json!({"type": "DELETED", "object": pod}))),
            _ => None,
        };
        match event {
            Some((version, event)) => {
                drop(state);
                out.write(format!("{event}\n").as_bytes())?;
                told = version;
                state = world.state();
            }
            None => {
                let (next, waited) = world.changed.wait_timeout(state, Duration::from_secs(120)).unwrap();
                state = next;
                if waited.timed_out() {
                    return None;
                }
            }
        }
    }
}

fn log(world: &World, mut out: Chunked<'_>, since: &str) -> Option<()> {
    let mut next = 0;
    let mut state = world.state();
    loop {
        if let Some((time, line)) = state.logged.get(next) {
            // Whole seconds, as the API takes them.
            let new = since.is_empty() || time.as_str() >= since.trim_end_matches('Z');
            let text = [time.as_bytes(), b" ", line, b"\n"].concat();
            drop(state);
            if new {
                out.write(&text)?;
            }
            next += 1;
            state = world.state();
        } else if state.log_ended {
            drop(state);
            return out.end();
        } else {
            state = world.changed.wait_timeout(state, Duration::from_secs(120)).unwrap().0;
        }
    }
}
