//! A TCP proxy between the tool and the API server that breaks connections on purpose. It passes TLS through unread, so
//! it knows an upload only by its size.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

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
}

/// A listening proxy; its threads end with the test's process.
pub struct Proxy {
    pub address: SocketAddr,
    struck: Receiver<()>,
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
        let spent = Arc::new(AtomicBool::new(false));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                open.lock().unwrap().push(client.try_clone().unwrap());
                let (tell, spent) = (tell.clone(), Arc::clone(&spent));
                thread::spawn(move || pass(client, server, fault, &spent, &tell));
            }
        });
        Self { address, struck, connections }
    }

    /// Breaks every connection there is; new ones are taken.
    pub fn break_connections(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Waits until the fault has struck.
    pub fn wait_until_struck(&self) {
        self.struck.recv_timeout(std::time::Duration::from_secs(60)).expect("no connection carried that much");
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream, fault: Fault, spent: &AtomicBool, struck: &Sender<()>) {
    let (mut to_client, mut from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 16 * 1024];
    let mut passed = 0;
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        passed += count;
        match fault {
            Fault::CutOnce(limit) if passed <= limit || spent.swap(true, Ordering::Relaxed) => {}
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
            Fault::None | Fault::Cut(_) | Fault::CutOnce(_) | Fault::Stall(_) => {}
        }
        if server.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}
