//! A git server on this machine that pods reach: HTTP around git's own `git http-backend`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use super::cluster::registry;

/// Serves the repositories below a directory until the test's process ends.
pub struct GitServer {
    /// `host:port`, as a pod reaches it.
    pub address: String,
}

struct Served {
    directory: PathBuf,
    /// The value of `Authorization` that it wants.
    login: Option<&'static str>,
}

impl GitServer {
    /// Serves `directory/NAME.git`, to whoever sends this value of `Authorization` if one is given.
    pub fn start(directory: &Path, login: Option<&'static str>) -> Self {
        let listener = TcpListener::bind((address_for_pods(), 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = Arc::new(Served { directory: directory.canonicalize().unwrap(), login });
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let served = Arc::clone(&served);
                thread::spawn(move || served.answer(&client));
            }
        });
        Self { address }
    }
}

/// The address of this machine on the way to the cluster's registry.
fn address_for_pods() -> std::net::IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(registry()).unwrap();
    socket.local_addr().unwrap().ip()
}

impl Served {
    fn answer(&self, client: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(client);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers: Vec<(String, String)> = vec![];
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let header = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        if self.login.is_some() && header("authorization") != self.login {
            let refused =
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n\r\n";
            return (&*client).write_all(refused.as_bytes()).ok();
        }
        let body = match header("transfer-encoding") {
            Some("chunked") => chunked(&mut reader)?,
            _ => {
                let mut body = vec![0; header("content-length").map_or(Some(0), |length| length.parse().ok())?];
                reader.read_exact(&mut body).ok()?;
                body
            }
        };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut backend = Command::new("git");
        // Tests make the repositories as somebody else where they run as root in a container.
        backend.args(["-c", "safe.directory=*", "http-backend"]).env("GIT_HTTP_EXPORT_ALL", "1");
        backend.env("GIT_PROJECT_ROOT", &self.directory).env("REQUEST_METHOD", method).env("PATH_INFO", path);
        backend.env("QUERY_STRING", query).env("REMOTE_ADDR", "127.0.0.1");
        for (variable, name) in [
            ("CONTENT_TYPE", "content-type"),
            ("HTTP_CONTENT_ENCODING", "content-encoding"),
            ("HTTP_GIT_PROTOCOL", "git-protocol"),
        ] {
            backend.env(variable, header(name).unwrap_or_default());
        }
        backend.env("CONTENT_LENGTH", body.len().to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = backend.spawn().unwrap();
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let feeder = thread::spawn(move || stdin.write_all(&body));
        let answered = respond(client, BufReader::new(stdout));
        let _ = (feeder.join(), child.wait());
        answered
    }
}

/// The answer of a CGI program: its headers, and then whatever comes until its end.
fn respond(mut client: &TcpStream, mut answer: impl BufRead) -> Option<()> {
    let (mut status, mut headers) = ("200 OK".to_owned(), String::new());
    loop {
        let mut line = String::new();
        answer.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => match line.strip_prefix("Status: ") {
                Some(given) => given.clone_into(&mut status),
                None => headers += &format!("{line}\r\n"),
            },
        }
    }
    write!(client, "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").ok()?;
    std::io::copy(&mut answer, &mut client).ok().map(drop)
}

fn chunked(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = vec![];
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Some(body);
        }
    }
}
