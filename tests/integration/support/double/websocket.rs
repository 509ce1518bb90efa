//! Exec and attach: the server's side of `v5.channel.k8s.io` and `v4.channel.k8s.io`, and what can go wrong with it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::http::{Request, reset, status};
use super::{Ask, What, World, pod};

/// Where the input of a stream goes.
enum Target {
    Process(std::process::Child, Option<std::process::ChildStdin>),
    Container(Option<pod::Stdin>),
}

impl Target {
    fn close(&mut self) {
        match self {
            Self::Process(_, stdin) => drop(stdin.take()),
            Self::Container(stdin) => drop(stdin.take()),
        }
    }
}

/// Our side of the connection: whole messages from several threads.
struct Out(Mutex<TcpStream>);

impl Out {
    fn message(&self, opcode: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..126 => frame.push(length as u8),
            length @ 126..65536 => {
                frame.push(126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        self.0.lock().unwrap().write_all(&frame)
    }

    fn channel(&self, channel: u8, payload: &[u8]) {
        let _ = self.message(2, &[&[channel], payload].concat());
    }

    /// What the process writes, until it has closed its end.
    fn pass(self: &Arc<Self>, channel: u8, mut from: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let out = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                out.channel(channel, &buffer[..count]);
            }
        })
    }
}

/// The client's bytes, counted; at the fault's byte they end.
struct In<'a> {
    client: &'a TcpStream,
    read: usize,
    limit: usize,
}

impl In<'_> {
    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        let room = self.limit.saturating_sub(self.read).min(length);
        let mut bytes = vec![0; room];
        self.client.read_exact(&mut bytes).ok()?;
        self.read += room;
        (room == length).then_some(bytes)
    }

    /// Opcode and payload of the next message.
    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.exactly(2)?;
        let length = match head[1] & 0x7f {
            126 => u16::from_be_bytes(self.exactly(2)?.try_into().unwrap()).into(),
            127 => u64::from_be_bytes(self.exactly(8)?.try_into().unwrap()) as usize,
            length => usize::from(length),
        };
        let mask = self.exactly(4)?;
        let mut payload = self.exactly(length)?;
        payload.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= mask[at % 4]);
        Some((head[0] & 0x0f, payload))
    }
}

pub(super) fn serve(world: &Arc<World>, client: &TcpStream, request: &Request, ask: Ask, fault: Option<What>) {
    let version = if matches!(fault, Some(What::OldProtocol)) { Version::V4 } else { Version::V5 };
    let out = Arc::new(Out(Mutex::new(client.try_clone().unwrap())));
    greet(&out, request, version, fault.as_ref());
    let (target, outputs) = match ask {
        Ask::Exec => started(world, request, &out),
        // There is one client for it, ever.
        _ => (Target::Container(world.state().stdin.remove(request.pod())), vec![]),
    };
    let target = Arc::new(Mutex::new(target));
    let first = world.state().boundaries.is_empty();
    let reader = thread::spawn({
        let (world, target, out) = (Arc::clone(world), Arc::clone(&target), Arc::clone(&out));
        let (client, fault) = (client.try_clone().unwrap(), fault.clone());
        move || read(&world, &client, &target, &out, fault.as_ref(), version, first)
    });
    if ask == Ask::Attach {
        // Only the container's end would bring a status here; nobody waits for it.
        let _ = reader.join();
        return;
    }
    outputs.into_iter().for_each(|output| output.join().unwrap());
    tell_end(&out, client, exit_code(&target), fault.as_ref());
    let _ = out.message(8, &[]);
    let _ = client.shutdown(Shutdown::Both);
}

/// The version of the channels' protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V4,
    /// With a message that closes a channel.
    V5,
}

/// Takes the connection over, and sends what is sent before anything is asked.
fn greet(out: &Out, request: &Request, version: Version, fault: Option<&What>) {
    let protocol = if version == Version::V4 { "v4.channel.k8s.io" } else { "v5.channel.k8s.io" };
    let accept = derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    );
    let _ = out.0.lock().unwrap().write_all(head.as_bytes());
    // The server greets on the lowest channel that it writes to.
    out.channel(if request.all("stdout").any(|value| value == "true") { 1 } else { 3 }, b"");
    match fault {
        Some(What::Messages(messages)) => {
            for message in *messages {
                let _ = out.message(message[0], &message[1..]);
            }
        }
        Some(What::Raw(bytes)) => drop(out.0.lock().unwrap().write_all(bytes)),
        _ => {}
    }
}

