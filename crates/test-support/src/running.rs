//! A service inside the process of a test.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What a service waits for to be told to stop.
pub type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// A running service. It is told to stop when this is dropped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Serves on a port that is free.
    pub fn start<F>(serve: impl FnOnce(TcpListener, Stop) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), Box<dyn Error>>>,
    {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), serve)
    }

    /// Serves at an address, for example where something served before.
    pub fn start_at<F>(address: SocketAddr, serve: impl FnOnce(TcpListener, Stop) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), Box<dyn Error>>>,
    {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        // A thread and a runtime of its own, as a process has.
        let thread = std::thread::spawn(move || {
            let outcome = guanxi_grpc::block_on(async {
                // A switch that was dropped is turned too.
                let stop = Box::pin(async { drop(stopped.await) });
                serve(TcpListener::from_std(listener)?, stop).await
            });
            outcome.map_err(|error| error.to_string()).unwrap();
        });
        Self { address, stop, thread }
    }

    /// Stops as SIGTERM would, and waits for the end.
    pub fn end(self) {
        drop(self.stop);
        self.thread.join().unwrap();
    }
}
