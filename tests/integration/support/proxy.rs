//! A TCP proxy between the tool and the API server that breaks connections on purpose. It passes TLS through unread, so
//! it knows an upload only by its size.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to a connection once it has carried so many bytes to the server.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// None by itself.
    None,
    /// Both directions are closed.
    Cut(usize),
    /// The same, for the first connection that carries so much; later ones are left alone.
    CutOnce(usize),
    /// Nothing more is passed on to the server, and nothing is closed.
    Stall(usize),
    /// The same, until [`Proxy::go_on`].
    Hold(usize),
}

/// What the connections of a proxy share.
#[derive(Default)]
struct Course {
    /// The fault that strikes once has done so.
    spent: AtomicBool,
    /// What is held goes on.
    go_on: AtomicBool,
    /// Nothing passes any more, in either direction.
    silent: AtomicBool,
}

impl Course {
    fn wait_until_going_on(&self) {
        while !self.go_on.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Never returns once the proxy is silent.
    fn keep_silence(&self) {
        while self.silent.load(Ordering::Relaxed) {
            thread::park();
        }
    }
}

/// A listening proxy; its threads end with the test's process.
pub struct Proxy {
    pub address: SocketAddr,
    struck: Receiver<()>,
    course: Arc<Course>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub fn start(server: &str, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, struck) = channel();
        let server = server.to_owned();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::clone(&connections);
        let course = Arc::<Course>::default();
        let steered = Arc::clone(&course);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                steered.keep_silence();
                let Ok(server) = TcpStream::connect(&server) else { continue };
                open.lock().unwrap().push(client.try_clone().unwrap());
                let (tell, course) = (tell.clone(), Arc::clone(&steered));
                thread::spawn(move || pass(client, server, fault, &tell, &course));
            }
        });
        Self { address, struck, course, connections }
    }

    /// Breaks every connection there is; new ones are taken.
    pub fn break_connections(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Lets what is held go on, and holds nothing more.
    pub fn go_on(&self) {
        self.course.go_on.store(true, Ordering::Relaxed);
    }

    /// From now on the server seems to be behind a middlebox that drops everything without a word.
    pub fn fall_silent(&self) {
        self.course.silent.store(true, Ordering::Relaxed);
    }

    /// Waits until the fault has struck.
    pub fn wait_until_struck(&self) {
        self.struck.recv_timeout(Duration::from_secs(60)).expect("no connection carried that much");
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream, fault: Fault, struck: &Sender<()>, course: &Arc<Course>) {
    let (mut to_client, mut from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let back = Arc::clone(course);
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut buffer) {
            back.keep_silence();
            if to_client.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        back.keep_silence();
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 16 * 1024];
    let mut passed = 0;
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        passed += count;
        match fault {
            Fault::CutOnce(limit) if passed <= limit || course.spent.swap(true, Ordering::Relaxed) => {}
            Fault::Cut(limit) | Fault::CutOnce(limit) if passed > limit => {
                let _ = server.shutdown(Shutdown::Both);
                let _ = client.shutdown(Shutdown::Both);
                let _ = struck.send(());
                return;
            }
            Fault::Stall(limit) if passed > limit => {
                let _ = struck.send(());
                loop {
                    thread::park();
                }
            }
            Fault::Hold(limit) if passed > limit && !course.go_on.load(Ordering::Relaxed) => {
                let _ = struck.send(());
                course.wait_until_going_on();
            }
            Fault::None | Fault::Cut(_) | Fault::CutOnce(_) | Fault::Stall(_) | Fault::Hold(_) => {}
        }
        course.keep_silence();
        if server.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}