/// The process that an exec asks for, and what passes its outputs on.
fn started(world: &World, request: &Request, out: &Arc<Out>) -> (Target, Vec<thread::JoinHandle<()>>) {
    let words: Vec<String> = request.all("command").map(str::to_owned).collect();
    let mut command = pod::command(&world.volumes.join(request.pod()), &words);
    command.process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let outputs = vec![out.pass(1, child.stdout.take().unwrap()), out.pass(2, child.stderr.take().unwrap())];
    let stdin = child.stdin.take();
    (Target::Process(child, stdin), outputs)
}

/// Waits for a process.
fn exit_code(target: &Mutex<Target>) -> i32 {
    loop {
        if let Target::Process(child, _) = &mut *target.lock().unwrap()
            && let Some(status) = child.try_wait().unwrap()
        {
            return status.code().unwrap_or(137);
        }
        thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Sends the status of a process that has ended.
fn tell_end(out: &Out, client: &TcpStream, code: i32, fault: Option<&What>) {
    let ended = match code {
        0 => json!({"status": "Success", "metadata": {}}),
        code => {
            let mut failure = status(500, "NonZeroExitCode", &format!("exit code {code}"));
            failure["details"] = json!({"causes": [{"reason": "ExitCode", "message": code.to_string()}]});
            failure
        }
    };
    match fault {
        Some(What::NoStatus) => {}
        Some(What::ResetInStatus) => {
            let whole = [&[3], ended.to_string().as_bytes()].concat();
            let _ = out.0.lock().unwrap().write_all(&[&[0x82, whole.len() as u8][..], &whole[..5]].concat());
            thread::sleep(std::time::Duration::from_millis(20));
            reset(client);
        }
        _ => out.channel(3, ended.to_string().as_bytes()),
    }
}

/// The byte of the client's that a fault strikes at.
fn limit(fault: Option<&What>) -> usize {
    match fault {
        Some(
            What::CutAt(limit)
            | What::ResetAt(limit)
            | What::StallAt(limit)
            | What::HalfCloseAt(limit)
            | What::SuccessAt(limit)
            | What::KillAt(limit),
        ) => *limit,
        _ => usize::MAX,
    }
}

/// Kills a process with all that it has started.
fn kill(target: &Mutex<Target>) {
    if let Target::Process(child, _) = &*target.lock().unwrap() {
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
}

/// Passes on what the client sends, until it ends or the fault strikes.
fn read(
    world: &World,
    client: &TcpStream,
    target: &Mutex<Target>,
    out: &Out,
    fault: Option<&What>,
    version: Version,
    first: bool,
) {
    let mut input = In { client, read: 0, limit: limit(fault) };
    while let Some((opcode, payload)) = input.message() {
        if first {
            world.state().boundaries.push(input.read);
        }
        match (opcode, payload.first()) {
            (2, Some(0)) => {
                // Not while others may want to end the process.
                let taken = take_turn(target, &payload[1..]);
                if !taken {
                    return;
                }
            }
            (2, Some(255)) if version == Version::V5 => target.lock().unwrap().close(),
            (8, _) => break,
            (9, _) => drop(out.message(10, &payload)),
            _ => {}
        }
    }
    if input.read >= input.limit {
        match fault {
            Some(What::ResetAt(_)) => reset(client),
            Some(What::StallAt(_)) => loop {
                thread::park();
            },
            Some(What::HalfCloseAt(_)) => {
                let _ = client.shutdown(Shutdown::Write);
                return;
            }
            Some(What::SuccessAt(_)) => out.channel(3, br#"{"status":"Success","metadata":{}}"#),
            Some(What::KillAt(_)) => return kill(target),
            _ => {}
        }
    }
    // What a process sees of a connection that is lost: the end of its input.
    target.lock().unwrap().close();
    let _ = client.shutdown(Shutdown::Both);
}

/// Writes input, which may take as long as the process takes to read it, without keeping the target from others.
fn take_turn(target: &Mutex<Target>, bytes: &[u8]) -> bool {
    let taken = match &mut *target.lock().unwrap() {
        Target::Process(_, stdin) => Held::Process(stdin.take()),
        Target::Container(stdin) => Held::Container(stdin.clone()),
    };
    match taken {
        Held::Process(Some(mut stdin)) => {
            let done = stdin.write_all(bytes).is_ok();
            if let Target::Process(_, place) = &mut *target.lock().unwrap() {
                *place = Some(stdin);
            }
            done
        }
        Held::Container(Some(stdin)) => stdin.send(bytes.to_vec()).is_ok(),
        Held::Process(None) | Held::Container(None) => false,
    }
}

/// The input of a target, for one write.
enum Held {
    Process(Option<std::process::ChildStdin>),
    Container(Option<pod::Stdin>),
}
